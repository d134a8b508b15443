package ruleeval_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// unusual has numbers that no Go type keeps.
const unusual = `{"x": 1, "id": 9223372036854775807, "unsigned": 18446744073709551615, "big": 123456789012345678901234567890, "huge": 1e400, "tiny": 1e-400}`

func TestANumberThatNothingUsesSpoilsNeitherWhenNorRun(t *testing.T) {
	for expr, want := range map[string]bool{
		"payload.x == 1": true, "payload.id == 9223372036854775807": true, "payload.unsigned == 18446744073709551615u": true,
		"payload.big > 1e29": true, "payload.big < payload.x": false, "payload.huge == '1e400'": true, "payload.huge == 1": false, "payload.tiny == 0.0": true,
	} {
		p := compile(t, task("${"+expr+"}", func(d *core.Definition) { d.TriggerConfig.When = expr }))
		in := input(unusual, nil)
		got, err := p.MatchWhen(context.Background(), in.Event)
		if err != nil || got != want {
			t.Errorf("when %s: %v %v, want %v", expr, got, err, want)
		}
		plan, err := planOf(p, context.Background(), in) // and a run sees what when saw
		if err != nil || plan.Actions[0].With["title"] != map[bool]string{true: "true", false: "false"}[want] {
			t.Errorf("a run with %s: %v %v, want %v", expr, plan.Actions, err, want)
		}
	}
	p := compile(t, task("${payload.huge + 1.0}", func(d *core.Definition) { d.TriggerConfig.When = "payload.huge > 1.0" }))
	in := input(unusual, nil)
	if got, err := p.MatchWhen(context.Background(), in.Event); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("calculating with text: %v %v", got, err)
	}
	if _, err := planOf(p, context.Background(), in); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("calculating with text in a run: %v", err)
	}
}

func TestAPlanWithUnusualNumbersReadsBackAsItWasWritten(t *testing.T) {
	d := task("t", func(d *core.Definition) {
		d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "x", "payload": "${payload}"}}
	})
	plan, err := planOf(compile(t, d), context.Background(), input(unusual, map[string]any{"repos": json.RawMessage(unusual)}))
	if err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var read core.Plan
	if err := json.Unmarshal(written, &read); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(read)
	if err != nil || string(again) != string(written) {
		t.Fatalf("%s\n%s (%v)", written, again, err)
	}
	for _, part := range []string{`"id":9223372036854775807`, `"unsigned":18446744073709551615`, `"big":1.2345678901234568e+29`, `"huge":"1e400"`} {
		if !strings.Contains(string(written), part) {
			t.Errorf("no %s in %s", part, written)
		}
	}
}

func TestWhateverIsAcceptedAsAnEventCanBeEvaluated(t *testing.T) {
	p := compile(t, task("${payload == null}"))
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.StringMatching(`-?(0|[1-9][0-9]{0,400})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,5})?|"[a-z]*"|true|null|\{\}`).Draw(t, "innermost")
		for range rapid.OneOf(rapid.IntRange(0, 5), rapid.SampledFrom([]int{envelope.MaxDepth - 1, envelope.MaxDepth, envelope.MaxDepth + 1})).Draw(t, "depth") {
			if rapid.Bool().Draw(t, "list") {
				payload = "[" + payload + ", 1]"
			} else {
				payload = `{"a": ` + payload + `}`
			}
		}
		e := core.Event{EventID: "e", Type: "test", Payload: json.RawMessage(payload)}
		if envelope.Validate(e) != nil {
			return
		}
		if _, err := ruleeval.NewEvent(&e); err != nil {
			t.Fatalf("%.200s: %v", payload, err)
		}
		in := input(payload, nil)
		if _, err := planOf(p, context.Background(), in); err != nil {
			t.Fatal(err)
		}
	})
}
