package temporalrun_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// posting is a definition that makes a request for each of n items.
func posting(n int, url, more string) string {
	return fmt.Sprintf(`{"name": "posting", "enabled": true, "rules": [{"name": "r", "for_each": "lists.range(%d)", "as": "i",
		"actions": [{"type": "http_request", "name": "call", "with": {"url": "%s"}, "retry": {"initial_interval": "1ms", "max_attempts": 3}%s}]}]}`, n, url, more)
}

func TestEveryItemIsRequestedOnceUnderItsOwnKey(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	run := r.run(r.define(posting(250, s.URL, "")))
	if run.Status != core.RunSucceeded || run.Actions.Succeeded != 250 {
		t.Fatalf("run: %+v", run)
	}
	if distinct, total := s.counts(); distinct != 250 || total != 250 {
		t.Errorf("%d requests with %d keys", total, distinct)
	}
	for _, a := range r.actions(run.RunID) {
		if s.keys[a.Key] != 1 {
			t.Errorf("action %s: %d requests", a.Key, s.keys[a.Key])
		}
	}
}

func TestAPassingFailureIsRetriedAndALastingOneReportedForItsItem(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	var busy atomic.Int64
	s.before = func(w http.ResponseWriter, req *http.Request, _ int) bool {
		switch {
		case req.URL.Path == "/gone":
			http.Error(w, "no", http.StatusNotFound)
			return true
		case req.URL.Path == "/busy" && busy.Add(1) < 3:
			http.Error(w, "later", http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	def := r.define(fmt.Sprintf(`{"name": "mixed", "enabled": true, "rules": [{"name": "r", "for_each": "['ok', 'gone', 'busy']", "as": "p", "item_key": "p",
		"actions": [{"type": "http_request", "name": "call", "with": {"url": "%s/${p}"}, "retry": {"initial_interval": "1ms"}},
			{"type": "create_task", "with": {"title": "${p}: ${steps.call.body.id}"}}]}]}`, s.URL))
	run := r.run(def)
	if run.Status != core.RunPartial || run.Actions.Succeeded != 4 || run.Actions.Failed != 1 {
		t.Fatalf("run: %+v", run)
	}
	got := map[string]string{}
	for _, a := range r.actions(run.RunID) {
		got[fmt.Sprintf("%s/%d", a.ItemKey, a.ActionIndex)] = fmt.Sprintf("%s after %d", a.Status, a.Result.Attempts)
	}
	want := map[string]string{"ok/0": "succeeded after 1", "ok/1": "succeeded after 1", "gone/0": "failed after 1", "gone/1": "skipped after 0",
		"busy/0": "succeeded after 3", "busy/1": "succeeded after 1"}
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %s, want %s", k, got[k], w)
		}
	}
	titles := map[string]bool{}
	for _, task := range r.tasks(run.RunID) {
		titles[task.Title] = true
	}
	if !titles["ok: 9007199254740993"] || !titles["busy: 9007199254740993"] || len(titles) != 2 {
		t.Errorf("titles: %v", titles)
	}
}

func TestWhatALaterStepSeesOfATaskIsWhatTheStoreMadeOfIt(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	def := r.define(fmt.Sprintf(`{"name": "two-steps", "enabled": true, "rules": [{"name": "r", "actions": [
		{"type": "create_task", "name": "t", "with": {"title": "T", "unique_key": "u"}},
		{"type": "http_request", "with": {"url": "%s/${steps.t.task_id}"}}]}]}`, s.URL))
	first := r.wait(r.trigger(def, "1"))
	var path atomic.Value
	s.before = func(_ http.ResponseWriter, req *http.Request, _ int) bool { path.Store(req.URL.Path); return false }
	second := r.wait(r.trigger(def, "2"))
	if second.Status != core.RunSucceeded {
		t.Fatalf("run: %+v", second)
	}
	if want := "/" + r.tasks(first.RunID)[0].TaskID; path.Load() != want {
		t.Errorf("the request went to %v, want %s, the open task's", path.Load(), want)
	}
}

func TestCancelStopsARunAndSaysWhatWasDone(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	reached := make(chan struct{}, 1000)
	var unanswered sync.Map // keys
	s.before = func(w http.ResponseWriter, req *http.Request, nth int) bool {
		if nth <= 20 {
			return false
		}
		unanswered.Store(req.Header.Get("Idempotency-Key"), true)
		reached <- struct{}{}
		<-req.Context().Done() // until the client gives up
		return true
	}
	def := r.define(posting(300, s.URL, `, "timeout": "1h"`))
	id := r.trigger(def, "k")
	<-reached
	if err := r.starter.CancelRun(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	run := r.wait(id)
	distinct, _ := s.counts()
	if run.Status != core.RunCanceled || run.Actions.Succeeded != distinct || run.Actions.Failed != 0 {
		t.Fatalf("run: %+v with %d requests answered", run, distinct)
	}
	doubtful := 0
	for _, a := range r.actions(run.RunID) {
		if a.Status != core.ActionSucceeded && a.Status != core.ActionSkipped {
			t.Fatalf("action %d is %s", a.Seq, a.Status)
		}
		_, reachedIt := unanswered.Load(a.Key)
		told := a.Result != nil && strings.Contains(a.Result.Error, "attempt 1 was under way: it may have had its effect")
		if reachedIt && !told {
			t.Errorf("action %d reached the server, and the record says %s: %+v", a.Seq, a.Status, a.Result)
		}
		if told {
			doubtful++
		}
	}
	if doubtful == 0 || doubtful > 8*16 {
		t.Errorf("%d actions are said to be in doubt", doubtful)
	}
	if err := r.starter.CancelRun(t.Context(), "activity-none:manual-none"); !core.IsCode(err, core.CodeNotFound) {
		t.Errorf("canceling a run that is not there: %v", err)
	}
}

func TestARunCanceledBeforeItBeganIsRecordedAsCanceled(t *testing.T) {
	r := newRig(t)
	def := r.define(oneTask)
	id := r.trigger(def, "k") // no worker yet
	if err := r.starter.CancelRun(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	r.work()
	run := r.wait(id)
	if run.Status != core.RunCanceled || len(r.tasks(run.RunID)) != 0 {
		t.Errorf("run: %+v", run)
	}
	if e := r.entry(def, core.ManualCause("k")); !e.Verdict.Terminal() {
		t.Errorf("ledger: %+v", e)
	}
}

func TestAPlanIsStoredOnceAndCarriedOutFromTheRecord(t *testing.T) {
	r := newRig(t)
	def := r.define(`{"name": "planned", "enabled": true, "context": {"x": {"file": "x.json"}},
		"rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "${context.x}"}}]}]}`)
	id := r.trigger(def, "k")
	// An earlier attempt was admitted, stored its plan and died: now the file that it read is gone.
	cause := core.ManualCause("k")
	desc, err := r.client.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Admit(t.Context(), core.Claim{ActivityID: def.ID, Cause: cause, WorkflowID: id,
		TemporalRunID: desc.WorkflowExecutionInfo.FirstRunId, DefinitionVersion: def.Version, ActivityName: def.Name, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.store.SavePlan(t.Context(), core.RunID(id), core.Plan{Items: 1, Rules: []core.RuleTrace{{Rule: "r", When: true, Items: 1, Actions: 1}},
		Actions: []core.PlannedAction{{Rule: "r", ItemKey: "0", Key: core.ActionKey(id, "r", "0", 0), Type: core.ActionCreateTask, With: map[string]any{"title": "From the plan"}}}}); err != nil {
		t.Fatal(err)
	}
	r.work()
	run := r.wait(id)
	if tasks := r.tasks(run.RunID); run.Status != core.RunSucceeded || len(tasks) != 1 || tasks[0].Title != "From the plan" {
		t.Errorf("run %+v, tasks %+v", run, tasks)
	}
}

func TestContextOverTheNetworkIsFetchedInAnActivityThatIsRetried(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	s.before = func(w http.ResponseWriter, _ *http.Request, nth int) bool {
		if nth <= 4 { // more than the fetcher's own attempts
			http.Error(w, "later", http.StatusBadGateway)
			return true
		}
		_, _ = w.Write([]byte(`{"repos": [{"name": "a"}, {"name": "b"}]}`))
		return true
	}
	run := r.run(r.define(fmt.Sprintf(`{"name": "fetching", "enabled": true, "context": {"repos": {"http": {"url": "%s", "select": "body.repos"}}},
		"rules": [{"name": "r", "for_each": "context.repos", "as": "repo", "item_key": "repo.name", "actions": [{"type": "create_task", "with": {"title": "${repo.name}"}}]}]}`, s.URL)))
	if run.Status != core.RunSucceeded || run.Actions.Succeeded != 2 {
		t.Errorf("run: %+v", run)
	}
}

func TestTheStoreMayBeAwayForAWhile(t *testing.T) {
	r := newRig(t)
	var left atomic.Int64
	left.Store(4)
	r.work(func(c *temporalrun.Config) { c.Record = moodyRecord{c.Record, &left} })
	run := r.run(r.define(oneTask))
	if run.Status != core.RunSucceeded || len(r.tasks(run.RunID)) != 1 || left.Load() >= 0 {
		t.Errorf("run: %+v, %d failures left", run, left.Load())
	}
}

func TestTheOutcomeIsAnnouncedOnceAndChainsEnd(t *testing.T) {
	r := newRig(t)
	r.work(func(c *temporalrun.Config) { c.Outcomes = r.events })
	run := r.run(r.define(oneTask))
	events := r.events.all()
	if len(events) != 1 || events[0].Type != "activity.run.succeeded" || events[0].Hops != 1 || !events[0].CausedBy(run.ActivityID) {
		t.Fatalf("events: %+v", events)
	}
	if _, ok, _ := temporalrun.OutcomeEvent(run, &core.Event{Hops: core.MaxHops}); ok {
		t.Error("a chain of the greatest length goes on")
	}
	if e, ok, _ := temporalrun.OutcomeEvent(run, &core.Event{Hops: core.MaxHops - 1}); !ok || e.Hops != core.MaxHops {
		t.Errorf("the last link: %+v, %v", e, ok)
	}
}

func TestALongRunContinuesAsNewWhereItWas(t *testing.T) {
	t.Parallel()
	server, err := devstack.StartTemporal(t.Context(), devstack.TemporalConfig{
		SearchAttributes: devstacktest.SearchAttributes(),
		DynamicConfig:    map[string]any{"limit.historyCount.suggestContinueAsNew": 30},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	r := openRig(t, devstacktest.Namespace{Name: server.Namespace(), HostPort: server.Addr()}, filepath.Join(t.TempDir(), "record.db"))
	r.work()
	s := newSink(t)
	const n = 2500
	def := r.define(posting(n, s.URL, ""))
	id := r.trigger(def, "k")
	run := r.wait(id)
	if run.Status != core.RunSucceeded || run.Actions.Succeeded != n {
		t.Fatalf("run: %+v", run)
	}
	if distinct, total := s.counts(); distinct != n || total != n {
		t.Errorf("%d requests with %d keys", total, distinct)
	}
	desc, err := r.client.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	info := desc.WorkflowExecutionInfo
	if info.Execution.RunId == info.FirstRunId || info.HistoryLength > 200 {
		t.Errorf("it ended in its first execution, or with a history of %d events", info.HistoryLength)
	}
	if v := info.SearchAttributes.IndexedFields[core.SearchAttrActivity]; v == nil {
		t.Error("the last execution has lost its search attributes")
	}
}
