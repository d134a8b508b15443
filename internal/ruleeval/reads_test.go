package ruleeval

import (
	"fmt"
	"testing"

	core "github.com/activity-core/activity-core"
)

func TestReadsTellWhatAnActionCannotDoWithout(t *testing.T) {
	for title, want := range map[string]string{
		"${steps.s.body.id}":                                     "steps.s.body.id true;",
		"a ${steps.s.body['a b'].c} b":                           `steps.s.body["a b"].c true;`,
		"${string(steps.s.body.n + 1)}":                          "steps.s.body.n true;",
		"${has(steps.s.body.id) ? steps.s.body.id : 'none'}":     "steps.s.body.id false;steps.s.body.id false;",
		"${steps.s.body.ok && steps.s.body.id != '' ? 'a' : ''}": "steps.s.body.ok false;steps.s.body.id false;",
		"${steps.s.body.list[0].name}":                           "steps.s.body.list true;",
		"${steps.s.body.list.map(x, x.name)[0]}":                 "steps.s.body.list true;",
		"${steps.s.status}":                                      "steps.s.status true;",
	} {
		a := core.PlannedAction{Type: core.ActionCreateTask, Deferred: true, With: map[string]any{"title": title},
			Scope: map[string]any{deferredPaths: []any{[]any{"title"}}}}
		got := ""
		for _, r := range NewResolver().Reads(a) {
			got += fmt.Sprintf("%s %v;", r.Text(), r.Certain)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", title, got, want)
		}
	}
}
