// Package outbound owns the one HTTP client with which definitions reach the outside world: every address is checked after
// it was resolved and before it is dialled, redirects are checked again, nothing is read beyond its limit, and no proxy is
// taken from the environment. It must not know what a request is for, nor where secrets come from.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"code.dny.dev/ssrf"

	activitycore "github.com/activity-core/activity-core"
)

// Limits that no definition can raise.
const (
	maxRedirects   = 5
	maxHeaderBytes = 64 << 10
	dialTimeout    = 10 * time.Second
)

// Config says whom the client may talk to.
type Config struct {
	// Allow are networks that are allowed although they are private or otherwise special: 10.0.0.0/8, 127.0.0.0/8, ::1/128.
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
	var v4, v6 []netip.Prefix
	for _, p := range cfg.Allow {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Control: guard.Safe, Resolver: cfg.Resolver}
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
	// Secret are headers that are dropped when a redirect leads to another host, and blotted out of the answer.
	Secret http.Header
	Body   []byte
	// MaxBytes is how much of the answer's body is read; it must be positive.
	MaxBytes int64
}

// Response is an answer, its body read up to the request's limit.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// Truncated: the body was longer than MaxBytes.
	Truncated bool
}

// ParseURL accepts absolute http and https URLs without credentials in them. Its errors are CodeInvalid and never
// contain more of the URL than its host.
func ParseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "the URL cannot be parsed; write for example https://example.com/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "the URL's scheme is %q; use http or https", u.Scheme)
	case u.Hostname() == "":
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "the URL names no host; write for example https://example.com/path")
	case u.User != nil:
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "the URL of host %q contains credentials; use secret_header instead", u.Host)
	case oddAddress(u.Hostname()):
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "the URL's host %q is neither a name nor an address in its usual spelling; write for example 192.0.2.1", u.Hostname())
	}
	return u, nil
}

// oddAddress reports whether a host is an IPv4 address in a spelling that only some resolvers understand: 2130706433,
// 0x7f.1, 127.1. By the WHATWG's URL standard that is every host whose last label is a number. What resolvers make of it is
// checked at dial time too; here it fails at once, and everywhere alike.
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

// Do makes a request and reads its answer, whatever its status. Errors carry CodeUnavailable if another attempt may
// succeed, CodeForbidden if the address is not allowed, CodeInvalid otherwise, and name the host only.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	req, err := http.NewRequestWithContext(context.WithValue(ctx, secretHeaders{}, r.Secret), r.Method, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, activitycore.Wrap(activitycore.CodeInvalid, err, "the request to %s is not valid HTTP: check its method", r.URL.Host)
	}
	if len(r.Body) == 0 {
		req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, 0
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	for name, values := range r.Secret {
		req.Header[name] = values
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	if host := req.Header.Get("Host"); host != "" {
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "the header Host cannot be set; it follows from the URL")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, explain(r.URL.Host, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, r.MaxBytes+1))
	if err != nil {
		return nil, explain(r.URL.Host, err)
	}
	out := &Response{Status: res.StatusCode, Header: res.Header, Body: body}
	if int64(len(body)) > r.MaxBytes {
		out.Body, out.Truncated = body[:r.MaxBytes], true
	}
	redactAnswer(out, r.Secret)
	return out, nil
}

// secretHeaders is the context key of a request's secret headers.
type secretHeaders struct{}

// redirectError is a refused redirect.
type redirectError string

func (e redirectError) Error() string { return string(e) }

// checkRedirect lets a request follow to another address only without its secrets. Each new address is checked at dial
// time like the first.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) > maxRedirects:
		return redirectError(fmt.Sprintf("more than %d redirects", maxRedirects))
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return redirectError("a redirect to something else than http or https")
	case last.URL.Scheme == "https" && req.URL.Scheme == "http":
		return redirectError("a redirect from https to http")
	case req.URL.User != nil:
		return redirectError("a redirect to a URL with credentials")
	}
	if strings.EqualFold(req.URL.Host, first.URL.Host) {
		return nil
	}
	if req.Body != nil && req.Body != http.NoBody {
		return redirectError("a redirect of a request with a body to another host")
	}
	for name := range secretsOf(first.Context()) {
		req.Header.Del(name)
	}
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization", "Referer"} {
		req.Header.Del(name)
	}
	return nil
}

func secretsOf(ctx context.Context) http.Header {
	h, _ := ctx.Value(secretHeaders{}).(http.Header)
	return h
}

// explain turns the client's error into one that is safe to show: URLs can hold tokens, so only the host is named.
func explain(host string, err error) error {
	var refused redirectError
	var dns *net.DNSError
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort), errors.Is(err, ssrf.ErrProhibitedPort):
		return activitycore.Wrap(activitycore.CodeForbidden, bare(err), "the request to %s leads to a private or special address, which is not allowed; "+
			"an operator can allow its network with outbound.allow", host)
	case errors.As(err, &refused):
		return activitycore.Errorf(activitycore.CodeForbidden, "%s answers with %s, which is not followed", host, string(refused))
	case errors.Is(err, context.Canceled):
		return activitycore.Wrap(activitycore.CodeUnavailable, context.Canceled, "the request to %s was canceled", host)
	case isTimeout(err):
		return activitycore.Wrap(activitycore.CodeUnavailable, context.DeadlineExceeded, "%s did not answer in time", host)
	case errors.As(err, &dns):
		return activitycore.Wrap(activitycore.CodeUnavailable, bare(err), "the name %s cannot be resolved", host)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return activitycore.Errorf(activitycore.CodeInvalid, "%s speaks plain HTTP; use http:// if that is intended", host)
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return activitycore.Wrap(activitycore.CodeUnavailable, bare(err), "the certificate of %s is not trusted", host)
	}
	return activitycore.Wrap(activitycore.CodeUnavailable, bare(err), "no answer from %s", host)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// bare removes the URL that net/http puts around errors.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
