package ruleeval_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// poisoned is a definition with a rule over payload.items and one without a list.
func poisoned(edit func(r *core.Rule)) *core.Definition {
	return task("", func(d *core.Definition) {
		each := core.Rule{Name: "each", ForEach: "payload.items", As: "c", ItemKey: "c.id",
			Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "Review: ${c.message}"}}}}
		edit(&each)
		d.Rules = []core.Rule{
			{Name: "before", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "before"}}}},
			each,
			{Name: "after", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "after"}}}},
		}
	})
}

// poisons are items that cannot be made into a task each; with a remedy, replace is what it
// stands for.
var poisons = map[string]struct {
	item    string
	edit    func(r *core.Rule)
	want    string
	replace string
}{
	"line break":         {item: `{"id": "b", "message": "update\n\nSigned-off-by: A"}`, want: `with.title: "Review: update\n\nSigned-off-by: A" holds a line break or control character (U+000A), which cannot stand here; write ${c.message.split('\n')[0]}`, replace: "c.message"},
	"first line empty":   {item: `{"id": "b", "message": "\n\nupdate\nmore"}`, want: `${c.message.trim().split('\n')[0]}`, replace: "c.message"},
	"carriage returns":   {item: `{"id": "b", "message": "update\r\nmore\r"}`, want: `${c.message.replace('\r', '\n').split('\n')[0]}`, replace: "c.message"},
	"trailing newline":   {item: `{"id": "b", "message": "update\n"}`, want: `${c.message.trim()}`, replace: "c.message"},
	"tab":                {item: `{"id": "b", "message": "a\tb"}`, want: `${regex.replace(c.message, `, replace: "c.message"},
	"control character":  {item: `{"id": "b", "message": "a\u0007b\u0085\u2028"}`, want: `${regex.replace(c.message, `, replace: "c.message"},
	"tab in a line":      {item: `{"id": "b", "message": "a\tb\nc"}`, want: `${regex.replace(c.message.split('\n')[0], `, replace: "c.message"},
	"too long":           {item: `{"id": "b", "message": "` + strings.Repeat("é", 300) + `"}`, want: `has 608 bytes, at most 500 are allowed; write ${size(c.message) > 123 ? c.message.substring(0, 123) : c.message}`, replace: "c.message"},
	"of two expressions": {item: `{"id": "b", "message": "a\nb"}`, edit: func(r *core.Rule) { r.Actions[0].With["title"] = "${c.id} ${c.message + '!'}" }, want: `${(c.message + '!').split('\n')[0]}`, replace: "c.message + '!'"},
	"null":               {item: `{"id": "b", "message": null}`, want: `null, which has no text; say what to write instead, for example ${c.message == null ? 'none' : c.message}`, replace: "c.message"},
	"no such field":      {item: `{"id": "b"}`, want: "c.message does not exist"},
	"wrong type":         {item: `{"id": "b", "message": 7}`, edit: func(r *core.Rule) { r.Actions[0].With["title"] = "${c.message.trim()}" }, want: "c.message.trim() cannot be evaluated"},
	"priority":           {item: `{"id": "b", "message": "m", "p": "hihg"}`, edit: func(r *core.Rule) { r.Actions[0].With["priority"] = "${c.?p.orValue('low')}" }, want: `"hihg" is not one of low, normal, high, urgent; did you mean "high"?; write ${c.?p.orValue('low') in ['low', 'normal', 'high', 'urgent'] ? c.?p.orValue('low') : 'normal'}`, replace: "c.?p.orValue('low')"},
	"label":              {item: `{"id": "b", "message": "m", "l": "x\ny"}`, edit: func(r *core.Rule) { r.Actions[0].With["labels"] = []any{"a", "${c.?l.orValue('')}"} }, want: "with.labels[1]: ", replace: "c.?l.orValue('')"},
	"null key":           {item: `{"id": null, "message": "m"}`, want: `rule "each", item 1, rules[1].item_key: must be string or int, is null; filter such items out in for_each`},
	"empty key":          {item: `{"id": "", "message": "m"}`, want: "rules[1].item_key: is empty"},
	"no key":             {item: `{"message": "m"}`, want: "rules[1].item_key: c.id does not exist"},
	"long key":           {item: `{"id": "` + strings.Repeat("k", 513) + `", "message": "m"}`, want: "has 513 bytes, at most 512 are allowed"},
	"the same key":       {item: `{"id": "a", "message": "m"}`, want: `items 0 and 1 have the same key "a", so only the first is carried out`},
	"costs too much": {item: `{"id": "b", "message": "m", "n": 100000}`, edit: func(r *core.Rule) {
		r.Actions[0].With["title"] = "${lists.range(c.?n.orValue(1)).map(x, x).map(x, x).map(x, x).size()}"
	}, want: "costs more than the limit of 1,000,000 units"},
	"a URL": {item: `{"id": "b", "message": "m", "u": ".."}`, edit: func(r *core.Rule) {
		r.Actions[0] = core.Action{Type: core.ActionHTTPRequest, With: map[string]any{"url": "https://h/${c.?u.orValue('x')}"}}
	}, want: "with.url"},
}

