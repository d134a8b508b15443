package slots

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/misfire"
)

// judgement is the verdict on the overdue slots of one definition.
type judgement struct {
	w      *Watchdog
	ctx    context.Context //nolint:containedctx // a judgement lives as long as one call
	def    core.StoredDefinition
	terms  misfire.Terms
	tl     *timeline
	until  time.Time
	now    time.Time
	report *TickReport

	outages []core.Outage
	// backlog is what the schedule has still to start; nil until asked for.
	backlog *backlog
	// open is the first slot of a gap that has not ended and waits for its end; zero if there is
	// none.
	open time.Time
	// settled are verdicts found and not yet written.
	settled []core.Settlement
	// cover is the run that was open at the slot looked at last.
	cover *core.Run
	// together are the slots up to last that were missed together with the one looked at before;
	// elected runs for all of them.
	together struct{ last, elected time.Time }
	// present is the timeline up to the present, once asked for.
	present *timeline
}

// judge gives verdicts to slots without a row, which ascend, and returns the time before which
// every slot now has a row. It stops at the first slot that something else may still start: the
// order of make-ups depends on it. lost are make-ups younger than the first of the slots whose
// start was lost; they are started among the others, in order.
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

// sort settles what needs no policy and returns the slots that Temporal will not start, and how
// far it came.
func (j *judgement) sort(missing []Slot, horizon time.Time) (missed []Slot, reached time.Time, err error) {
	for i, s := range missing {
		if s.Hold != nil {
			j.add(s.Time, core.VerdictPaused, holdReason(*s.Hold), "")
			continue
		}
		if j.backlog == nil { // asked before the executions: what has left the backlog by then is an execution, or lost
			if j.backlog, err = j.w.backlog(j.ctx, j.def, j.now); err != nil {
				if core.IsCode(err, core.CodeConflict) { // an operator's pause: the record is about to know since when
					j.report.Waiting += len(missing) - i
					return missed, s.Time, nil
				}
				return nil, s.Time, err
			}
			// A pause that was adopted since the timeline was read is one that the backlog was read
			// with.
			if err = j.reloadHolds(missing[i:]); err != nil {
				return nil, s.Time, err
			}
			if s = missing[i]; s.Hold != nil {
				j.add(s.Time, core.VerdictPaused, holdReason(*s.Hold), "")
				continue
			}
		}
		state, err := j.w.cfg.Scheduler.SlotState(j.ctx, j.def.ID, s.Time)
		if err != nil {
			return nil, s.Time, fmt.Errorf("ask for slot %s: %w", s.Time.Format(time.RFC3339), err)
		}
		switch {
		case state == core.SlotClosed:
			j.add(s.Time, core.VerdictLost, "Temporal has an execution that ended, and the record has no trace of it: it was restored from a backup, or the execution was ended before it began", "")
		case state == core.SlotOpen, j.backlog.holds(s.Time):
			j.report.Waiting += len(missing) - i
			return missed, s.Time, nil
		case j.tl.deletedSince(s.Time): // whoever made it again did not ask for what the deleted one had missed
			j.add(s.Time, core.VerdictSkipped, "the definition was deleted after this time, and created again", "")
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
	for ; len(missed) > 0; missed = missed[1:] {
		facts, open, err := j.facts(missed, runs, horizon)
		if err != nil {
			return nil, err
		}
		if open {
			j.open = missed[0].Time
			j.report.Waiting += len(missed)
			return runs, nil
		}
		switch d := misfire.Decide(j.terms, facts); {
		case d.Verdict != misfire.Run:
			j.settled = append(j.settled, decided(j.def, missed[0].Time, d))
		case facts.Elected.IsZero() || facts.Elected.Equal(j.together.last):
			runs = append(runs, missed[0])
		default: // an earlier one than the latest was elected because somebody has begun it
		}
	}
	return runs, nil
}

// facts gathers what the rule of the policy asks about the first of the missed slots; runs are
// those before it that are to run. open says that the slot belongs to a gap that has not ended,
// and whose end decides.
func (j *judgement) facts(missed, runs []Slot, horizon time.Time) (f misfire.Facts, open bool, err error) {
	slot := missed[0].Time
	out := j.terms.KeptBy(j.outages, slot)
	if out != nil {
		f = outageFacts(slot, j.outages, *out)
	} else {
		grace := j.terms.Grace
		f = misfire.Facts{Slot: slot, Late: grace, Since: misfire.Since(j.outages, slot.Add(grace)), Why: j.why(slot)}
	}
	if j.terms.Elects() && !slot.After(j.together.last) {
		f.Elected = j.together.elected
		return f, false, nil
	}
	if !j.terms.WaitsAll() && (out == nil || !j.terms.Elects()) {
		if f.Open, f.Next, err = j.overlapped(slot, runs); err != nil {
			return f, false, err
		}
	}
	if j.terms.Elects() && f.Open.IsZero() {
		if open, err = j.elected(missed, out, horizon); err != nil || open {
			return f, open, err
		}
		f.Elected = j.together.elected
	}
	return f, false, nil
}

// elected finds the slots that were missed together from the first one on, and the one that
// runs for all of them. open says that it cannot be told yet.
func (j *judgement) elected(missed []Slot, out *core.Outage, horizon time.Time) (open bool, err error) {
	if out != nil {
		latest := misfire.LatestKept(j.whole(), j.outages, missed[0].Time, *out)
		j.together.last, j.together.elected = latest, latest
		return false, nil
	}
	n, target, err := j.gap(missed, horizon)
	if err != nil {
		return false, err
	}
	if target.IsZero() {
		if open, err := j.gapIsOpen(missed[:n]); err != nil || open {
			return open, err
		}
		if target, err = j.elect(missed[0].Time, missed[n-1].Time); err != nil {
			return false, err
		}
	}
	j.together.last, j.together.elected = missed[n-1].Time, target
	return false, nil
}

// whole is the timeline up to the present: the latest slot of an outage may still be within its
// grace.
func (j *judgement) whole() *timeline {
	if j.present != nil {
		return j.present
	}
	if j.now.After(j.until) && j.def.DeletedAt == nil {
		tl, err := j.w.specs.load(j.ctx, j.w.cfg.Record, j.def.ID, j.until, j.now)
		if err == nil {
			j.present = &timeline{segments: append(append([]segment(nil), j.tl.segments...), tl.segments...), holds: append(append([]core.Hold(nil), j.tl.holds...), tl.holds...)}
			return j.present
		}
	}
	return j.tl
}

// gap finds how many of the missed slots follow on each other without one that has a row
// between them, and the run that already stands for them: the make-up of the same gap, begun by
// an earlier tick or by another replica, or the one that a later slot of it was compressed
// into.
func (j *judgement) gap(missed []Slot, horizon time.Time) (n int, target time.Time, err error) {
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
		return n, target, nil
	}
	entry, err := j.w.cfg.Record.LedgerEntry(j.ctx, j.def.ID, core.CronCause(following).Key())
	switch {
	case err == nil && entry.MakeUp && (!entry.Verdict.Terminal() || entry.Verdict == core.VerdictFired):
		return n, *entry.Cause.NominalTime, nil
	case err == nil && entry.Verdict == core.VerdictCompressed && entry.Into > entry.CauseKey:
		return n, nominalOf(entry.Into), nil // the gap goes on in an outage, whose latest slot stands for both
	case core.IsCode(err, core.CodeNotFound) && !following.Before(horizon):
		// The gap goes on beyond what one tick looks at: find its end.
		last, err := j.gapEnd(following)
		if err != nil {
			return n, target, err
		}
		return n, last, nil
	case err != nil && !core.IsCode(err, core.CodeNotFound):
		return n, target, fmt.Errorf("read ledger row: %w", err)
	}
	return n, target, nil
}

// openGap is how many times Patience a gap may stay open, from its first slot.
const openGap = 6

// gapIsOpen reports whether the gap that the missed slots end in may well go on: none of the
// definition's slots has come since, and the schedule starts nothing, or the slot that follows
// is due and still within its grace. The one run that stands for a gap is that of its latest
// slot, so it waits for the end: until Patience after the latest slot, and six times that after
// the first.
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
	_, due := j.whole().First(latest.Add(time.Second))
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
			if rows[core.CronCause(s.Time).Key()] {
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

func (j *judgement) add(slot time.Time, v core.Verdict, reason, into string) {
	s := settlement(j.def, slot, v, reason)
	s.Into = into
	j.settled = append(j.settled, s)
}

// why says what kept a slot from firing.
func (j *judgement) why(slot time.Time) string {
	if out := j.terms.KeptBy(j.outages, slot); out != nil {
		return "missed in " + describeOutage(*out)
	}
	return "missed: Temporal did not start it, and no outage is recorded; the schedule was missing, stuck or just replaced"
}

// recentRuns is how many runs are looked through for one that was open at a slot: with overlap
// policies that let one run at a time, only make-ups come between.
const recentRuns = 20

// overlapped returns the slot whose run was open at a slot that the schedule let go for it,
// zero if none was; and where such a slot goes into the run that follows, that one: the first
// that has begun since, or the make-up among runs that waits for the same run to end. Until
// there is one, the open run explains nothing.
func (j *judgement) overlapped(slot time.Time, runs []Slot) (open, next time.Time, err error) {
	run, err := j.openAt(slot)
	if err != nil || run == nil {
		return open, next, err
	}
	if j.terms.Waits() {
		if next, err = j.startedSince(slot); err != nil {
			return open, next, err
		}
		if next.IsZero() && len(runs) > 0 {
			next = runs[0].Time
		}
		if next.IsZero() {
			return open, next, nil
		}
	}
	return *run.Cause.NominalTime, next, nil
}

// openAt returns the run of the definition that was open at the slot, or nil.
func (j *judgement) openAt(slot time.Time) (*core.Run, error) {
	open := func(r *core.Run) bool {
		return r.StartedAt != nil && r.StartedAt.Before(slot) && (r.FinishedAt == nil || r.FinishedAt.After(slot))
	}
	if j.cover != nil && open(j.cover) {
		return j.cover, nil
	}
	page, err := j.w.cfg.Record.Runs(j.ctx, core.RunFilter{ActivityID: j.def.ID, Kind: core.CauseCron, Until: slot},
		core.PageRequest{Limit: recentRuns})
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

// startedSince returns the slot of the first cron run that began after a slot, or zero.
func (j *judgement) startedSince(slot time.Time) (next time.Time, err error) {
	var first *core.Run
	for page := (core.PageRequest{Limit: 200}); ; {
		runs, err := j.w.cfg.Record.Runs(j.ctx, core.RunFilter{ActivityID: j.def.ID, Kind: core.CauseCron, Since: slot}, page)
		if err != nil {
			return next, fmt.Errorf("read runs: %w", err)
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
		return next, nil
	}
	return *first.Cause.NominalTime, nil
}
