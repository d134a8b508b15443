package slots

import (
	"context"
	"fmt"
	"slices"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/launch"
)

// filling is one call of [Backfiller.Backfill] at work.
type filling struct {
	*Backfiller
	def      core.StoredDefinition
	req      BackfillRequest
	deadline time.Time   // zero: none
	open     []time.Time // nominal times whose runs are under way, oldest first
	// notBefore is when the next start is due.
	notBefore time.Time
	result    BackfillResult
}

// fill handles one nominal time after the other, until all are done and their runs over, or the
// limit or the deadline is reached.
func (f *filling) fill(ctx context.Context, times []time.Time) error {
	var verdicts map[string]core.Verdict
	for i, t := range times {
		if i == f.req.Limit || i > 0 && f.late() {
			return f.stopAt(ctx, t)
		}
		if i%backfillPart == 0 {
			var err error
			if verdicts, err = f.verdicts(ctx, f.def.ID, times[i:min(len(times), i+backfillPart)]); err != nil {
				return err
			}
		}
		done, err := f.slot(ctx, t, verdicts[core.CronCause(t).Key()])
		if err != nil {
			return fmt.Errorf("backfill %s at %s: %w", f.def.Name, t.Format(time.RFC3339), err)
		}
		if !done {
			return f.stopAt(ctx, t)
		}
		f.result.Done++
	}
	over, err := f.untilOpen(ctx, 0)
	if err != nil || over {
		return err
	}
	return f.stopAt(ctx, f.req.To)
}

// audit adds the entries that no start took with it: there was none.
func (f *filling) audit(ctx context.Context) error {
	for _, e := range f.req.Audit {
		if err := f.Record.AppendAudit(ctx, e); err != nil {
			return err
		}
	}
	f.req.Audit = nil
	return nil
}

// stopAt leaves the rest, from a nominal time on, to the next call.
func (f *filling) stopAt(ctx context.Context, from time.Time) error {
	if err := f.forgetEnded(ctx); err != nil {
		return err
	}
	f.result.Next = &BackfillPoint{From: from, UnderWay: f.open, NotBefore: later(f.notBefore, f.now())}
	return nil
}

func (f *filling) late() bool { return !f.deadline.IsZero() && !f.now().Before(f.deadline) }

// slot makes sure that a nominal time has its run. false: the deadline came first, and nothing
// is done.
//
// Its row is written only when the start is due: the sweeper starts whatever stands in the
// ledger unstarted for long, at its own rate.
func (f *filling) slot(ctx context.Context, t time.Time, verdict core.Verdict) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	switch {
	case verdict == core.VerdictFired || verdict == core.VerdictStarted:
		return f.existing(ctx, t)
	case verdict.Terminal():
		f.result.Settled++
		return true, nil
	}
	for _, wait := range []func(context.Context) (bool, error){f.place, f.pace} {
		if ok, err := wait(ctx); !ok || err != nil {
			return false, err
		}
	}
	return true, f.start(ctx, t)
}

// existing counts a nominal time that has its run. While that goes on it takes a place: a
// backfill that is repeated after an interruption keeps the order, too.
func (f *filling) existing(ctx context.Context, t time.Time) (bool, error) {
	ended, err := f.ended(ctx, t)
	if err != nil {
		return false, err
	}
	if !ended {
		if ok, err := f.place(ctx); !ok || err != nil {
			return false, err
		}
		f.open = append(f.open, t)
	}
	f.result.Existing++
	return true, nil
}

// startTime bounds what must not be left half done, when the caller is gone.
const startTime = 15 * time.Second

// start records and starts a run, unless somebody else has meanwhile.
func (f *filling) start(ctx context.Context, t time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTime)
	defer cancel()
	rec := makeUp(f.def, t)
	rec.Audit = f.req.Audit
	asked := f.now()
	out, err := launch.Launcher{Record: f.Record, Starter: f.Starter, Now: f.now}.Launch(ctx, rec)
	if out.State.Inserted {
		f.req.Audit = nil
	}
	if err != nil {
		return err
	}
	if v := out.State.Entry.Verdict; v.Terminal() && v != core.VerdictFired {
		f.result.Settled++
		return nil
	}
	f.open = append(f.open, t)
	if !out.Started {
		f.result.Existing++
		return nil
	}
	f.result.Started++
	f.notBefore = asked.Add(f.req.interval())
	return nil
}

// place waits until another run may be under way; false: the deadline came first.
func (f *filling) place(ctx context.Context) (bool, error) { return f.untilOpen(ctx, f.req.Parallel-1) }

// untilOpen waits until at most so many runs are under way; false: the deadline came first.
func (f *filling) untilOpen(ctx context.Context, most int) (bool, error) {
	for pauses := looks.Pauses(); len(f.open) > most; {
		if err := f.forgetEnded(ctx); err != nil {
			return false, err
		}
		if len(f.open) <= most {
			break
		}
		if ok, err := f.pause(ctx, pauses.NextBackOff()); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// pace waits until the next start is due; false: the deadline came first.
func (f *filling) pace(ctx context.Context) (bool, error) {
	for {
		d := f.notBefore.Sub(f.now())
		if d <= 0 {
			return true, nil
		}
		if ok, err := f.pause(ctx, d); !ok || err != nil {
			return false, err
		}
	}
}

// pause sleeps, but not beyond the deadline; false if that has come.
func (f *filling) pause(ctx context.Context, d time.Duration) (bool, error) {
	if f.late() {
		return false, nil
	}
	if !f.deadline.IsZero() {
		d = min(d, f.deadline.Sub(f.now()))
	}
	return true, f.sleep(ctx, d)
}

func (f *filling) forgetEnded(ctx context.Context) error {
	open := make([]time.Time, 0, len(f.open))
	for _, t := range f.open {
		ended, err := f.ended(ctx, t)
		if err != nil {
			return err
		}
		if !ended {
			open = append(open, t)
		}
	}
	f.open = slices.Clip(open)
	return nil
}

// ended reports whether the run of a nominal time is over. One that the record has forgotten
// ended long ago.
func (f *filling) ended(ctx context.Context, t time.Time) (bool, error) {
	run, err := f.Record.Run(ctx, runID(f.def.ID, t))
	if core.IsCode(err, core.CodeNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the run of %s: %w", t.Format(time.RFC3339), err)
	}
	return run.Status.Final(), nil
}
