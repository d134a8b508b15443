package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
)

func request(t *testing.T, c httpapi.Config, method, path, body string) (int, string) {
	t.Helper()
	if c.Catalog == nil {
		c.Catalog = catalog.New(catalog.Config{})
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:8010"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	httpapi.New(c).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestHooksWithoutASecretAreNotOpen(t *testing.T) {
	for _, source := range []string{"github", "gitea", "gitlab", "standard"} {
		if status, answer := request(t, httpapi.Config{}, "POST", "/hooks/"+source, "{}"); status != http.StatusServiceUnavailable || !strings.Contains(answer, "webhooks."+source+".secret") {
			t.Errorf("%s: %d %s", source, status, answer)
		}
	}
}

// decidedLog has routed every event, and one definition fired for it.
type decidedLog struct{ httpapi.EventLog }

func (decidedLog) Explain(_ context.Context, e core.Event, _ string, _ core.PageRequest) (core.Page[core.EventExplanation], error) {
	return core.Page[core.EventExplanation]{Items: []core.EventExplanation{
		{ActivityName: "a", Matched: string(e.Payload) == "1", Verdict: core.VerdictFired, RunID: "r1", Summary: "fired: run r1"},
		{ActivityName: "b", Summary: "does not match: n is 2"},
	}}, nil
}

func (decidedLog) Event(_ context.Context, id string) (core.EventListing, error) {
	return core.EventListing{Event: core.Event{EventID: id, Type: "x", Payload: []byte("1")}}, nil
}

func TestTheVerdictOnAnEventOfTheSameIDIsNotTakenForTheFiles(t *testing.T) {
	c := httpapi.Config{Events: decidedLog{}}
	for payload, says := range map[string]string{
		"1": `"matches; but an event with this event_id was routed before, and a repeated one starts nothing. Of that one the ledger says: fired: run r1"`,
		"2": `"does not match; but an event with this event_id was routed before, and a repeated one starts nothing. Of that one the ledger says: fired: run r1"`,
	} {
		status, answer := request(t, c, "POST", "/events/explain", `{"event": {"event_id": "e", "type": "x", "payload": `+payload+`}}`)
		if status != http.StatusOK || !strings.Contains(answer, says) || !strings.Contains(answer, `"does not match: n is 2"`) {
			t.Errorf("payload %s: %d %s", payload, status, answer)
		}
	}
	if status, answer := request(t, c, "GET", "/events/e/explain", ""); status != http.StatusOK || !strings.Contains(answer, `"summary":"fired: run r1"`) {
		t.Errorf("the stored event itself: %d %s", status, answer)
	}
}

func TestAnEventIsFoundWhateverItsID(t *testing.T) {
	server := httptest.NewServer(httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{}), Events: decidedLog{}}))
	defer server.Close()
	c, err := apiclient.New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, id := range []string{"e", "tail", ".", "..", "...", "/", "//", "a/", "/a", "a//", "../x", "a/../b", "explain", "replay", "e/explain", "%2F", "%", "a b", "a?b#c", "é", "\\", "a+b;c"} {
		if e, err := c.Event(ctx, id); err != nil || e.EventID != id {
			t.Errorf("%q is shown as %q, %v", id, e.EventID, err)
		}
		if x, err := c.ExplainEvent(ctx, id, apiclient.ListOptions{}); id != "/" && (err != nil || len(x.Items) != 2) {
			t.Errorf("%q is explained as %+v, %v", id, x, err)
		}
	}
	if status, answer := request(t, httpapi.Config{Events: decidedLog{}}, "GET", "/events/e/", ""); status != http.StatusOK || !strings.Contains(answer, `"event_id":"e"`) {
		t.Errorf("a slash at the end of a path: %d %s", status, answer)
	}
	if status, answer := request(t, httpapi.Config{Events: decidedLog{}}, "GET", "/events?event_id=e&type=x", ""); status != http.StatusUnprocessableEntity || !strings.Contains(answer, "stands alone") {
		t.Errorf("an ID and a type: %d %s", status, answer)
	}
}

