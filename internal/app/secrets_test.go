//go:build !slim

package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/telemetry"
)

// The secret, and a text that goes the same ways without being one: where the text is found,
// the secret could have been.
const (
	secretValue = "correct-horse-battery-staple-7e1b"
	marker      = "ordinary-marker-5c0d"
)

// sharedBuffer is a log that many write to.
type sharedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sharedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sharedBuffer) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// echo answers with every header and the body that it was sent, as the worst of servers does.
func echo(t *testing.T) (server *httptest.Server, received func() int) {
	var mu sync.Mutex
	n := 0
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(r.Header.Get("Authorization"), secretValue) {
			mu.Lock()
			n++
			mu.Unlock()
		}
		w.Header().Set("X-You-Sent", r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/elsewhere":
			http.Redirect(w, r, strings.Replace("http://"+r.Host, "127.0.0.1", "localhost", 1)+"/landed", http.StatusTemporaryRedirect)
			return
		case "/landed":
			if r.Header.Get("Authorization") != "" {
				t.Error("the secret followed a redirect to another host")
			}
		case "/fails":
			w.WriteHeader(http.StatusTeapot)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"headers": r.Header, "body": string(body), "items": []string{"a", "b"}})
	}))
	t.Cleanup(server.Close)
	return server, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func TestASecretIsSentAndNowhereElseToBeFound(t *testing.T) {
	server, received := echo(t)
	host := strings.TrimPrefix(server.URL, "http://")
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"outbound.allow": "127.0.0.0/8,::1/128", "runs.outcome_events": "true"}})
	if err != nil {
		t.Fatal(err)
	}
	var log sharedBuffer
	dir := t.TempDir()
	dev, err := app.StartDev(t.Context(), app.DevOptions{DataDir: dir, Config: cfg, Logger: telemetry.NewLogger(&log, "debug", "text"), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		if err := dev.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	defer stop()
	api, err := apiclient.New(dev.API, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.SetSecret(t.Context(), "token", wire.SecretValue{Value: "Bearer " + secretValue, Hosts: []string{host}}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.SetSecret(t.Context(), "signing", wire.SecretValue{Value: "whsec_" + base64.StdEncoding.EncodeToString([]byte(secretValue)), Hosts: []string{host}}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.SetSecret(t.Context(), "bound", wire.SecretValue{Value: secretValue, Hosts: []string{"api.example.com"}}); err != nil {
		t.Fatal(err)
	}

	definition := strings.NewReplacer("URL", server.URL, "MARKER", marker).Replace(`{"apiVersion": "activity-core/v1", "kind": "ActivityDefinition", "name": "leaky",
		"enabled": true, "trigger_type": "event", "trigger_config": {"event_type": "never"},
		"context": {"list": {"http": {"url": "URL/list", "headers": {"X-Marker": "MARKER"}, "secret_header": {"Authorization": "token"}}}},
		"rules": [{"name": "r", "for_each": "context.list.items", "as": "i", "actions": [
			{"type": "http_request", "name": "one", "on_error": "continue", "with": {"url": "URL/ok", "method": "POST", "body": "MARKER",
				"secret_headers": {"Authorization": "token"}, "sign": "signing"}},
			{"type": "http_request", "on_error": "continue", "with": {"url": "URL/elsewhere", "secret_headers": {"Authorization": "token"}}},
			{"type": "http_request", "on_error": "continue", "with": {"url": "URL/fails", "secret_headers": {"Authorization": "token"}}},
			{"type": "http_request", "on_error": "continue", "with": {"url": "URL/unbound", "secret_headers": {"Authorization": "bound"}}},
			{"type": "create_task", "with": {"title": "${context.list.headers.Authorization}", "description": "${steps.one.body.headers.Authorization}"}}]}]}`)
	answers := []string{}
	call := func(method, path, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, dev.API+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", marker) // part of the workflow's ID, so that histories hold it
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, fmt.Sprintf("%s %s: %d %s", method, path, res.StatusCode, text))
		return string(text)
	}
	call("POST", "/activity-definitions", definition)
	call("POST", "/dry-run", `{"definition": "leaky"}`)
	var started wire.Triggered
	if err := json.Unmarshal([]byte(call("POST", "/activity-definitions/leaky/trigger", "")), &started); err != nil {
		t.Fatal(err)
	}
	run := waitForRun(t, api, started.RunID)
	if run.Status != core.RunPartial || run.Actions.Succeeded != 6 || run.Actions.Failed != 4 {
		t.Fatalf("run: %+v", run)
	}
	if received() < 2+6 {
		t.Fatalf("the server was sent the secret %d times", received())
	}
	for _, path := range []string{"", "/plan", "/actions"} {
		call("GET", "/runs/"+run.RunID+path, "")
	}
	for _, path := range []string{"/tasks", "/audit", "/secrets", "/secrets/token", "/activity-definitions", "/ledger", "/events"} {
		call("GET", path, "")
	}
	for _, body := range []string{ // each is refused, with a message that must not repeat it
		`{"value": "` + secretValue + `"}`, `{"value": ["` + secretValue + `"], "hosts": ["a"]}`, `{"value": "` + secretValue + `", "hosts": ["a"], "more": 1}`,
		`{"value": "` + secretValue + `", "hosts": ["http://` + host + `/"]}`, `["` + secretValue + `"]`, secretValue, `{"valeu": "` + secretValue + `", "hosts": ["a"]}`,
		`{"value": "` + secretValue + "\xff" + `", "hosts": ["a"]}`, `{"value": "` + secretValue + `", "hosts": ["a"]} x`,
	} {
		if text := call("PUT", "/secrets/token", body); !strings.Contains(text, `"code"`) {
			t.Errorf("accepted %q: %s", body, text)
		}
	}
	if text := strings.Join(answers, "\n"); !strings.Contains(text, "secret.set") || !strings.Contains(text, "may not be sent to host") {
		t.Errorf("the audit trail or the refusal is missing:\n%s", text)
	}
	places := map[string]string{"API answers": strings.Join(answers, "\n"), "histories": histories(t, dev.Temporal)}
	if err := api.DeleteSecret(t.Context(), "signing"); err != nil {
		t.Fatal(err)
	}
	stop()
	places["files"] = files(t, dir)
	for place, text := range places {
		if !strings.Contains(text, marker) {
			t.Errorf("%s: not even the marker is there", place)
		}
	}
	places["log"] = log.text()
	if !strings.Contains(places["log"], "/secrets/token") {
		t.Error("the log tells nothing of the requests")
	}
	for place, text := range places {
		if i := strings.Index(text, secretValue); i >= 0 {
			t.Errorf("%s: the secret is there: …%q…", place, text[max(0, i-200):min(len(text), i+100)])
		}
	}
}

func waitForRun(t *testing.T, api *apiclient.Client, id string) core.Run {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		run, err := api.Run(t.Context(), id)
		if err == nil && run.Status.Final() {
			return run
		}
		if time.Now().After(deadline) {
			t.Fatalf("run %s does not end: %+v, %v", id, run, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// histories are those of every workflow, in full.
func histories(t *testing.T, address string) string {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out strings.Builder
	list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowType = 'RunActivityWorkflow'"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list.Executions {
		iter := c.GetWorkflowHistory(t.Context(), e.Execution.WorkflowId, e.Execution.RunId, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for iter.HasNext() {
			event, err := iter.Next()
			if err != nil {
				t.Fatal(err)
			}
			text, err := proto.Marshal(event) // in which texts are as they are; in JSON they would be base64
			if err != nil {
				t.Fatal(err)
			}
			out.Write(text)
		}
	}
	return out.String()
}

// files is everything that is kept on disk: both databases with their logs, the streams.
func files(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	var names []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out.Write(b)
		names = append(names, filepath.Base(path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(names, "activity-core.db") || !slices.Contains(names, "secrets.key") {
		t.Fatalf("the folder holds %v", names)
	}
	return out.String()
}
