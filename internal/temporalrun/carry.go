package temporalrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/telemetry"
)

type batchArgs struct {
	RunID string `json:"run_id"`
	// From and To are the Seqs [From, To) at which the batch's items begin; the last item may end
	// later.
	From int `json:"from"`
	To   int `json:"to"`
}

// Defaults of an action, as documented at core.Action and RetryPolicy.
const (
	defaultTimeout     = 30 * time.Second
	defaultAttempts    = 5
	defaultInterval    = time.Second
	defaultMaxInterval = time.Minute
	defaultCoefficient = 2
	tailSize           = 8                // records read at once to complete a batch's last item
	longestWait        = 10 * time.Minute // whatever a server's Retry-After asks for
)

// errStopping hands a batch to another worker: this one is being stopped.
var errStopping = errors.New("the worker is stopping; another one goes on")

// CarryOut carries out the items of a stored plan that begin in a range, each item's actions in
// order and several items at once. What has a result already is left alone, so a repeat after a
// crash goes on where the record ends.
func (a *activities) CarryOut(ctx context.Context, args batchArgs) error {
	ctx, before := heldBefore(ctx)
	tries := newTries(before.Tries)
	stop := heartbeat(ctx, func() held { return held{before.Times, tries.all()} })
	defer stop()
	run, err := a.record.Run(ctx, args.RunID)
	if err != nil {
		return retryable(ctx, "read run", err)
	}
	if run.Status.Final() {
		return nil
	}
	_, event, err := a.record.RunRequest(ctx, args.RunID)
	if err != nil {
		return retryable(ctx, "read run", err)
	}
	items, err := a.itemsIn(ctx, args)
	if err != nil {
		return retryable(ctx, "read plan", err)
	}
	ctx = telemetry.FollowEvent(ctx, event)
	b := &batch{activities: a, run: run, cause: event, stopping: activity.GetWorkerStopChannel(ctx), tries: tries, left: before.Times}
	b.recorder = newRecorder(ctx, a, args.RunID)
	err = b.carryOut(ctx, items)
	if flushErr := b.recorder.close(); flushErr != nil {
		return retryable(ctx, "record results", flushErr)
	}
	var waits *leaving
	if errors.As(err, &waits) {
		stop()
		return leaveSlot(ctx, held{before.Times, tries.all()}, waits.wait)
	}
	return err
}

// itemsIn reads the items that begin in [From, To). An item that began before From belongs to
// the batch before.
func (a *activities) itemsIn(ctx context.Context, args batchArgs) ([][]core.ActionRecord, error) {
	records, err := a.record.Actions(ctx, args.RunID, max(args.From-1, 0), args.To)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	for last := records[len(records)-1]; ; { // the last item may go on after the range
		next := records[len(records)-1].Seq + 1
		more, err := a.record.Actions(ctx, args.RunID, next, next+tailSize)
		if err != nil {
			return nil, err
		}
		n := 0
		for n < len(more) && sameItem(more[n].PlannedAction, last.PlannedAction) {
			n++
		}
		records = append(records, more[:n]...)
		if n < tailSize {
			break
		}
	}
	var mine [][]core.ActionRecord
	for _, item := range groupItems(records, func(r core.ActionRecord) core.PlannedAction { return r.PlannedAction }) {
		if item[0].Seq >= args.From {
			mine = append(mine, item)
		}
	}
	return mine, nil
}

func sameItem(a, b core.PlannedAction) bool {
	return a.Rule == b.Rule && a.ItemIndex == b.ItemIndex && a.ItemKey == b.ItemKey
}

// groupItems cuts a list of actions, in order, into items.
func groupItems[T any](list []T, of func(T) core.PlannedAction) [][]T {
	var items [][]T
	start := 0
	for i := 1; i <= len(list); i++ {
		if i == len(list) || !sameItem(of(list[i]), of(list[start])) {
			items = append(items, list[start:i])
			start = i
		}
	}
	return items
}

// batch is one CarryOut at work.
type batch struct {
	*activities
	run      core.Run
	cause    *core.Event // nil: no event caused the run
	recorder *recorder
	stopping <-chan struct{}
	tries    *tries
	left     int // how often the activity left its slot
}

