package actionexec_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
)

// Case redirect-loses-body: the request of the definition is made to a server that answers with
// a redirect.
func TestRedirectLosesBody(t *testing.T) {
	raw, err := os.ReadFile("testdata/redirect-loses-body/call.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var def struct {
		Rules []struct {
			Actions []struct {
				With map[string]any `yaml:"with"`
			} `yaml:"actions"`
		} `yaml:"rules"`
	}
	if err := yaml.Unmarshal(raw, &def); err != nil {
		t.Fatal(err)
	}
	with := def.Rules[0].Actions[0].With
	for _, status := range []int{301, 302, 303, 307, 308} {
		var came []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			came = append(came, r.Method+" "+r.URL.Path+" "+string(body))
			if strings.HasPrefix(r.URL.Path, "/old/") {
				w.Header().Set("Location", "/ok")
				w.WriteHeader(status)
			}
		}))
		with["url"] = fmt.Sprintf("%s/old/%d", server.URL, status)
		_, res, err := perform(t, executor(t, nil), action(core.ActionHTTPRequest, with))
		server.Close()
		if status >= 307 {
			if err != nil || res.Outcome != "delivered" || came[len(came)-1] != `POST /ok {"deploy":"api"}` {
				t.Errorf("%d: got %v, %v, came %q; want delivered by POST /ok", status, res, err, came)
			}
			continue
		}
		want := fmt.Sprintf("answers %d to %s/ok", status, server.URL)
		if !core.IsCode(err, core.CodeInvalid) || !strings.Contains(core.MessageOf(err), want) ||
			!strings.Contains(core.MessageOf(err), "put that address in url") || len(came) != 1 {
			t.Errorf("%d: got %v, came %q; want one request and a final error with %q and its remedy", status, err, came, want)
		}
	}
}

// Whoever names the status of the redirect is content with it: a form that is answered 303 was
// taken.
func TestARedirectThatIsExpectedIsAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/done", http.StatusSeeOther))
	defer server.Close()
	v, res, err := perform(t, executor(t, nil), action(core.ActionHTTPRequest, map[string]any{"url": server.URL, "body": "x", "expect": map[string]any{"status": int64(303)}}))
	if err != nil || res.Outcome != "delivered" || v["status"] != int64(303) {
		t.Errorf("got %v, %v; want delivered with 303", v, err)
	}
}

func TestAReportThatIsRedirectedIsNotReported(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ok" {
			http.Redirect(w, r, "/ok", http.StatusMovedPermanently)
		}
	}))
	defer server.Close()
	hub, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	e := executor(t, func(c *actionexec.Config) { c.Hub = hub })
	_, res, err := perform(t, e, action(core.ActionReportProgress, map[string]any{"message": "m"}))
	if !core.IsCode(err, core.CodeInvalid) || !strings.Contains(core.MessageOf(err), "answers 301 to "+server.URL+"/ok") {
		t.Errorf("got %v, %v; want a final error with the address", res, err)
	}
}

func TestPlainHTTPToATLSPortIsNamed(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	_, _, err := perform(t, executor(t, nil), action(core.ActionHTTPRequest, map[string]any{"url": strings.Replace(server.URL, "https", "http", 1)}))
	if !core.IsCode(err, core.CodeInvalid) || !strings.Contains(core.MessageOf(err), "use https://") {
		t.Errorf("got %v, want a final error that names https", err)
	}
}

// expect.body says what it had to go by.
func TestAConditionThatFailsSaysWhatWasAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"an error page": {func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/html"); fmt.Fprint(w, "<html>") }, "status 200, text/html"},
		"nothing":       {func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, "status 204, an empty body"},
		"too much": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id": "%s"}`, strings.Repeat("x", 2<<20))
		}, "cut at the 1048576 bytes"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) }))
		_, _, err := perform(t, executor(t, nil), action(core.ActionHTTPRequest, map[string]any{"url": server.URL, "expect": map[string]any{"body": "body.id != ''"}}))
		server.Close()
		if !core.IsCode(err, core.CodeInvalid) || !strings.Contains(core.MessageOf(err), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestASigningSecretComesOutOfNothing(t *testing.T) {
	const secret = "signing/secret+1"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Echo", url.QueryEscape(secret))
		fmt.Fprint(w, `{"you": "signing\/secret\u002B1"}`)
	}))
	defer server.Close()
	e := executor(t, func(c *actionexec.Config) {
		c.Secrets = secretsFor{strings.TrimPrefix(server.URL, "http://"), map[string]string{"key": secret}}
	})
	for _, condition := range []string{"true", "headers['x-echo'] == 1", "body.you == 1", "int(body.you) == 1", "int(headers['x-echo']) == 1"} {
		_, res, err := perform(t, e, action(core.ActionHTTPRequest, map[string]any{"url": server.URL, "sign": "key", "expect": map[string]any{"body": condition}}))
		if text := fmt.Sprintf("%s %v", res.Result, err); strings.Contains(text, "secret%2B") || strings.Contains(text, "secret+") || strings.Contains(text, `secret\u`) {
			t.Errorf("%s: the secret is in %s", condition, text)
		}
	}
}
