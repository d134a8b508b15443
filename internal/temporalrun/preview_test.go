package temporalrun_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/envelope"
)

// expressions that a random definition is made of: all of run, event, inputs and activity,
// data, and what fails.
var sights = []string{
	"${run.time}", "${run.id}", "${run.workflow_id}", "${run.cause}", "${run.cause_key}", "${run.time.getFullYear()}",
	"${event == null ? 'none' : event.event_id}", "${event == null ? 'none' : string(event.time)}", "${event == null ? 'none' : event.type + event.source + event.subject}",
	"${event == null ? 0 : event.hops}", "${event == null ? [] : event.also_types}", "${payload == null ? 'none' : json.encode(payload)}", "${payload.?n.orValue('none')}",
	"${inputs.?team.orValue('none')}", "${inputs}", "${activity.id} ${activity.name} ${activity.version}", "${vars.k}",
	"${context.c.k}", "${payload.nothing}", "${payload.?s.orValue('x')}", "${string(i)} ${i}",
}

// TestADryRunPlansWhatTheRunPlans holds the preview against the run, byte for byte, over random
// definitions and causes.
func TestADryRunPlansWhatTheRunPlans(t *testing.T) {
	r := newRig(t)
	r.work()
	preview := catalog.New(catalog.Config{Store: r.store, Context: r.config().Contexts})
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		text := randomDefinition(rt, rapid.IntRange(0, 9).Draw(rt, "name"))
		event, inputs := randomEvent(t, rt, n), ""
		if rapid.Bool().Draw(rt, "inputs") {
			inputs = fmt.Sprintf(`{"team": %q, "n": %d}`, rapid.SampledFrom([]string{"blue", "a\nb", ""}).Draw(rt, "team"), n)
		}
		comparePlans(t, rt, r, preview, text, event, inputs, n)
	})
}

func randomDefinition(rt *rapid.T, name int) string {
	sight := rapid.SampledFrom(sights)
	var rules []string
	for k := range rapid.IntRange(1, 3).Draw(rt, "rules") {
		each := `"for_each": "[1, 2, 3]", "as": "i", "item_key": "i == 2 ? dyn(null) : dyn(i)", `
		if rapid.Bool().Draw(rt, "keys") {
			each = `"for_each": "[1, 2]", "as": "i", `
		}
		when := rapid.SampledFrom([]string{"", `"when": "run.time > timestamp('2026-06-01T00:00:00Z')", `, `"when": "run.cause == 'event'", `}).Draw(rt, "when")
		title, _ := json.Marshal(sight.Draw(rt, "title"))
		body, _ := json.Marshal(sight.Draw(rt, "description"))
		rules = append(rules, fmt.Sprintf(`{"name": "r%d", %s%s"actions": [{"type": "create_task", "on_error": "continue", "with": {"title": %s, "description": %s}}]}`, k, when, each, title, body))
	}
	return fmt.Sprintf(`{"name": "random-%d", "enabled": true, "vars": {"k": %d}, "context": {"c": {"static": {"k": 7}}},
		"trigger_type": "event", "trigger_config": {"event_type": "test.event"}, "rules": [%s]}`, name, name, strings.Join(rules, ","))
}

// randomEvent is an event as it comes out of the stream.
func randomEvent(t *testing.T, rt *rapid.T, n int) *core.Event {
	at := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(rt, "month")), 3, 4, 5, 6, rapid.SampledFrom([]int{0, 120_000_000, 123_456_789}).Draw(rt, "ns"), time.FixedZone("", 7200))
	e, err := envelope.Decode(nil, fmt.Appendf(nil, `{"event_id": "e-%d", "type": "test.event", "time": %q, "source": %q, "subject": %q, "payload": %s}`, n, at.Format(time.RFC3339Nano),
		rapid.SampledFrom([]string{"", "src"}).Draw(rt, "source"), rapid.SampledFrom([]string{"", "sub"}).Draw(rt, "subject"),
		rapid.SampledFrom([]string{`{}`, `{"n": 1.0, "s": "a\nb"}`, `{"n": 9007199254740993, "s": "x", "z": [1, 2.5, null]}`, `null`}).Draw(rt, "payload")))
	if err != nil {
		t.Fatalf("event: %v", err)
	}
	return &e
}

func comparePlans(t *testing.T, rt *rapid.T, r *rig, preview *catalog.Service, text string, event *core.Event, inputs string, n int) {
	var def core.Definition
	if err := json.Unmarshal([]byte(text), &def); err != nil {
		t.Fatalf("definition: %v", err)
	}
	def.APIVersion, def.Kind = core.APIVersion, core.Kind
	req := catalog.DryRunRequest{Definition: def, Event: event}
	cause := core.EventCause(event.EventID)
	if inputs != "" {
		cause = core.ManualCause(fmt.Sprintf("k%06d", n)) // as long as dry-run: text costs by its length
		req.Inputs, _ = catalog.DecodeInputs([]byte(inputs))
	}
	early, earlyErr := preview.DryRun(t.Context(), req) // before it is saved
	stored := r.define(text)
	workflow := core.WorkflowID(stored.ID, cause)
	r.record(stored, cause, event, inputs)
	if _, err := r.starter.StartRun(t.Context(), stored.ID, cause); err != nil {
		t.Fatalf("start: %v", err)
	}
	run := r.wait(workflow)
	if inputs != "" {
		req.At = run.CreatedAt
		early, earlyErr = preview.DryRun(t.Context(), req)
	}
	if earlyErr != nil {
		if run.Status != core.RunFailed || !strings.Contains(run.Error, core.MessageOf(earlyErr)) {
			rt.Fatalf("the dry run fails with %v, the run is %+v", earlyErr, run)
		}
		return
	}
	plan, err := r.store.Plan(t.Context(), run.RunID)
	if err != nil {
		rt.Fatalf("the dry run has a plan, the run none: %v: %+v", err, run)
	}
	planned := []core.PlannedAction{}
	for _, a := range r.actions(run.RunID) {
		planned = append(planned, a.PlannedAction)
	}
	got, err := json.Marshal([]any{early.Rules, early.Actions, early.Cost})
	want, err2 := json.Marshal([]any{plan.Rules, planned, plan.Cost})
	if err != nil || err2 != nil {
		rt.Fatal(err, err2)
	}
	if inputs != "" { // the key of a manual run is chosen when it is triggered
		for _, dry := range []string{core.WorkflowID(stored.ID, core.ManualCause("dry-run")), "manual-dry-run"} {
			got = bytes.ReplaceAll(got, []byte(dry), []byte(strings.Replace(dry, "dry-run", cause.IdempotencyKey, 1)))
		}
		got = bytes.ReplaceAll(got, []byte(core.RunID(core.WorkflowID(stored.ID, core.ManualCause("dry-run")))), []byte(run.RunID))
	}
	if !bytes.Equal(got, want) {
		rt.Fatalf("dry run and run differ for %s\n dry %s\n run %s", text, got, want)
	}
}
