package slots

import (
	"context"
	"fmt"
	"slices"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/retry"
)

// makeUp starts the runs of slots, which ascend, one at a time, each once the one before has
// ended, and returns the time before which every slot now has a row.
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
	return core.RunID(core.WorkflowID(activityID, core.CronCause(slot)))
}

// ended waits until the run is over; false if ctx is over first, or the record cannot tell.
func (w *Watchdog) ended(ctx context.Context, runID string) bool {
	return looks.Until(ctx, func(ctx context.Context) (bool, error) {
		run, err := w.cfg.Record.Run(ctx, runID)
		if core.IsCode(err, core.CodeNotFound) {
			return false, nil
		}
		return run.Status.Final(), err
	}) == nil
}

// looks is how often the record is asked for the end of a run.
var looks = retry.Policy{First: 5 * time.Millisecond, Most: 250 * time.Millisecond}

// BeforeWrite is called before a definition's schedule is created or replaced. Temporal then
// forgets the slots already due that it has not started, and a new schedule knows nothing of
// the time since its definition was saved; the returned function, called after the write,
// starts those that are no later than misfire_grace: the first of them at once, the others,
// where one runs for all none, after it. Older ones are missed: the next tick judges them by
// the misfire policy. Where each is made up it starts all of them, oldest first, if there is
// more than one. And it judges all of them should this process die between the two calls.
func (w *Watchdog) BeforeWrite(ctx context.Context, activityID string) (func(context.Context) error, error) {
	def, err := w.cfg.Record.DefinitionAny(ctx, activityID)
	if core.IsCode(err, core.CodeNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	if !def.Live() {
		return nil, nil
	}
	from := w.now().Add(-misfire.TermsOf(def.TriggerConfig).Grace)
	return func(ctx context.Context) error { return w.rescue(ctx, def, from) }, nil
}

// rescue starts the slots since from that have no execution.
func (w *Watchdog) rescue(ctx context.Context, def core.StoredDefinition, from time.Time) error {
	now := w.now()
	changed, err := w.specs.changedSince(ctx, w.cfg.Record, def.TriggerConfig.Timezone, from)
	if err != nil {
		return err
	}
	if def.TriggerType == core.TriggerCron && !def.UpdatedAt.After(from) && !changed {
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
	if behind, err := w.behind(ctx, def, due); err != nil || behind {
		return err
	}
	terms := misfire.TermsOf(def.TriggerConfig)
	if terms.Elects() && len(due) > 1 {
		due = due[len(due)-1:] // it stands for the others
	}
	started := false
	for _, s := range due {
		state, err := w.cfg.Scheduler.SlotState(ctx, def.ID, s.Time)
		if err != nil {
			return err
		}
		if state != core.SlotAbsent {
			continue
		}
		open, err := w.openRun(ctx, def.ID, s.Time)
		if err != nil {
			return err
		}
		if open != nil && started { // its turn comes after the one before: the watchdog starts what is recorded
			if _, err := w.record(ctx, def, s.Time); err != nil {
				return err
			}
			continue
		}
		if open != nil && !terms.WaitsAll() {
			continue // an overlap: the next tick settles it as such
		}
		if _, err := w.start(ctx, def, s.Time); err != nil {
			return err
		}
		started = true
	}
	return nil
}

// behind reports whether slots of a definition whose slots are made up in order have to wait
// for others that are older and have no row, and then asks the next tick to judge all of them,
// without waiting for the end of their grace: a write has made the schedule forget them.
func (w *Watchdog) behind(ctx context.Context, def core.StoredDefinition, due []Slot) (bool, error) {
	if !misfire.TermsOf(def.TriggerConfig).Ordered() || len(due) == 0 {
		return false, nil
	}
	if len(due) == 1 {
		older, err := w.unaccounted(ctx, def, due[0].Time)
		if err != nil || !older {
			return false, err
		}
	}
	w.hurried.Lock()
	defer w.hurried.Unlock()
	if w.written == nil {
		w.written = make(map[string]time.Time)
	}
	w.written[def.ID] = due[len(due)-1].Time.Add(time.Nanosecond)
	return true, nil
}

// unaccounted reports whether a slot before a time, at which the definition was to fire, has no
// row.
func (w *Watchdog) unaccounted(ctx context.Context, def core.StoredDefinition, before time.Time) (bool, error) {
	marks, err := w.cfg.Record.AccountedUntil(ctx, []string{def.ID})
	if err != nil {
		return false, fmt.Errorf("read how far slots are accounted for: %w", err)
	}
	from, ok := marks[def.ID]
	if !ok {
		from = def.CreatedAt
	}
	if !from.Before(before) {
		return false, nil
	}
	tl, err := w.specs.load(ctx, w.cfg.Record, def.ID, from, before)
	if err != nil {
		return false, err
	}
	missing, _, err := w.missing(ctx, tl, work{row: def, mark: from, until: before})
	return slices.ContainsFunc(missing, func(s Slot) bool { return s.Hold == nil }), err
}
