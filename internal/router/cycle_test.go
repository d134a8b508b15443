package router

import (
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

func TestADefinitionDoesNotRunForAnEventOfItsOwnRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"), definition("b", "x"), definition("again", "x", func(d *core.Definition) { d.TriggerConfig.AllowCycles = true }))
	a, b, again := core.DefinitionID("a"), core.DefinitionID("b"), core.DefinitionID("again")
	chained := func(id string, hops int, chain ...string) core.Event {
		e := event(id, "x", nil)
		e.Hops, e.Chain = hops, chain
		return e
	}
	s := newStarts()
	w.start(w.router(s))
	cycles := map[string]map[string]string{ // by event and definition: what the reason says; the rest runs
		"outside":    {},
		"of a":       {"a": "cycle: a run of this definition published the event"},
		"of another": {"a": "cycle: a run of this definition led to the event, through runs of others", "b": "cycle: a run of this definition published the event"},
		"of again":   {},
		"in flight":  {}, // an older version counted the hops and did not name them
	}
	w.Publish(chained("outside", 0))
	w.Publish(chained("of a", 1, a))
	w.Publish(chained("of another", 2, a, b))
	w.Publish(chained("of again", 1, again))
	w.Publish(chained("in flight", 3))
	w.Drained()
	for id, want := range cycles {
		for _, name := range []string{"a", "b", "again"} {
			e := w.Entry(name, id)
			if says, ok := want[name]; ok {
				if e.Verdict != core.VerdictSkipped || !strings.Contains(e.Reason, says) || s.Count(e.ActivityID, id) != 0 {
					t.Errorf("event %s, definition %s: %s (%s), started %d times, want skipped: %s", id, name, e.Verdict, e.Reason, s.Count(e.ActivityID, id), says)
				}
			} else if !e.Verdict.Runs() || s.Count(e.ActivityID, id) != 1 {
				t.Errorf("event %s, definition %s: %s (%s), started %d times, want it to run once", id, name, e.Verdict, e.Reason, s.Count(e.ActivityID, id))
			}
		}
	}
	if n := w.seen.cycles.Load(); n != 3 {
		t.Errorf("%d cycles counted, want 3", n)
	}
}
