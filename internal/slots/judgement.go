package slots

import (
	"context"
	"fmt"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// judgement is the verdict on the overdue slots of one definition.
type judgement struct {
	w      *Watchdog
	ctx    context.Context //nolint:containedctx // a judgement lives as long as one call
	def    activitycore.StoredDefinition
	tl     *timeline
	until  time.Time
	now    time.Time
	report *TickReport

	outages []activitycore.Outage
	// backlog is what the schedule has still to start; nil until asked for.
	backlog *backlog
	// open is the first slot of a gap that has not ended and waits for its end; zero if there is none.
	open time.Time
	// settled are verdicts found and not yet written.
	settled []activitycore.Settlement
	// cover is the run that was open at the slot looked at last.
	cover *activitycore.Run
}

// judge gives verdicts to slots without a row, which ascend, and returns the time before which every slot now has a row. It
// stops at the first slot that something else may still start: the order of make-ups depends on it. lost are make-ups younger
// than the first of the slots whose start was lost; they are started among the others, in order.
func (j *judgement) judge(missing, lost []Slot, horizon time.Time) (time.Time, error) {
	var err error
	if j.outages, err = j.w.cfg.Record.Outages(j.ctx, missing[0].Time, j.now.Add(time.Second)); err != nil {
		return missing[0].Time, fmt.Errorf("read outages: %w", err)
	}
	missed, horizon, err := j.sort(missing, horizon)
	if err != nil {
		return missing[0].Time, err
	}
	runs, err := j.apply(missed, horizon)
	if err != nil {
		return missing[0].Time, err
	}
	if _, err := j.w.settle(j.ctx, j.settled, j.report); err != nil {
		return missing[0].Time, err
	}
	if !j.open.IsZero() {
		horizon = j.open
	}
	if horizon.Before(j.until) { // what comes after it is not decided
		lost, _ = splitAt(lost, horizon)
	}
	return j.makeUp(ascending(runs, lost), horizon)
}

// sort settles what needs no policy and returns the slots that Temporal will not start, and how far it came.
func (j *judgement) sort(missing []Slot, horizon time.Time) (missed []Slot, reached time.Time, err error) {
	for i, s := range missing {
		if s.Hold != nil {
			j.add(s.Time, activitycore.VerdictPaused, holdReason(*s.Hold), "")
			continue
		}
		if j.backlog == nil { // asked before the executions: what has left the backlog by then is an execution, or lost
			if j.backlog, err = j.w.backlog(j.ctx, j.def, j.now); err != nil {
				if activitycore.IsCode(err, activitycore.CodeConflict) { // an operator's pause: the record is about to know since when
					j.report.Waiting += len(missing) - i
					return missed, s.Time, nil
				}
				return nil, s.Time, err
			}
			// A pause that was adopted since the timeline was read is one that the backlog was read with.
			if err = j.reloadHolds(missing[i:]); err != nil {
				return nil, s.Time, err
			}
			if s = missing[i]; s.Hold != nil {
				j.add(s.Time, activitycore.VerdictPaused, holdReason(*s.Hold), "")
				continue
			}
		}
		state, err := j.w.cfg.Scheduler.SlotState(j.ctx, j.def.ID, s.Time)
		if err != nil {
			return nil, s.Time, fmt.Errorf("ask for slot %s: %w", s.Time.Format(time.RFC3339), err)
		}
		switch {
		case state == activitycore.SlotClosed:
			j.add(s.Time, activitycore.VerdictLost, "Temporal has an execution that ended, and the record has no trace of it: it was restored from a backup, or the execution was ended before it began", "")
		case state == activitycore.SlotOpen, j.backlog.holds(s.Time):
			j.report.Waiting += len(missing) - i
			return missed, s.Time, nil
		case j.tl.deletedSince(s.Time): // whoever made it again did not ask for what the deleted one had missed
			j.add(s.Time, activitycore.VerdictSkipped, "the definition was deleted after this time, and created again", "")
		default:
			missed = append(missed, s)
		}
	}
	return missed, horizon, nil
}

// reloadHolds reads anew by which holds the slots, which ascend, were held.
func (j *judgement) reloadHolds(slots []Slot) error {
	holds, err := j.w.cfg.Record.Holds(j.ctx, j.def.ID, j.tl.start(), j.now.Add(time.Second))
	if err != nil {
		return fmt.Errorf("read holds: %w", err)
	}
	j.tl.holds = ranked(holds)
	for i := range slots {
		slots[i].Hold = holdAt(j.tl.holds, slots[i].Time)
	}
	return nil
}

// apply settles missed slots by the misfire policy and returns those that are to run.
func (j *judgement) apply(missed []Slot, horizon time.Time) (runs []Slot, err error) {
	if len(missed) == 0 {
		return nil, nil
	}
	switch policyOf(j.def) {
	case activitycore.MisfireCatchup:
		for _, s := range missed {
			if late, in := j.late(s.Time); late > windowOf(j.def) && !in {
				j.add(s.Time, activitycore.VerdictSkipped, windowReason(j.def, late)+", "+j.why(s.Time), "")
				continue
			}
			runs = append(runs, s)
		}
		return runs, nil
	case activitycore.MisfireCompress:
		return j.compress(missed, horizon)
	}
	for _, s := range missed {
		run, err := j.overlapped(s.Time)
		if err != nil {
			return nil, err
		}
		_, late := j.late(s.Time)
		if run != nil && (late || outageOf(j.outages, s.Time, 0) == nil) {
			j.add(s.Time, activitycore.VerdictSkipped, "overlap: the run of "+run.Cause.Key()+" was still open", "")
			continue
		}
		if late { // Temporal's overlap policy drops it behind the first slot of the outage, which admission refuses
			runs = append(runs, s)
			continue
		}
		j.add(s.Time, activitycore.VerdictSkipped, "misfire: "+j.why(s.Time), "")
	}
	return runs, nil
}

// late says how late a slot is that nobody started, and whether that is late only: within misfire_grace when its outage ended.
// Where no outage is recorded, the slot is missed since the end of its grace; how long it has waited for its turn since then
// does not matter.
func (j *judgement) late(slot time.Time) (late time.Duration, inTime bool) {
	if out := keptBy(j.def, j.outages, slot); out != nil {
		return lateness(j.outages, slot, *out), inGrace(j.def, out.To.Sub(slot)) && j.def.DeletedAt == nil
	}
	return lateness(j.outages, slot, activitycore.Outage{To: slot.Add(graceOf(j.def))}), false
}

// compress finds the one slot that runs for all the missed ones.
func (j *judgement) compress(missed []Slot, horizon time.Time) (runs []Slot, err error) {
	for len(missed) > 0 {
		s := missed[0]
		if out := keptBy(j.def, j.outages, s.Time); out != nil {
			latest := latestMissed(j.whole(), j.outages, s.Time, *out)
			n := j.into(missed, latest, j.why(s.Time))
			if n > 0 && missed[n-1].Time.Equal(latest) {
				runs = append(runs, missed[n-1])
			}
			missed = missed[n:]
			continue
		}
		if run, err := j.overlapped(s.Time); err != nil {
			return nil, err
		} else if run != nil {
			next, err := j.startedSince(s.Time)
			if err != nil {
				return nil, err
			}
			if next == "" && len(runs) > 0 { // a make-up that waits for the same run to end
				next = activitycore.CronCause(runs[0].Time).Key()
			}
			if next != "" {
				j.add(s.Time, activitycore.VerdictCompressed, "overlap: the run of "+run.Cause.Key()+" was still open", next)
				missed = missed[1:]
				continue
			}
		}
		n, target, err := j.gap(missed, horizon)
		if err != nil {
			return nil, err
		}
		if target == "" {
			open, err := j.gapIsOpen(missed[:n])
			if err != nil {
				return nil, err
			}
			if open {
				j.open = missed[0].Time
				j.report.Waiting += len(missed)
				return runs, nil
			}
			if target, err = j.elect(missed[0].Time, missed[n-1].Time); err != nil {
				return nil, err
			}
		}
		if latest := missed[n-1]; target == activitycore.CronCause(latest.Time).Key() {
			j.into(missed[:n], latest.Time, j.why(s.Time))
			runs = append(runs, latest)
		} else {
			for _, m := range missed[:n] {
				j.add(m.Time, activitycore.VerdictCompressed, j.why(m.Time), target)
			}
		}
		missed = missed[n:]
	}
	return runs, nil
}

// into compresses the slots before latest into it and returns how many slots lie up to and including latest.
func (j *judgement) into(slots []Slot, latest time.Time, why string) (n int) {
	for _, s := range slots {
		if s.Time.After(latest) {
			break
		}
		n++
		if s.Time.Before(latest) {
			j.add(s.Time, activitycore.VerdictCompressed, why, activitycore.CronCause(latest).Key())
		}
	}
	return n
}

// whole is the timeline up to the present: the latest slot of an outage may still be within its grace.
func (j *judgement) whole() *timeline {
	if j.now.After(j.until) && j.def.DeletedAt == nil {
		tl, err := j.w.specs.load(j.ctx, j.w.cfg.Record, j.def.ID, j.until, j.now)
		if err == nil {
			return &timeline{segments: append(append([]segment(nil), j.tl.segments...), tl.segments...), holds: append(append([]activitycore.Hold(nil), j.tl.holds...), tl.holds...)}
		}
	}
	return j.tl
}

// gap finds how many of the missed slots follow on each other without one that has a row between them, and the run that
// already stands for them: the make-up of the same gap, begun by an earlier tick or by another replica, or the one that a later
// slot of it was compressed into.
func (j *judgement) gap(missed []Slot, horizon time.Time) (n int, target string, err error) {
	open := make(map[int64]bool, len(missed))
	for _, s := range missed {
		open[s.Time.Unix()] = true
	}
	var following time.Time
	for s := range j.tl.slots(missed[0].Time, j.until) {
		if s.Hold != nil {
			continue
		}
		if !open[s.Time.Unix()] {
			following = s.Time
			break
		}
		n++
	}
	if following.IsZero() {
		return n, "", nil
	}
	entry, err := j.w.cfg.Record.LedgerEntry(j.ctx, j.def.ID, activitycore.CronCause(following).Key())
	switch {
	case err == nil && entry.MakeUp && (!entry.Verdict.Terminal() || entry.Verdict == activitycore.VerdictFired):
		return n, entry.CauseKey, nil
	case err == nil && entry.Verdict == activitycore.VerdictCompressed && entry.Into > entry.CauseKey:
		return n, entry.Into, nil // the gap goes on in an outage, whose latest slot stands for both
	case activitycore.IsCode(err, activitycore.CodeNotFound) && !following.Before(horizon):
		// The gap goes on beyond what one tick looks at: find its end.
		last, err := j.gapEnd(following)
		if err != nil {
			return n, "", err
		}
		return n, activitycore.CronCause(last).Key(), nil
	case err != nil && !activitycore.IsCode(err, activitycore.CodeNotFound):
		return n, "", fmt.Errorf("read ledger row: %w", err)
	}
	return n, "", nil
}

// openGap is how many times Patience a gap may stay open, from its first slot.
const openGap = 6

// gapIsOpen reports whether the gap that the missed slots end in may well go on: none of the definition's slots has come since,
// and the schedule starts nothing, or the slot that follows is due and still within its grace. The one run that stands for a gap
// is that of its latest slot, so it waits for the end: until Patience after the latest slot, and six times that after the first.
func (j *judgement) gapIsOpen(missed []Slot) (bool, error) {
	latest := missed[len(missed)-1].Time
	if j.def.DeletedAt != nil || j.now.Sub(latest) > j.w.cfg.Patience || j.now.Sub(missed[0].Time) > openGap*j.w.cfg.Patience {
		return false, nil
	}
	if rows, err := rowsOf(j.ctx, j.w.cfg.Record, j.def.ID, latest.Add(time.Second), j.now.Add(time.Second)); err != nil || len(rows) > 0 {
		return false, err
	}
	if j.backlog != nil && j.backlog.buffered == 0 && j.backlog.next.IsZero() {
		return true, nil
	}
	_, due := j.whole().first(latest.Add(time.Second))
	return due, nil
}

// gapEnd is the last slot of the gap that goes on at from.
func (j *judgement) gapEnd(from time.Time) (last time.Time, err error) {
	last = from
	var part []Slot
	search := func() (done bool, err error) {
		rows, err := rowsOf(j.ctx, j.w.cfg.Record, j.def.ID, part[0].Time, part[len(part)-1].Time.Add(time.Second))
		if err != nil {
			return false, err
		}
		for _, s := range part {
			if rows[activitycore.CronCause(s.Time).Key()] {
				return true, nil
			}
			last = s.Time
		}
		part = part[:0]
		return false, nil
	}
	for s := range j.tl.slots(from, j.until) {
		if s.Hold != nil {
			continue
		}
		if part = append(part, s); len(part) == j.w.cfg.MaxSlots {
			if done, err := search(); done || err != nil {
				return last, err
			}
		}
	}
	if len(part) > 0 {
		_, err = search()
	}
	return last, err
}

func (j *judgement) add(slot time.Time, v activitycore.Verdict, reason, into string) {
	s := settlement(j.def, slot, v, reason)
	s.Into = into
	j.settled = append(j.settled, s)
}

// why says what kept a slot from firing.
func (j *judgement) why(slot time.Time) string {
	if out := keptBy(j.def, j.outages, slot); out != nil {
		return "missed in " + describeOutage(*out)
	}
	return "missed: Temporal did not start it, and no outage is recorded; the schedule was missing, stuck or just replaced"
}

// recentRuns is how many runs are looked through for one that was open at a slot: with overlap policies that let one run
// at a time, only make-ups come between.
const recentRuns = 20

// overlapped returns the run of the definition that was open at the slot, or nil.
func (j *judgement) overlapped(slot time.Time) (*activitycore.Run, error) {
	open := func(r *activitycore.Run) bool {
		return r.StartedAt != nil && r.StartedAt.Before(slot) && (r.FinishedAt == nil || r.FinishedAt.After(slot))
	}
	if j.cover != nil && open(j.cover) {
		return j.cover, nil
	}
	page, err := j.w.cfg.Record.Runs(j.ctx, activitycore.RunFilter{ActivityID: j.def.ID, Kind: activitycore.CauseCron, Until: slot},
		activitycore.PageRequest{Limit: recentRuns})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	for i := range page.Items {
		if open(&page.Items[i]) {
			j.cover = &page.Items[i]
			return j.cover, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// startedSince returns the cause of the first cron run that began after the slot, or "".
func (j *judgement) startedSince(slot time.Time) (string, error) {
	var first *activitycore.Run
	for page := (activitycore.PageRequest{Limit: 200}); ; {
		runs, err := j.w.cfg.Record.Runs(j.ctx, activitycore.RunFilter{ActivityID: j.def.ID, Kind: activitycore.CauseCron, Since: slot}, page)
		if err != nil {
			return "", fmt.Errorf("read runs: %w", err)
		}
		for i, r := range runs.Items {
			if r.StartedAt != nil && !r.StartedAt.Before(slot) && (first == nil || r.StartedAt.Before(*first.StartedAt)) {
				first = &runs.Items[i]
			}
		}
		if page.Cursor = runs.NextCursor; page.Cursor == "" {
			break
		}
	}
	if first == nil {
		return "", nil
	}
	return first.Cause.Key(), nil
}