func TestAFaultInAListOfEventsIsLocated(t *testing.T) {
	status, answer := request(t, httpapi.Config{}, "POST", "/events", `[{"event_id":"1","type":"x","payload":1},{"event_id":"2","type":"a b","payload":1}]`)
	if status != http.StatusUnprocessableEntity || !strings.Contains(answer, `"location":"[1].type"`) || !strings.Contains(answer, "event 1 of the list: type: contains") {
		t.Errorf("%d %s", status, answer)
	}
}

// The sample bom-events, in a request.
func TestAByteOrderMarkBeforeAListOfEventsIsReadPast(t *testing.T) {
	status, answer := request(t, httpapi.Config{}, "POST", "/events", "\ufeff"+`[{"event_id":"1","type":"a b","payload":1}]`)
	if status != http.StatusUnprocessableEntity || !strings.Contains(answer, `"location":"[0].type"`) {
		t.Errorf("got %d %s; want 422 about [0].type", status, answer)
	}
}

// awayLog answers as the real one does when the client has gone.
type awayLog struct{ httpapi.EventLog }

func (awayLog) Event(ctx context.Context, _ string) (core.EventListing, error) {
	return core.EventListing{}, core.Wrap(core.CodeUnavailable, ctx.Err(), "cannot read stream ACTIVITY_EVENTS: interrupted")
}

func TestAClientThatGoesAwayIsNoErrorInTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		cancel bool
		log    string
	}{"gone": {true, ""}, "waiting": {false, "request failed"}} {
		var out bytes.Buffer
		h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{}), Events: awayLog{}, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		if c.cancel {
			cancel()
		}
		r := httptest.NewRequestWithContext(ctx, "GET", "/events/e", nil)
		r.Host = "127.0.0.1:8010"
		h.ServeHTTP(httptest.NewRecorder(), r)
		cancel()
		if c.log == "" && strings.Contains(out.String(), "ERROR") || !strings.Contains(out.String(), c.log) {
			t.Errorf("%s: the log says %q", name, out.String())
		}
	}
}

// partsLog looks at one event a part, and keeps where each part was to end.
type partsLog struct {
	httpapi.EventLog
	until []time.Time
}

func (l *partsLog) Replay(_ context.Context, r core.ReplayRequest, _ func(core.ReplayMatch) error) (core.ReplayReport, error) {
	l.until = append(l.until, r.Until)
	return core.ReplayReport{Events: 1, NextSequence: r.FromSequence + 1}, nil
}

func TestAllPartsOfAReplayEndAtOneTime(t *testing.T) {
	const definition = `{"name":"a","trigger_type":"event","trigger_config":{"event_type":"x"},"rules":[{"name":"r","actions":[{"name":"t","type":"create_task","with":{"title":"t"}}]}]}`
	for until, ago := range map[string]time.Duration{"2h": 2 * time.Hour, "": 0} {
		log, now := &partsLog{}, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		c := httpapi.Config{Events: log, Now: func() time.Time { now = now.Add(time.Minute); return now }}
		ask := map[string]any{"definition": json.RawMessage(definition), "from": "7d", "until": until, "dry_run": true}
		for part := range 3 {
			body, err := json.Marshal(ask)
			if err != nil {
				t.Fatal(err)
			}
			status, answer := request(t, c, "POST", "/events/replay", string(body))
			var got struct {
				Next  uint64 `json:"next_sequence"`
				Until string `json:"until"`
			}
			if err := json.Unmarshal([]byte(answer), &got); err != nil || status != http.StatusOK {
				t.Fatalf("part %d: %d %s", part, status, answer)
			}
			ask["from_sequence"], ask["until"] = got.Next, got.Until
		}
		if first := log.until[0]; log.until[2] != first || now.Sub(first) < ago || now.Sub(first) > ago+10*time.Minute {
			t.Errorf("until %q at about %s: parts end at %v", until, now, log.until)
		}
	}
}
