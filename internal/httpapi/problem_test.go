package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
)

// halfRecord answers what the table below asks for, and fails or panics elsewhere.
type halfRecord struct{ httpapi.Record }

func (halfRecord) Run(_ context.Context, id string) (core.Run, error) {
	switch id {
	case "broken":
		return core.Run{}, fmt.Errorf("password=hunter22: the disk is on fire")
	case "away":
		return core.Run{}, core.Errorf(core.CodeUnavailable, "the database does not answer")
	case "there":
		return core.Run{RunID: id}, nil
	}
	return core.Run{}, core.NotFound("run", id)
}

func (halfRecord) Plan(context.Context, string) (core.Plan, error) { panic("a defect with hunter22") }

// halfStore has no definitions.
type halfStore struct{ catalog.Store }

func (halfStore) Definition(_ context.Context, ref string) (core.StoredDefinition, error) {
	return core.StoredDefinition{}, core.NotFound("activity definition", ref)
}

// server is the real handler behind a real server.
func server(t *testing.T, edit ...func(*httpapi.Config)) *httptest.Server {
	t.Helper()
	c := httpapi.Config{Catalog: catalog.New(catalog.Config{Store: halfStore{}}), Record: halfRecord{}, WebhookSecrets: map[string][]string{"github": {"s"}}}
	for _, e := range edit {
		e(&c)
	}
	s := httptest.NewServer(httpapi.New(c))
	t.Cleanup(s.Close)
	return s
}

// problem is an error answer, read strictly.
type problem struct {
	Type, Title, Detail, Code string
	Status                    int
	RequestID                 string             `json:"request_id"`
	Errors                    *[]core.FieldError `json:"errors"`
}

