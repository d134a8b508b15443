package temporalrun_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

// twoSteps is a definition whose second action reads the first one's answer.
func twoSteps(method, url, with, title string) string {
	return fmt.Sprintf(`{"name": "steps", "enabled": true, "rules": [{"name": "r", "actions": [
		{"type": "http_request", "name": "s", "with": {"method": %q, "url": %q%s}, "retry": {"max_attempts": 1}},
		{"type": "create_task", "with": {"title": %q}}]}]}`, method, url, with, title)
}

// answers serves the kinds of bodies that a later step may find.
func answers(t *testing.T) *sink {
	s := newSink(t)
	s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		switch r.URL.Path {
		case "/large":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id": 7, "fill": "%s"}`, strings.Repeat("<", 100_000))
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
		case "/empty":
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>the proxy is sorry</html>")
		default:
			return false
		}
		return true
	}
	return s
}

// Case large-answer: an answer of 100 kB, and a next action that reads a field of it.
func TestLargeAnswer(t *testing.T) {
	r := newRig(t)
	r.work()
	s := answers(t)
	run := r.run(r.define(twoSteps("GET", s.URL+"/large", "", "${steps.s.body.id}")))
	list := r.actions(run.RunID)
	if list[0].Status != core.ActionSucceeded || list[1].Status != core.ActionFailed {
		t.Fatalf("got %s and %s, want the request succeeded and its reader failed", list[0].Status, list[1].Status)
	}
	for _, want := range []string{"steps.s.body.id", "max_response_bytes (65536)", "raise", "1048576", "<<<"} {
		if got := list[1].Result.Error; !strings.Contains(got, want) || strings.Contains(got, `\u003c`) {
			t.Errorf("got %q, want it with %q", got, want)
		}
	}
}

func TestAnAnswerWithLimitRaisedIsReadWhole(t *testing.T) {
	r := newRig(t)
	r.work()
	s := answers(t)
	run := r.run(r.define(twoSteps("GET", s.URL+"/large", `, "max_response_bytes": 200000`, "${steps.s.body.id}")))
	if tasks := r.tasks(run.RunID); run.Status != core.RunSucceeded || len(tasks) != 1 || tasks[0].Title != "7" {
		t.Errorf("got %s with %v, want a task with the title 7", run.Status, tasks)
	}
}

// A request whose answer lacks what the next step cannot do without was not answered as the
// definition asks.
func TestAnAnswerWithoutTheBodyThatALaterStepNeedsIsNoDelivery(t *testing.T) {
	r := newRig(t)
	r.work()
	s := answers(t)
	for i, c := range []struct{ method, path, title, want string }{
		{"POST", "/nothing", "${steps.s.body.id}", "status 204) has no body"},
		{"POST", "/empty", "ticket ${string(steps.s.body.id)}", "status 200) has no body"},
		{"POST", "/page", "${steps.s.body['id']}", "is text/html, no JSON"},
		{"HEAD", "/ok", "${steps.s.body.id}", "the method is HEAD"},
		{"POST", "/page", "${steps.s.status == 200 ? 'done' : steps.s.body.id}", ""},
		{"POST", "/nothing", "${steps.s.status} ${steps.s.body == '' ? 'none' : 'some'}", ""},
		{"POST", "/page", "${steps.s.body.contains('sorry') ? 'page' : 'none'}", ""},
		{"POST", "/ok", "${steps.s.body.id}", ""},
	} {
		def := r.define(strings.Replace(twoSteps(c.method, s.URL+c.path, "", c.title), `"name": "steps"`, fmt.Sprintf(`"name": "steps-%d"`, i), 1))
		run := r.run(def)
		list := r.actions(run.RunID)
		if c.want == "" {
			if run.Status != core.RunSucceeded {
				t.Errorf("%s %s, %s: got %s, %+v; want succeeded", c.method, c.path, c.title, run.Status, list[0].Result)
			}
			continue
		}
		first, second := list[0].Result, list[1].Result
		if first.Status != core.ActionFailed || !strings.Contains(first.Error, c.want) || !strings.Contains(first.Error, "steps.s.body.id") || second.Status != core.ActionSkipped {
			t.Errorf("%s %s, %s: got %+v, then %+v; want the request failed with %q, the next skipped", c.method, c.path, c.title, first, second, c.want)
		}
	}
}

func TestAReaderOfAFailedStepSaysThatItFailed(t *testing.T) {
	r := newRig(t)
	r.work()
	s := answers(t)
	text := strings.Replace(twoSteps("POST", s.URL+"/page", `, "expect": {"status": 201}`, "${steps.s.body.id}"), `"retry"`, `"on_error": "continue", "retry"`, 1)
	run := r.run(r.define(text))
	if got := r.actions(run.RunID)[1].Result; got == nil || !strings.Contains(got.Error, `the action "s" failed`) {
		t.Errorf("got %+v, want the error to say that the action failed", got)
	}
}
