package deadletter

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

func TestConflictsAreToldBesideTheEventWhoseIDTheyHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	w.start(w.router(newStarts()))
	first := event("e1", "x", map[string]any{"n": 1})
	w.Publish(first, event("e2", "x", 1))
	w.Drained()
	w.Raw("late-1", `{"event_id":"e1","type":"x","source":"test","payload":{"n":2}}`)
	w.Drained() // letters stand in the order in which they were written
	w.Raw("late-2", `{"event_id":"e1","type":"x","source":"other","payload":{"n":1}}`)
	w.Drained()
	w.Raw("no-event", `{"event_id":"e1","type":"x"}`) // a letter of another reason
	w.Drained()
	for i := range conflictsMost + 1 {
		w.Raw(fmt.Sprintf("e2-%d", i), fmt.Sprintf(`{"event_id":"e2","type":"x","source":"test","payload":%d}`, i+2))
	}
	eventually(t, "all are dead letters", func() bool { return w.seen.dead.Load() == conflictsMost+4 })
	queue := New(w.JS, time.Now)
	others, err := queue.Conflicts(t.Context(), core.EventListing{Event: first, Sequence: 1})
	if err != nil || len(others) != 2 {
		t.Fatalf("%+v %v, want two", others, err)
	}
	for i, want := range []struct {
		seq     uint64
		differs string
		payload string
	}{{4, "source", `{"n":1}`}, {3, "payload", `{"n":2}`}} {
		x := others[i]
		letter, err := queue.Show(t.Context(), x.DeadLetter)
		if err != nil || letter.Sequence != want.seq {
			t.Errorf("letter %d: %+v %v, want that of sequence %d", x.DeadLetter, letter, err, want.seq)
		}
		if x.Sequence != want.seq || !slices.Equal(x.Differs, []string{want.differs}) || string(x.Payload) != want.payload || x.EventID != "e1" || x.Time.IsZero() {
			t.Errorf("conflict %d: %+v, want %+v", i, x, want)
		}
	}
	if err := queue.Drop(t.Context(), others[0].DeadLetter); err != nil {
		t.Fatal(err)
	}
	others, err = queue.Conflicts(t.Context(), core.EventListing{Event: first, Sequence: 1})
	if err != nil || len(others) != 1 || others[0].Sequence != 3 {
		t.Errorf("after a drop: %+v %v, want the other one", others, err)
	}
	others, err = queue.Conflicts(t.Context(), core.EventListing{Event: event("e2", "x", 1), Sequence: 2})
	if err != nil || len(others) != conflictsMost || others[0].DeadLetter != conflictsMost+4 ||
		!slices.IsSortedFunc(others, func(a, b core.ConflictingEvent) int { return cmp.Compare(b.DeadLetter, a.DeadLetter) }) {
		t.Errorf("of many: %d, %+v, %v; want the newest %d, newest first", len(others), others, err, conflictsMost)
	}
}
