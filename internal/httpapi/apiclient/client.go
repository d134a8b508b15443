// Package apiclient is the Go client of the REST API, as the CLI uses it. It
// turns problem documents back into *activitycore.Error and does nothing else:
// no printing, no retries of writes.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New makes a client for a server's base URL, such as http://127.0.0.1:8010;
// token may be empty.
func New(server, token string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, core.InvalidField("--server", server, "must be an http:// or https:// URL, such as http://127.0.0.1:8010")
	}
	return &Client{base: u, token: token, http: &http.Client{}}, nil
}

// maxAnswer bounds what is read of one answer, bytes.
const maxAnswer = 256 << 20

// request is one call.
type request struct {
	method, path string
	query        url.Values
	header       map[string]string
	contentType  string
	body         []byte
}

func (c *Client) do(ctx context.Context, r request, out any) error {
	u := c.base.JoinPath(r.path)
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", r.contentType)
	}
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for k, v := range r.header {
		if v != "" {
			req.Header.Set(k, v)
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return core.Wrap(core.CodeUnavailable, err, "no answer from %s; is `activity-core dev` or `serve` running there? (--server names another address)", c.base)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", u.Path, err)
	}
	if res.StatusCode >= 300 {
		return problem(res, data)
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = data
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("understand the answer of %s: %w", u.Path, err)
	}
	return nil
}

func problem(res *http.Response, data []byte) error {
	var p wire.Problem
	if json.Unmarshal(data, &p) == nil && p.Code != "" {
		return &core.Error{Code: p.Code, Message: p.Detail, Fields: p.Errors}
	}
	text := strings.TrimSpace(string(data))
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return &core.Error{Code: core.CodeInternal, Message: fmt.Sprintf("the server answered %s", res.Status), Cause: errors.New(text)}
}

func (c *Client) get(ctx context.Context, path string, q url.Values, out any) error {
	return c.do(ctx, request{method: http.MethodGet, path: path, query: q}, out)
}

func (c *Client) send(ctx context.Context, method, path string, body any, header map[string]string, out any) error {
	r := request{method: method, path: path, header: header, contentType: "application/json"}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r.body = text
	}
	return c.do(ctx, r, out)
}

func definitionPath(ref string, more ...string) string {
	return "/activity-definitions/" + strings.Join(append([]string{url.PathEscape(ref)}, more...), "/")
}

// ListOptions are the filters and paging of a list; empty values are not sent.
type ListOptions struct {
	Limit  int
	Cursor string
	Filter map[string]string
}

func (o ListOptions) values() url.Values {
	q := url.Values{}
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	if o.Cursor != "" {
		q.Set("cursor", o.Cursor)
	}
	for k, v := range o.Filter {
		if v != "" {
			q.Set(k, v)
		}
	}
	return q
}

func list[T any](ctx context.Context, c *Client, path string, o ListOptions) (wire.Page[T], error) {
	var page wire.Page[T]
	err := c.get(ctx, path, o.values(), &page)
	return page, err
}

// Ready asks /readyz; a 503 is an answer, not an error.
func (c *Client) Ready(ctx context.Context) (wire.Ready, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath("/readyz").String(), nil)
	if err != nil {
		return wire.Ready{}, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return wire.Ready{}, core.Wrap(core.CodeUnavailable, err, "no answer from %s", c.base)
	}
	defer res.Body.Close()
	var ready wire.Ready
	return ready, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&ready)
}

func timeValue(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