func TestPoisonItemFailsAloneAndSaysWhy(t *testing.T) {
	for name, c := range poisons {
		t.Run(name, func(t *testing.T) {
			d := poisoned(func(r *core.Rule) {
				if c.edit != nil {
					c.edit(r)
				}
			})
			plan := mustPlan(t, d, c.item)
			if len(plan.Actions) != 5 || plan.Items != 5 {
				t.Fatalf("%d actions for %d items, want 5 for 5", len(plan.Actions), plan.Items)
			}
			keys := map[string]bool{}
			for i, a := range plan.Actions {
				if keys[a.Key] = true; a.Seq != i {
					t.Errorf("action %d has seq %d", i, a.Seq)
				}
				if i != 2 && (a.Error != "" || len(a.With) == 0) {
					t.Errorf("action %d, which is good, is %+v", i, a)
				}
			}
			if len(keys) != 5 {
				t.Errorf("%d different action keys, want 5", len(keys))
			}
			bad := plan.Actions[2]
			if !strings.Contains(bad.Error, c.want) || len(bad.With) != 0 || bad.Deferred || bad.ItemIndex != 1 {
				t.Errorf("the bad item is planned as %+v\nwant an error with %s", bad, c.want)
			}
			if trace := plan.Rules[1]; trace.Failed != 1 || trace.Actions != 3 || trace.Items != 3 {
				t.Errorf("trace %+v, want 1 of 3 failed", trace)
			}
		})
	}
}

func mustPlan(t *testing.T, d *core.Definition, item string) core.Plan {
	t.Helper()
	payload := fmt.Sprintf(`{"items": [{"id": "a", "message": "fine"}, %s, {"id": "z", "message": "fine too"}]}`, item)
	plan, err := compile(t, d).Plan(t.Context(), input(payload, nil))
	if err != nil {
		t.Fatalf("plan: %v, want one with a failed item", err)
	}
	return plan
}

var written = regexp.MustCompile(`(?s)(?:write|for example) \$\{(.*?)\}(?: \(with|$)`)

func TestPoisonItemRemedyGivesWhatTheParameterTakes(t *testing.T) {
	for name, c := range poisons {
		if c.replace == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			edit := func(r *core.Rule) {
				if c.edit != nil {
					c.edit(r)
				}
			}
			bad := mustPlan(t, poisoned(edit), c.item).Actions[2]
			m := written.FindStringSubmatch(bad.Error)
			if m == nil {
				t.Fatalf("no remedy in %q", bad.Error)
			}
			mended := poisoned(func(r *core.Rule) {
				edit(r)
				text, _ := json.Marshal(r.Actions[0].With)
				var with map[string]any
				quoted, _ := json.Marshal(m[1])
				from, _ := json.Marshal("${" + c.replace + "}")
				to := `"${` + string(quoted[1:len(quoted)-1]) + `}"`
				if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), string(from[1:len(from)-1]), to[1:len(to)-1])), &with); err != nil {
					t.Fatal(err)
				}
				r.Actions[0].With = with
			})
			for i, a := range mustPlan(t, mended, c.item).Actions {
				if a.Error != "" {
					t.Errorf("with %s in place of %s, action %d still fails: %s", m[1], c.replace, i, a.Error)
				}
			}
		})
	}
}

func TestWhatConcernsTheWholeRunFailsIt(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(r *core.Rule)
		want string
	}{
		"for_each":       {func(r *core.Rule) { r.ForEach = "payload.nothing" }, "rules[1].for_each"},
		"when":           {func(r *core.Rule) { r.When = "payload.nothing" }, "rules[1].when"},
		"too many items": {func(r *core.Rule) { r.MaxItems = 1 }, "gives 3 items"},
		"plan too large": {func(r *core.Rule) {
			r.ForEach, r.ItemKey, r.MaxItems = "lists.range(10000)", "c", 10_000
			r.Actions[0].With = map[string]any{"title": "x", "description": strings.Repeat("y", 10_000)}
		}, "larger than 16 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compile(t, poisoned(c.edit)).Plan(t.Context(), input(`{"items": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}`, nil))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %s", err, c.want)
			}
		})
	}
}

func TestAnItemGoesOnAfterAnActionThatCouldNotBeMade(t *testing.T) {
	d := poisoned(func(r *core.Rule) {
		r.Actions[0].Name, r.Actions[0].OnError = "first", core.OnErrorContinue
		r.Actions = append(r.Actions, core.Action{Type: core.ActionCreateTask, With: map[string]any{"title": "${c.id}: ${steps.first.?error.orValue('made')}"}})
	})
	plan := mustPlan(t, d, `{"id": "b", "message": "a\nb"}`)
	second := plan.Actions[4] // of item b
	if plan.Actions[3].Error == "" || second.Error != "" || !second.Deferred {
		t.Fatalf("item b is planned as %+v and %+v", plan.Actions[3], second)
	}
	with, err := ruleeval.ResolveDeferred(t.Context(), second, map[string]any{"first": map[string]any{"error": "it broke"}})
	if err != nil || with["title"] != "b: it broke" {
		t.Errorf("the second action's parameters are %v (%v), want the title b: it broke", with, err)
	}
}
