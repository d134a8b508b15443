package outbound_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/outbound/outboundtest"
)

func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func request(t *testing.T, method, raw string) outbound.Request {
	t.Helper()
	u, err := outbound.ParseURL(raw)
	if err != nil {
		t.Fatalf("parse %q: %v", raw, err)
	}
	return outbound.Request{Method: method, URL: u, Header: http.Header{}, Secret: http.Header{}, MaxBytes: 1 << 10}
}

// Every spelling of an address that must not be reached, whether the resolver or the dialer
// understands it.
func TestSpecialAddressesAreRefusedInEverySpelling(t *testing.T) {
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	c := outbound.New(outbound.Config{})
	defer c.Close()
	for _, host := range []string{
		"127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0.0.0.0", "0",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
		"169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fe80::1]", "[fd00::1]", "[fec0::1]",
		"224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1",
	} {
		t.Run(host, func(t *testing.T) {
			u, err := url.Parse("http://" + host + ":" + port + "/")
			if err != nil {
				t.Fatal(err)
			}
			// The dialer refuses them whatever ParseURL, which comes before, would say.
			_, err = c.Do(t.Context(), outbound.Request{Method: "GET", URL: u, Header: http.Header{}, MaxBytes: 1})
			if err == nil {
				t.Fatalf("the request was made")
			}
			if code := core.CodeOf(err); code != core.CodeForbidden && code != core.CodeUnavailable {
				t.Errorf("code %s: %v", code, err)
			}
		})
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

func TestAnAddressInAnOddSpellingIsNoHost(t *testing.T) {
	for _, host := range []string{"2130706433", "0x7f000001", "0X7F.1", "017700000001", "127.1", "0", "127.0.0.1.", "0x", "1.2.3.4.5", "127.0.0.01", "example.123"} {
		if _, err := outbound.ParseURL("http://" + host + "/"); !core.IsCode(err, core.CodeInvalid) {
			t.Errorf("%s: got %v", host, err)
		}
	}
	for _, host := range []string{"192.0.2.1", "[2001:db8::1]", "example.com", "1.example", "0x7f.example", "3com.com", "example.com.", "xn--80ak6aa92e.com"} {
		if _, err := outbound.ParseURL("http://" + host + ":8080/"); err != nil {
			t.Errorf("%s: got %v", host, err)
		}
	}
}

func TestANameThatResolvesToAPrivateAddressIsRefused(t *testing.T) {
	answer := outboundtest.Resolver(t, netip.MustParseAddr("127.0.0.1"))
	c := outbound.New(outbound.Config{Resolver: answer})
	defer c.Close()
	_, err := c.Do(t.Context(), request(t, "GET", "http://public.example:80/"))
	if !core.IsCode(err, core.CodeForbidden) {
		t.Fatalf("got %v, want forbidden", err)
	}
	if !strings.Contains(core.MessageOf(err), "outbound.allow") {
		t.Errorf("the message names no remedy: %s", core.MessageOf(err))
	}
}

func TestARedirectToAPrivateAddressIsRefused(t *testing.T) {
	var hits atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer target.Close()
	inside := strings.Replace(target.URL, "127.0.0.1", "127.0.0.2", 1)
	server := httptest.NewServer(http.RedirectHandler(inside, http.StatusFound))
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	defer c.Close()
	_, err := c.Do(t.Context(), request(t, "GET", server.URL))
	if !core.IsCode(err, core.CodeForbidden) || hits.Load() != 0 {
		t.Fatalf("got %v and %d hits, want forbidden and none", err, hits.Load())
	}
}

func TestSecretsStayBehindWhenARedirectLeadsToAnotherHost(t *testing.T) {
	got := make(chan http.Header, 1)
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusFound)) // another port is another host
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	r := request(t, "GET", server.URL)
	r.Secret.Set("X-Api-Token", "hunter22")
	r.Header.Set("Authorization", "Bearer plain")
	r.Header.Set("X-Kept", "yes")
	if _, err := c.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	h := <-got
	if h.Get("X-Api-Token") != "" || h.Get("Authorization") != "" || h.Get("X-Kept") != "yes" {
		t.Errorf("the other host got %v", h)
	}
}

