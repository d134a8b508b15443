package eventtrigger

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func TestAPayloadIsDecodedOnceForAllConditionsOfADelivery(t *testing.T) {
	t.Parallel()
	const conditions = 50
	var defs []core.Definition
	for i := range conditions {
		d := definition(fmt.Sprintf("d%d", i), "x")
		d.TriggerConfig.When = fmt.Sprintf("payload.n > %d", i)
		defs = append(defs, d)
	}
	var seen []*ruleeval.Event
	known := New(openRecordOf(t, defs...), func(def core.Definition) (When, error) {
		inner, err := CompileCEL(def)
		return func(ctx context.Context, c *Candidate) (bool, error) {
			ok, err := inner(ctx, c)
			seen = append(seen, c.decoded)
			return ok, err
		}, err
	}, slog.New(slog.DiscardHandler))
	if err := known.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := event("e1", "x", map[string]any{"n": 20})
	decisions, err := known.Decide(t.Context(), &Candidate{Event: &e})
	if err != nil {
		t.Fatal(err)
	}
	matched := 0
	for _, d := range decisions {
		if d.Outcome == Runs {
			matched++
		}
	}
	if len(seen) != conditions || matched != 20 {
		t.Fatalf("%d conditions evaluated, %d matched, want %d and 20", len(seen), matched, conditions)
	}
	for _, e := range seen {
		if e == nil || e != seen[0] {
			t.Fatal("the payload was decoded more than once")
		}
	}
}