// item carries out one item's actions in order. It returns an error only if the batch cannot go on.
func (b *batch) item(ctx context.Context, records []core.ActionRecord) error {
	steps, results := map[string]any{}, map[string]core.ActionResult{}
	stopped := false
	for i, rec := range records {
		res := rec.Result
		if rec.Status == core.ActionPending || res == nil {
			if stopped {
				b.recorder.add(rec.Type, core.ActionResult{Seq: rec.Seq, Status: core.ActionSkipped, FinishedAt: b.clock()}, nil)
				continue
			}
			done, err := b.action(ctx, records, i, steps, results)
			if err != nil {
				return err
			}
			res = &done
			records[i].Status, records[i].Result = done.Status, res // so that the item goes on from here after it waited
		}
		if res.Status != core.ActionSucceeded && rec.OnError != core.OnErrorContinue {
			stopped = true
		}
		if rec.Name != "" {
			steps[rec.Name], results[rec.Name] = stepValue(*res), *res
		}
	}
	return nil
}

// action carries out an item's action i and hands its result to the recorder. steps and results
// are those of the named actions before it.
func (b *batch) action(ctx context.Context, records []core.ActionRecord, i int, steps map[string]any, results map[string]core.ActionResult) (core.ActionResult, error) {
	action, later := records[i].PlannedAction, records[i+1:]
	res := core.ActionResult{Seq: action.Seq, Attempts: 1}
	fail := func(err error) (core.ActionResult, error) {
		res.Status, res.Error, res.FinishedAt = core.ActionFailed, core.MessageOf(err), b.clock()
		b.recorder.add(action.Type, res, nil)
		return res, nil
	}
	if action.Error != "" { // it could not be made when the run was planned, so it was never tried
		res.Attempts = 0
		return fail(core.Errorf(core.CodeInvalid, "%s", action.Error))
	}
	if action.Deferred {
		with, err := b.resolver.Resolve(ctx, action, steps, b.run.Actions.Total)
		if err != nil {
			if ctx.Err() != nil {
				return res, context.Cause(ctx)
			}
			return fail(b.explained(err, action, records[:i], results))
		}
		action.With, action.Deferred, action.Scope = with, false, nil
	}
	if byRecord(action) {
		res.FinishedAt = b.clock()
		task, err := b.actions.TaskWrite(b.run, action, res.FinishedAt)
		if err != nil {
			return fail(err)
		}
		res.Status = core.ActionSucceeded
		b.recorder.add(action.Type, res, &task)
		if action.Name == "" || len(later) == 0 {
			return res, nil
		}
		return b.readBack(ctx, res) // only the store knows whether the task is new, and its ID
	}
	done, err := b.attempts(ctx, action)
	if err != nil {
		if done.Attempts > 0 && temporal.IsCanceledError(err) {
			// The run was canceled. What was begun and not answered is told apart from what was
			// never tried.
			done.Status = core.ActionSkipped
			b.recorder.add(action.Type, done, nil)
		}
		return res, err
	}
	if why := b.undelivered(action, done, later); why != "" {
		done.Status, done.Outcome, done.Result, done.Error = core.ActionFailed, "", nil, why
	}
	b.recorder.add(action.Type, done, nil)
	return done, nil
}

func (b *batch) readBack(ctx context.Context, res core.ActionResult) (core.ActionResult, error) {
	if err := b.recorder.flush(); err != nil {
		return res, err
	}
	stored, err := b.record.Actions(ctx, b.run.RunID, res.Seq, res.Seq+1)
	if err != nil {
		return res, retryable(ctx, "read result", err)
	}
	if len(stored) == 1 && stored[0].Result != nil {
		res = *stored[0].Result
	}
	return res, nil
}