func TestSecretsFollowARedirectOnTheSameHost(t *testing.T) {
	got := make(chan string, 1)
	mux := http.NewServeMux()
	mux.Handle("/a", http.RedirectHandler("/b", http.StatusFound))
	mux.HandleFunc("/b", func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("X-Api-Token") })
	server := httptest.NewServer(mux)
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	r := request(t, "GET", server.URL+"/a")
	r.Secret.Set("X-Api-Token", "hunter22")
	if _, err := c.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if token := <-got; token != "hunter22" {
		t.Errorf("got %q", token)
	}
}

func TestABodyIsNotCarriedToAnotherHost(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s came", r.Method) }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	r := request(t, "POST", server.URL)
	r.Body = []byte("confidential")
	if _, err := c.Do(t.Context(), r); !core.IsCode(err, core.CodeForbidden) {
		t.Errorf("got %v", err)
	}
}

func TestRedirectsEnd(t *testing.T) {
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		http.Redirect(w, r, "/", http.StatusFound)
	}))
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	_, err := c.Do(t.Context(), request(t, "GET", server.URL))
	if !core.IsCode(err, core.CodeForbidden) || hits.Load() != 6 {
		t.Errorf("got %v after %d requests", err, hits.Load())
	}
}

func TestTheProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	c := outbound.New(outbound.Config{})
	defer c.Close()
	// The guard must see the address itself: 10.0.0.1 is refused at dial, by us, without the proxy
	// being asked.
	if _, err := c.Do(t.Context(), request(t, "GET", "http://10.0.0.1/")); !core.IsCode(err, core.CodeForbidden) {
		t.Errorf("got %v", err)
	}
}

func TestAnEndlessAnswerIsCut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	res, err := c.Do(t.Context(), request(t, "GET", server.URL))
	if err != nil {
		t.Fatal(err)
	}
	if !res.Truncated || len(res.Body) != 1<<10 {
		t.Fatalf("got %d bytes, truncated %v", len(res.Body), res.Truncated)
	}
}

func TestAServerThatDoesNotAnswerIsUnavailable(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	_, err := c.Do(ctx, request(t, "GET", server.URL))
	if !core.IsCode(err, core.CodeUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsNameTheHostAndNothingElseOfTheURL(t *testing.T) {
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	u, _ := url.Parse(closed.URL)
	closed.Close()
	_, err := c.Do(t.Context(), request(t, "GET", "http://"+u.Host+"/path?token=hunter22"))
	if err == nil || strings.Contains(err.Error(), "hunter22") {
		t.Errorf("got %v", err)
	}
	for _, raw := range []string{"http://user:hunter22@example.com/", "ftp://example.com/hunter22", "http:///hunter22", "::hunter22"} {
		if _, err := outbound.ParseURL(raw); !core.IsCode(err, core.CodeInvalid) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: got %v", raw, err)
		}
	}
}

func TestAnAnswerThatRepeatsASecretIsBlottedOut(t *testing.T) {
	const secret = `Bearer hunter22"x`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, r.URL.Query().Get("say"))
	}))
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	for say, want := range map[string]string{
		"a " + secret + " b":                      "a *** b",
		`{"token": "hunter22\"x"}`:                `{"token": "***"}`,
		"only its scheme: Bearer":                 "only its scheme: Bearer",
		strings.Repeat("x", 1<<10-8) + secret:     strings.Repeat("x", 1<<10-8) + "***",
		strings.Repeat("x", 1<<10-4) + "hunter22": strings.Repeat("x", 1<<10-4) + "***",
	} {
		r := request(t, "GET", server.URL+"/?say="+url.QueryEscape(say))
		r.Secret.Set("Authorization", secret)
		res, err := c.Do(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if string(res.Body) != want || res.Header.Get("X-Echo") != "***" {
			t.Errorf("%.60q came back as %.60q…%q and %q", say, res.Body, res.Body[max(0, len(res.Body)-20):], res.Header.Get("X-Echo"))
		}
	}
}
