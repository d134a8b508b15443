package actionexec

import (
	"bytes"
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

const (
	// idempotencyHeader carries the action's key, so that the receiver can tell a repeat from a second request.
	idempotencyHeader = "Idempotency-Key"
	// checkedBytes is how much of an answer expect.body sees; what is kept is bounded by max_response_bytes.
	checkedBytes   = 1 << 20
	defaultKept    = 64 << 10
	maxKept        = 1 << 20
	longestRetryIn = time.Hour
)

// httpRequest sends one request. Its result is {status, headers, body, truncated}: header names in lower case, the body as
// JSON if it is.
func (e *Executor) httpRequest(ctx context.Context, key string, p *ruleeval.HTTPRequestParams) (activitycore.ActionResult, error) {
	req, hidden, err := e.request(ctx, key, p)
	if err != nil {
		return activitycore.ActionResult{}, err
	}
	res, err := e.cfg.HTTP.Do(ctx, req)
	if err != nil {
		return activitycore.ActionResult{}, err
	}
	host := req.URL.Host
	if !p.Expect.Status.Contains(res.Status) {
		return activitycore.ActionResult{}, statusError(host, req.Method, res, p.Expect.Status.String())
	}
	body := outbound.Redact(res.Body, hidden...)
	if p.Expect.Body != "" {
		if err := e.expectBody(ctx, p.Expect.Body, host, res, body); err != nil {
			return activitycore.ActionResult{}, err
		}
	}
	return result("delivered", captured(p, res, body, hidden))
}

// request builds the request and returns the keys it was signed with, which must not come out again; the client sees to
// the secrets in its headers.
func (e *Executor) request(ctx context.Context, key string, p *ruleeval.HTTPRequestParams) (outbound.Request, []string, error) {
	u, err := outbound.ParseURL(p.URL)
	if err != nil {
		return outbound.Request{}, nil, err
	}
	addQuery(u, p.Query)
	body, contentType, err := bodyOf(p)
	if err != nil {
		return outbound.Request{}, nil, err
	}
	r := outbound.Request{Method: p.Method, URL: u, Header: http.Header{}, Secret: http.Header{}, Body: body, MaxBytes: checkedBytes}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for name, value := range p.Headers {
		if strings.ContainsAny(value, "\r\n\x00") {
			return r, nil, activitycore.InvalidField("with.headers."+name, nil, "contains a line break or NUL, which a header cannot")
		}
		r.Header.Set(name, value)
	}
	r.Header.Set(idempotencyHeader, key) // last: a definition cannot override it
	var hidden []string
	for name, secret := range p.SecretHeaders {
		value, err := e.secret(ctx, secret, u)
		if err != nil {
			return r, nil, err
		}
		r.Secret.Set(name, value)
	}
	if p.Sign != "" {
		secret, err := e.secret(ctx, p.Sign, u)
		if err != nil {
			return r, nil, err
		}
		if err := sign(r.Header, secret, key, e.cfg.Now(), body); err != nil {
			return r, nil, err
		}
		hidden = append(hidden, secret)
	}
	return r, hidden, nil
}

func (e *Executor) secret(ctx context.Context, name string, u *url.URL) (string, error) {
	if e.cfg.Secrets == nil {
		return "", activitycore.Errorf(activitycore.CodeInvalid, "secret %q: no source of secrets is configured", name)
	}
	return e.cfg.Secrets.Resolve(ctx, name, u.Host)
}

// addQuery appends parameters, escaped, in the order of their names.
func addQuery(u *url.URL, params map[string][]string) {
	if len(params) == 0 {
		return
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += url.Values(params).Encode()
}

// bodyOf sends text as it is and anything else as JSON.
func bodyOf(p *ruleeval.HTTPRequestParams) (body []byte, contentType string, err error) {
	if !p.HasBody || p.Body == nil {
		return nil, "", nil
	}
	if text, ok := p.Body.(string); ok {
		return []byte(text), "text/plain; charset=utf-8", nil
	}
	body, err = json.Marshal(p.Body)
	if err != nil {
		return nil, "", activitycore.Wrap(activitycore.CodeInvalid, err, "with.body: has no JSON form")
	}
	return body, "application/json", nil
}

// statusError says what answered and whether to try again: 4xx is final, except for those that say "later".
func statusError(host, method string, res *outbound.Response, want string) error {
	code := activitycore.CodeInvalid
	switch s := res.Status; {
	case s >= 500, s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests:
		code = activitycore.CodeUnavailable
	}
	err := activitycore.Errorf(code, "%s %s answered %d, and %s is expected", method, host, res.Status, want)
	if code != activitycore.CodeUnavailable {
		return err
	}
	return &laterError{err: err, after: retryAfter(res.Header)}
}

// retryAfter reads a Retry-After header in seconds or as a date, relative to the answer's own clock.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return min(time.Duration(seconds)*time.Second, longestRetryIn)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(at.Sub(from), 0), longestRetryIn)
}

// expectBody holds the condition against the answer.
func (e *Executor) expectBody(ctx context.Context, condition, host string, res *outbound.Response, body []byte) error {
	compiled, err := e.conditions.get(condition)
	if err != nil {
		return activitycore.Wrap(activitycore.CodeOf(err), err, "expect.body: %s", activitycore.MessageOf(err))
	}
	ok, err := compiled.Holds(ctx, ruleeval.Response{Status: res.Status, Headers: lowerHeaders(res.Header), Body: bodyValue(res, body)})
	if err != nil {
		return activitycore.Wrap(activitycore.CodeInvalid, err, "expect.body cannot be evaluated for the answer of %s: %s", host, activitycore.MessageOf(err))
	}
	if !ok {
		return activitycore.Errorf(activitycore.CodeInvalid, "the answer of %s (status %d) does not meet expect.body", host, res.Status)
	}
	return nil
}

func lowerHeaders(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		out[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return out
}

// bodyValue is decoded JSON if the answer says that it is, or looks like it; text otherwise.
func bodyValue(res *outbound.Response, body []byte) any {
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	trimmed := bytes.TrimSpace(body)
	looksLike := len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
	if !res.Truncated && (media == "application/json" || strings.HasSuffix(media, "+json") || looksLike) {
		if v, err := activitycore.DecodeData(body); err == nil {
			return v
		}
	}
	return strings.ToValidUTF8(string(body), "\uFFFD")
}

// captured is the result, within the limit. A body that is cut is text, since half a JSON document is none.
func captured(p *ruleeval.HTTPRequestParams, res *outbound.Response, body []byte, hidden []string) map[string]any {
	limit := p.MaxResponseBytes
	kept := map[string]any{"status": res.Status, "truncated": false}
	headers := lowerHeaders(res.Header)
	for name, v := range headers {
		headers[name] = string(outbound.Redact([]byte(v), hidden...))
	}
	delete(headers, "set-cookie")
	kept["headers"] = headers
	if int64(len(body)) > limit || res.Truncated {
		kept["truncated"] = true
		kept["body"] = strings.ToValidUTF8(string(body[:min(int64(len(body)), limit)]), "")
	} else {
		kept["body"] = bodyValue(res, body)
	}
	return kept
}
