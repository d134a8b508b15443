package contextsource

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/retry"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// Defaults and bounds of core.HTTPSource and Paging.
const (
	defaultTimeout  = 10 * time.Second
	maxTimeout      = 5 * time.Minute
	defaultMaxBytes = 10 << 20
	maxMaxBytes     = 64 << 20
	defaultMaxPages = 100
	maxMaxPages     = 10_000
	httpAttempts    = 3
	longestDelay    = 30 * time.Second // whatever Retry-After asks for
)

// fetch is one HTTP source being read.
type fetch struct {
	*Fetcher
	source core.HTTPSource
	header http.Header
	secret http.Header
	origin *url.URL
	left   int64 // bytes
}

func (f *Fetcher) http(ctx context.Context, s core.HTTPSource) (any, error) {
	u, err := outbound.ParseURL(s.URL)
	if err != nil {
		return nil, err
	}
	r := &fetch{Fetcher: f, source: s, origin: u, left: defaultMaxBytes, header: http.Header{}, secret: http.Header{}}
	if s.MaxBytes > 0 {
		r.left = min(s.MaxBytes, maxMaxBytes)
	}
	r.header.Set("Accept", "application/json")
	for name, value := range s.Headers {
		if strings.ContainsAny(value, "\r\n") {
			return nil, core.Errorf(core.CodeInvalid, "headers.%s: contains a line break", name)
		}
		r.header.Set(name, value)
	}
	for name, secret := range s.SecretHeader {
		value, err := f.cfg.Secrets.Resolve(ctx, secret, outbound.BoundHost(u))
		if err != nil {
			return nil, err
		}
		r.secret.Set(name, value)
	}
	if s.Paging == nil {
		p, err := r.get(ctx, u)
		if err != nil {
			return nil, err
		}
		return r.pick(ctx, p)
	}
	return r.allPages(ctx, u)
}

// pick applies `select` to a page.
func (r *fetch) pick(ctx context.Context, p page) (any, error) {
	if r.source.Select == "" {
		return p.body, nil
	}
	v, err := r.eval(ctx, r.source.Select, p)
	if err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "select: %s", core.MessageOf(err))
	}
	return v, nil
}

// allPages follows the pages and concatenates what `select` gives of each, which must be a list.
func (r *fetch) allPages(ctx context.Context, u *url.URL) (any, error) {
	limit := defaultMaxPages
	if r.source.Paging.MaxPages > 0 {
		limit = min(r.source.Paging.MaxPages, maxMaxPages)
	}
	all := []any{}
	for n := 1; ; n++ {
		p, err := r.get(ctx, u)
		if err != nil {
			return nil, err
		}
		v, err := r.pick(ctx, p)
		if err != nil {
			return nil, err
		}
		list, ok := v.([]any)
		if !ok {
			return nil, core.Errorf(core.CodeInvalid, "page %d of %s is %s and pages must be lists; set `select` to the list in it", n, u.Host, kindOf(v))
		}
		all = append(all, list...)
		if u, err = r.next(ctx, u, p); err != nil || u == nil {
			return all, err
		}
		if n == limit {
			return nil, core.Errorf(core.CodeTooLarge, "%s has more than %d pages; raise paging.max_pages or ask for larger pages", u.Host, limit)
		}
	}
}

// next finds the following page; nil after the last.
func (r *fetch) next(ctx context.Context, current *url.URL, p page) (*url.URL, error) {
	paging := r.source.Paging
	if paging.Link {
		target := nextLink(p.headers["link"])
		if target == "" {
			return nil, nil // no next page
		}
		u, err := current.Parse(target)
		if err != nil {
			return nil, core.Errorf(core.CodeInvalid, "the Link header of %s names no valid URL", current.Host)
		}
		if u.Host != r.origin.Host || u.Scheme != r.origin.Scheme {
			return nil, core.Errorf(core.CodeForbidden, "the next page of %s is on another host, %s, which is not followed", r.origin.Host, u.Host)
		}
		return u, nil
	}
	v, err := r.eval(ctx, paging.Cursor, p)
	if err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "paging.cursor: %s", core.MessageOf(err))
	}
	cursor := ""
	switch v := v.(type) {
	case nil:
	case string:
		cursor = v
	case int64, uint64:
		cursor = fmt.Sprint(v)
	default:
		return nil, core.Errorf(core.CodeInvalid, "paging.cursor: gives %s; it must be a string, a whole number, or null after the last page", kindOf(v))
	}
	if cursor == "" {
		return nil, nil // no next page
	}
	u := *r.origin
	q := u.Query()
	param := paging.Param
	if param == "" {
		param = "cursor"
	}
	q.Set(param, cursor)
	u.RawQuery = q.Encode()
	if u.String() == current.String() {
		return nil, core.Errorf(core.CodeInvalid, "paging.cursor: %s gives the same cursor again", u.Host)
	}
	return &u, nil
}

