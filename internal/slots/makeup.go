package slots

import (
	"context"
	"fmt"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// makeUp starts the runs of slots, which ascend, one at a time, each once the one before has ended, and returns the time
// before which every slot now has a row.
func (j *judgement) makeUp(runs []Slot, horizon time.Time) (time.Time, error) {
	ctx, cancel := context.WithTimeout(j.ctx, j.w.cfg.MakeUpTime)
	defer cancel()
	for i, s := range runs {
		if open, err := j.w.openRun(j.ctx, j.def.ID, s.Time); err != nil {
			return s.Time, err
		} else if open != nil && open.RunID != runID(j.def.ID, s.Time) && !j.w.ended(ctx, open.RunID) {
			j.report.Waiting += len(runs) - i
			return s.Time, j.ctx.Err()
		}
		entry, err := j.w.start(j.ctx, j.def, s.Time)
		if err != nil {
			return s.Time, err
		}
		if entry.Verdict.Terminal() {
			continue // settled meanwhile
		}
		j.report.Started++
		if i+1 < len(runs) && !j.w.ended(ctx, entry.RunID) {
			j.report.Waiting += len(runs) - i - 1
			return runs[i+1].Time, j.ctx.Err()
		}
	}
	return horizon, nil
}

// runID is that of the run of a slot.
func runID(activityID string, slot time.Time) string {
	return activitycore.RunID(activitycore.WorkflowID(activityID, activitycore.CronCause(slot)))
}

// ended waits until the run is over; false if ctx is over first, or the record cannot tell.
func (w *Watchdog) ended(ctx context.Context, runID string) bool {
	for delay := 5 * time.Millisecond; ; delay = min(2*delay, 250*time.Millisecond) {
		run, err := w.cfg.Record.Run(ctx, runID)
		if err != nil && !activitycore.IsCode(err, activitycore.CodeNotFound) {
			return false
		}
		if err == nil && run.Status.Final() {
			return true
		}
		if sleep(ctx, delay) != nil {
			return false
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// BeforeWrite is called before a definition's schedule is created or replaced. Temporal then forgets the slots already due
// that it has not started, and a new schedule knows nothing of the time since its definition was saved; the returned
// function, called after the write, starts those that are no later than misfire_grace. Older ones are missed: the next
// tick judges them by the misfire policy, and it judges all of them should this process die between the two calls.
func (w *Watchdog) BeforeWrite(ctx context.Context, activityID string) (func(context.Context) error, error) {
	def, err := w.cfg.Record.DefinitionAny(ctx, activityID)
	if activitycore.IsCode(err, activitycore.CodeNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	if !def.Live() {
		return nil, nil
	}
	from := w.now().Add(-graceOf(def))
	return func(ctx context.Context) error { return w.rescue(ctx, def, from) }, nil
}

// rescue starts the slots since from that have no execution.
func (w *Watchdog) rescue(ctx context.Context, def activitycore.StoredDefinition, from time.Time) error {
	now := w.now()
	if def.TriggerType == activitycore.TriggerCron && !def.UpdatedAt.After(from) {
		spec, err := w.specs.parse(def.TriggerConfig)
		if err != nil {
			return err
		}
		if next, ok := spec.Next(from.Add(-time.Nanosecond)); !ok || next.After(now) {
			return nil // the usual case: nothing was due
		}
	}
	tl, err := w.specs.load(ctx, w.cfg.Record, def.ID, from, now.Add(time.Microsecond))
	if err != nil {
		return err
	}
	var due []Slot
	for s := range tl.slots(from, now.Add(time.Microsecond)) {
		if s.Hold == nil {
			due = append(due, s)
		}
	}
	if len(due) == 0 {
		return nil
	}
	if due, err = w.withoutRow(ctx, def.ID, due); err != nil {
		return err
	}
	for _, s := range due {
		state, err := w.cfg.Scheduler.SlotState(ctx, def.ID, s.Time)
		if err != nil {
			return err
		}
		if state != activitycore.SlotAbsent {
			continue
		}
		open, err := w.openRun(ctx, def.ID, s.Time)
		if err != nil {
			return err
		}
		if open != nil && policyOf(def) != activitycore.MisfireCatchup {
			continue // an overlap: the next tick settles it as such
		}
		if _, err := w.start(ctx, def, s.Time); err != nil {
			return err
		}
	}
	return nil
}
