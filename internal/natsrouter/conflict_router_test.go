package natsrouter

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	activitycore "github.com/activity-core/activity-core"
)

// raw publishes straight to NATS under another Nats-Msg-Id, as after the stream's window.
func (w *world) raw(msgID, data string, headers ...string) {
	w.t.Helper()
	msg := nats.NewMsg("activity.x")
	msg.Header.Set(nats.MsgIdHdr, msgID)
	for i := 0; i < len(headers); i += 2 {
		msg.Header[headers[i]] = []string{headers[i+1]}
	}
	msg.Data = []byte(data)
	if _, err := w.js.PublishMsg(w.t.Context(), msg); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) letters(f DeadLetterFilter) []activitycore.DeadLetter {
	w.t.Helper()
	page, err := NewDeadLetters(w.js, time.Now).List(w.t.Context(), f, activitycore.PageRequest{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Items
}

func TestAnEventWithTheIDOfAnotherOneBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{})
	w.apply(definition("a", "x", filters(map[string]any{"n": []any{1, 2}})), definition("b", "x", filters(map[string]any{"n": 2})), definition("off", "y"))
	pause := &activitycore.Pause{By: "jane", At: time.Now()}
	if _, err := w.store.SetPaused(t.Context(), activitycore.DefinitionID("off"), pause, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	s := newStarts()
	w.start(w.router(s))
	w.publish(event("e1", "x", map[string]any{"n": 1}))
	w.drained()
	w.raw("late-1", `{"event_id":"e1","type":"x","source":"test","payload":{"n":2}}`)
	w.raw("late-2", `{"event_id":"e1","type":"y","source":"test","payload":{"n":1}}`) // wanted by a paused definition only
	w.raw("late-3", `{"event_id":"e2","type":"x","source":"test","payload":{"n":2}}`) // harmed by none of them
	w.drained()
	eventually(t, "both are dead letters", func() bool { return w.seen.dead.Load() == 2 })
	for name, want := range map[string]int{"a": 1, "b": 0, "off": 0} {
		if got := s.count(activitycore.DefinitionID(name), "e1"); got != want {
			t.Errorf("%s was started %d times for e1, want %d", name, got, want)
		}
	}
	w.noEntry("b", "e1")
	w.noEntry("off", "e1")
	if got := s.count(activitycore.DefinitionID("b"), "e2"); got != 1 {
		t.Errorf("b was started %d times for e2, want once", got)
	}
	if got := w.seen.routed.Load(); got != 0 {
		t.Errorf("%d duplicates were counted, want none", got)
	}
	letters := w.letters(DeadLetterFilter{Reason: ReasonConflict})
	if len(letters) != 2 || letters[0].EventID != "e1" || letters[0].Sequence != 3 || letters[1].Sequence != 2 ||
		!strings.Contains(letters[0].Detail, "stored at sequence 1 with another type") || !strings.Contains(letters[1].Detail, "with another payload;") {
		t.Fatalf("letters %+v, want those of sequences 3 and 2 and what differs", letters)
	}
	if _, err := NewDeadLetters(w.js, time.Now).Replay(t.Context(), letters[1].ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a replay in vain is a dead letter again", func() bool { return w.seen.dead.Load() == 3 })
	if letters := w.letters(DeadLetterFilter{Reason: ReasonConflict}); len(letters) != 2 || letters[0].EventID != "e1" {
		t.Errorf("letters %+v, want two still", letters)
	}
}

func TestARepeatInAnotherFormIsADuplicate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{})
	w.apply(definition("a", "x"))
	s := newStarts()
	w.start(w.router(s))
	w.raw("1", `{"specversion":"1.0","id":"1","source":"/o","type":"x","traceparent":"one","data":{"n":1,"t":"ä"}}`)
	w.drained()
	w.raw("2", `{"t":"\u00e4", "n":1.0}`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/o", "ce-type", "x", "ce-time", "2026-03-01T00:00:00Z")
	stored := w.list(EventFilter{}, 10)
	id := stored[len(stored)-1].EventID
	w.raw("3", `{"event_id":"`+id+`","type":"x","source":"/o","payload":{"t":"ä","n":1},"extensions":{"traceparent":"two"}}`)
	eventually(t, "both are duplicates", func() bool { return w.seen.routed.Load() == 2 })
	w.drained()
	if got := s.count(activitycore.DefinitionID("a"), id); got != 1 || w.seen.dead.Load() != 0 {
		t.Errorf("%d starts and %d dead letters, want one start", got, w.seen.dead.Load())
	}
}

func TestAReplayPassesOverAnEventWithTheIDOfAnotherOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{})
	w.apply(definition("a", "x"))
	r := w.start(w.router(newStarts()))
	w.publish(event("e1", "x", 1))
	w.raw("late", `{"event_id":"e1","type":"x","source":"test","payload":2}`)
	eventually(t, "the second is a dead letter", func() bool { return w.seen.dead.Load() == 1 })
	w.drained()
	w.stop(r)
	w.publish(event("e2", "x", 3))
	w.apply(definition("b", "x"))
	for _, dry := range []bool{true, false} {
		var failed []activitycore.ReplayMatch
		report, err := NewReplayer(w.js, w.store, newStarts(), time.Now).Replay(t.Context(), activitycore.ReplayRequest{
			Definition: definition("b", "x"), From: time.Now().Add(-time.Hour), DryRun: dry}, func(m activitycore.ReplayMatch) error {
			if m.Error != "" {
				failed = append(failed, m)
			}
			return nil
		})
		if err != nil || report.WouldRun+report.Started != 2 || report.Failed != 1 {
			t.Errorf("dry run %v: %+v %v, want two runs and one conflict", dry, report, err)
		}
		if len(failed) != 1 || failed[0].Sequence != 2 || failed[0].RunID != "" || !strings.Contains(failed[0].Error, "another payload") {
			t.Errorf("dry run %v: failed %+v, want the event of sequence 2 and what differs", dry, failed)
		}
	}
}
