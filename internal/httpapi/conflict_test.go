package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/sqlite"
)

func TestATriggerWithAnotherEventOfAKnownIDIsAConflict(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d := core.Definition{Name: "a", TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{EventType: core.StringList{"x"}},
		Rules: []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}}}
	d.Normalize()
	if _, err := store.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: d}}, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	c := httpapi.Config{Catalog: catalog.New(catalog.Config{Store: store}), Record: store, Now: time.Now}
	const route = "/activity-definitions/a/trigger"
	if status, answer := request(t, c, "POST", route, `{"event":{"event_id":"e1","type":"x","payload":{"n":1,"m":2}}}`); status >= 300 {
		t.Fatalf("the first: %d %s", status, answer)
	}
	if status, answer := request(t, c, "POST", route, `{"event":{"event_id":"e1","type":"x","payload":{"m":2,"n":1.0}}}`); status >= 300 {
		t.Errorf("the same again: %d %s, want a second run", status, answer)
	}
	status, answer := request(t, c, "POST", route, `{"event":{"event_id":"e1","type":"x","payload":{"n":3}}}`)
	if want := "event_id: is that of another event, recorded by a trigger with another payload"; status != http.StatusConflict || !strings.Contains(answer, want) {
		t.Errorf("another payload: %d %s, want %d and %q", status, answer, http.StatusConflict, want)
	}
	page, err := store.Runs(t.Context(), core.RunFilter{EventID: "e1"}, core.PageRequest{Limit: 10})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("%d runs (%v), want 2", len(page.Items), err)
	}
	for _, run := range page.Items { // a rerun takes the event as it is kept
		if status, answer := request(t, c, "POST", "/runs/"+run.RunID+"/rerun", ``); status >= 300 {
			t.Errorf("rerun: %d %s", status, answer)
		}
	}
}

// oneEvent has one event, and conflictLetters what came with its ID.
type oneEvent struct{ httpapi.EventLog }

func (oneEvent) Event(_ context.Context, id string) (core.EventListing, error) {
	return core.EventListing{Event: core.Event{EventID: id, Type: "x", Payload: []byte(`1`)}, Sequence: 1}, nil
}

type conflictLetters struct{ httpapi.DeadLetters }

func (conflictLetters) Conflicts(_ context.Context, e core.EventListing) ([]core.ConflictingEvent, error) {
	return []core.ConflictingEvent{{DeadLetter: 4, Sequence: e.Sequence + 1, Differs: []string{"payload"}, Event: core.Event{EventID: e.EventID, Type: "x", Payload: []byte(`2`)}}}, nil
}

func TestAnEventIsShownWithThoseThatCameWithItsID(t *testing.T) {
	c := httpapi.Config{Events: oneEvent{}, DeadLetters: conflictLetters{}}
	for _, path := range []string{"/events/e1", "/events?event_id=e1"} {
		status, answer := request(t, c, "GET", path, "")
		for _, want := range []string{`"sequence":1`, `"conflicts":[{"event_id":"e1"`, `"dead_letter":4,"sequence":2`, `"differs":["payload"]`, `"payload":2`} {
			if status != http.StatusOK || !strings.Contains(answer, want) {
				t.Errorf("%s: %d %s, want %s", path, status, answer, want)
			}
		}
	}
}
