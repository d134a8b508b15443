package ruleeval_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// steps makes a definition with a named request and an action that uses its result.
func steps(second core.Action) *core.Definition {
	return task("t", func(d *core.Definition) {
		r := &d.Rules[0]
		r.ForEach, r.As, r.ItemKey = "context.repos", "repo", "repo.name"
		r.Actions = []core.Action{
			{Type: core.ActionHTTPRequest, Name: "scan", With: map[string]any{"url": "https://h/${repo.name}"}},
			second,
		}
	})
}

// throughJSON returns the action as a worker reads it back from the store.
func throughJSON(t *testing.T, a core.PlannedAction) core.PlannedAction {
	t.Helper()
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var out core.PlannedAction
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatUsesAnEarlierStepWaitsForItWithTheValuesItNeeds(t *testing.T) {
	d := steps(core.Action{Type: core.ActionCreateTask, With: map[string]any{
		"title":       "${repo.name}: ${steps.scan.body.count} findings after ${run.time}",
		"description": "of ${repo.name}, ${vars.tag}",
		"labels":      []any{"${repo.team}", "${steps.scan.body.level}"},
		"priority":    "${steps.scan.body.count > vars.max_age_days ? 'high' : 'low'}",
	}})
	in := input(`{}`, map[string]any{"repos": json.RawMessage(`[{"name":"api","team":"core","secret":"not needed"}]`), "other": "not needed"})
	plan, err := planOf(compile(t, d), context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Actions[0].Deferred {
		t.Fatal("the first action waits for nothing")
	}
	a := throughJSON(t, plan.Actions[1])
	if !a.Deferred || a.With["description"] != "of api, x" || a.With["title"] != "${repo.name}: ${steps.scan.body.count} findings after ${run.time}" {
		t.Fatalf("action %+v", a)
	}
	want := map[string]any{"repo": map[string]any{"name": "api"}, "vars": map[string]any{"max_age_days": int64(7)},
		"run": map[string]any{"time": map[string]any{"$time": "2026-03-02T05:00:00Z"}}}
	got := map[string]any{}
	for k, v := range a.Scope {
		if k != "$deferred" {
			got[k] = v
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("scope %v, want %v", got, want)
	}
	with, err := ruleeval.ResolveDeferred(context.Background(), a, map[string]any{"scan": json.RawMessage(`{"status":200,"body":{"count":12000000,"level":"bad"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if with["title"] != "api: 12000000 findings after 2026-03-02T05:00:00Z" || with["priority"] != "high" || !reflect.DeepEqual(with["labels"], []any{"core", "bad"}) {
		t.Fatalf("with %v", with)
	}
	if _, err := ruleeval.Decode(a); err == nil {
		t.Fatal("an action that waits was decoded")
	}
	_, err = ruleeval.ResolveDeferred(context.Background(), a, map[string]any{"scan": map[string]any{"body": map[string]any{"cuont": int64(1), "level": "x"}}})
	if err == nil || !strings.Contains(err.Error(), `steps.scan.body.count does not exist; did you mean "cuont"?`) || !strings.Contains(err.Error(), "actions[1].with.") {
		t.Fatalf("error %v", err)
	}
}

func TestDataInADeferredActionIsNeverTakenForATemplate(t *testing.T) {
	d := steps(core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "x.y", "payload": map[string]any{
		"waits": "${steps.scan.body.text}", "data": "${repo}", "mixed": "name ${repo.name}",
	}}})
	evil := "${steps.scan.secret}"
	repos, err := json.Marshal([]any{map[string]any{"name": evil, "$deferred": []any{[]any{"payload", "data"}}, "waits": evil}})
	if err != nil {
		t.Fatal(err)
	}
	d.Rules[0].Actions[0].With["url"] = "https://h/"
	d.Rules[0].ItemKey = ""
	plan, err := planOf(compile(t, d), context.Background(), input(`{}`, map[string]any{"repos": json.RawMessage(repos)}))
	if err != nil {
		t.Fatal(err)
	}
	with, err := ruleeval.ResolveDeferred(context.Background(), throughJSON(t, plan.Actions[1]),
		map[string]any{"scan": map[string]any{"secret": "LEAK", "body": map[string]any{"text": evil}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(with)
	if err != nil || strings.Contains(string(b), "LEAK") {
		t.Fatalf("%s %v", b, err)
	}
	p := with["payload"].(map[string]any)
	if p["waits"] != evil || p["mixed"] != "name "+evil || p["data"].(map[string]any)["name"] != evil {
		t.Fatalf("payload %v", p)
	}
}

func TestAStepSeesOnlyEarlierStepsOfItsItem(t *testing.T) {
	d := steps(core.Action{Type: core.ActionCreateTask, Name: "second", With: map[string]any{"title": "${steps.second.x} ${steps.scam.x}"}})
	_, err := ruleeval.Compile(d)
	if err == nil || !strings.Contains(err.Error(), `steps.second is not declared`) || !strings.Contains(err.Error(), `steps.scam is not declared; did you mean "scan"?`) {
		t.Fatalf("error %v", err)
	}
}

func TestAResultCannotLeaveItsPlaceInAURLEither(t *testing.T) {
	d := steps(core.Action{Type: core.ActionHTTPRequest, With: map[string]any{
		"url": "https://h/x/${steps.scan.body.id}?q=${steps.scan.body.q}", "headers": map[string]any{"X-A": "${steps.scan.body.h}"}}})
	plan, err := planOf(compile(t, d), context.Background(), input(`{}`, map[string]any{"repos": json.RawMessage(`[{"name":"a"}]`)}))
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(id, q, h string) (map[string]any, error) {
		return ruleeval.ResolveDeferred(context.Background(), throughJSON(t, plan.Actions[1]),
			map[string]any{"scan": map[string]any{"body": map[string]any{"id": id, "q": q, "h": h}}})
	}
	with, err := resolve("a/b?c", "1&2", "v")
	if err != nil || with["url"] != "https://h/x/a%2Fb%3Fc?q=1%262" {
		t.Fatalf("%v %v", with, err)
	}
	for _, bad := range [][3]string{{"..", "q", "h"}, {"a", "q", "h\r\nX: y"}, {"", "q", "h"}} {
		if with, err := resolve(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%q was let through as %v", bad, with)
		}
	}
}
