// Package httpguard is what stands before the handler of every HTTP port of a process.
package httpguard

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// MaxMethod bounds the name of a request's method, bytes. The longest registered one has 17.
const MaxMethod = 32

// Deadlines of an answer: a reader that takes nothing for stall, or less than rate bytes a
// second, is cut off.
const (
	stall = 30 * time.Second
	rate  = 16 << 10
)

// Config says what a port is.
type Config struct {
	// LocalOnly refuses a Host that is not this machine: a page on another site may have made its
	// own name point here.
	LocalOnly bool
	// NoLogin refuses what comes through a proxy: whoever reaches the port may use it, and
	// everybody would seem to sit at this machine.
	NoLogin bool
	// SameSite refuses what a page of another site asks for, other than to be shown as a page.
	SameSite bool
	// Stall is how long a reader may take nothing; default 30 s.
	Stall time.Duration
	// Refuse writes a refusal; default plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, location, message string)
}

// Handler puts the guard before a handler.
func Handler(c Config, next http.Handler) http.Handler {
	if c.Refuse == nil {
		c.Refuse = func(w http.ResponseWriter, _ *http.Request, status int, _, message string) {
			http.Error(w, message, status)
		}
	}
	if c.Stall == 0 {
		c.Stall = stall
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &writer{ResponseWriter: w, stall: c.Stall}
		out.extend(0)
		defer out.extend(0) // the end of the answer is written when the handler has returned
		if status, location, message := c.refusal(r); status != 0 {
			if len(r.Method) > MaxMethod {
				r.Method = "OTHER" // nobody behind here keeps what a stranger wrote
			}
			c.Refuse(out, r, status, location, message)
			return
		}
		next.ServeHTTP(out, r)
	})
}

func (c Config) refusal(r *http.Request) (status int, location, message string) {
	if len(r.Method) > MaxMethod {
		return http.StatusMethodNotAllowed, "method", fmt.Sprintf("the method has %d bytes; the longest that is known has fewer than %d", len(r.Method), MaxMethod)
	}
	if c.LocalOnly && !LocalHost(r.Host) {
		return http.StatusForbidden, "Host", fmt.Sprintf("host %.64q is not this machine; only 127.0.0.1 and localhost are served here", r.Host)
	}
	if name := Forwarded(r.Header); c.NoLogin && name != "" {
		return http.StatusForbidden, name, ThroughAProxy(name)
	}
	if c.SameSite && FromAnotherSite(r) {
		return http.StatusForbidden, "Sec-Fetch-Site", "requests from another web site are refused"
	}
	return 0, "", ""
}

// ThroughAProxy says why a request with a forwarding header is refused.
func ThroughAProxy(name string) string {
	return fmt.Sprintf("the request came through a proxy (it has the header %s), and this process asks for no token: everybody who reaches the proxy would be its administrator. Set api.token, or take the proxy away", name)
}

// Forwarded is the name of a header that a proxy has added, or "".
func Forwarded(h http.Header) string {
	for name := range h {
		switch {
		case strings.HasPrefix(name, "X-Forwarded"), strings.HasPrefix(name, "X-Original-"), strings.HasPrefix(name, "X-Envoy-"):
			return name
		}
		switch name {
		case "Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "Cdn-Loop",
			"Fastly-Client-Ip", "X-Remote-Ip", "X-Remote-Addr", "X-Remote-User", "X-Proxyuser-Ip":
			return name
		}
	}
	return ""
}

// FromAnotherSite reports whether a browser says that another site's page made the request. A
// person who follows a link to a page is not that.
func FromAnotherSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site != "cross-site" && site != "same-site" {
		return false
	}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	return !read || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// LocalHost reports whether a Host header names this machine's loopback.
func LocalHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

// writer gives each write the time that a reader may take for it.
type writer struct {
	http.ResponseWriter
	stall time.Duration
}

// Write implements [http.ResponseWriter].
func (w *writer) Write(b []byte) (int, error) {
	w.extend(len(b))
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements [http.Flusher], which handlers of others ask for.
func (w *writer) Flush() {
	w.extend(0)
	_ = http.NewResponseController(w.ResponseWriter).Flush() // what cannot be flushed is written at the end
}

func (w *writer) extend(bytes int) {
	deadline := time.Now().Add(w.stall + time.Duration(bytes)*time.Second/rate)
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline) // a writer without deadlines (a test's) blocks nobody
}
