package temporalrun

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	core "github.com/activity-core/activity-core"
)

// Input is the argument of RunActivityWorkflow: [core.RunInput], and where a long run goes on.
type Input struct {
	core.RunInput
	// Resume is set when a long run continues as new.
	Resume *Progress `json:"resume,omitempty"`
}

// Progress is how far a long run had come when it continued as new.
type Progress struct {
	RunID    string `json:"run_id"`
	Next     int    `json:"next"`
	Total    int    `json:"total"`
	Announce bool   `json:"announce,omitempty"`
}

// Result is what the workflow returns.
type Result struct {
	RunID  string            `json:"run_id"`
	Status core.RunStatus    `json:"status,omitempty"`
	Items  int               `json:"items,omitempty"`
	Counts core.ActionCounts `json:"actions,omitzero"`
	// Verdict is set, with Reason and Into, if the execution did not become the run of its cause.
	Verdict core.Verdict `json:"verdict,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Into    string       `json:"into,omitempty"`
}

// RunFailedError is the type of the application error that a failed run ends its workflow with.
const RunFailedError = "RunFailed"

// Bounds of one execution. They are part of the workflow's history: changing one needs
// workflow.GetVersion.
const (
	batchSize       = 100 // actions per CarryOut, plus those that complete the last item
	batchesAtOnce   = 8   // CarryOut activities in flight
	unbounded       = 10 * 365 * 24 * time.Hour
	heartbeatWithin = 10 * time.Second
)

var (
	trigger = temporal.NewSearchAttributeKeyKeyword(core.SearchAttrTrigger)
	subject = temporal.NewSearchAttributeKeyKeyword(core.SearchAttrActivity)
	outcome = temporal.NewSearchAttributeKeyKeyword(core.SearchAttrOutcome)
)

// RunActivityWorkflow is the workflow of one run; it is registered as [core.WorkflowType].
func RunActivityWorkflow(ctx workflow.Context, in Input) (Result, error) {
	info := workflow.GetInfo(ctx)
	if err := completeInput(&in, info.WorkflowExecution.ID); err != nil {
		return Result{}, temporal.NewNonRetryableApplicationError(err.Error(), RunFailedError, nil)
	}
	if err := upsertMissing(ctx, in); err != nil {
		return Result{}, err
	}
	f := firing{ctx: ctx, in: in, runID: core.RunID(info.WorkflowExecution.ID)}
	done, err := f.run(info)
	if err != nil {
		return Result{}, err
	}
	return f.end(done)
}

// completeInput takes from the workflow ID what a schedule's action cannot say: the nominal time.
func completeInput(in *Input, workflowID string) error {
	if in.Cause.Kind != "" && (in.Cause.Kind != core.CauseCron || in.Cause.NominalTime != nil) {
		return nil
	}
	id, nominal, err := core.ParseCronWorkflowID(workflowID)
	if err != nil {
		return fmt.Errorf("the input names no nominal time, and %w", err)
	}
	if in.ActivityID != "" && in.ActivityID != id {
		return fmt.Errorf("the input names activity %q, the workflow ID %q another one", in.ActivityID, workflowID)
	}
	in.ActivityID, in.Cause = id, core.CronCause(nominal)
	return nil
}

// upsertMissing sets the search attributes a run was started without, for example by hand in
// Temporal's UI.
func upsertMissing(ctx workflow.Context, in Input) error {
	have := workflow.GetTypedSearchAttributes(ctx)
	var missing []temporal.SearchAttributeUpdate
	if v, ok := have.GetKeyword(subject); !ok || v != in.ActivityID {
		missing = append(missing, subject.ValueSet(in.ActivityID))
	}
	if v, ok := have.GetKeyword(trigger); !ok || v != string(in.Cause.Kind) {
		missing = append(missing, trigger.ValueSet(string(in.Cause.Kind)))
	}
	if len(missing) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, missing...)
}

// firing is one execution of the workflow.
type firing struct {
	ctx      workflow.Context
	in       Input
	runID    string
	announce bool
}

// run brings the run to its end and says how it ended. It returns an error only to continue as new.
func (f *firing) run(info *workflow.Info) (begun, error) {
	var b begun
	if r := f.in.Resume; r != nil {
		b = begun{Phase: phaseExecute, Next: r.Next, Total: r.Total, Announce: r.Announce}
	} else {
		b = f.begin(info)
	}
	f.announce = b.Announce
	if b.Phase == phasePlan {
		b = f.plan()
	}
	if b.Phase != phaseExecute {
		return b, nil
	}
	return f.carryOut(b)
}

// begin is admission and, for most runs, everything. It runs detached from cancellation: a run
// that is canceled before it began must still be admitted and recorded as canceled, or its
// cause would never get a verdict.
func (f *firing) begin(info *workflow.Info) begun {
	var b begun
	f.certainly("Begin", beginArgs{
		ActivityID:    f.in.ActivityID,
		Cause:         f.in.Cause,
		WorkflowID:    info.WorkflowExecution.ID,
		TemporalRunID: info.FirstRunID,
		Canceled:      f.ctx.Err() != nil,
	}, &b)
	return b
}

// plan fetches context over the network and evaluates the rules, in an activity that can be
// canceled.
func (f *firing) plan() begun {
	ctx := workflow.WithActivityOptions(f.ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    heartbeatWithin,
		WaitForCancellation: true,
		RetryPolicy:         patient(),
	})
	var b begun
	if err := workflow.ExecuteActivity(ctx, "Plan", planArgs{RunID: f.runID}).Get(ctx, &b); err != nil {
		return f.finish(finishFor(err))
	}
	return b
}

// carryOut walks through the stored plan, several batches at once.
func (f *firing) carryOut(b begun) (begun, error) {
	ctx := workflow.WithActivityOptions(f.ctx, workflow.ActivityOptions{
		StartToCloseTimeout: unbounded, // each attempt has its own; heartbeats tell a dead worker
		HeartbeatTimeout:    heartbeatWithin,
		WaitForCancellation: true, // what is being done is recorded before the run says what was done
		RetryPolicy:         patient(),
	})
	var firstErr error
	next, inFlight := b.Next, 0
	selector := workflow.NewSelector(ctx)
	full := false
	for {
		// The server's own suggestion is part of the history, so a replay sees it where the run
		// did.
		full = full || workflow.GetInfo(f.ctx).GetContinueAsNewSuggested()
		for inFlight < batchesAtOnce && next < b.Total && !full && firstErr == nil && ctx.Err() == nil {
			args := batchArgs{RunID: f.runID, From: next, To: min(next+batchSize, b.Total)}
			next = args.To
			inFlight++
			selector.AddFuture(workflow.ExecuteActivity(ctx, "CarryOut", args), func(done workflow.Future) {
				inFlight--
				if err := done.Get(ctx, nil); err != nil && firstErr == nil {
					firstErr = err
				}
			})
		}
		if inFlight == 0 {
			break
		}
		selector.Select(ctx)
	}
	switch {
	case f.ctx.Err() != nil:
		return f.finish(finishArgs{Status: core.RunCanceled}), nil
	case firstErr != nil:
		return f.finish(finishFor(firstErr)), nil
	case next < b.Total:
		again := f.in
		again.Resume = &Progress{RunID: f.runID, Next: next, Total: b.Total, Announce: f.announce}
		return begun{}, workflow.NewContinueAsNewError(f.ctx, core.WorkflowType, again)
	}
	return f.finish(finishArgs{}), nil
}

func (f *firing) finish(args finishArgs) begun {
	args.RunID = f.runID
	var b begun
	f.certainly("Finish", args, &b)
	return b
}

// certainly runs a local activity until it succeeds. Its errors are those of a store that does
// not answer: what is wrong with the run itself is part of its result.
func (f *firing) certainly(name string, args, result any) {
	ctx, cancel := workflow.NewDisconnectedContext(f.ctx)
	defer cancel()
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: unbounded,
		RetryPolicy:            patient(),
	})
	for {
		if workflow.ExecuteLocalActivity(ctx, name, args).Get(ctx, result) == nil {
			return
		}
		// The policy never gives up and no error is marked final; this is for a defect in either.
		_ = workflow.Sleep(ctx, patient().MaximumInterval)
	}
}

// end reports the outcome to Temporal and, if wanted, to whoever listens for events.
func (f *firing) end(b begun) (Result, error) {
	word := string(b.Status)
	if b.Phase == phaseRefused {
		word = string(b.Verdict)
	}
	if err := workflow.UpsertTypedSearchAttributes(f.ctx, outcome.ValueSet(word)); err != nil {
		return Result{}, err
	}
	if f.announce && b.Phase == phaseFinished {
		f.certainly("Announce", announceArgs{RunID: f.runID}, nil)
	}
	result := Result{RunID: f.runID, Status: b.Status, Items: b.Items, Counts: b.Counts, Verdict: b.Verdict, Reason: b.Reason, Into: b.Into}
	switch b.Status {
	case core.RunFailed:
		return result, temporal.NewNonRetryableApplicationError(b.Error, RunFailedError, nil)
	case core.RunCanceled:
		return result, temporal.NewCanceledError(b.Error)
	case core.RunPending, core.RunRunning, core.RunSucceeded, core.RunPartial:
	}
	return result, nil
}

// patient retries for ever, soon at first and every ten seconds later: a database that restarts
// is no reason to give up.
func patient() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:    100 * time.Millisecond,
		BackoffCoefficient: 2,
		MaximumInterval:    10 * time.Second,
	}
}

// finishFor says how a run ends whose activity ended with err.
func finishFor(err error) finishArgs {
	if temporal.IsCanceledError(err) {
		return finishArgs{Status: core.RunCanceled}
	}
	return finishArgs{Status: core.RunFailed, Error: safeMessage(err)}
}
