package temporalrun

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.temporal.io/sdk/activity"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// phase says what the workflow has to do next.
type phase string

const (
	phaseRefused  phase = "refused"  // another execution has the cause, or policy settled it
	phaseFinished phase = "finished" // the run has its final status
	phasePlan     phase = "plan"     // admitted; its context comes over the network
	phaseExecute  phase = "execute"  // the plan is stored and waits to be carried out
)

// begun is what Begin, Plan and Finish answer. It is kept in the workflow's history: fields may
// be added, not changed.
type begun struct {
	Phase    phase             `json:"phase"`
	Status   core.RunStatus    `json:"status,omitempty"`
	Error    string            `json:"error,omitempty"`
	Items    int               `json:"items,omitempty"`
	Counts   core.ActionCounts `json:"actions,omitzero"`
	Verdict  core.Verdict      `json:"verdict,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Into     string            `json:"into,omitempty"`
	Next     int               `json:"next,omitempty"`
	Total    int               `json:"total,omitempty"`
	Announce bool              `json:"announce,omitempty"`
}

type beginArgs struct {
	ActivityID    string     `json:"activity_id"`
	Cause         core.Cause `json:"cause"`
	WorkflowID    string     `json:"workflow_id"`
	TemporalRunID string     `json:"temporal_run_id"`
	Canceled      bool       `json:"canceled,omitempty"`
}

// activities are what the workflow calls by method name.
type activities struct {
	record   Record
	contexts Contexts
	actions  Actions
	slots    SlotPolicy // nil: every slot runs
	outcomes Publisher  // nil: outcomes are not announced
	now      func() time.Time
	log      *slog.Logger
	metrics  Metrics
	programs *lru.Cache[programKey, *program] // those used last
	resolver *ruleeval.Resolver
	pace     *pace
	places   *places
	small    int
	parallel int
}

// clock is the present in the precision the stores keep.
func (a *activities) clock() time.Time { return a.now().UTC().Truncate(time.Microsecond) }

// Begin admits the execution as the run of its cause and, unless its context comes over the
// network, plans it. A plan of a few tasks is carried out at once.
func (a *activities) Begin(ctx context.Context, args beginArgs) (begun, error) {
	def, err := a.record.DefinitionAny(ctx, args.ActivityID)
	if err != nil && !core.IsCode(err, core.CodeNotFound) {
		return begun{}, transient(ctx, "load definition", err)
	}
	found := err == nil
	claim := core.Claim{
		ActivityID:        args.ActivityID,
		ActivityName:      def.Name,
		DefinitionVersion: def.Version,
		Cause:             args.Cause,
		WorkflowID:        args.WorkflowID,
		TemporalRunID:     args.TemporalRunID,
		At:                a.clock(),
	}
	claim.Recorded = args.Cause.Kind != core.CauseCron
	if early := notDue(args.Cause, claim.At); early != "" {
		a.log.WarnContext(ctx, "an execution is refused", "workflow_id", args.WorkflowID, "reason", early)
		return begun{Phase: phaseFinished, Status: core.RunFailed, Error: early}, nil
	}
	if args.Cause.Kind == core.CauseCron {
		if claim.Settle, err = a.settle(ctx, def, found, args.Cause, claim.At); err != nil {
			return begun{}, transient(ctx, "apply misfire policy", err)
		}
	}
	adm, err := a.record.Admit(ctx, claim)
	switch {
	case err != nil && mayPass(ctx, err):
		return begun{}, transient(ctx, "admit run", err)
	case err != nil: // there is no run to record it in: somebody started the workflow by hand
		return begun{Phase: phaseFinished, Status: core.RunFailed, Error: core.MessageOf(err)}, nil
	}
	if !adm.Admitted {
		return a.refuse(adm), nil
	}
	b, err := a.proceed(ctx, adm, claim, args.Canceled)
	b.Announce = a.outcomes != nil
	return b, err
}

// aheadOfTime is how long before its time a slot may begin: Temporal's clock and ours need not
// agree to the second.
const aheadOfTime = time.Minute

// notDue says why a slot cannot begin yet. It gets no row in the ledger: that is its own, when
// it is due.
func notDue(cause core.Cause, now time.Time) string {
	if cause.NominalTime == nil || !cause.NominalTime.After(now.Add(aheadOfTime)) {
		return ""
	}
	return "the slot " + core.FormatNominal(*cause.NominalTime) + " is not due yet; somebody started its workflow by hand"
}

// settle gives a cron slot that is not to run its verdict.
func (a *activities) settle(ctx context.Context, def core.StoredDefinition, found bool, cause core.Cause, now time.Time) (*core.Settlement, error) {
	s := &core.Settlement{ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version, Cause: cause, Verdict: core.VerdictPaused}
	switch {
	case !found || !def.Live():
		s.Reason = "the definition was deleted"
	case def.TriggerType != core.TriggerCron:
		s.Verdict, s.Reason = core.VerdictSkipped, "the definition has no cron trigger any more"
	case a.slots != nil:
		// The policy knows since when the definition is held: a slot due before a pause still runs.
		return a.slots.Decide(ctx, def, *cause.NominalTime, now)
	case !def.Enabled:
		s.Reason = "the definition is disabled"
	case def.Paused != nil:
		s.Reason = "the definition is paused"
	default:
		return nil, nil // nil means: let it run
	}
	return s, nil
}

func (a *activities) refuse(adm core.Admission) begun {
	e := adm.Entry
	b := begun{Phase: phaseRefused, Verdict: e.Verdict, Reason: e.Reason, Into: e.Into}
	if !e.Verdict.Terminal() || e.Verdict == core.VerdictFired {
		b.Verdict, b.Reason = core.VerdictDeduplicated, "the cause has its run in execution "+e.TemporalRunID
	}
	a.metrics.refused(e.Cause.Kind, b.Verdict)
	return b
}

// proceed takes an admitted run as far as it goes without the network.
func (a *activities) proceed(ctx context.Context, adm core.Admission, claim core.Claim, canceled bool) (begun, error) {
	run := adm.Run
	if run.Status.Final() {
		return ended(run), nil
	}
	// The first admission stamps the run with the claim's time. An earlier stamp is that of an
	// attempt which may have stored the plan already; planning again could then fail for new
	// reasons.
	again := run.StartedAt != nil && run.StartedAt.Before(claim.At)
	if !again {
		a.metrics.admitted(run.Cause.Kind, claim.At.Sub(due(run)))
	}
	if canceled {
		return a.close(ctx, run.RunID, core.RunCanceled, "")
	}
	if again {
		if b, ok, err := a.resume(ctx, run.RunID); ok || err != nil {
			return b, err
		}
	}
	prog, err := a.program(ctx, run.ActivityID, adm.Entry.DefinitionVersion)
	if err != nil {
		return a.failUnlessTransient(ctx, run.RunID, "load definition", err)
	}
	if prog.overNetwork {
		return begun{Phase: phasePlan}, nil
	}
	return a.decide(ctx, run, prog, adm.Inputs, adm.Event)
}

// due is when the run should have begun.
func due(run core.Run) time.Time {
	if run.Cause.NominalTime != nil {
		return *run.Cause.NominalTime
	}
	return run.CreatedAt
}

// resume finds the plan that an earlier attempt stored.
func (a *activities) resume(ctx context.Context, runID string) (begun, bool, error) {
	if _, err := a.record.Plan(ctx, runID); core.IsCode(err, core.CodeNotFound) {
		return begun{}, false, nil
	} else if err != nil {
		return begun{}, false, transient(ctx, "read plan", err)
	}
	run, err := a.record.Run(ctx, runID)
	if err != nil {
		return begun{}, false, transient(ctx, "read run", err)
	}
	if run.Status.Final() {
		return ended(run), true, nil
	}
	// The plan exists: SavePlan changes nothing and says how long it is.
	_, total, err := a.record.SavePlan(ctx, runID, core.Plan{})
	if err != nil {
		return begun{}, false, transient(ctx, "read plan", err)
	}
	return begun{Phase: phaseExecute, Total: total}, true, nil
}

type planArgs struct {
	RunID string `json:"run_id"`
}

// planAttempts is how often context is fetched anew, with the workflow's delays between, on top
// of the fetcher's own retries, before the run fails.
const planAttempts = 6

// Plan fetches the context of an admitted run over the network and plans it.
func (a *activities) Plan(ctx context.Context, args planArgs) (begun, error) {
	ctx, before := heldBefore(ctx)
	stop := heartbeat(ctx, func() held { return before })
	defer stop()
	b, err := a.planOverNetwork(ctx, args.RunID)
	b.Announce = a.outcomes != nil
	var waits *leaving
	if errors.As(err, &waits) {
		stop()
		return begun{}, leaveSlot(ctx, before, waits.wait)
	}
	return b, err
}

func (a *activities) planOverNetwork(ctx context.Context, runID string) (begun, error) {
	if b, ok, err := a.resume(ctx, runID); ok || err != nil {
		return b, err
	}
	run, err := a.record.Run(ctx, runID)
	if err != nil {
		return begun{}, transient(ctx, "read run", err)
	}
	if run.Status.Final() {
		return ended(run), nil
	}
	inputs, event, err := a.record.RunRequest(ctx, runID)
	if err != nil {
		return begun{}, transient(ctx, "read run", err)
	}
	prog, err := a.program(ctx, run.ActivityID, run.DefinitionVersion)
	if err != nil {
		return a.failUnlessTransient(ctx, runID, "load definition", err)
	}
	left, _ := ctx.Value(heldKey{}).(int)
	wait := later(left)
	give, ok := a.placesForContext(ctx, prog.def, wait)
	if !ok {
		return begun{}, &leaving{wait}
	}
	defer give()
	return a.decide(ctx, run, prog, inputs, event)
}

// placesForContext takes a place at each host that a definition's context comes from; without
// one it comes again after wait.
func (a *activities) placesForContext(ctx context.Context, def core.StoredDefinition, wait time.Duration) (give func(), ok bool) {
	var taken []func()
	give = func() {
		for _, g := range taken {
			g()
		}
	}
	hosts := map[string]bool{}
	for _, source := range def.Context {
		if source.HTTP != nil {
			hosts[a.actions.ContextReceiver(*source.HTTP)] = true
		}
	}
	for _, host := range slices.Sorted(maps.Keys(hosts)) { // in one order, so that no two wait for each other
		one, ok := a.places.take(ctx, activity.GetWorkerStopChannel(ctx), def.ID, host, wait)
		if !ok {
			give()
			return nil, false
		}
		taken = append(taken, one)
	}
	return give, true
}

// decide evaluates the rules and stores the plan, or with it everything a small run does.
func (a *activities) decide(ctx context.Context, run core.Run, prog *program, inputs json.RawMessage, event *core.Event) (begun, error) {
	values, err := a.contexts.Fetch(ctx, prog.def)
	if err != nil {
		if core.IsCode(err, core.CodeUnavailable) && attemptOf(ctx) < planAttempts {
			return begun{}, transient(ctx, "fetch context", err)
		}
		return a.fail(ctx, run.RunID, "fetch context", err)
	}
	plan, err := prog.plan(ctx, run, inputs, event, values)
	if err != nil {
		if ctx.Err() != nil {
			return begun{}, context.Cause(ctx)
		}
		return a.fail(ctx, run.RunID, "evaluate rules", err)
	}
	if len(plan.Actions) <= a.small && onlyByRecord(plan.Actions) {
		return a.executeSmall(ctx, run, plan)
	}
	_, total, err := a.record.SavePlan(ctx, run.RunID, plan)
	if err != nil {
		return a.failUnlessTransient(ctx, run.RunID, "store plan", err)
	}
	return begun{Phase: phaseExecute, Total: total}, nil
}

// onlyByRecord reports whether nothing but the store is needed, and no action waits for
// another's result.
func onlyByRecord(actions []core.PlannedAction) bool {
	for i := range actions {
		if actions[i].Error == "" && (!byRecord(actions[i]) || actions[i].Deferred) {
			return false
		}
	}
	return true
}

// byRecord reports whether the record carries an action out, in the transaction that stores its
// result.
func byRecord(a core.PlannedAction) bool {
	spec, _ := ruleeval.SpecOf(a.Type)
	return spec.ByRecord
}

func (a *activities) executeSmall(ctx context.Context, run core.Run, plan core.Plan) (begun, error) {
	now := a.clock()
	results, tasks := a.taskResults(run, plan.Actions, now)
	finished, stored, err := a.record.ExecuteSmall(ctx, run.RunID, plan, results, tasks, now)
	if err != nil {
		return a.failUnlessTransient(ctx, run.RunID, "store run", err)
	}
	if !stored {
		b, _, err := a.resume(ctx, run.RunID)
		return b, err
	}
	for i := range results {
		a.metrics.action(plan.Actions[i].Type, results[i].Status)
	}
	a.metrics.finished(finished)
	return ended(finished), nil
}

// taskResults gives each of a plan's actions, all carried out by the record, its result; an
// action that cannot be carried out fails alone, with those of its item that depend on it.
func (a *activities) taskResults(run core.Run, actions []core.PlannedAction, now time.Time) ([]core.ActionResult, []core.TaskWrite) {
	results := make([]core.ActionResult, 0, len(actions))
	tasks := make([]core.TaskWrite, 0, len(actions))
	for _, item := range groupItems(actions, func(p core.PlannedAction) core.PlannedAction { return p }) {
		stopped := false
		for _, action := range item {
			if stopped {
				results = append(results, core.ActionResult{Seq: action.Seq, Status: core.ActionSkipped, FinishedAt: now})
				continue
			}
			res, task := a.taskResult(run, action, now)
			if task != nil {
				tasks = append(tasks, *task)
			} else {
				stopped = action.OnError != core.OnErrorContinue
			}
			results = append(results, res)
		}
	}
	return results, tasks
}

// taskResult is the result of one action that the record carries out; task is nil if it failed.
func (a *activities) taskResult(run core.Run, action core.PlannedAction, now time.Time) (core.ActionResult, *core.TaskWrite) {
	res := core.ActionResult{Seq: action.Seq, Status: core.ActionFailed, Error: action.Error, FinishedAt: now}
	if action.Error != "" {
		return res, nil
	}
	res.Attempts = 1
	task, err := a.actions.TaskWrite(run, action, now)
	if err != nil {
		res.Error = core.MessageOf(err)
		return res, nil
	}
	res.Status = core.ActionSucceeded
	return res, &task
}

// fail ends the run because of err.
func (a *activities) fail(ctx context.Context, runID, step string, err error) (begun, error) {
	a.log.WarnContext(ctx, "run failed", "run_id", runID, "step", step, "error", err)
	return a.close(ctx, runID, core.RunFailed, step+": "+core.MessageOf(err))
}

// failUnlessTransient ends the run if another attempt could not help.
func (a *activities) failUnlessTransient(ctx context.Context, runID, step string, err error) (begun, error) {
	if mayPass(ctx, err) {
		return begun{}, transient(ctx, step, err)
	}
	return a.fail(ctx, runID, step, err)
}

type finishArgs struct {
	RunID string `json:"run_id"`
	// Status is empty if it is to be derived from the actions.
	Status core.RunStatus `json:"status,omitempty"`
	Error  string         `json:"error,omitempty"`
}

// Finish gives the run its final status.
func (a *activities) Finish(ctx context.Context, args finishArgs) (begun, error) {
	return a.close(ctx, args.RunID, args.Status, args.Error)
}

func (a *activities) close(ctx context.Context, runID string, status core.RunStatus, message string) (begun, error) {
	run, err := a.record.FinishRun(ctx, runID, status, message, a.clock())
	switch {
	case err != nil && mayPass(ctx, err):
		return begun{}, transient(ctx, "finish run", err)
	case err != nil: // no state of the record lets the run end so: for ever trying would hide that
		a.log.ErrorContext(ctx, "the run cannot be finished in the record", "run_id", runID, "error", err)
		return begun{Phase: phaseFinished, Status: core.RunFailed, Error: "finish run: " + core.MessageOf(err)}, nil
	}
	a.metrics.finished(run)
	return ended(run), nil
}

// ended is the answer for a run that has its final status.
func ended(run core.Run) begun {
	b := begun{Phase: phaseFinished, Status: run.Status, Error: run.Error, Items: run.Items, Counts: run.Actions}
	if b.Error == "" && run.Status == core.RunFailed {
		b.Error = "every action failed; the run's actions say why"
	}
	return b
}

// mayPass reports whether err can be gone at the next attempt. A conflict, or what has no code,
// may be another writer or an unforeseen failure of the database: it gets some attempts and is
// then taken for what it is.
func mayPass(ctx context.Context, err error) bool {
	switch core.CodeOf(err) {
	case core.CodeUnavailable:
		return true
	case core.CodeInternal, core.CodeConflict:
		return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || attemptOf(ctx) < 8
	}
	return false
}
