package natsrouter

import (
	"strings"
	"testing"

	activitycore "github.com/activity-core/activity-core"
)

// anyOf is an $or of conditions on one key each.
func anyOf(branches ...map[string]any) []any {
	out := make([]any, len(branches))
	for i, b := range branches {
		out[i] = b
	}
	return out
}

func TestAnExplanationNamesTheConditionThatDecided(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	exists := []any{m{"exists": true}}
	for name, c := range map[string]struct {
		filters m
		when    string
		payload m
		says    string
	}{
		"an array whose elements satisfy one filter each": {
			filters: m{"labels": m{"name": "bug", "color": "red"}},
			payload: m{"labels": []any{m{"name": "bug", "color": "blue"}, m{"name": "help", "color": "red"}}},
			says:    "filters: each filter is satisfied, but by different elements of the same array",
		},
		"an $or that holds is not the reason": {
			filters: m{"$or": anyOf(m{"a": 1}, m{"b": 2})}, when: "payload.b == 3",
			payload: m{"a": 5, "b": 2}, says: "when is false",
		},
		"an $or that does not hold is": {
			filters: m{"$or": anyOf(m{"a": 1}, m{"b": 2})},
			payload: m{"a": 5, "b": 6}, says: "filters.$or: none of the alternatives holds",
		},
		"of two $or it is the one that fails": {
			filters: m{"$or": anyOf(m{"a": 1}, m{"b": 2}), "x": m{"$or": anyOf(m{"c": 3}, m{"d": 4})}},
			payload: m{"a": 5, "b": 2, "x": m{"c": 7, "d": 8}}, says: "filters.x.$or: none of the alternatives holds",
		},
		"the other way round": {
			filters: m{"$or": anyOf(m{"a": 1}, m{"b": 2}), "x": m{"$or": anyOf(m{"c": 3}, m{"d": 4})}},
			payload: m{"a": 5, "b": 6, "x": m{"c": 7, "d": 4}}, says: "filters.$or: none of the alternatives holds",
		},
		"an $or within the alternative that holds": {
			filters: m{"$or": anyOf(m{"a": 1}, m{"$or": anyOf(m{"b": 2}, m{"c": 3})})}, when: "payload.c == 4",
			payload: m{"a": 5, "b": 6, "c": 3}, says: "when is false",
		},
		"a filter beside an $or that holds": {
			filters: m{"$or": anyOf(m{"a": 1}, m{"b": 2}), "z": 1},
			payload: m{"a": 5, "b": 2, "z": 9}, says: "filters.z is 9",
		},
		"a key that only looks like an $or": {
			filters: m{"price$or": 1}, payload: m{"price$or": 2}, says: "filters.price$or is 2",
		},
		"a field that is an object": {
			filters: m{"error": exists}, payload: m{"error": m{"code": 1}},
			says: "filters.error: error is an object; filters compare the values in it",
		},
		"a field that is not there": {
			filters: m{"error": m{"code": exists}}, payload: m{"error": m{"text": "x"}},
			says: "filters.error.code: the payload has no error.code",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			def := activitycore.StoredDefinition{Definition: definition("a", "x", filters(c.filters), when(c.when))}
			e := event("e1", "x", c.payload)
			x, err := explainTrigger(t.Context(), &e, &def, CompileCEL)
			if err != nil {
				t.Fatal(err)
			}
			if got := undecided(x, &def); x.Matched || got != "does not match: "+c.says {
				t.Errorf("matched %v, %q; want %q", x.Matched, got, c.says)
			}
			for _, f := range x.Conditions {
				wantsNoValue := strings.HasSuffix(f.Path, ".$or") || f.Path == "filters"
				if wantsNoValue != (f.Operator == operatorOr || f.Operator == operatorTogether) {
					t.Errorf("%s has operator %q", f.Path, f.Operator)
				}
			}
		})
	}
}