func TestEveryErrorIsAProblemDocument(t *testing.T) {
	s := server(t)
	long := strings.Repeat("x", 100<<10)
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		body         string
		status       int
		code         core.Code
		at, says     string // of the first of errors, "" for none; within detail
	}{
		"no such route":            {"GET", "/nope", nil, "", 404, core.CodeNotFound, "path", "there is no route /nope"},
		"no such route, with text": {"POST", "/runz/x", nil, "{}", 404, core.CodeNotFound, "path", "/docs lists them"},
		"wrong method":             {"POST", "/runs", nil, "{}", 405, core.CodeInvalid, "method", "/runs does not take POST, but GET"},
		"unknown method":           {"BREW", "/runs", nil, "", 405, core.CodeInvalid, "method", "BREW"},
		"wrong method of a hook":   {"GET", "/hooks/github", nil, "", 405, core.CodeInvalid, "method", "POST"},
		"wrong method of health":   {"DELETE", "/healthz", nil, "", 405, core.CodeInvalid, "method", "GET"},
		"no such run":              {"GET", "/runs/x", nil, "", 404, core.CodeNotFound, "", `there is no run "x"`},
		"no such definition":       {"GET", "/activity-definitions/x", nil, "", 404, core.CodeNotFound, "", `there is no activity definition "x"`},
		"with a slash":             {"GET", "/runs/x/", nil, "", 404, core.CodeNotFound, "", `there is no run "x"`},
		"any Accept":               {"GET", "/runs/x", map[string]string{"Accept": "text/html"}, "", 404, core.CodeNotFound, "", "no run"},
		"odd Accept":               {"GET", "/runs/x", map[string]string{"Accept": "json"}, "", 404, core.CodeNotFound, "", "no run"},
		"broken Accept":            {"GET", "/runs/x", map[string]string{"Accept": ";;q=,"}, "", 404, core.CodeNotFound, "", "no run"},
		"wrong parameter":          {"GET", "/runs?limit=0", nil, "", 422, core.CodeInvalid, "query.limit", "limit"},
		"no number":                {"GET", "/runs?limit=many", nil, "", 422, core.CodeInvalid, "query.limit", "limit"},
		"wrong value of a list":    {"GET", "/runs?status=ok", nil, "", 422, core.CodeInvalid, "query.status", "status"},
		"unknown parameter":        {"GET", "/runs?colour=red", nil, "", 422, core.CodeInvalid, "query.colour", "colour"},
		"wrong time":               {"GET", "/runs?since=yesterday", nil, "", 422, core.CodeInvalid, "since", "RFC 3339"},
		"wrong header":             {"DELETE", "/activity-definitions/x", map[string]string{"If-Match": "new"}, "", 422, core.CodeInvalid, "If-Match", "ETag"},
		"broken JSON":              {"POST", "/sync", nil, `{"dry_run": tru`, 400, core.CodeMalformed, "body", "JSON"},
		"broken JSON, definition":  {"POST", "/activity-definitions", nil, `{"name": `, 400, core.CodeMalformed, "body", "the body"},
		"broken JSON, event":       {"POST", "/events", nil, `{"type": `, 400, core.CodeMalformed, "", "JSON"},
		"broken JSON, secret":      {"PUT", "/secrets/x", nil, `{"value": `, 503, core.CodeUnavailable, "", "secrets"},
		"no body":                  {"POST", "/events/explain", nil, "", 400, core.CodeMalformed, "body", "body"},
		"wrong type in the body":   {"POST", "/sync", nil, `{"dry_run": "yes"}`, 422, core.CodeInvalid, "body.dry_run", "boolean"},
		"unknown field":            {"POST", "/sync", nil, `{"dryrun": true}`, 422, core.CodeInvalid, "body.dryrun", "unexpected"},
		"no object":                {"POST", "/sync", nil, `7`, 422, core.CodeInvalid, "body", "object"},
		"media type":               {"POST", "/sync", map[string]string{"Content-Type": "text/csv"}, "a,b", 415, core.CodeInvalid, "Content-Type", "application/json"},
		"media type, definition":   {"POST", "/activity-definitions", map[string]string{"Content-Type": "text/csv"}, "a,b", 415, core.CodeInvalid, "Content-Type", "application/yaml"},
		"media type, apply":        {"POST", "/apply", map[string]string{"Content-Type": "image/png"}, "a,b", 415, core.CodeInvalid, "Content-Type", "application/json"},
		"large body":               {"POST", "/sync", nil, `"` + strings.Repeat("x", 600<<10) + `"`, 413, core.CodeTooLarge, "body", "524288 bytes"},
		"large definition":         {"POST", "/activity-definitions", nil, `"` + strings.Repeat("x", 2<<20) + `"`, 413, core.CodeTooLarge, "body", "1048576 bytes"},
		"large event":              {"POST", "/events", nil, `"` + strings.Repeat("x", 2<<20) + `"`, 413, core.CodeTooLarge, "body", "1048576 bytes"},
		"large webhook":            {"POST", "/hooks/github", map[string]string{"X-Hub-Signature-256": "sha256=" + strings.Repeat("0", 64)}, strings.Repeat("x", 2<<20), 413, core.CodeTooLarge, "body", "1048576 bytes"},
		"unsigned webhook":         {"POST", "/hooks/github", nil, "{}", 401, core.CodeUnauthorized, "X-Hub-Signature-256", "is missing"},
		"webhook without a secret": {"POST", "/hooks/gitlab", nil, "{}", 503, core.CodeUnavailable, "", "secret"},
		"no such webhook":          {"POST", "/hooks/nope", nil, "{}", 404, core.CodeNotFound, "path", "no route"},
		"large head":               {"GET", "/runs/x", map[string]string{"X-Long": long}, "", 431, core.CodeTooLarge, "headers", "65536 bytes"},
		"long address":             {"GET", "/runs/" + long, nil, "", 414, core.CodeTooLarge, "path", "65536 bytes"},
		"long query":               {"GET", "/runs?event=" + long, nil, "", 414, core.CodeTooLarge, "path", "65536 bytes"},
		"a role that is not here":  {"POST", "/sync", nil, "{}", 503, core.CodeUnavailable, "", "does not offer"},
		"a database that is away":  {"GET", "/runs/away", nil, "", 503, core.CodeUnavailable, "", "does not answer"},
		"an unforeseen failure":    {"GET", "/runs/broken", nil, "", 500, core.CodeInternal, "", "the log has the details"},
		"a panic":                  {"GET", "/runs/there/plan", nil, "", 500, core.CodeInternal, "", "the log has the details"},
		"another site":             {"POST", "/sync", map[string]string{"Origin": "http://evil.example"}, "{}", 403, core.CodeForbidden, "", "origin"},
		"another host":             {"GET", "/runs/x", map[string]string{"Host": "evil.example"}, "", 403, core.CodeForbidden, "", "evil.example"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.body != "" {
				req.Header.Set("Content-Type", "application/json")
			}
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			if host := c.header["Host"]; host != "" {
				req.Host = host
			}
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			p := readProblem(t, res, c.status, c.code)
			at := ""
			if len(*p.Errors) > 0 {
				at = (*p.Errors)[0].Location
			}
			if at != c.at || !strings.Contains(p.Detail, c.says) {
				t.Errorf("detail %q, errors %v; want %q at %q", p.Detail, *p.Errors, c.says, c.at)
			}
		})
	}
	t.Run("a wrong token", func(t *testing.T) {
		s := server(t, func(c *httpapi.Config) { c.Token = "the-right-token-1" })
		res, err := http.Get(s.URL + "/runs")
		if err != nil {
			t.Fatal(err)
		}
		if p := readProblem(t, res, 401, core.CodeUnauthorized); res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%+v without WWW-Authenticate", p)
		}
	})
}

