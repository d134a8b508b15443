package ruleeval_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// task is a definition with one rule that makes one task an item.
func task(title string, edit ...func(*core.Definition)) *core.Definition {
	d := &core.Definition{
		Name: "test", TriggerType: core.TriggerEvent,
		TriggerConfig: core.TriggerConfig{EventType: core.StringList{"test"}},
		Vars:          map[string]any{"max_age_days": int64(7), "owners": map[string]any{"core": "ann"}, "tag": "x"},
		Context:       map[string]core.ContextSource{"repos": {File: "repos.json"}},
		Rules: []core.Rule{{Name: "rule", Actions: []core.Action{{
			Type: core.ActionCreateTask, With: map[string]any{"title": title}}}}},
	}
	for _, e := range edit {
		e(d)
	}
	return d
}

func compile(t testing.TB, d *core.Definition) *ruleeval.Program {
	t.Helper()
	p, err := ruleeval.Compile(d)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return p
}

var nominal = time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC)

func input(payload string, context map[string]any) ruleeval.Input {
	in := ruleeval.Input{
		Context:  context,
		Activity: ruleeval.ActivityInfo{ID: "a-1", Name: "test", Version: 3},
		Run:      ruleeval.RunInfo{ID: "r-1", WorkflowID: "activity-a-1:e-1", Cause: core.EventCause("e-1"), Time: nominal},
	}
	if payload != "" {
		in.Event = &core.Event{EventID: "e-1", Type: "test", Source: "src", Time: nominal, Payload: json.RawMessage(payload)}
	}
	return in
}

// title evaluates a title template on a payload.
func title(t testing.TB, template, payload string) (string, error) {
	t.Helper()
	p := compile(t, task(template))
	plan, err := planOf(p, context.Background(), input(payload, nil))
	if err != nil {
		return "", err
	}
	return plan.Actions[0].With["title"].(string), nil
}

func TestTheWeeklySBOMDefinitionPlansOneTaskForEachRepository(t *testing.T) {
	repos, err := os.ReadFile("testdata/repos.json")
	if err != nil {
		t.Fatal(err)
	}
	d := task("Refresh SBOM of ${repo.name}", func(d *core.Definition) {
		r := &d.Rules[0]
		r.When, r.ForEach, r.As, r.ItemKey = "size(context.repos) > 0", "context.repos.filter(r, r.latest != null)", "repo", "repo.full_name"
		r.Actions[0].With["labels"] = []any{"sbom", "${repo.owner}"}
		r.Actions[0].With["priority"] = "${semver.is_valid(repo.latest) && semver.compare(repo.latest, 'v1.0.0') >= 0 ? 'high' : 'normal'}"
	})
	p := compile(t, d)
	plan, err := planOf(p, context.Background(), input("", map[string]any{"repos": json.RawMessage(repos)}))
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	if err := json.Unmarshal(repos, &all); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, r := range all {
		if r["latest"] == nil {
			continue
		}
		a := plan.Actions[want]
		if a.ItemKey != r["full_name"] || a.With["title"] != "Refresh SBOM of "+r["name"].(string) || a.Seq != want {
			t.Fatalf("action %d is %+v, want one for %v", want, a, r)
		}
		want++
	}
	if len(plan.Actions) != want || plan.Items != want {
		t.Fatalf("%d actions for %d items, want %d", len(plan.Actions), plan.Items, want)
	}
	trace := plan.Rules[0]
	if !strings.Contains(trace.Note, "filtered out by r.latest != null") || trace.Items != want {
		t.Fatalf("trace %+v", trace)
	}
}

// planOf is Plan where an action that could not be made is an error too: of one rule that is
// all there is to see.
func planOf(p *ruleeval.Program, ctx context.Context, in ruleeval.Input) (core.Plan, error) {
	plan, err := p.Plan(ctx, in)
	for _, a := range plan.Actions {
		if a.Error != "" {
			return plan, core.Errorf(core.CodeInvalid, "%s", a.Error)
		}
	}
	return plan, err
}
