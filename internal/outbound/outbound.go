// Package outbound owns the one HTTP client with which definitions reach the outside world:
// every address is checked after it was resolved and before it is dialled, redirects are
// checked again, nothing is read beyond its limit, and no proxy is taken from the environment.
// It must not know what a request is for, nor where secrets come from.
package outbound

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
)

// Limits that no definition can raise.
const (
	maxRedirects   = 5
	maxHeaderBytes = 64 << 10
	dialTimeout    = 10 * time.Second
)

// Config says whom the client may talk to.
type Config struct {
	// Allow are networks that are allowed although they are private or otherwise special:
	// 10.0.0.0/8, 127.0.0.0/8, ::1/128. The metadata service of a cloud is allowed by its very
	// address only: 169.254.169.254/32.
	Allow []netip.Prefix
	// UserAgent is sent with every request that names none; default "activity-core".
	UserAgent string
	// TLS overrides the trust in servers; nil is the system's.
	TLS *tls.Config
	// Resolver answers name lookups; nil is the system's.
	Resolver *net.Resolver
}

// Client makes guarded requests. It is safe for concurrent use.
type Client struct {
	http      *http.Client
	userAgent string
}

// New makes a client.
func New(cfg Config) *Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Control: newGuard(cfg.Allow).safe, Resolver: cfg.Resolver}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "activity-core"
	}
	return &Client{
		userAgent: cfg.UserAgent,
		http: &http.Client{
			CheckRedirect: checkRedirect,
			Transport: &http.Transport{
				Proxy:                  nil, // a proxy would be dialled in place of the address that was checked
				DialContext:            dialer.DialContext,
				TLSClientConfig:        cfg.TLS,
				ForceAttemptHTTP2:      true,
				MaxIdleConns:           256,
				MaxIdleConnsPerHost:    64,
				IdleConnTimeout:        90 * time.Second,
				TLSHandshakeTimeout:    dialTimeout,
				ExpectContinueTimeout:  time.Second,
				MaxResponseHeaderBytes: maxHeaderBytes,
			},
		},
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is one request.
type Request struct {
	Method string
	URL    *url.URL // from [ParseURL]
	Header http.Header
	// Secret are headers that are dropped when a redirect leads to another host, and blotted out of
	// the answer.
	Secret http.Header
	// Hidden are other secrets that the request was made with, such as the key of a signature; they
	// are blotted out as well.
	Hidden []string
	Body   []byte
	// MaxBytes is how much of the answer's body is read; it must be positive.
	MaxBytes int64
}

// Response is an answer, its body read up to the request's limit. Text in it is UTF-8, whatever
// charset it was sent in, and the request's secrets are blotted out.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// Truncated: the body was longer than MaxBytes.
	Truncated bool

	to       *url.URL // who answered, after redirects
	location string   // shown target of a redirect that was not followed
}

// complete reports whether a status says that the request was understood and done.
func complete(status int) bool { return status >= 200 && status <= 299 }

// ParseURL accepts absolute http and https URLs without credentials in them. Its errors are
// CodeInvalid and never contain more of the URL than its host.
func ParseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, core.Errorf(core.CodeInvalid, "the URL cannot be parsed; write for example https://example.com/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, core.Errorf(core.CodeInvalid, "the URL's scheme is %q; use http or https", u.Scheme)
	case u.Hostname() == "":
		return nil, core.Errorf(core.CodeInvalid, "the URL names no host; write for example https://example.com/path")
	case u.User != nil:
		return nil, core.Errorf(core.CodeInvalid, "the URL of host %q contains credentials; use secret_header instead", u.Host)
	case oddAddress(u.Hostname()):
		return nil, core.Errorf(core.CodeInvalid, "the URL's host %q is neither a name nor an address in its usual spelling; write for example 192.0.2.1", u.Hostname())
	}
	return u, nil
}

// controls reports whether a header's value cannot hold a character.
func controls(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// oddAddress reports whether a host is an IPv4 address in a spelling that only some resolvers
// understand: 2130706433, 0x7f.1, 127.1. By the WHATWG's URL standard that is every host whose
// last label is a number. What resolvers make of it is checked at dial time too; here it fails
// at once, and everywhere alike.
func oddAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := strings.ToLower(labels[len(labels)-1])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// Do makes a request and reads its answer, whatever its status. A redirect that would change
// the method or drop the body is not followed: it is the answer, see [Response.Redirect].
// Errors carry CodeUnavailable if another attempt may succeed, CodeForbidden if the address is
// not allowed, CodeInvalid otherwise. They name the host, and of a redirect's target what
// stands before the question mark.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	up := &upload{body: r.Body}
	req, err := c.request(ctx, r, up)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, redactError(explain(r, err), r)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, r.MaxBytes+1))
	if err != nil {
		return nil, redactError(brokenOff(r, res, len(body), err), r)
	}
	if err := up.unfinished(ctx, r, res); err != nil {
		return nil, err
	}
	out := &Response{Status: res.StatusCode, Header: res.Header, Body: body, to: res.Request.URL, location: notFollowed(res, r)}
	if int64(len(body)) > r.MaxBytes {
		out.Body, out.Truncated = body[:r.MaxBytes], true
	}
	out.Body = utf8Text(res.Header.Get("Content-Type"), out.Body)
	redactAnswer(out, r)
	return out, nil
}

func (c *Client) request(ctx context.Context, r Request, up *upload) (*http.Request, error) {
	req, err := http.NewRequestWithContext(up.traced(context.WithValue(ctx, askedKey{}, r)), r.Method, r.URL.String(), nil)
	if err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "the request to %s is not valid HTTP: check its method", r.URL.Host)
	}
	if len(r.Body) > 0 {
		req.GetBody, req.ContentLength = up.reader, int64(len(r.Body))
		req.Body, _ = up.reader()
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	for name, values := range r.Secret {
		req.Header[name] = values
	}
	for name, values := range req.Header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.ContainsFunc(v, controls) }) {
			return nil, core.Errorf(core.CodeInvalid, "the header %s of the request to %s has a control character in its value, which a header cannot", oneLine(name), r.URL.Host)
		}
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	if host := req.Header.Get("Host"); host != "" {
		return nil, core.Errorf(core.CodeInvalid, "the header Host cannot be set; it follows from the URL")
	}
	return req, nil
}
