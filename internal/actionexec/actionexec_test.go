package actionexec_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/outbound"
)

const key = "activity-a:manual-k/r/0/0"

var (
	at  = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	run = core.Run{RunID: "r1", ActivityID: "a", ActivityName: "demo", WorkflowID: "activity-a:manual-k"}
)

// secretsFor gives every secret it has to one host.
type secretsFor struct {
	host   string
	values map[string]string
}

func (s secretsFor) Resolve(_ context.Context, name, host string) (string, error) {
	v, ok := s.values[name]
	if !ok || host != s.host {
		return "", core.Errorf(core.CodeForbidden, "secret %q may not be sent to %q", name, host)
	}
	return v, nil
}

// stream records what is published.
type stream []core.Event

func (s *stream) PublishEvent(_ context.Context, e core.Event) (core.PublishReceipt, error) {
	*s = append(*s, e)
	return core.PublishReceipt{EventID: e.EventID, Sequence: uint64(len(*s))}, nil
}

func executor(t *testing.T, change func(*actionexec.Config)) *actionexec.Executor {
	t.Helper()
	c := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(c.Close)
	cfg := actionexec.Config{HTTP: c, Now: func() time.Time { return at }}
	if change != nil {
		change(&cfg)
	}
	return actionexec.New(cfg)
}

func action(typ core.ActionType, with map[string]any) core.PlannedAction {
	return core.PlannedAction{Rule: "r", ItemKey: "0", Key: key, Type: typ, With: with}
}

func perform(t *testing.T, e *actionexec.Executor, a core.PlannedAction) (map[string]any, core.ActionResult, error) {
	t.Helper()
	res, err := e.Perform(t.Context(), run, nil, a)
	var v map[string]any
	if err == nil {
		decoded, decodeErr := core.DecodeJSON(res.Result)
		if decodeErr != nil {
			t.Fatalf("result %s: %v", res.Result, decodeErr)
		}
		v, _ = decoded.(map[string]any)
	}
	return v, res, err
}

func TestARequestCarriesItsKeyBodyAndQueryAndItsAnswerIsCaptured(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/vnd.api+json")
		w.Header().Set("Set-Cookie", "session=1")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id": 9007199254740993}`)
	}))
	defer server.Close()
	v, res, err := perform(t, executor(t, nil), action(core.ActionHTTPRequest, map[string]any{
		"method": "PUT", "url": server.URL + "/x?a=1", "query": map[string]any{"n": int64(9007199254740993), "tag": []any{"a b", "c&d"}},
		"headers": map[string]any{"X-Trace": "t"}, "body": map[string]any{"n": int64(9007199254740993)},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != "PUT" || got.Header.Get("Idempotency-Key") != key || got.Header.Get("X-Trace") != "t" ||
		got.Header.Get("Content-Type") != "application/json" || string(body) != `{"n":9007199254740993}` {
		t.Errorf("request: %s %v %s", got.Method, got.Header, body)
	}
	if q := got.URL.Query(); q.Get("a") != "1" || q.Get("n") != "9007199254740993" || len(q["tag"]) != 2 || q["tag"][1] != "c&d" {
		t.Errorf("query: %v", q)
	}
	if res.Outcome != "delivered" || v["status"] != int64(201) || v["body"].(map[string]any)["id"] != int64(9007199254740993) {
		t.Errorf("result: %v %v", res.Outcome, v)
	}
	if _, kept := v["headers"].(map[string]any)["set-cookie"]; kept {
		t.Error("a cookie is kept in the record")
	}
}

func TestWhichAnswersAreTriedAgain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
	}))
	defer server.Close()
	for status, want := range map[int]core.Code{
		200: "", 204: "", 302: core.CodeInvalid, 400: core.CodeInvalid, 401: core.CodeInvalid, 404: core.CodeInvalid, 409: core.CodeInvalid,
		408: core.CodeUnavailable, 425: core.CodeUnavailable, 429: core.CodeUnavailable, 500: core.CodeUnavailable, 503: core.CodeUnavailable,
	} {
		_, _, err := perform(t, executor(t, nil), action(core.ActionHTTPRequest, map[string]any{"url": fmt.Sprintf("%s/%d", server.URL, status)}))
		if core.CodeOf(err) != want {
			t.Errorf("%d: %v", status, err)
		}
		var later interface{ RetryAfter() time.Duration }
		if asked := errors.As(err, &later) && later.RetryAfter() == 7*time.Second; asked != (want == core.CodeUnavailable) {
			t.Errorf("%d: Retry-After is honoured: %v", status, asked)
		}
	}
}

func TestExpectationsOnStatusAndBodyDecide(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Kind", "demo")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"ok": true}`)
	}))
	defer server.Close()
	for _, c := range []struct {
		expect map[string]any
		ok     bool
	}{
		{map[string]any{"status": int64(404)}, true}, {map[string]any{"status": "4xx"}, true}, {map[string]any{"status": []any{"2xx", int64(404)}}, true},
		{map[string]any{"status": "2xx"}, false}, {map[string]any{"status": "4xx", "body": "body.ok && headers['x-kind'] == 'demo' && status == 404"}, true},
		{map[string]any{"status": "4xx", "body": "!body.ok"}, false}, {map[string]any{"status": "4xx", "body": "body.missing"}, false},
	} {
		_, _, err := perform(t, executor(t, nil), action(core.ActionHTTPRequest, map[string]any{"url": server.URL, "expect": c.expect}))
		if (err == nil) != c.ok {
			t.Errorf("%v: %v", c.expect, err)
		}
	}
}

