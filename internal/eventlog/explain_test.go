package eventlog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventmatch"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventtrigger"
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
			def := core.StoredDefinition{Definition: definition("a", "x", filters(c.filters), when(c.when))}
			e := event("e1", "x", c.payload)
			holder, err := newExplainer(&e, eventtrigger.CompileCEL)
			if err != nil {
				t.Fatal(err)
			}
			x, err := holder.explain(t.Context(), &def, nil)
			if err != nil {
				t.Fatal(err)
			}
			if x.Matched || x.Summary != "does not match: "+c.says {
				t.Errorf("matched %v, %q; want %q", x.Matched, x.Summary, c.says)
			}
			for _, f := range x.Conditions {
				wantsNoValue := strings.HasSuffix(f.Path, ".$or") || f.Path == "filters"
				if wantsNoValue != (f.Operator == eventmatch.OperatorOr || f.Operator == eventmatch.OperatorTogether) {
					t.Errorf("%s has operator %q", f.Path, f.Operator)
				}
			}
		})
	}
}

// explain reads all pages of an explanation.
func (w *world) explain(e core.Event, limit int) []core.EventExplanation {
	w.T.Helper()
	var all []core.EventExplanation
	for p := (core.PageRequest{Limit: limit}); ; {
		page, err := w.log().Explain(w.T.Context(), e, "", p)
		if err != nil {
			w.T.Fatal(err)
		}
		if all = append(all, page.Items...); page.NextCursor == "" {
			return all
		}
		if len(page.Items) != limit {
			w.T.Fatalf("a page of %d with more to come", len(page.Items))
		}
		p.Cursor = page.NextCursor
	}
}

// counting counts what an explanation asks of the record.
type counting struct {
	Record
	entries, lists, reads int
}

func (c *counting) LedgerEntry(ctx context.Context, id, key string) (core.LedgerEntry, error) {
	c.entries++
	return c.Record.LedgerEntry(ctx, id, key)
}

func (c *counting) LedgerEntries(ctx context.Context, f core.LedgerFilter, p core.PageRequest) (core.Page[core.LedgerEntry], error) {
	c.lists++
	return c.Record.LedgerEntries(ctx, f, p)
}

func (c *counting) ChangesSince(ctx context.Context, since int64, limit int) ([]core.StoredDefinition, int64, error) {
	c.reads++
	return c.Record.ChangesSince(ctx, since, limit)
}

