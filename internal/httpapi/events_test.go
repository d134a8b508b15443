package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
)

func request(t *testing.T, c httpapi.Config, method, path, body string) (int, string) {
	t.Helper()
	c.Catalog = catalog.New(catalog.Config{})
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
