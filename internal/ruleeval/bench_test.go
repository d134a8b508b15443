package ruleeval_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func BenchmarkCompile(b *testing.B) {
	d := everything()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ruleeval.Compile(d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlanOneTask(b *testing.B) {
	p := compile(b, task("Look at ${payload.repository.full_name} (${vars.tag})", func(d *core.Definition) {
		d.Rules[0].When = "payload.ref == 'refs/heads/main'"
		d.Rules[0].Actions[0].With["labels"] = []any{"push", "${payload.pusher.name}"}
	}))
	in := input(`{"ref":"refs/heads/main","repository":{"full_name":"acme/api"},"pusher":{"name":"ann"}}`, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := planOf(p, context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatchWhen(b *testing.B) {
	p := compile(b, task("t", func(d *core.Definition) { d.TriggerConfig.When = "payload.pusher.name != 'bot'" }))
	e, err := activitycoreEvent("testdata/push.json")
	if err != nil {
		b.Fatal(err)
	}
	decoded, err := ruleeval.NewEvent(e)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := p.MatchEvent(context.Background(), decoded); !ok || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlan10000Items(b *testing.B) {
	repos := make([]any, 20_000)
	for i := range repos {
		repos[i] = map[string]any{"full_name": fmt.Sprintf("acme/repo-%d", i), "name": fmt.Sprintf("repo-%d", i), "active": i%2 == 0, "sbom_age_days": int64(i % 60), "team": "core"}
	}
	raw, err := json.Marshal(repos)
	if err != nil {
		b.Fatal(err)
	}
	p := compile(b, task("Refresh SBOM of ${repo.name}", func(d *core.Definition) {
		r := &d.Rules[0]
		r.ForEach, r.As, r.ItemKey = "context.repos.filter(r, r.active && r.sbom_age_days >= 0)", "repo", "repo.full_name"
		r.Actions[0].With["labels"] = []any{"sbom", "${repo.team}"}
		r.Actions[0].With["priority"] = "${repo.sbom_age_days > 30 ? 'high' : 'normal'}"
	}))
	in := input("", map[string]any{"repos": json.RawMessage(raw)})
	b.ReportAllocs()
	for b.Loop() {
		plan, err := planOf(p, context.Background(), in)
		if err != nil || len(plan.Actions) != 10_000 {
			b.Fatal(len(plan.Actions), err)
		}
	}
}