func TestAnAnswerBeyondTheLimitIsCutAndKeptAsText(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `"%s"`, strings.Repeat("é", 5<<20))
	}))
	defer server.Close()
	v, res, err := perform(t, executor(t, nil), action(core.ActionHTTPRequest, map[string]any{"url": server.URL, "max_response_bytes": int64(100)}))
	if err != nil || v["truncated"] != true || len(v["body"].(string)) > 100 || len(res.Result) > 1000 {
		t.Errorf("%d bytes kept: %v, %v", len(res.Result), v["truncated"], err)
	}
}

func TestSecretsAreSentAndNeverComeOutAgain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		_ = json.NewEncoder(w).Encode(map[string]any{"you sent": r.Header.Get("Authorization"), "token": strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")})
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	e := executor(t, func(c *actionexec.Config) {
		c.Secrets = secretsFor{host, map[string]string{"api": `Bearer hunter"22`}}
	})
	with := map[string]any{"url": server.URL, "secret_headers": map[string]any{"Authorization": "api"}}
	v, res, err := perform(t, e, action(core.ActionHTTPRequest, with))
	if err != nil {
		t.Fatal(err)
	}
	if echoed := v["body"].(map[string]any)["you sent"]; echoed != "***" {
		t.Errorf("the server saw, or the record keeps, %q", echoed)
	}
	if strings.Contains(string(res.Result), "hunter") {
		t.Errorf("the result contains the secret: %s", res.Result)
	}
	with["expect"] = map[string]any{"body": "body.missing == 1"}
	if _, _, err := perform(t, e, action(core.ActionHTTPRequest, with)); err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("the error contains the secret, or there is none: %v", err)
	}
	with["url"] = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	if _, _, err := perform(t, e, action(core.ActionHTTPRequest, with)); !core.IsCode(err, core.CodeForbidden) {
		t.Errorf("another host: %v", err)
	}
}

func TestASignatureIsThatOfStandardWebhooks(t *testing.T) {
	raw := []byte("0123456789abcdef01234567")
	var valid bool
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, stamp := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
		mac := hmac.New(sha256.New, raw)
		fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
		valid = r.Header.Get("webhook-signature") == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) &&
			stamp == fmt.Sprint(at.Unix()) && strings.HasPrefix(id, "msg_") && !strings.Contains(id, ".")
	}))
	defer server.Close()
	e := executor(t, func(c *actionexec.Config) {
		c.Secrets = secretsFor{strings.TrimPrefix(server.URL, "http://"), map[string]string{"hook": "whsec_" + base64.StdEncoding.EncodeToString(raw)}}
	})
	if _, _, err := perform(t, e, action(core.ActionHTTPRequest, map[string]any{"url": server.URL, "body": "text", "sign": "hook"})); err != nil || !valid {
		t.Errorf("valid: %v, %v", valid, err)
	}
}

func TestAPublishedEventCarriesADerivedIDAndOneHopMore(t *testing.T) {
	var s stream
	e := executor(t, func(c *actionexec.Config) { c.Publisher = &s })
	a := action(core.ActionPublishEvent, map[string]any{"type": "sbom.refreshed", "payload": map[string]any{"n": int64(9007199254740993)}})
	for range 2 {
		if _, err := e.Perform(t.Context(), run, &core.Event{Hops: 3, Chain: []string{"a"}}, a); err != nil {
			t.Fatal(err)
		}
	}
	if s[0].EventID == "" || s[0].EventID != s[1].EventID || s[0].Hops != 4 || !slices.Equal(s[0].Chain, []string{"a", run.ActivityID}) || s[0].Source != "activity-core/demo" || string(s[0].Payload) != `{"n":9007199254740993}` {
		t.Errorf("events: %+v", s)
	}
	if _, err := e.Perform(t.Context(), run, &core.Event{Hops: core.MaxHops}, a); !core.IsCode(err, core.CodeInvalid) || len(s) != 2 {
		t.Errorf("beyond the last hop: %v", err)
	}
}

func TestProgressIsReportedToTheHub(t *testing.T) {
	var got map[string]any
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		_ = json.NewDecoder(r.Body).Decode(&got)
	}))
	defer server.Close()
	hub, _ := url.Parse(server.URL + "/progress")
	e := executor(t, func(c *actionexec.Config) {
		c.Hub, c.HubSecret, c.Secrets = hub, "hub", secretsFor{hub.Host, map[string]string{"hub": "hunter22"}}
	})
	a := action(core.ActionReportProgress, map[string]any{"message": "half way", "percent": int64(50)})
	if _, _, err := perform(t, e, a); err != nil {
		t.Fatal(err)
	}
	if got["message"] != "half way" || got["percent"] != 50.0 || got["status"] != "running" || got["run_id"] != "r1" ||
		header.Get("Authorization") != "Bearer hunter22" || header.Get("Idempotency-Key") != key {
		t.Errorf("report: %v with %v", got, header)
	}
	if _, _, err := perform(t, executor(t, nil), a); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("without a hub: %v", err)
	}
}

func TestATaskIsWrittenWithItsDefaults(t *testing.T) {
	w, err := executor(t, nil).TaskWrite(run, action(core.ActionCreateTask, map[string]any{"title": "T", "unique_key": "u", "labels": []any{"a"}}), at)
	if err != nil {
		t.Fatal(err)
	}
	if w.Task.TaskID != core.TaskID(key) || w.Task.Priority != "normal" || w.IfOpen != core.IfOpenSkip || w.Comment != "T" ||
		w.Task.UniqueKey != "u" || w.Task.Status != core.TaskOpen || w.Task.RunID != "r1" || len(w.Task.Labels) != 1 {
		t.Errorf("%+v", w)
	}
	if _, err := executor(t, nil).TaskWrite(run, action(core.ActionCreateTask, map[string]any{}), at); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("without a title: %v", err)
	}
}
