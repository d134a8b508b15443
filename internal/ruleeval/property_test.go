package ruleeval_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// anyJSON draws a JSON value.
func anyJSON(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Int64().AsAny(),
		rapid.Float64Range(-1e300, 1e300).AsAny(),
		rapid.String().AsAny(),
		rapid.SampledFrom([]string{"${vars.tag}", "$${", "${", "}", "${payload.a}", "a\r\nb", "..", "%2e", "'\"`"}).AsAny(),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	return rapid.OneOf(append(scalars,
		rapid.SliceOfN(anyJSON(depth-1), 0, 4).AsAny(),
		rapid.MapOfN(rapid.StringN(0, 6, -1), anyJSON(depth-1), 0, 4).AsAny())...)
}

// everything uses each construct, on data of any shape.
func everything() *core.Definition {
	return task("t", func(d *core.Definition) {
		d.TriggerConfig.When = "has(payload.a) || true"
		d.Rules[0] = core.Rule{Name: "each", ForEach: "type(payload.l) == list ? payload.l : []", Actions: []core.Action{
			{Type: core.ActionPublishEvent, Name: "first", With: map[string]any{"type": "a.b", "payload": map[string]any{
				"keys": "${payload.map(k, k)}", "pairs": "${payload.transformList(k, v, [k, v])}", "literal": "${{'z': 1, 'y': 2, 1: 3, true: 4, 'x': 5}.map(k, k)}",
				"made": "${payload.transformMap(k, v, 1).map(k, k)}", "item": "${item}", "all": "${payload}", "event": "${event}", "run": "${run}", "text": "n ${json.encode(item)} ${json.encode(payload)}"}}},
			{Type: core.ActionPublishEvent, With: map[string]any{"type": "a.b", "payload": map[string]any{"later": "${steps.first.x} ${json.encode(item)}", "item": "${item}"}}},
		}}
	})
}

func TestTheSameInputsGiveTheSamePlanByteForByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload, err := json.Marshal(map[string]any{"l": rapid.SliceOfN(anyJSON(3), 0, 5).Draw(t, "list"), "x": anyJSON(3).Draw(t, "x"), "y": 1, "z": 2, "a": 3, "b": 4, "c": 5})
		if err != nil {
			t.Skip(err)
		}
		var first []byte
		for i := range 3 {
			p, err := ruleeval.Compile(everything())
			if err != nil {
				t.Fatal(err)
			}
			plan, err := planOf(p, context.Background(), input(string(payload), nil))
			if err != nil {
				t.Fatalf("%s: %v", payload, err)
			}
			b, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = b
			} else if !bytes.Equal(first, b) {
				t.Fatalf("plans differ:\n%s\n%s", first, b)
			}
		}
	})
}

func TestAWholeExpressionHandsJSONOnUnchanged(t *testing.T) {
	p := compile(t, task("t", func(d *core.Definition) {
		d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "a.b", "payload": "${payload}"}}
	}))
	rapid.Check(t, func(t *rapid.T) {
		payload, err := json.Marshal(map[string]any{"x": anyJSON(4).Draw(t, "x")})
		if err != nil {
			t.Skip(err)
		}
		plan, err := planOf(p, context.Background(), input(string(payload), nil))
		if err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		got, err := json.Marshal(plan.Actions[0].With["payload"])
		if err != nil {
			t.Fatal(err)
		}
		want, err := core.DecodeJSON(payload)
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := json.Marshal(want)
		if err != nil || !bytes.Equal(got, canonical) {
			t.Fatalf("%s came out as %s, want %s (%v)", payload, got, canonical, err)
		}
	})
}

// What is inserted stands in the result as it is and nothing of it is evaluated,
// whatever it contains and wherever the template puts it.
func TestInsertedTextIsNeverEvaluated(t *testing.T) {
	p := compile(t, task("t", func(d *core.Definition) {
		d.Rules[0].Actions[0].With = map[string]any{"title": "t", "description": "<${payload.a}|${payload.b}>", "labels": "${payload.l}"}
	}))
	parts := rapid.SampledFrom([]string{"${", "}", "$", "{", "vars.tag", "1/0", "'", `"`, "`", "\\", "steps.x", "|", "äß", "//", "\u2028"})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(parts, 0, 12).Draw(t, "parts"), "") })
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		payload, err := json.Marshal(map[string]any{"a": a, "b": b, "l": []string{}})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := planOf(p, context.Background(), input(string(payload), nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Actions[0].With["description"]; got != "<"+a+"|"+b+">" {
			t.Fatalf("%q and %q give %q", a, b, got)
		}
	})
}

func TestAProgramServesManyGoroutinesAtOnce(t *testing.T) {
	p := compile(t, everything())
	want, err := planOf(p, context.Background(), input(`{"l":[1,2,3]}`, nil))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	failures := make(chan error, 8)
	for range 8 {
		wg.Go(func() {
			for range 50 {
				plan, err := planOf(p, context.Background(), input(`{"l":[1,2,3]}`, nil))
				if err != nil {
					failures <- err
					return
				}
				if got, err := json.Marshal(plan); err != nil || !bytes.Equal(got, b) {
					failures <- errors.New("another plan")
					return
				}
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}

func TestATriggerConditionSeesTheEvent(t *testing.T) {
	push, err := activitycoreEvent("testdata/push.json")
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[string]bool{
		"":                              true,
		"payload.pusher.name != 'bot'":  true,
		"payload.pusher.name == 'bot'":  false,
		"event.type == 'github.push'":   true,
		"size(payload.commits) > 10000": false,
		"payload.repository.id > 0 && payload.repository.full_name.contains('/')": true,
		"has(payload.nothing)":                        false,
		"payload.?nothing.?at.?all.orValue(1) == 1":   true,
		"event.time < timestamp(0)":                   false,
		"vars.max_age_days == 7 && vars.tag in ['x']": true,
	} {
		p := compile(t, task("t", func(d *core.Definition) { d.TriggerConfig.When = when }))
		got, err := p.MatchWhen(context.Background(), push)
		if err != nil || got != want {
			t.Errorf("%s is %v (%v), want %v", when, got, err, want)
		}
	}
	p := compile(t, task("t", func(d *core.Definition) { d.TriggerConfig.When = "payload.nothing == 1" }))
	if _, err := p.MatchWhen(context.Background(), push); !core.IsCode(err, core.CodeInvalid) || !strings.Contains(err.Error(), "trigger_config.when: payload.nothing does not exist") {
		t.Errorf("error %v", err)
	}
}
