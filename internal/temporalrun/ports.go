package temporalrun

import (
	"context"
	"encoding/json"
	"time"

	core "github.com/activity-core/activity-core"
)

// Record is what the package asks of the store; both stores implement it. The rules of each
// method are those of the ports in the root package.
type Record interface {
	DefinitionAny(ctx context.Context, id string) (core.StoredDefinition, error)
	DefinitionVersion(ctx context.Context, id string, version int64) (core.StoredDefinition, error)
	Admit(ctx context.Context, c core.Claim) (core.Admission, error)
	Run(ctx context.Context, runID string) (core.Run, error)
	RunRequest(ctx context.Context, runID string) (inputs json.RawMessage, event *core.Event, err error)
	Plan(ctx context.Context, runID string) (core.Plan, error)
	Actions(ctx context.Context, runID string, from, to int) ([]core.ActionRecord, error)
	core.RunWriter
}

// Contexts fetches the values of a definition's context sources.
type Contexts interface {
	// Fetch returns one value per entry of def.Context, made of nil, bool, int64, uint64, float64,
	// string, []any and map[string]any. CodeUnavailable asks for another attempt; any other code
	// ends the run with the error's message.
	Fetch(ctx context.Context, def core.StoredDefinition) (map[string]any, error)
}

// Actions carries out single actions.
type Actions interface {
	// TaskWrite turns an action that the record carries out into what the store writes. It does no
	// I/O.
	TaskWrite(run core.Run, a core.PlannedAction, at time.Time) (core.TaskWrite, error)
	// Perform makes one attempt at an action of any other type; nothing in a.With is deferred any
	// more. cause is the event that caused the run, nil for other causes. Outcome and Result of the
	// answer are kept. CodeUnavailable, and the end of ctx's time, ask for another attempt under
	// the action's retry policy; any other code is final. An error with a method RetryAfter()
	// time.Duration asks for at least that delay.
	Perform(ctx context.Context, run core.Run, cause *core.Event, a core.PlannedAction) (core.ActionResult, error)
	// Receiver and ContextReceiver name whom an attempt, or the fetching of context, waits for: a
	// host with its port, a task queue; "" is nobody in particular. They do no I/O.
	Receiver(a core.PlannedAction) string
	ContextReceiver(s core.HTTPSource) string
}

// SlotPolicy decides on a cron slot before its run is admitted.
type SlotPolicy interface {
	// Decide returns nil if the slot is to run, or the verdict it gets instead.
	Decide(ctx context.Context, def core.StoredDefinition, nominal, now time.Time) (*core.Settlement, error)
}

// Publisher publishes the outcome of runs as events.
type Publisher interface {
	PublishEvent(ctx context.Context, e core.Event) (core.PublishReceipt, error)
}

// PendingRecord is what the [Sweeper] asks of the store.
type PendingRecord interface {
	PendingCauses(ctx context.Context, before time.Time, limit int) ([]core.CauseRecord, error)
	ConfirmStarts(ctx context.Context, starts []core.Start, at time.Time) error
	Admit(ctx context.Context, c core.Claim) (core.Admission, error)
	Runs(ctx context.Context, f core.RunFilter, p core.PageRequest) (core.Page[core.Run], error)
	FinishRun(ctx context.Context, runID string, status core.RunStatus, errMessage string, at time.Time) (core.Run, error)
}

// Metrics are the package's measuring points. Any of them may be nil.
type Metrics struct {
	// Admitted counts a run that won its cause; latency is the time since its nominal time (cron)
	// or its record.
	Admitted func(trigger core.CauseKind, latency time.Duration)
	// Refused counts an execution that did not become the run of its cause, by the ledger's
	// verdict.
	Refused func(trigger core.CauseKind, verdict core.Verdict)
	// Finished counts a finished run; took is the time since its admission.
	Finished func(trigger core.CauseKind, outcome core.RunStatus, took time.Duration)
	// Action counts an action with its final status.
	Action func(t core.ActionType, status core.ActionStatus)
	// Held counts attempts that were held back; why is "host" or "definition".
	Held func(why string)
	// Swept counts causes that the sweeper had to start again.
	Swept func(restarted int)
}

func (m Metrics) admitted(t core.CauseKind, d time.Duration) {
	if m.Admitted != nil {
		m.Admitted(t, d)
	}
}

func (m Metrics) refused(t core.CauseKind, v core.Verdict) {
	if m.Refused != nil {
		m.Refused(t, v)
	}
}

func (m Metrics) finished(r core.Run) {
	if m.Finished == nil {
		return
	}
	var took time.Duration
	if r.StartedAt != nil && r.FinishedAt != nil {
		took = r.FinishedAt.Sub(*r.StartedAt)
	}
	m.Finished(r.Cause.Kind, r.Status, took)
}

func (m Metrics) action(t core.ActionType, s core.ActionStatus) {
	if m.Action != nil {
		m.Action(t, s)
	}
}

func (m Metrics) swept(n int) {
	if m.Swept != nil && n > 0 {
		m.Swept(n)
	}
}
