package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpguard"
	"github.com/activity-core/activity-core/internal/telemetry"
)

type (
	requestKey struct{}
	actorKey   struct{}
)

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// recorder remembers the status for the log and the metrics.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	if status == http.StatusServiceUnavailable {
		r.Header().Set("Retry-After", "2")
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// middleware is everything around the routes: request IDs, panics, the optional
// trailing slash, access, routing errors in our shape, log and metrics.
func (s *server) middleware(next *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, newRequestID()))
		r.URL = withoutTrailingSlash(r.URL)
		h := rec.Header()
		h.Set("X-Request-Id", requestID(r.Context()))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		r.Header.Del("Accept") // there is JSON only, and a client that asks for something else is better off with it than with 406
		timeBody(rec, r, s.BodyTime)
		_, pattern := next.Handler(r)
		trace.SpanFromContext(r.Context()).SetName(telemetry.Method(r.Method) + " " + route(pattern))
		defer func() {
			if p := recover(); p != nil {
				s.log.ErrorContext(r.Context(), "panic in a request", "request_id", requestID(r.Context()), "panic", p, "stack", string(debug.Stack()))
				if rec.status != 0 {
					s.observed(r, route(pattern), rec.status, time.Since(start))
					panic(http.ErrAbortHandler) // closes the connection: half an answer must not look whole
				}
				writeProblem(rec, r, newProblem(http.StatusInternalServerError, core.CodeInternal, "internal error; the log has the details"))
			}
			s.observed(r, route(pattern), rec.status, time.Since(start))
		}()
		if p := tooLong(r); p != nil {
			writeProblem(rec, r, p)
			return
		}
		if p := s.refuse(r); p != nil {
			if p.Status == http.StatusUnauthorized {
				h.Set("WWW-Authenticate", `Bearer realm="activity-core"`)
			}
			_ = http.NewResponseController(rec).SetReadDeadline(time.Now().Add(refusedTime))
			writeProblem(rec, r, p)
			return
		}
		if pattern == "" {
			s.notRouted(rec, r, next)
			return
		}
		who := "local"
		if s.Token != "" {
			who = "token"
		}
		next.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), actorKey{}, who)))
	})
}

// withoutTrailingSlash takes slashes from the end of a path, other than those of an ID, which
// are written %2F.
func withoutTrailingSlash(in *url.URL) *url.URL {
	written := in.EscapedPath()
	n := len(written) - len(strings.TrimRight(written, "/"))
	if n == 0 || n == len(written) {
		return in
	}
	u := *in
	u.Path, u.RawPath = u.Path[:len(u.Path)-n], strings.TrimRight(u.RawPath, "/")
	return &u
}

// maxHead bounds the address and the headers of a request, each, bytes. net/http refuses with a
// text of its own, so its limit is higher.
const maxHead = 64 << 10

func tooLong(r *http.Request) *problem {
	if len(r.RequestURI) > maxHead {
		return newProblem(http.StatusRequestURITooLong, core.CodeTooLarge, fmt.Sprintf("the path and query have more than %d bytes", maxHead),
			core.FieldError{Location: "path", Message: fmt.Sprintf("must have at most %d bytes with the query, has %d", maxHead, len(r.RequestURI))})
	}
	size := 0
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size > maxHead {
		return newProblem(http.StatusRequestHeaderFieldsTooLarge, core.CodeTooLarge, fmt.Sprintf("the headers have more than %d bytes", maxHead),
			core.FieldError{Location: "headers", Message: fmt.Sprintf("must have at most %d bytes in all, have %d", maxHead, size)})
	}
	return nil
}

func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// route is the pattern without its method: "/runs/{id}".
func route(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return path
	}
	if pattern == "" {
		return "(none)"
	}
	return pattern
}

func (s *server) observed(r *http.Request, route string, status int, took time.Duration) {
	if s.Observe != nil {
		s.Observe(route, r.Method, status, took)
	}
	s.log.LogAttrs(r.Context(), slog.LevelDebug, "request", slog.Any("method", brief(r.Method)), slog.Any("path", brief(r.URL.Path)),
		slog.Int("status", status), slog.Duration("took", took), slog.String("request_id", requestID(r.Context())))
}

// notRouted tells an unknown path from a wrong method.
func (s *server) notRouted(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := mux.Handler(probe); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		writeProblem(w, r, newProblem(http.StatusNotFound, core.CodeNotFound, fmt.Sprintf("there is no route %s; /docs lists them", brief(r.URL.Path)),
			core.FieldError{Location: "path", Message: "names no route", Value: brief(r.URL.Path)}))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, r, newProblem(http.StatusMethodNotAllowed, core.CodeInvalid, fmt.Sprintf("%s does not take %s, but %s", r.URL.Path, brief(r.Method), strings.Join(allowed, ", ")),
		core.FieldError{Location: "method", Message: "must be " + strings.Join(allowed, " or "), Value: brief(r.Method)}))
}

// refuse decides on access. With a token everything but health and signed
// webhooks needs it. Without one the server listens on loopback only, and what a
// page in the operator's browser could send is refused: a foreign Host (DNS
// rebinding) and changes from another origin.
func (s *server) refuse(r *http.Request) *problem {
	open := r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || strings.HasPrefix(r.URL.Path, "/hooks/")
	if s.Token != "" {
		if open || sameToken(r.Header.Get("Authorization"), s.Token) {
			return nil
		}
		return newProblem(http.StatusUnauthorized, core.CodeUnauthorized, "a bearer token is needed: Authorization: Bearer <api.token>")
	}
	if open {
		return nil
	}
	if p := s.stranger(r); p != nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return p
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return newProblem(http.StatusForbidden, core.CodeForbidden, fmt.Sprintf("changes from origin %q are refused", origin))
		}
	}
	return nil
}

// stranger refuses what does not come from this machine, or not from the person at it, where
// nothing but that is asked for.
func (s *server) stranger(r *http.Request) *problem {
	if !httpguard.LocalHost(r.Host) {
		return newProblem(http.StatusForbidden, core.CodeForbidden, fmt.Sprintf("host %.64q is not this machine; without a token only 127.0.0.1 and localhost are served", r.Host))
	}
	if name := httpguard.Forwarded(r.Header); name != "" {
		return newProblem(http.StatusForbidden, core.CodeForbidden, httpguard.ThroughAProxy(name),
			core.FieldError{Location: name, Message: "is added by a proxy; without api.token the process serves this machine only"})
	}
	if httpguard.FromAnotherSite(r) {
		return newProblem(http.StatusForbidden, core.CodeForbidden, "requests from another web site are refused")
	}
	return nil
}

// Refuse writes the refusal of a guard before the API.
func Refuse(w http.ResponseWriter, r *http.Request, status int, location, message string) {
	code := core.CodeForbidden
	if status == http.StatusMethodNotAllowed {
		code = core.CodeInvalid
		w.Header().Set("Allow", "GET, POST, PUT, PATCH, DELETE")
	}
	writeProblem(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, newRequestID())), newProblem(status, code, message, core.FieldError{Location: location, Message: message}))
}

// mayKnow reports whether a request may see what is wrong with this process, and not only that
// something is.
func (s *server) mayKnow(r *http.Request) bool {
	if s.Token != "" {
		return sameToken(r.Header.Get("Authorization"), s.Token)
	}
	return s.stranger(r) == nil
}

// sameToken compares in constant time, whatever the lengths.
func sameToken(header, token string) bool {
	scheme, given, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return false
	}
	a, b := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
