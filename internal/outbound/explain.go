package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	core "github.com/activity-core/activity-core"
)

// explain turns the client's error into one that is safe to show, and says what happened: URLs
// can hold tokens, so only the host is named.
func explain(r Request, err error) error {
	host := r.URL.Host
	var refused redirectError
	switch {
	case errors.Is(err, errMetadata):
		return core.Wrap(core.CodeForbidden, bare(err), "the request to %s leads to the metadata service of a cloud, which hands out its credentials and is not allowed; "+
			"an operator can allow it by its very address in outbound.allow, such as 169.254.169.254/32", host)
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort), errors.Is(err, ssrf.ErrProhibitedPort):
		return core.Wrap(core.CodeForbidden, bare(err), "the request to %s leads to a private or special address, which is not allowed; "+
			"an operator can allow its network with outbound.allow", host)
	case errors.As(err, &refused):
		return core.Errorf(core.CodeForbidden, "%s %s", host, string(refused))
	case errors.Is(err, context.Canceled):
		return core.Wrap(core.CodeUnavailable, context.Canceled, "the request to %s was canceled", host)
	case isTimeout(err):
		return core.Wrap(core.CodeUnavailable, context.DeadlineExceeded, "%s", timedOut(host, err))
	case speaksPlain(err):
		return core.Errorf(core.CodeInvalid, "%s speaks plain HTTP, no TLS; use http:// if that is intended", host)
	case r.URL.Scheme == "http" && strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // a TLS alert
		return core.Errorf(core.CodeInvalid, "%s speaks TLS, no plain HTTP; use https://", host)
	}
	if what := certificateFault(err); what != "" {
		return core.Wrap(core.CodeUnavailable, bare(err), "the certificate of %s is not trusted: %s", host, what)
	}
	return core.Wrap(core.CodeUnavailable, bare(err), "%s", failure(r.URL, err))
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return errors.Is(err, context.DeadlineExceeded)
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// timedOut says what was being waited for.
func timedOut(host string, err error) string {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s could not be resolved in time", dns.Name)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("%s did not take the connection in time: it is down, or a firewall drops what is sent to it", host)
	case strings.Contains(err.Error(), "TLS handshake timeout"):
		return fmt.Sprintf("%s did not end the TLS handshake in time; does it speak TLS at this port?", host)
	}
	return fmt.Sprintf("%s did not answer in time", host)
}

// speaksPlain reports whether a TLS client got an answer that is none of TLS.
func speaksPlain(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// certificateFault names what is wrong with a certificate; "" if nothing is known to be.
func certificateFault(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var other *tls.CertificateVerificationError
	switch {
	case errors.As(err, &name):
		names := "no name"
		if name.Certificate != nil && len(name.Certificate.DNSNames) > 0 {
			names = strings.Join(name.Certificate.DNSNames[:min(5, len(name.Certificate.DNSNames))], ", ")
		}
		return fmt.Sprintf("it is for %s", oneLine(names))
	case errors.As(err, &unknown):
		return "its authority is unknown here; add the authority to the system's trusted ones"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if invalid.Cert.NotBefore.After(time.Now()) {
			return "it is valid from " + invalid.Cert.NotBefore.UTC().Format(time.RFC3339)
		}
		return "it expired at " + invalid.Cert.NotAfter.UTC().Format(time.RFC3339)
	case errors.As(err, &invalid):
		return oneLine(strings.TrimPrefix(invalid.Error(), "x509: "))
	case errors.As(err, &other):
		return oneLine(strings.TrimPrefix(other.Err.Error(), "x509: "))
	}
	return ""
}

// failure says what kept a request from its answer.
func failure(u *url.URL, err error) string {
	var dns *net.DNSError
	var alert tls.AlertError
	text := err.Error()
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("there is no host %s: its name has no address", dns.Name)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s cannot be resolved: the name server gave no answer", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("%s refused the connection: nothing listens at port %s", u.Host, PortOf(u))
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Sprintf("there is no route to %s", u.Host)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Sprintf("%s reset the connection before it answered", u.Host)
	case errors.As(err, &alert), strings.Contains(text, "remote error: tls:"):
		_, what, _ := strings.Cut(text, "tls: ")
		return fmt.Sprintf("%s broke off the TLS handshake: %s", u.Host, oneLine(what))
	case strings.Contains(text, "tls: "):
		_, what, _ := strings.Cut(text, "tls: ")
		return fmt.Sprintf("the TLS handshake with %s failed: %s", u.Host, oneLine(what))
	case strings.Contains(text, "server response headers exceeded"):
		return fmt.Sprintf("the headers of %s's answer are larger than %d bytes", u.Host, maxHeaderBytes)
	case strings.Contains(text, "malformed HTTP"):
		return fmt.Sprintf("%s answered with something that is not HTTP", u.Host)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(text, "server closed idle connection"):
		return fmt.Sprintf("%s closed the connection without an answer", u.Host)
	}
	return fmt.Sprintf("no answer from %s", u.Host)
}

// brokenOff is the error of an answer that ends before its end.
func brokenOff(r Request, res *http.Response, got int, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return explain(r, err)
	case isTimeout(err):
		return core.Wrap(core.CodeUnavailable, context.DeadlineExceeded, "%s began to answer %d and did not end in time: %d bytes had come", r.URL.Host, res.StatusCode, got)
	}
	of := ""
	if res.ContentLength > 0 {
		of = fmt.Sprintf(" of %d", res.ContentLength)
	}
	return core.Wrap(core.CodeUnavailable, bare(err), "%s broke off its answer %d after %d%s bytes", r.URL.Host, res.StatusCode, got, of)
}

// oneLine bounds text that the other side had a part in.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	if len(s) > longestShown {
		s = strings.ToValidUTF8(s[:longestShown], "") + "…"
	}
	return s
}

// bare removes the URL that net/http puts around errors.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
