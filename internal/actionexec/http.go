package actionexec

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/ruleeval"
	"github.com/activity-core/activity-core/internal/telemetry"
)

const (
	// idempotencyHeader carries the action's key, so that the receiver can tell a repeat from a
	// second request.
	idempotencyHeader = "Idempotency-Key"
	// checkedBytes is how much of an answer expect.body sees; what is kept is bounded by
	// max_response_bytes.
	checkedBytes = 1 << 20
)

var httpRequest = row[ruleeval.HTTPRequestParams]{
	attempt:  (*Executor).httpRequest,
	receiver: func(_ *Executor, p *ruleeval.HTTPRequestParams) string { return receiverOf(p.URL) },
}

// httpRequest sends one request. Its result is {status, headers, body, truncated}: header names
// in lower case, the body as JSON if it is.
func (e *Executor) httpRequest(ctx context.Context, j job, p *ruleeval.HTTPRequestParams) (core.ActionResult, error) {
	req, err := e.request(ctx, j.action.Key, p)
	if err != nil {
		return core.ActionResult{}, err
	}
	res, err := e.cfg.HTTP.Do(ctx, req)
	if err != nil {
		return core.ActionResult{}, err
	}
	if !p.Expect.Status.Contains(res.Status) {
		return core.ActionResult{}, e.statusError(req, res, p.Expect.Status.String())
	}
	if p.Expect.Body != "" {
		if err := e.expectBody(ctx, p.Expect.Body, req.URL.Host, res); err != nil {
			return core.ActionResult{}, err
		}
	}
	return result("delivered", captured(p, res))
}

// request builds the request.
func (e *Executor) request(ctx context.Context, key string, p *ruleeval.HTTPRequestParams) (outbound.Request, error) {
	u, err := outbound.ParseURL(p.URL)
	if err != nil {
		return outbound.Request{}, err
	}
	addQuery(u, p.Query)
	body, contentType, err := bodyOf(p)
	if err != nil {
		return outbound.Request{}, err
	}
	r := outbound.Request{Method: p.Method, URL: u, Header: http.Header{}, Secret: http.Header{}, Body: body, MaxBytes: checkedBytes}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for name, value := range p.Headers {
		if strings.ContainsAny(value, "\r\n\x00") {
			return r, core.InvalidField("with.headers."+name, nil, "contains a line break or NUL, which a header cannot")
		}
		r.Header.Set(name, value)
	}
	telemetry.TraceHeaders(ctx, r.Header)
	r.Header.Set(idempotencyHeader, key) // last: a definition cannot override it
	for name, secret := range p.SecretHeaders {
		value, err := e.secret(ctx, secret, u)
		if err != nil {
			return r, err
		}
		r.Secret.Set(name, value)
	}
	if p.Sign != "" {
		secret, err := e.secret(ctx, p.Sign, u)
		if err != nil {
			return r, err
		}
		if err := sign(r.Header, p.Sign, secret, key, e.cfg.Now(), body); err != nil {
			return r, err
		}
		r.Hidden = append(r.Hidden, secret)
	}
	return r, nil
}

func (e *Executor) secret(ctx context.Context, name string, u *url.URL) (string, error) {
	if e.cfg.Secrets == nil {
		return "", core.Errorf(core.CodeInvalid, "secret %q: no source of secrets is configured", name)
	}
	return e.cfg.Secrets.Resolve(ctx, name, outbound.BoundHost(u))
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
		return nil, "", core.Wrap(core.CodeInvalid, err, "with.body: has no JSON form")
	}
	return body, "application/json", nil
}

// statusError says what answered and whether to try again: 4xx is final, except for those that
// say "later".
func (e *Executor) statusError(req outbound.Request, res *outbound.Response, want string) error {
	if err := res.Redirect(req.Method); err != nil {
		return err
	}
	code := core.CodeInvalid
	if outbound.Later(res.Status) {
		code = core.CodeUnavailable
	}
	hint := ""
	if res.WantsTLS(req.URL) {
		hint = "; it speaks TLS at this port: use https://"
	}
	err := core.Errorf(code, "%s %s answered %d, and %s is expected%s", req.Method, req.URL.Host, res.Status, want, hint)
	if code != core.CodeUnavailable {
		return err
	}
	return &laterError{err: err, after: outbound.RetryAfter(res.Header, e.cfg.Now())}
}

// expectBody holds the condition against the answer.
func (e *Executor) expectBody(ctx context.Context, condition, host string, res *outbound.Response) error {
	compiled, err := e.conditions.Get(condition)
	if err != nil {
		return core.Wrap(core.CodeOf(err), err, "expect.body: %s", core.MessageOf(err))
	}
	ok, err := compiled.Holds(ctx, ruleeval.Response{Status: res.Status, Headers: res.LowerHeaders(), Body: res.Value()})
	if err != nil {
		return core.Wrap(core.CodeInvalid, err, "expect.body cannot be evaluated for the answer of %s (%s): %s", host, seen(res), core.MessageOf(err))
	}
	if !ok {
		return core.Errorf(core.CodeInvalid, "the answer of %s (%s) does not meet expect.body", host, seen(res))
	}
	return nil
}

// seen says of an answer what a condition on its body had to go by.
func seen(res *outbound.Response) string {
	if res.Truncated {
		return fmt.Sprintf("status %d, cut at the %d bytes that expect.body can see", res.Status, checkedBytes)
	}
	if _, text := res.Value().(string); text {
		return fmt.Sprintf("status %d, %s", res.Status, res.Kind())
	}
	return fmt.Sprintf("status %d", res.Status)
}

// captured is the result, within the limit. A body that is cut is text, since half a JSON
// document is none.
func captured(p *ruleeval.HTTPRequestParams, res *outbound.Response) map[string]any {
	limit := p.MaxResponseBytes
	headers := res.LowerHeaders()
	delete(headers, "set-cookie")
	kept := map[string]any{"status": res.Status, "headers": headers, "truncated": false}
	if int64(len(res.Body)) > limit || res.Truncated {
		kept["truncated"] = true
		kept["body"] = strings.ToValidUTF8(string(res.Body[:min(int64(len(res.Body)), limit)]), "")
	} else {
		kept["body"] = res.Value()
	}
	return kept
}