// get reads one page, from the cache if the server says that it is unchanged.
func (r *fetch) get(ctx context.Context, u *url.URL) (page, error) {
	key := r.pages.key(u.String(), r.header, r.secret)
	cached, known := r.pages.get(key)
	header := r.header.Clone()
	if known {
		header.Set("If-None-Match", cached.etag)
	}
	res, err := r.attempts(ctx, outbound.Request{Method: http.MethodGet, URL: u, Header: header, Secret: r.secret, MaxBytes: r.left})
	if err != nil {
		return page{}, err
	}
	if res.Status == http.StatusNotModified && known {
		if r.left -= int64(cached.size); r.left < 0 {
			return page{}, r.tooLarge()
		}
		return cached.decode(u.Host)
	}
	if res.Truncated {
		return page{}, r.tooLarge()
	}
	r.left -= int64(len(res.Body))
	fresh := cachedPage{answer: res, size: len(res.Body)}
	p, err := fresh.decode(u.Host)
	if fresh.etag = res.Header.Get("ETag"); err == nil && fresh.etag != "" {
		r.pages.put(key, fresh)
	}
	return p, err
}

func (r *fetch) tooLarge() error {
	limit := int64(defaultMaxBytes)
	if r.source.MaxBytes > 0 {
		limit = min(r.source.MaxBytes, maxMaxBytes)
	}
	return core.Errorf(core.CodeTooLarge, "%s answers with more than max_bytes (%d); raise it (at most %d) or ask for less", r.origin.Host, limit, maxMaxBytes)
}

// attempts asks again while the server is unavailable.
func (r *fetch) attempts(ctx context.Context, req outbound.Request) (*outbound.Response, error) {
	var res *outbound.Response
	policy := retry.Policy{First: r.cfg.RetryDelay, Most: longestDelay, Attempts: httpAttempts}
	err := policy.Do(ctx, unavailable, func(ctx context.Context) (err error) {
		res, err = r.attempt(ctx, req)
		return err
	})
	return res, err
}

func unavailable(err error) bool { return core.IsCode(err, core.CodeUnavailable) }

// laterError is a failure with the delay that the server asks for.
type laterError struct {
	error
	after time.Duration
}

// RetryAfter is the least delay before the next attempt.
func (e *laterError) RetryAfter() time.Duration { return e.after }

// Unwrap makes the code visible.
func (e *laterError) Unwrap() error { return e.error }

func (r *fetch) attempt(ctx context.Context, req outbound.Request) (*outbound.Response, error) {
	timeout := defaultTimeout
	if r.source.Timeout > 0 {
		timeout = min(r.source.Timeout.Std(), maxTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := r.cfg.HTTP.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	switch s := res.Status; {
	case s == http.StatusOK, s == http.StatusNotModified:
		return res, nil
	case outbound.Later(s):
		err := core.Errorf(core.CodeUnavailable, "GET %s answered %d", req.URL.Host, s)
		return nil, &laterError{err, outbound.RetryAfter(res.Header, time.Now())}
	case res.WantsTLS(req.URL):
		return nil, core.Errorf(core.CodeInvalid, "GET %s answered %d, and 200 is needed; it speaks TLS at this port: use https://", req.URL.Host, s)
	default:
		return nil, core.Errorf(core.CodeInvalid, "GET %s answered %d, and 200 is needed", req.URL.Host, s)
	}
}

// eval gives the value of a `select` or `paging.cursor` expression.
func (f *Fetcher) eval(ctx context.Context, expression string, p page) (any, error) {
	compiled, err := f.selects.Get(expression)
	if err != nil {
		return nil, err
	}
	return compiled.Value(ctx, ruleeval.Response{Status: p.status, Headers: p.headers, Body: p.body})
}

// page is a decoded answer.
type page struct {
	body    any
	status  int
	headers map[string]string // in lower case
}

func (c cachedPage) decode(host string) (page, error) {
	body, err := c.answer.JSON()
	if err != nil {
		return page{}, core.Wrap(core.CodeInvalid, err, "the answer of %s is not JSON: it has %s", host, c.answer.Kind())
	}
	return page{body: body, status: http.StatusOK, headers: c.answer.LowerHeaders()}, nil
}

// nextLink returns the target with rel="next" of a Link header (RFC 8288).
func nextLink(header string) string {
	for header != "" {
		_, rest, ok := strings.Cut(header, "<")
		if !ok {
			return ""
		}
		target, params, ok := strings.Cut(rest, ">")
		if !ok {
			return ""
		}
		end := strings.Index(params, ",")
		for end >= 0 && strings.Count(params[:end], `"`)%2 == 1 { // a comma inside quotes
			more := strings.Index(params[end+1:], ",")
			if more < 0 {
				end = -1
				break
			}
			end += 1 + more
		}
		mine := params
		header = ""
		if end >= 0 {
			mine, header = params[:end], params[end+1:]
		}
		for param := range strings.SplitSeq(mine, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			if strings.EqualFold(name, "rel") {
				for rel := range strings.FieldsSeq(strings.Trim(value, `"`)) {
					if strings.EqualFold(rel, "next") {
						return target
					}
				}
			}
		}
	}
	return ""
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a bool"
	case string:
		return "a string"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	default:
		return "a number"
	}
}