func TestAnExplanationOfManyDefinitionsIsPagedAndAsksTheLedgerOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	var defs []core.Definition
	var want []string
	for i := range 1200 {
		kind := "other"
		if i%3 == 0 {
			kind = "x"
		}
		d := definition(fmt.Sprintf("d%04d", i), kind, filters(map[string]any{"n": i}), when("payload.n >= 0"))
		defs = append(defs, d)
	}
	w.Apply(defs...)
	w.Apply(definition("zz-matches", "x"))
	want = append(want, "zz-matches")
	for _, kind := range []int{0, 1} {
		for i := range 1200 {
			if (i%3 == 0) == (kind == 0) {
				want = append(want, fmt.Sprintf("d%04d", i))
			}
		}
	}
	e := event("e1", "x", map[string]any{"n": -1})
	for _, limit := range []int{1000, 400, 99} {
		var got []string
		for _, x := range w.explain(e, limit) {
			got = append(got, x.ActivityName)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("limit %d: %d explanations, wrong or in the wrong order: %v", limit, len(got), got[:min(5, len(got))])
		}
	}
	asked := &counting{Record: w.Store}
	compiled := 0
	l := &Log{js: w.JS, record: asked, compile: func(d core.Definition) (eventtrigger.When, error) {
		compiled++
		return eventtrigger.CompileCEL(d)
	}}
	for range 2 {
		if _, err := l.Explain(t.Context(), e, "", core.PageRequest{Limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
	if asked.entries != 0 || asked.lists != 2 || asked.reads != 1 || compiled != 0 {
		t.Fatalf("two pages: %d single rows, %d lists of the ledger, want 0 and 2; definitions read %d times, want once; %d conditions compiled that no filter let through",
			asked.entries, asked.lists, asked.reads, compiled)
	}
	for _, cursor := range []string{"x", "0", "4" + core.DefinitionID("a") + "a", "0not-a-uuid-not-a-uuid-not-a-uuid-not-a-uuid"} {
		if _, err := l.Explain(t.Context(), e, "", core.PageRequest{Limit: 10, Cursor: cursor}); !core.IsCode(err, core.CodeInvalid) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

func TestADefinitionThatCannotBeUsedOrIsGoneIsExplainedAsSuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("fires", "x"), definition("deleted", "x"), definition("purged", "x"), definition("by-the-clock", "x"), definition("never-fired", "y"))
	w.start(w.router(newStarts()))
	e := event("e1", "x", map[string]any{"n": 1})
	w.Publish(e)
	w.Drained()
	for _, name := range []string{"deleted", "purged", "never-fired"} {
		gone := core.Definition{ID: core.DefinitionID(name), Name: name}
		if _, err := w.Store.ApplyChanges(t.Context(), []core.DefinitionChange{{Delete: true, Definition: gone, ExpectVersion: core.AnyVersion}}, "test", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Store.PurgeTombstone(t.Context(), core.DefinitionID("purged"), 1); err != nil {
		t.Fatal(err)
	}
	w.Apply(definition("by-the-clock", "", func(d *core.Definition) {
		d.TriggerType = core.TriggerCron
		d.TriggerConfig = core.TriggerConfig{CronExpression: core.StringList{"0 0 * * *"}}
	}))
	// As saved by a later version of the program, which knows more operators.
	w.Apply(definition("newer", "x", filters(map[string]any{"n": []any{map[string]any{"divisible-by": 3}}})), definition("newer-when", "x", when("divisible(payload.n)")))

	var got []string
	for _, x := range w.explain(e, 3) {
		got = append(got, x.ActivityName+": "+x.Summary)
	}
	for i, says := range []string{
		"by-the-clock: started: run ", "deleted: started: run ", "fires: started: run ", "purged: started: run ",
		"newer-when: cannot be used, and no event starts it: ", "newer: cannot be used, and no event starts it: trigger_config of newer: ",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], says) {
			t.Fatalf("%d: want %q in %q", i, says, got)
		}
	}
	if len(got) != 6 || !strings.Contains(got[1], "no event starts it any more; this was version 1") {
		t.Fatalf("%q", got)
	}
	for ref, says := range map[string]string{
		"deleted": "no event starts it any more", core.DefinitionID("purged"): "no event starts it any more", "by-the-clock": "no event starts it any more",
		"never-fired": "the definition is deleted", "newer": "cannot be used",
	} {
		one, err := w.log().Explain(t.Context(), e, ref, core.PageRequest{Limit: 1})
		if err != nil || len(one.Items) != 1 || !strings.Contains(one.Items[0].Summary, says) {
			t.Errorf("%s: %+v %v", ref, one.Items, err)
		}
	}
}

func TestAnExplanationNamesTheCycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"), definition("again", "x", func(d *core.Definition) { d.TriggerConfig.AllowCycles = true }))
	a := core.DefinitionID("a")
	x, err := newExplainer(&core.Event{EventID: "n", Type: "x", Hops: 1, Chain: []string{a}, Payload: []byte("{}")}, eventtrigger.CompileCEL)
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{"a": "matches, but starts nothing: cycle: ", "again": "matches; the ledger has no row"} {
		def, err := w.Store.Definition(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := x.explain(t.Context(), &def, nil); err != nil || !strings.Contains(out.Summary, says) {
			t.Errorf("%s is explained by %q (%v), want %q", name, out.Summary, err, says)
		}
	}
}
