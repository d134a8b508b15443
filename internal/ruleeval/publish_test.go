package ruleeval_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// passedOn is what a definition that passes every field of an event on would publish.
func passedOn(t testing.TB, e core.Event) (*ruleeval.PublishEventParams, error) {
	t.Helper()
	d := task("x")
	d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{
		"type": "${event.type}", "event_id": "${event.event_id}", "source": "${event.source}", "subject": "${event.subject}", "payload": "${payload}"}}
	in := input("{}", nil)
	in.Event = &e
	plan, err := planOf(compile(t, d), t.Context(), in)
	if err != nil {
		return nil, err
	}
	params, err := ruleeval.Decode(plan.Actions[0])
	if err != nil {
		return nil, err
	}
	return params.(*ruleeval.PublishEventParams), nil
}

// The sample publish-subject, and its kind: what comes in may go out.
func TestWhatComesInMayGoOut(t *testing.T) {
	check := func(t testing.TB, e core.Event) {
		t.Helper()
		if envelope.Validate(e) != nil {
			return
		}
		p, err := passedOn(t, e)
		if err != nil {
			t.Fatalf("%+v came in and may not go out: %v", e, err)
		}
		if p.EventID != e.EventID || p.Type != e.Type || p.Source != e.Source || p.Subject != e.Subject {
			t.Fatalf("published %+v; want the fields of %+v", p, e)
		}
	}
	event := func(id, source, subject string) core.Event {
		return core.Event{EventID: id, Type: "a.b", Source: source, Subject: subject, Time: nominal, Payload: json.RawMessage(`{}`)}
	}
	check(t, event("e 1 é", "https://example.org/a b", "containers/photos/M\u00fcller 1.jpg"))
	check(t, event(strings.Repeat("x", envelope.MaxIDLength), strings.Repeat("y", envelope.MaxTextLength), strings.Repeat("z", envelope.MaxTextLength)))
	rapid.Check(t, func(rt *rapid.T) {
		e := event(rapid.String().Draw(rt, "id"), rapid.String().Draw(rt, "source"), rapid.String().Draw(rt, "subject"))
		check(t, e)
	})
	for name, e := range map[string]core.Event{
		"a control character": event("1", "s", "a\nb"),
		"a long subject":      event("1", "s", strings.Repeat("x", envelope.MaxTextLength+1)),
	} {
		if p, err := passedOn(t, e); err == nil || envelope.Validate(e) == nil {
			t.Errorf("%s: %+v, %v; want it refused, coming in and going out", name, p, err)
		}
	}
}

// The sample cloudevents-extensions, in expressions.
func TestExtensionAttributesAreReadAndPassedOn(t *testing.T) {
	d := task("${event.extensions.partitionkey}")
	d.Rules[0].Actions = append(d.Rules[0].Actions, core.Action{Type: core.ActionPublishEvent,
		With: map[string]any{"type": "a.b", "extensions": "${event.extensions}"}})
	in := input("{}", nil)
	in.Event.Extensions = core.Extensions{"partitionkey": "k-7", "n": int64(9007199254740993), "b": true}
	plan, err := planOf(compile(t, d), t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	params, err := ruleeval.Decode(plan.Actions[1])
	if err != nil {
		t.Fatal(err)
	}
	p := params.(*ruleeval.PublishEventParams)
	if got := plan.Actions[0].With; !strings.Contains(string(mustJSON(t, got)), `"k-7"`) || p.Extensions["partitionkey"] != "k-7" || p.Extensions["n"] != int64(9007199254740993) || p.Extensions["b"] != true {
		t.Errorf("task %v, published %v; want k-7 and all extensions", got, p.Extensions)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
