package outbound_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
)

// redirecting answers /old/<status> with a redirect to /ok, and keeps what comes to /ok.
func redirecting(t *testing.T) (server *httptest.Server, came func() []string) {
	t.Helper()
	var list []string
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/old/%d", &status); err == nil {
			w.Header().Set("Location", "/ok?token=t0ken")
			w.WriteHeader(status)
			return
		}
		body, _ := io.ReadAll(r.Body)
		list = append(list, r.Method+" "+string(body))
	}))
	t.Cleanup(server.Close)
	return server, func() []string { return list }
}

func TestARedirectThatWouldChangeTheRequestIsNotFollowed(t *testing.T) {
	for _, c := range []struct {
		method, body string
		status       int
		second       string // what is asked after the redirect; "" if nothing may be
	}{
		{"POST", "x", 301, ""}, {"POST", "x", 302, ""}, {"POST", "x", 303, ""}, {"POST", "", 302, ""},
		{"PUT", "x", 301, ""}, {"PATCH", "x", 302, ""}, {"DELETE", "", 301, ""}, {"DELETE", "x", 303, ""},
		{"GET", "x", 302, ""}, // the body would be dropped
		{"POST", "x", 307, "POST x"}, {"POST", "x", 308, "POST x"}, {"PUT", "", 308, "PUT "}, {"DELETE", "", 307, "DELETE "}, {"GET", "x", 307, "GET x"},
		{"GET", "", 301, "GET "}, {"GET", "", 302, "GET "}, {"GET", "", 303, "GET "}, {"GET", "", 308, "GET "}, {"HEAD", "", 302, "HEAD "},
	} {
		t.Run(fmt.Sprintf("%s %q %d", c.method, c.body, c.status), func(t *testing.T) {
			server, came := redirecting(t)
			client := outbound.New(outbound.Config{Allow: loopback()})
			defer client.Close()
			r := request(t, c.method, fmt.Sprintf("%s/old/%d", server.URL, c.status))
			r.Body = []byte(c.body)
			res, err := client.Do(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if c.second != "" {
				if got := strings.Join(came(), ", "); got != c.second || res.Status != 200 || res.Redirect(c.method) != nil {
					t.Errorf("came %q, answer %d, %v; want %q, 200", got, res.Status, res.Redirect(c.method), c.second)
				}
				return
			}
			if len(came()) > 0 || res.Status != c.status {
				t.Errorf("came %q, answer %d; want nothing, %d", came(), res.Status, c.status)
			}
			err = res.Redirect(c.method)
			if !core.IsCode(err, core.CodeInvalid) {
				t.Fatalf("got %v, want invalid", err)
			}
			for _, want := range []string{fmt.Sprintf("answers %d to %s/ok", c.status, server.URL), "put that address in url"} {
				if !strings.Contains(core.MessageOf(err), want) || strings.Contains(core.MessageOf(err), "t0ken") {
					t.Errorf("got %q, want %q and nothing of the query", core.MessageOf(err), want)
				}
			}
		})
	}
}

// Another port, and https instead of http, is another origin: neither secrets nor a body go there.
func TestARedirectRefusedByTheGuardNamesStatusLocationAndRemedy(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s came", r.Method) }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL+"/new", http.StatusPermanentRedirect))
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	r := request(t, "POST", server.URL)
	r.Body = []byte("confidential")
	_, err := c.Do(t.Context(), r)
	for _, want := range []string{"answers 308 to " + target.URL + "/new", "put that address in url"} {
		if !core.IsCode(err, core.CodeForbidden) || !strings.Contains(core.MessageOf(err), want) {
			t.Errorf("got %v, want forbidden with %q", err, want)
		}
	}
}
