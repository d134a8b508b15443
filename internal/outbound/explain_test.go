package outbound_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/outbound/outboundtest"
)

// raw serves each connection with a function and returns its address.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// answering reads a request's head and writes an answer.
func answering(answer string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, answer)
	}
}

// certificate makes one for a name and a time, signed by itself.
func certificate(t *testing.T, name string, from, to time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true}
	if ip := net.ParseIP(name); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// overTLS serves with a certificate.
func overTLS(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	server.TLS = cfg
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestWhatKeptAnAnswerAwayIsToldApart(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	now := time.Now()
	good := certificate(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	expired := certificate(t, "127.0.0.1", now.Add(-2*time.Hour), now.Add(-time.Hour))
	early := certificate(t, "127.0.0.1", now.Add(time.Hour), now.Add(2*time.Hour))
	other := certificate(t, "other.example", now.Add(-time.Hour), now.Add(time.Hour))
	trusted := x509.NewCertPool()
	for _, c := range []tls.Certificate{good, expired, early, other} {
		trusted.AddCert(c.Leaf)
	}
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	asks := with(good)
	asks.ClientAuth, asks.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
	for name, c := range map[string]struct {
		url   string
		code  core.Code
		wants []string
		roots *x509.CertPool
	}{
		"refused":      {closed.URL, core.CodeUnavailable, []string{"refused the connection", "nothing listens at port"}, nil},
		"no such host": {"http://nowhere.invalid/", core.CodeUnavailable, []string{"there is no host nowhere.invalid"}, nil},
		"reset": {"http://" + raw(t, func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_ = c.(*net.TCPConn).SetLinger(0)
		}), core.CodeUnavailable, []string{"reset the connection"}, nil},
		"closed":                {"http://" + raw(t, answering("")), core.CodeUnavailable, []string{"closed the connection without an answer"}, nil},
		"not HTTP":              {"http://" + raw(t, answering("SSH-2.0-OpenSSH_9.9\r\n")), core.CodeUnavailable, []string{"something that is not HTTP"}, nil},
		"TLS to a plain port":   {strings.Replace(plain.URL, "http:", "https:", 1), core.CodeInvalid, []string{"speaks plain HTTP", "use http://"}, nil},
		"plain to a TLS port":   {"http://" + raw(t, answering("\x15\x03\x01\x00\x02\x02\x16")), core.CodeInvalid, []string{"speaks TLS", "use https://"}, nil},
		"broken off":            {"http://" + raw(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")), core.CodeUnavailable, []string{"broke off its answer 200 after 3 of 10 bytes"}, nil},
		"broken off, in chunks": {"http://" + raw(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")), core.CodeUnavailable, []string{"broke off its answer 200"}, nil},
		"headers too large":     {"http://" + raw(t, answering("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100<<10)+"\r\n\r\n")), core.CodeUnavailable, []string{"headers", "65536 bytes"}, nil},
		"unknown authority":     {"https://" + overTLS(t, with(good)), core.CodeUnavailable, []string{"not trusted", "authority is unknown"}, x509.NewCertPool()},
		"expired":               {"https://" + overTLS(t, with(expired)), core.CodeUnavailable, []string{"not trusted", "expired at " + expired.Leaf.NotAfter.UTC().Format(time.RFC3339)}, trusted},
		"not yet valid":         {"https://" + overTLS(t, with(early)), core.CodeUnavailable, []string{"not trusted", "valid from " + early.Leaf.NotBefore.UTC().Format(time.RFC3339)}, trusted},
		"another name":          {"https://" + overTLS(t, with(other)), core.CodeUnavailable, []string{"not trusted", "it is for"}, trusted},
		"client certificate":    {"https://" + overTLS(t, asks), core.CodeUnavailable, []string{"TLS handshake"}, trusted},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := outbound.Config{Allow: loopback(), TLS: &tls.Config{RootCAs: c.roots}}
			if name == "no such host" {
				cfg.Resolver = outboundtest.Resolver(t, netip.Addr{})
			}
			client := outbound.New(cfg)
			defer client.Close()
			_, err := client.Do(t.Context(), request(t, "GET", c.url))
			if core.CodeOf(err) != c.code {
				t.Errorf("got %v, want code %s", err, c.code)
			}
			for _, want := range c.wants {
				if !strings.Contains(core.MessageOf(err), want) {
					t.Errorf("got %q (%v), want %q", core.MessageOf(err), err, want)
				}
			}
		})
	}
}

// A secret with a line break at its end is a common mistake; no number of attempts mends it.
func TestAControlCharacterInAHeaderIsRefusedAndNotTold(t *testing.T) {
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	for _, value := range []string{"hunter22\n", "hunter\x0022", "hunter22\x7f"} {
		r := request(t, "GET", "http://127.0.0.1:1/")
		r.Secret.Set("X-Token", value)
		if _, err := c.Do(t.Context(), r); !core.IsCode(err, core.CodeInvalid) || !strings.Contains(err.Error(), "X-Token") || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q: got %v, want invalid, naming the header only", value, err)
		}
	}
}

// A server that answers 200 and takes no more was not given what was to be delivered.
func TestAnAnswerBeforeTheWholeRequestWasReadIsNoDelivery(t *testing.T) {
	over := make(chan struct{})
	at := raw(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		<-over // a connection that is closed before its bytes are read is reset, and its answer may be lost
	})
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	r := request(t, "POST", "http://"+at)
	r.Body = make([]byte, 64<<20) // more than the buffers of the system take
	_, err := c.Do(t.Context(), r)
	close(over)
	if !core.IsCode(err, core.CodeUnavailable) || !strings.Contains(core.MessageOf(err), "of the 67108864 bytes") {
		t.Errorf("got %v, want unavailable with the bytes that were sent", err)
	}
}

func TestMetadataServicesAreReachedOnlyWhenTheyAreNamed(t *testing.T) {
	everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for _, host := range []string{
		"169.254.169.254", "[fd00:ec2::254]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "168.63.129.16", "100.100.100.200", "192.0.0.192",
		"169.254.0.23", "[fe80::a9fe:a9fe%25lo]", "[fd20:ce::254]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
	} {
		c := outbound.New(outbound.Config{Allow: everything})
		_, err := c.Do(t.Context(), request(t, "GET", "http://"+host+":1/"))
		c.Close()
		if !core.IsCode(err, core.CodeForbidden) || !strings.Contains(core.MessageOf(err), "metadata service") {
			t.Errorf("%s: got %v, want forbidden", host, err)
		}
	}
	resolver := outboundtest.Resolver(t, netip.MustParseAddr("169.254.169.254"))
	c := outbound.New(outbound.Config{Allow: everything, Resolver: resolver})
	defer c.Close()
	if _, err := c.Do(t.Context(), request(t, "GET", "http://metadata.google.internal:1/")); !core.IsCode(err, core.CodeForbidden) {
		t.Errorf("by its name: got %v, want forbidden", err)
	}
}

// What a network translates to IPv4 is judged as that address, also where the network itself is
// allowed.
func TestAnAllowedTranslationDoesNotOpenWhatLiesBehindIt(t *testing.T) {
	c := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96")}})
	defer c.Close()
	for _, host := range []string{"[64:ff9b::7f00:1]", "[64:ff9b::a00:1]"} {
		if _, err := c.Do(t.Context(), request(t, "GET", "http://"+host+":1/")); !core.IsCode(err, core.CodeForbidden) {
			t.Errorf("%s: got %v, want forbidden", host, err)
		}
	}
}
