package router

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/deadletter"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// letters are those that a filter wants, the latest event first.
func (w *world) letters(f deadletter.Filter) []core.DeadLetter {
	w.T.Helper()
	page, err := deadletter.New(w.JS, time.Now).List(w.T.Context(), f, core.PageRequest{Limit: 100})
	if err != nil {
		w.T.Fatal(err)
	}
	// Two fetches are under way at a time: letters are not stored in the order of their events.
	slices.SortFunc(page.Items, func(a, b core.DeadLetter) int { return cmp.Compare(b.Sequence, a.Sequence) })
	return page.Items
}

func TestAnEventWithTheIDOfAnotherOneBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x", filters(map[string]any{"n": []any{1, 2}})), definition("b", "x", filters(map[string]any{"n": 2})), definition("off", "y"))
	pause := &core.Pause{By: "jane", At: time.Now()}
	if _, err := w.Store.SetPaused(t.Context(), core.DefinitionID("off"), pause, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	s := newStarts()
	w.start(w.router(s))
	w.Publish(event("e1", "x", map[string]any{"n": 1}))
	w.Drained()
	w.Raw("late-1", `{"event_id":"e1","type":"x","source":"test","payload":{"n":2}}`)
	w.Drained()                                                                       // letters stand in the order in which they were written
	w.Raw("late-2", `{"event_id":"e1","type":"y","source":"test","payload":{"n":1}}`) // wanted by a paused definition only
	w.Raw("late-3", `{"event_id":"e2","type":"x","source":"test","payload":{"n":2}}`) // harmed by none of them
	w.Drained()
	eventually(t, "both are dead letters", func() bool { return w.seen.dead.Load() == 2 })
	for name, want := range map[string]int{"a": 1, "b": 0, "off": 0} {
		if got := s.Count(core.DefinitionID(name), "e1"); got != want {
			t.Errorf("%s was started %d times for e1, want %d", name, got, want)
		}
	}
	w.NoEntry("b", "e1")
	w.NoEntry("off", "e1")
	if got := s.Count(core.DefinitionID("b"), "e2"); got != 1 {
		t.Errorf("b was started %d times for e2, want once", got)
	}
	if got := w.seen.routed.Load(); got != 0 {
		t.Errorf("%d duplicates were counted, want none", got)
	}
	letters := w.letters(deadletter.Filter{Reason: ReasonConflict})
	if len(letters) != 2 || letters[0].EventID != "e1" || letters[0].Sequence != 3 || letters[1].Sequence != 2 ||
		!strings.Contains(letters[0].Detail, "stored at sequence 1 with another type") || !strings.Contains(letters[1].Detail, "with another payload;") {
		t.Fatalf("letters %+v, want those of sequences 3 and 2 and what differs", letters)
	}
	if _, err := deadletter.New(w.JS, time.Now).Replay(t.Context(), letters[1].ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a replay in vain is a dead letter again", func() bool { return w.seen.dead.Load() == 3 })
	if letters := w.letters(deadletter.Filter{Reason: ReasonConflict}); len(letters) != 2 || letters[0].EventID != "e1" {
		t.Errorf("letters %+v, want two still", letters)
	}
}

func TestARepeatInAnotherFormIsADuplicate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	w.start(w.router(s))
	w.Raw("1", `{"specversion":"1.0","id":"1","source":"/o","type":"x","traceparent":"one","data":{"n":1,"t":"ä"}}`)
	w.Drained()
	w.Raw("2", `{"t":"\u00e4", "n":1.0}`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/o", "ce-type", "x", "ce-time", "2026-03-01T00:00:00Z")
	id := envelope.CloudEventID("1", "/o")
	w.Raw("3", `{"event_id":"`+id+`","type":"x","source":"/o","payload":{"t":"ä","n":1},"extensions":{"traceparent":"two"}}`)
	eventually(t, "both are duplicates", func() bool { return w.seen.routed.Load() == 2 })
	w.Drained()
	if got := s.Count(core.DefinitionID("a"), id); got != 1 || w.seen.dead.Load() != 0 {
		t.Errorf("%d starts and %d dead letters, want one start", got, w.seen.dead.Load())
	}
}
