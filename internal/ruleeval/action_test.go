package ruleeval

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

func TestEveryActionTypeHasAWholeRow(t *testing.T) {
	if len(specs) != len(core.ActionTypes()) {
		t.Errorf("want a row for each of %v, got %d rows", core.ActionTypes(), len(specs))
	}
	for _, typ := range core.ActionTypes() {
		spec, ok := SpecOf(typ)
		if !ok || spec.Type != typ || spec.decode == nil || len(spec.Params) == 0 || !strings.HasSuffix(spec.Doc, ".") {
			t.Errorf("%s: want a row with type, sentence, parameters and decoder, got %v %+v", typ, ok, spec)
			continue
		}
		if _, err := DecodeParams(typ, spec.Example); err != nil {
			t.Errorf("%s: want an example that is valid, got %v", typ, err)
		}
		checkProperties(t, spec)
		checkDefaults(t, spec)
	}
}

// checkProperties holds the names that a row's properties mention to its parameters.
func checkProperties(t *testing.T, spec ActionSpec) {
	t.Helper()
	var needed []string
	if spec.Publishes != "" {
		needed = append(needed, spec.Publishes)
	}
	if spec.StartsWorkflow {
		needed = append(needed, "namespace", "task_queue")
	}
	for _, name := range needed {
		if spec.root.field(name) == nil {
			t.Errorf("%s: want a parameter %q as its properties say, got %v", spec.Type, name, spec.root.fieldNames())
		}
	}
	if spec.Answer != nil && (spec.Answer.Field == "" || spec.Answer.Fault == nil) {
		t.Errorf("%s: want a field and a judge of its answer, got %+v", spec.Type, *spec.Answer)
	}
}

// checkDefaults: what the table calls the default of a parameter is what the decoder takes for
// an absent one.
func checkDefaults(t *testing.T, spec ActionSpec) {
	t.Helper()
	absent, err := DecodeParams(spec.Type, spec.Example)
	if err != nil {
		t.Fatal(err)
	}
	given := func(name string, value any) {
		with := maps.Clone(spec.Example)
		with[name] = value
		got, err := DecodeParams(spec.Type, with)
		if err != nil || !reflect.DeepEqual(got, absent) {
			t.Errorf("%s: want %s %v to be what an absent one means, %+v, got %+v (%v)", spec.Type, name, value, absent, got, err)
		}
	}
	for _, p := range spec.Params {
		if p.Default != nil {
			given(p.Name, p.Default)
		}
		for _, f := range p.Fields {
			if f.Default != nil {
				given(p.Name, map[string]any{f.Name: f.Default})
			}
		}
	}
}

func TestATypeWithoutARowIsNoOther(t *testing.T) {
	if got, err := DecodeParams("forgotten", map[string]any{"message": "m"}); err == nil || !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("want CodeInvalid, got %+v and %v", got, err)
	}
	if spec, ok := SpecOf("forgotten"); ok || spec.ByRecord || ActionParams("forgotten") != nil {
		t.Errorf("want no row, got %+v", spec)
	}
}