// readProblem holds an answer against what all error answers have in common.
func readProblem(t *testing.T, res *http.Response, status int, code core.Code) problem {
	t.Helper()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p problem
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("status %d: %v: %.300s", res.StatusCode, err, text)
	}
	if res.StatusCode != status || p.Status != status || p.Code != string(code) || p.Title != http.StatusText(status) || p.Type != "about:blank" {
		t.Errorf("status %d, %.300s\nwant status %d, code %s", res.StatusCode, text, status, code)
	}
	if ct := res.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
	if p.RequestID == "" || p.RequestID != res.Header.Get("X-Request-Id") || p.Detail == "" {
		t.Errorf("request_id %q, X-Request-Id %q, detail %q", p.RequestID, res.Header.Get("X-Request-Id"), p.Detail)
	}
	if (status == 503) != (res.Header.Get("Retry-After") != "") {
		t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
	}
	if p.Errors == nil {
		t.Fatalf("no errors[] in %s", text)
	}
	for _, f := range *p.Errors {
		if f.Location == "" || f.Message == "" {
			t.Errorf("errors[] holds %+v", f)
		}
	}
	if len(text) > 2000 || strings.Contains(string(text), "hunter22") {
		t.Errorf("the answer repeats too much: %.300s", text)
	}
	return p
}

func TestABodyThatEndsEarlyIsTheSendersFault(t *testing.T) {
	s := server(t)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /sync HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	readProblem(t, res, 400, core.CodeMalformed)
}

// An answer that breaks off must not look like a whole one.
func TestAPanicInTheMiddleOfAnAnswerCutsTheConnection(t *testing.T) {
	s := server(t, func(c *httpapi.Config) { c.Record = brokenOff{}; c.Logger = slog.New(slog.DiscardHandler) })
	res, err := http.Get(s.URL + "/runs/x")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err == nil {
		t.Fatalf("status %d and no error", res.StatusCode)
	}
}

type brokenOff struct{ httpapi.Record }

// Run answers what cannot be written as JSON, which shows when the status is sent already.
func (brokenOff) Run(context.Context, string) (core.Run, error) {
	return core.Run{CreatedAt: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
}

func TestEveryAnswerIsJSONWhateverAcceptSays(t *testing.T) {
	s := server(t)
	for _, accept := range []string{"", "*/*", "text/html,application/xhtml+xml", "application/xml", "json", "application/cbor", "application/json;q=0"} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/runs/there", nil)
		req.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || ct != "application/json" {
			t.Errorf("Accept %q: status %d, Content-Type %q", accept, res.StatusCode, ct)
		}
	}
}
