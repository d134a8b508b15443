package ruleeval

import (
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

// As people write it who come from GitHub's workflows.
func TestDoubleBracesAreAnsweredWithWhatToWrite(t *testing.T) {
	title := func(text string) error {
		def := core.Definition{Name: "x", TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{EventType: []string{"x"}},
			Rules: []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": text}}}}}}
		def.Normalize()
		_, err := Compile(&def)
		return err
	}
	for text, want := range map[string]string{
		"${{ payload.ref }}":        "write ${payload.ref}, with one pair of braces",
		"Push to ${{payload.ref}}!": "write ${payload.ref}, with one pair of braces",
	} {
		err := title(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", text, want, err)
			continue
		}
		if err := title(strings.NewReplacer("{{ ", "{", " }}", "}", "{{", "{", "}}", "}").Replace(text)); err != nil {
			t.Errorf("%s: want the remedy to be valid, got %v", text, err)
		}
	}
}
