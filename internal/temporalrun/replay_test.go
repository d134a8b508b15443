package temporalrun_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// Histories are recorded once per version of the workflow and never changed: a run that began
// with an old version must go on with a new one. ACTIVITY_CORE_RECORD=<version> records those
// that are missing.
const histories = "testdata/histories"

func TestEveryRecordedHistoryReplays(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(histories, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			replayer.RegisterWorkflowWithOptions(temporalrun.RunActivityWorkflow, workflow.RegisterOptions{Name: core.WorkflowType})
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			h, err := client.HistoryFromJSON(in, client.HistoryJSONOptions{})
			if err != nil {
				t.Fatal(err)
			}
			started := h.Events[0].GetWorkflowExecutionStartedEventAttributes()
			// A cron run reads its nominal time from its own ID.
			original := workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()}
			if err := replayer.ReplayWorkflowHistoryWithOptions(silent{}, h, worker.ReplayWorkflowHistoryOptions{OriginalExecution: original}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRecordHistories(t *testing.T) {
	version := os.Getenv("ACTIVITY_CORE_RECORD")
	if version == "" {
		t.Skip("set ACTIVITY_CORE_RECORD to a version to record its histories")
	}
	r := newRig(t)
	r.work(func(c *temporalrun.Config) { c.Outcomes = r.events })
	s := newSink(t)
	hold := make(chan struct{}, 1)
	s.before = func(w http.ResponseWriter, req *http.Request, _ int) bool {
		switch req.URL.Path {
		case "/list":
			_, _ = w.Write([]byte(`["a", "b"]`))
			return true
		case "/hold":
			select {
			case hold <- struct{}{}:
			default:
			}
			<-req.Context().Done()
			return true
		}
		return false
	}
	save := func(name, id string) {
		r.wait(id)
		r.save(version, name, id)
	}
	save("one-task", r.trigger(r.define(oneTask), "k"))
	save("fan-out", r.trigger(r.define(posting(250, s.URL, "")), "k"))
	save("tasks-in-batches", r.trigger(r.define(`{"name": "batches", "enabled": true, "rules": [{"name": "r", "for_each": "lists.range(300)", "as": "i",
		"actions": [{"type": "create_task", "with": {"title": "${i}"}}]}]}`), "k"))
	save("context-over-network", r.trigger(r.define(fmt.Sprintf(`{"name": "net", "enabled": true, "context": {"x": {"http": {"url": "%s/list"}}},
		"rules": [{"name": "r", "for_each": "context.x", "actions": [{"type": "create_task", "with": {"title": "${item}"}}]}]}`, s.URL)), "k"))
	save("failed", r.trigger(r.define(`{"name": "broken", "enabled": true, "context": {"x": {"file": "missing.json"}},
		"rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]}`), "k"))
	def := r.define(hourly)
	r.fire(def, nominal, allow)
	cron := core.WorkflowID(def.ID, core.CronCause(nominal))
	save("cron", cron)
	r.fire(def, nominal, allow)
	save("deduplicated", cron)
	id := r.trigger(r.define(posting(30, s.URL+"/hold", `, "timeout": "1h"`)), "canceled")
	<-hold
	if err := r.starter.CancelRun(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	save("canceled", id)
}

func (r *rig) save(version, name, workflowID string) {
	r.Helper()
	file := filepath.Join(histories, version, name+".json")
	if _, err := os.Stat(file); err == nil {
		return
	}
	h := &historypb.History{}
	it := r.client.GetWorkflowHistory(r.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		e, err := it.Next()
		if err != nil {
			r.Fatal(err)
		}
		h.Events = append(h.Events, e)
	}
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(h)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		r.Fatal(err)
	}
}
