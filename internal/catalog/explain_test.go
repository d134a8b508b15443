package catalog

import (
	"context"
	"encoding/json"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// What is asked for has one name, whether a definition is tried out or an event is explained.
func TestADryRunNamesWhatEachConditionAsksFor(t *testing.T) {
	def := core.Definition{Name: "d", TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{
		EventType: core.StringList{"github.push"}, When: "payload.n > 5",
		Filters: map[string]any{
			"bare": "x", "one": []any{map[string]any{"prefix": "x"}}, "several": []any{"x", "y"}, "list": []any{"x"},
			"$or": []any{map[string]any{"a": 1}, map[string]any{"b": map[string]any{"exists": false}}},
		}}}
	program, err := ruleeval.CompileTrigger(&def)
	if err != nil {
		t.Fatal(err)
	}
	matched, reasons, err := ExplainTrigger(context.Background(), &def, program, &core.Event{EventID: "1", Type: "github.push", Payload: json.RawMessage(`{"bare":"y","n":6}`)})
	if err != nil || matched {
		t.Fatal(matched, err)
	}
	want := map[string]string{"event_type": "equals", "filters.bare": "equals", "filters.list": "equals", "filters.one": "prefix", "filters.several": "any of",
		"filters.$or": "$or", "filters.$or[0].a": "equals", "filters.$or[1].b": "exists", "when": "cel"}
	for _, r := range reasons {
		if want[r.Path] != r.Operator {
			t.Errorf("%s: operator %q, not %q", r.Path, r.Operator, want[r.Path])
		}
		if r.Path == "when" && (r.OK || r.Present || r.Actual != nil || r.Note == "") {
			t.Errorf("when was not evaluated, which is a note: %+v", r)
		}
		delete(want, r.Path)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
}
