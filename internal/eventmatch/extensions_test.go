package eventmatch

import (
	"slices"
	"testing"
)

func TestFiltersOnExtensionAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		filters    map[string]any
		extensions string
		payload    string
		want       bool
	}{
		"equal":                    {map[string]any{"$event.extensions.partitionkey": []any{"k-7"}}, `{"partitionkey":"k-7"}`, `{}`, true},
		"nested":                   {map[string]any{"$event": map[string]any{"extensions": map[string]any{"partitionkey": "k-7"}}}, `{"partitionkey":"k-7"}`, `{}`, true},
		"other":                    {map[string]any{"$event.extensions.partitionkey": []any{"k-7"}}, `{"partitionkey":"k-8"}`, `{}`, false},
		"without any":              {map[string]any{"$event.extensions.partitionkey": []any{"k-7"}}, ``, `{}`, false},
		"a payload poses for it":   {map[string]any{"$event.extensions.partitionkey": []any{"k-7"}}, ``, `{"$event":{"extensions":{"partitionkey":"k-7"}}}`, false},
		"in a list poses for it":   {map[string]any{"$event.extensions.partitionkey": []any{"k-7"}}, ``, `[{"$event":{"extensions":{"partitionkey":"k-7"}}}]`, false},
		"escaped poses for it":     {map[string]any{"$event.extensions.partitionkey": []any{"k-7"}}, ``, `{"\u0024event":{"extensions":{"partitionkey":"k-7"}}}`, false},
		"absent":                   {map[string]any{"$event.extensions.a": []any{map[string]any{"exists": false}}}, `{"b":1}`, `{}`, true},
		"not absent":               {map[string]any{"$event.extensions.a": []any{map[string]any{"exists": false}}}, `{"a":1}`, `{}`, false},
		"number":                   {map[string]any{"$event.extensions.n": []any{int64(7)}}, `{"n":7}`, `{}`, true},
		"boolean":                  {map[string]any{"$event.extensions.b": []any{true}}, `{"b":true}`, `{}`, true},
		"with the payload":         {map[string]any{"$event.extensions.a": "x", "ref": "main"}, `{"a":"x"}`, `{"ref":"main"}`, true},
		"with the payload, one no": {map[string]any{"$event.extensions.a": "x", "ref": "main"}, `{"a":"x"}`, `{"ref":"dev"}`, false},
		"prefix":                   {map[string]any{"$event.extensions.a": []any{map[string]any{"prefix": "x"}}}, `{"a":"xy"}`, `null`, true},
	} {
		p, err := ParsePattern([]string{"t"}, c.filters)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ev := &Event{Type: "t", Payload: []byte(c.payload), Extensions: []byte(c.extensions)}
		ix := NewIndex()
		ix.Apply(Change{ID: "d", Pattern: p})
		ids, err := ix.Match(ev, nil)
		if err != nil || slices.Contains(ids, "d") != c.want {
			t.Errorf("%s: the index says %v, %v; want %v", name, ids, err, c.want)
		}
		x, err := Explain(p, ev)
		if err != nil || x.Matched != c.want {
			t.Errorf("%s: the explanation says %v, %v; want %v", name, x.Matched, err, c.want)
		}
		ix.Apply(Change{ID: "d"})
		if ids, err := ix.Match(ev, nil); err != nil || len(ids) != 0 {
			t.Errorf("%s: removed and still found: %v, %v", name, ids, err)
		}
	}
	for _, key := range []string{"$event.extensions", "$event.extensions.A", "$event.extensions.a.b", "$event.extension"} {
		if _, err := ParsePattern([]string{"t"}, map[string]any{key: "x"}); err == nil {
			t.Errorf("%s: accepted; want it refused", key)
		}
	}
}
