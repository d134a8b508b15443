package natsrouter

import (
	"strings"
	"testing"

	activitycore "github.com/activity-core/activity-core"
)

func TestADefinitionDoesNotRunForAnEventOfItsOwnRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{})
	w.apply(definition("a", "x"), definition("b", "x"), definition("again", "x", func(d *activitycore.Definition) { d.TriggerConfig.AllowCycles = true }))
	a, b, again := activitycore.DefinitionID("a"), activitycore.DefinitionID("b"), activitycore.DefinitionID("again")
	chained := func(id string, hops int, chain ...string) activitycore.Event {
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
	w.publish(chained("outside", 0))
	w.publish(chained("of a", 1, a))
	w.publish(chained("of another", 2, a, b))
	w.publish(chained("of again", 1, again))
	w.publish(chained("in flight", 3))
	w.drained()
	for id, want := range cycles {
		for _, name := range []string{"a", "b", "again"} {
			e := w.entry(name, id)
			if says, ok := want[name]; ok {
				if e.Verdict != activitycore.VerdictSkipped || !strings.Contains(e.Reason, says) || s.count(e.ActivityID, id) != 0 {
					t.Errorf("event %s, definition %s: %s (%s), started %d times, want skipped: %s", id, name, e.Verdict, e.Reason, s.count(e.ActivityID, id), says)
				}
			} else if !e.Verdict.Runs() || s.count(e.ActivityID, id) != 1 {
				t.Errorf("event %s, definition %s: %s (%s), started %d times, want it to run once", id, name, e.Verdict, e.Reason, s.count(e.ActivityID, id))
			}
		}
	}
	if n := w.seen.cycles.Load(); n != 3 {
		t.Errorf("%d cycles counted, want 3", n)
	}
	x, err := newExplainer(&activitycore.Event{EventID: "n", Type: "x", Hops: 1, Chain: []string{a}, Payload: []byte("{}")}, CompileCEL)
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"a": "matches, but starts nothing: cycle: ", "again": "matches; the ledger has no row"} {
		def, err := w.store.Definition(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := x.explain(t.Context(), &def, nil); err != nil || !strings.Contains(out.Summary, says) {
			t.Errorf("%s is explained by %q (%v), want %q", name, out.Summary, err, says)
		}
	}
}
