package outbound

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	core "github.com/activity-core/activity-core"
)

// askedKey is the context key of the [Request] that is being made.
type askedKey struct{}

func askedOf(ctx context.Context) Request {
	r, _ := ctx.Value(askedKey{}).(Request)
	return r
}

// redirectError is a refused redirect: what was answered, why it is not followed, what to do.
type redirectError string

func (e redirectError) Error() string { return string(e) }

// checkRedirect follows a redirect only if the next request is the same one: same method, same
// body. Another origin gets neither the secrets nor a body. Each new address is checked at dial
// time like the first.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	if req.Method != last.Method || hasBody(last) && !hasBody(req) {
		return http.ErrUseLastResponse
	}
	refuse := func(format string, args ...any) error {
		return redirectError(fmt.Sprintf("answers %d to %s, %s", req.Response.StatusCode,
			shownURL(req.URL, askedOf(first.Context())), fmt.Sprintf(format, args...)))
	}
	const remedy = "which is not followed; put that address in url"
	switch {
	case len(via) > maxRedirects:
		return refuse("which is not followed: there were %d redirects before it", maxRedirects)
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return refuse("which is not followed: it is neither http nor https")
	case last.URL.Scheme == "https" && req.URL.Scheme == "http":
		return refuse("a redirect from https to http, which is not followed")
	case req.URL.User != nil:
		return refuse("a redirect to a URL with credentials, which is not followed")
	case sameOrigin(req.URL, first.URL):
		return nil
	case hasBody(req):
		return refuse("a redirect of a request with a body to another host, %s", remedy)
	}
	for name := range askedOf(first.Context()).Secret {
		req.Header.Del(name)
	}
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization", "Referer"} {
		req.Header.Del(name)
	}
	return nil
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// sameOrigin reports whether two URLs lead to the same port of the same host.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && PortOf(a) == PortOf(b)
}

// PortOf is the port that a URL leads to, with that of its scheme where it names none.
func PortOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// BoundHost is how a binding of a secret names what a URL leads to: the host alone for https at
// port 443, else host:port.
func BoundHost(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	port := PortOf(u)
	if u.Scheme != "https" || port != "443" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// longestShown bounds a redirect's target in a message, in bytes.
const longestShown = 200

// shownURL is what a message may tell of a redirect's target: no query and no fragment, which
// can hold tokens, no credentials, and none of the request's secrets.
func shownURL(u *url.URL, r Request) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath, Opaque: u.Opaque}
	if u.Opaque != "" {
		return u.Scheme + ":…"
	}
	text := string(Redact([]byte(shown.String()), r.secrets()...))
	if len(text) > longestShown {
		text = strings.ToValidUTF8(text[:longestShown], "") + "…"
	}
	if u.RawQuery != "" {
		text += "?…"
	}
	return text
}

// Redirect is the error of an answer that is a redirect which was not followed, since the
// request that it asks for is another one; nil for every other answer. method is that of the
// request.
func (r *Response) Redirect(method string) error {
	if r.location == "" {
		return nil
	}
	next := "GET without the body"
	if method == http.MethodGet {
		next = "a request without the body"
	}
	return core.Errorf(core.CodeInvalid, "%s %s answers %d to %s, which asks for %s, so nothing was delivered; put that address in url",
		method, r.to.Host, r.Status, r.location, next)
}

// notFollowed is the shown target of a redirect that [checkRedirect] left alone, "" for other
// answers.
func notFollowed(res *http.Response, r Request) string {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return ""
	}
	to, err := res.Location()
	if err != nil {
		return ""
	}
	return shownURL(to, r)
}