// attempts makes the next attempt at an action. It returns an [asideError] if the action is to
// wait, be it for a place or for another attempt, and another error if the batch is to end; the
// result then says how far it came.
func (b *batch) attempts(ctx context.Context, action core.PlannedAction) (core.ActionResult, error) {
	policy, before := policyOf(action), b.tries.get(action.Seq)
	if time.Now().Before(before.Until) {
		return core.ActionResult{}, &asideError{action.Seq, before.Until}
	}
	wait := later(b.left)
	give, ok := b.places.take(ctx, b.stopping, b.run.ActivityID, b.actions.Receiver(action), wait)
	if !ok {
		if ctx.Err() != nil {
			return core.ActionResult{}, context.Cause(ctx)
		}
		return core.ActionResult{}, &asideError{action.Seq, time.Now().Add(wait)}
	}
	if err := b.pace.wait(ctx, b.stopping); err != nil {
		give()
		return core.ActionResult{}, err
	}
	n := before.Attempts + 1
	res, err := b.attempt(ctx, action)
	give()
	res.Seq, res.Attempts, res.FinishedAt = action.Seq, n, b.clock()
	if err == nil {
		res.Status = core.ActionSucceeded
		b.tries.drop(action.Seq)
		return res, nil
	}
	if ctx.Err() != nil {
		res.Error = fmt.Sprintf("canceled while attempt %d was under way: it may have had its effect", n)
		return res, context.Cause(ctx)
	}
	timedOut := errors.Is(err, context.DeadlineExceeded)
	reason := core.MessageOf(err)
	if timedOut && core.CodeOf(err) == core.CodeInternal {
		reason = "no answer within " + core.Duration(timeoutOf(action)).String()
	}
	if n >= policy.MaxAttempts || !timedOut && !core.IsCode(err, core.CodeUnavailable) {
		b.log.DebugContext(ctx, "action failed", "run_id", b.run.RunID, "action", action.Key, "attempts", n, "error", err)
		res.Status, res.Error = core.ActionFailed, reason
		b.tries.drop(action.Seq)
		return res, nil
	}
	until := time.Now().Add(min(max(delayAfter(policy, n), retryAfter(err)), longestWait))
	b.tries.set(action.Seq, try{Attempts: n, Until: until, Reason: reason})
	return core.ActionResult{}, &asideError{action.Seq, until}
}

// delayAfter is what a policy leaves between attempt n and the next.
func delayAfter(p core.RetryPolicy, n int) time.Duration {
	delay := p.InitialInterval.Std()
	for range n - 1 {
		delay = min(time.Duration(float64(delay)*p.BackoffCoefficient), p.MaximumInterval.Std())
	}
	return delay
}

func (b *batch) attempt(ctx context.Context, action core.PlannedAction) (core.ActionResult, error) {
	ctx, cancel := context.WithTimeout(ctx, timeoutOf(action))
	defer cancel()
	return b.actions.Perform(ctx, b.run, b.cause, action)
}

func timeoutOf(action core.PlannedAction) time.Duration {
	if action.Timeout > 0 {
		return action.Timeout.Std()
	}
	return defaultTimeout
}

func policyOf(action core.PlannedAction) core.RetryPolicy {
	p := core.RetryPolicy{}
	if action.Retry != nil {
		p = *action.Retry
	}
	if p.MaxAttempts <= 0 {
		p.MaxAttempts = defaultAttempts
	}
	if p.InitialInterval <= 0 {
		p.InitialInterval = core.Duration(defaultInterval)
	}
	if p.BackoffCoefficient < 1 {
		p.BackoffCoefficient = defaultCoefficient
	}
	if p.MaximumInterval <= 0 {
		p.MaximumInterval = core.Duration(defaultMaxInterval)
	}
	return p
}

func retryAfter(err error) time.Duration {
	var asked interface{ RetryAfter() time.Duration }
	if errors.As(err, &asked) {
		return asked.RetryAfter()
	}
	return 0
}

// stepValue is what later actions of the item see as steps.<name>: the result's JSON, or the
// error of a failed action that had on_error: continue.
func stepValue(res core.ActionResult) any {
	if res.Status != core.ActionSucceeded {
		return map[string]any{"error": res.Error}
	}
	v, err := resultValue(res.Result)
	if err != nil || v == nil {
		return map[string]any{}
	}
	return v
}
