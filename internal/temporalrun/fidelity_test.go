package temporalrun_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// Beyond 2^53 a floating point number skips integers: 9007199254740993 would become …992, the
// others 9.2e+18 and 1.8e+19.
const (
	odd      = "9007199254740993"
	smallest = "-9223372036854775808"
	largest  = "18446744073709551615"
)

func TestWholeNumbersStayWhatTheyAreFromTheDocumentToTheRequest(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	var mu sync.Mutex
	bodies := map[string]string{}
	s.before = func(_ http.ResponseWriter, req *http.Request, _ int) bool {
		b, _ := io.ReadAll(req.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies[req.URL.Path+"?"+req.URL.RawQuery] = string(b)
		return false
	}
	numbers := fmt.Sprintf(`{"odd": %s, "smallest": %s, "largest": %s, "list": [%s, 1.5, -0.25, 1e300, 18446744073709552000], "whole": 12000000}`, odd, smallest, largest, odd)
	all := `{"payload": "${payload}", "vars": "${vars.n}", "context": "${context.n}", "item": "${i}"`
	def := r.define(fmt.Sprintf(`{"name": "numbers", "enabled": true, "vars": {"n": %s}, "context": {"n": {"static": %s}},
		"rules": [{"name": "r", "for_each": "[payload]", "as": "i", "actions": [
			{"type": "http_request", "name": "call", "with": {"url": "%s/now/${payload.odd}", "method": "POST", "query": {"q": "${payload.largest}"}, "body": %s}}},
			{"type": "http_request", "with": {"url": "%s/later/${steps.call.body.id}", "method": "POST", "body": %s, "step": "${[steps.call.body.id, payload.odd]}"}}},
			{"type": "publish_event", "with": {"type": "numbers.seen", "payload": %s, "step": "${steps.call.body.id}"}}},
			{"type": "create_task", "with": {"title": "${payload.odd} ${payload.largest} ${vars.n.smallest} ${context.n.whole} ${steps.call.body.id}"}}]}]}`,
		numbers, numbers, s.URL, all, s.URL, all, all))
	event := &core.Event{EventID: "e1", Type: "test.event", Time: time.Now().UTC(), Payload: json.RawMessage(numbers)}
	cause := core.EventCause("e1")
	r.record(def, cause, event, "")
	if _, err := r.starter.StartRun(t.Context(), def.ID, cause); err != nil {
		t.Fatal(err)
	}
	run := r.wait(core.WorkflowID(def.ID, cause))
	if run.Status != core.RunSucceeded {
		t.Fatalf("run %+v: %+v", run, r.actions(run.RunID))
	}
	want := canonical(t, numbers)
	check := func(what, body string, keys ...string) {
		t.Helper()
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v in %q", what, err, body)
		}
		for _, k := range keys {
			if have := canonical(t, string(got[k])); have != want {
				t.Errorf("%s, %s: %s, want %s", what, k, have, want)
			}
		}
	}
	check("request", bodies["/now/"+odd+"?q="+largest], "payload", "vars", "context", "item")
	later := bodies["/later/"+odd+"?"]
	check("request that waited for a step", later, "payload", "vars", "context", "item")
	if !strings.Contains(later, `"step":[`+odd+`,`+odd+`]`) {
		t.Errorf("the step's number: %s", later)
	}
	check("event", string(r.events.all()[0].Payload), "payload", "vars", "context", "item")
	if title := r.tasks(run.RunID)[0].Title; title != strings.Join([]string{odd, largest, smallest, "12000000", odd}, " ") {
		t.Errorf("title %q", title)
	}

	// As the API answers and its client reads: parameters and the scope of what was deferred.
	records := r.actions(run.RunID)
	answer, err := json.Marshal(records)
	if err != nil {
		t.Fatal(err)
	}
	var read []core.ActionRecord
	if err := json.Unmarshal(answer, &read); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(read)
	if err != nil || string(again) != string(answer) {
		t.Errorf("an action read from JSON is another:\n%s\n%s", answer, again)
	}
	payload, _ := read[1].Scope["payload"].(map[string]any)
	if payload["odd"] != int64(9007199254740993) {
		t.Errorf("the scope of what was deferred: %#v", read[1].Scope)
	}
}

// canonical is JSON with sorted keys and its numbers as they were written.
func canonical(t *testing.T, text string) string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "1e+300", "1e300")
}
