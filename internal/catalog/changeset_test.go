package catalog

import (
	"encoding/json"
	"testing"

	core "github.com/activity-core/activity-core"
)

func TestAPlanShowsNumbersOfFiltersAsTheyAreWritten(t *testing.T) {
	with := func(n string) core.Definition {
		return core.Definition{Name: "d", TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{Filters: map[string]any{"n": json.Number(n)}}}
	}
	if diff := diffDefinitions(with("18446744073709551617"), with("18446744073709551617")); len(diff) != 0 {
		t.Errorf("the same: %+v", diff)
	}
	diff := diffDefinitions(with("18446744073709551617"), with("18446744073709551618"))
	text, err := json.Marshal(diff)
	const want = `[{"path":"trigger_config.filters.n","before":18446744073709551617,"after":18446744073709551618}]`
	if err != nil || string(text) != want {
		t.Fatalf("%s %v", text, err)
	}
	var read []FieldChange
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(read); err != nil || string(again) != want {
		t.Fatalf("read and written again: %s %v", again, err)
	}
}
