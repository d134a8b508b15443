package slots

import (
	"context"
	"fmt"
	"slices"
	"time"

	core "github.com/activity-core/activity-core"
)

// lostPerTick bounds the causes without an execution that one tick reads; the next one goes on.
const lostPerTick = 500

// lost lists by definition the make-ups, ascending, that were recorded and have had no claim
// for longer than Lost: the process that recorded them died, or Temporal refused the start.
// Starting one that has its execution changes nothing.
func (w *Watchdog) lost(ctx context.Context, now time.Time) (map[string][]Slot, error) {
	causes, err := w.cfg.Record.PendingCauses(ctx, now.Add(-w.cfg.Lost), lostPerTick)
	if err != nil {
		return nil, fmt.Errorf("read causes without a run: %w", err)
	}
	out := make(map[string][]Slot)
	for _, c := range causes {
		if c.Cause.Kind == core.CauseCron {
			out[c.ActivityID] = append(out[c.ActivityID], Slot{Time: *c.Cause.NominalTime, Version: c.DefinitionVersion})
		}
	}
	for _, slots := range out {
		slices.SortFunc(slots, func(a, b Slot) int { return a.Time.Compare(b.Time) })
	}
	return out, nil
}

// withLost adds to the work of a tick the make-ups whose start was lost.
func withLost(due []work, lost map[string][]Slot, known *catalogue) []work {
	for i := range due {
		due[i].lost = lost[due[i].row.ID]
		delete(lost, due[i].row.ID)
	}
	for id, slots := range lost {
		if row, ok := known.rows[id]; ok {
			mark := known.marks[id]
			due = append(due, work{row: row, mark: mark, until: mark, lost: slots})
		}
	}
	return due
}

// splitAt parts ascending slots into those before t and the rest.
func splitAt(slots []Slot, t time.Time) (before, rest []Slot) {
	i, _ := slices.BinarySearchFunc(slots, t, func(s Slot, t time.Time) int { return s.Time.Compare(t) })
	return slots[:i], slots[i:]
}

// ascending merges slots, which ascend.
func ascending(a, b []Slot) []Slot {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b Slot) int { return a.Time.Compare(b.Time) })
	return all
}

// restart starts make-ups whose start was lost, in order, one at a time, and reports whether it
// came to the last of them. They were decided on when they were recorded, so the misfire policy
// is not asked again; a deletion since overrules that.
func (j *judgement) restart(lost []Slot) (done bool, err error) {
	if len(lost) == 0 {
		return true, nil
	}
	if j.def.DeletedAt == nil {
		waiting := j.report.Waiting
		_, err = j.makeUp(lost, time.Time{})
		return err == nil && j.report.Waiting == waiting, err
	}
	var settled []core.Settlement
	for _, s := range lost {
		state, err := j.w.cfg.Scheduler.SlotState(j.ctx, j.def.ID, s.Time)
		if err != nil {
			return false, fmt.Errorf("ask for slot %s: %w", s.Time.Format(time.RFC3339), err)
		}
		if state == core.SlotAbsent { // what has an execution is settled at admission
			settled = append(settled, settlement(j.def, s.Time, core.VerdictSkipped, "the definition was deleted before its make-up was started"))
		}
	}
	_, err = j.w.settle(j.ctx, settled, j.report)
	return err == nil, err
}

// openRuns bounds the pending runs that are looked through for one that is under way.
const openRuns = 100

// openRun returns a cron run of the definition that is under way, or nil. A run that was
// recorded and whose start was lost is not: whoever waited for it would wait for himself. Nor
// is one that was recorded for a slot after before, and not started: it waits its turn. A zero
// before lets every slot count.
func (w *Watchdog) openRun(ctx context.Context, id string, before time.Time) (*core.Run, error) {
	filter := core.RunFilter{ActivityID: id, Kind: core.CauseCron, Status: core.RunRunning}
	running, err := w.cfg.Record.Runs(ctx, filter, core.PageRequest{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	if len(running.Items) > 0 {
		return &running.Items[0], nil
	}
	filter.Status = core.RunPending
	pending, err := w.cfg.Record.Runs(ctx, filter, core.PageRequest{Limit: openRuns})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	for i, run := range pending.Items {
		entry, err := w.cfg.Record.LedgerEntry(ctx, id, run.Cause.Key())
		if core.IsCode(err, core.CodeNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the ledger row of an open run: %w", err)
		}
		lost := entry.UpdatedAt.Before(w.now().Add(-w.cfg.Lost))
		younger := !before.IsZero() && entry.Cause.NominalTime.After(before)
		if entry.Verdict != core.VerdictPending || !lost && !younger {
			return &pending.Items[i], nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}
