package slots

import (
	"context"
	"fmt"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// BackfillRecord is what a [Backfiller] asks of the record.
type BackfillRecord interface {
	RecordCauses(ctx context.Context, recs []activitycore.CauseRecord, at time.Time) ([]activitycore.CauseState, error)
	ConfirmStarts(ctx context.Context, starts []activitycore.Start, at time.Time) error
	Run(ctx context.Context, runID string) (activitycore.Run, error)
}

// MaxBackfill bounds the slots of one backfill.
const MaxBackfill = 100_000

// Backfiller starts the runs of past nominal times.
type Backfiller struct {
	// Record and Starter are required.
	Record  BackfillRecord
	Starter Starter
	// Parallel bounds the runs under way at once; default 1, which keeps their order to the end.
	Parallel int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	specs
}

// BackfillProgress is how far a backfill has come.
type BackfillProgress struct {
	Total int `json:"total"`
	Done  int `json:"done"`
	// Started counts runs started by this call.
	Started int `json:"started"`
	// Existing counts nominal times that had their run, or an execution, before.
	Existing int `json:"existing"`
	// Settled counts nominal times that have another final verdict, which stands: skipped, compressed, paused.
	Settled int `json:"settled"`
	// Current is the nominal time handled last.
	Current time.Time `json:"current,omitzero"`
}

// Backfill starts each nominal time of [from, to) that the definition's present version names, once and in order; at most
// Parallel runs are under way at a time. It may be repeated: what has its run keeps it. progress, if not nil, is called
// after each nominal time. CodeInvalid: no cron trigger, an empty or future range, or more than MaxBackfill times.
func (b *Backfiller) Backfill(ctx context.Context, def activitycore.StoredDefinition, from, to time.Time, progress func(BackfillProgress)) (BackfillProgress, error) {
	var p BackfillProgress
	times, err := b.times(def, from, to)
	if err != nil {
		return p, err
	}
	p.Total = len(times)
	var open []string // run IDs under way, oldest first
	for _, t := range times {
		if len(open) >= max(1, b.Parallel) {
			if err := b.wait(ctx, open[0]); err != nil {
				return p, err
			}
			open = open[1:]
		}
		runID, err := b.one(ctx, def, t, &p)
		if err != nil {
			return p, fmt.Errorf("backfill %s at %s: %w", def.Name, t.Format(time.RFC3339), err)
		}
		if runID != "" {
			open = append(open, runID)
		}
		p.Done++
		p.Current = t
		if progress != nil {
			progress(p)
		}
	}
	for _, runID := range open {
		if err := b.wait(ctx, runID); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (b *Backfiller) now() time.Time {
	now := time.Now
	if b.Now != nil {
		now = b.Now
	}
	return now().UTC().Truncate(time.Microsecond)
}

func (b *Backfiller) times(def activitycore.StoredDefinition, from, to time.Time) ([]time.Time, error) {
	switch now := b.now(); {
	case def.TriggerType != activitycore.TriggerCron:
		return nil, activitycore.InvalidField("trigger_type", def.TriggerType, "only a cron definition has nominal times to backfill")
	case !from.Before(to):
		return nil, activitycore.InvalidField("from", from, "must be before to (%s)", to.Format(time.RFC3339))
	case to.After(now):
		return nil, activitycore.InvalidField("to", to, "must not be in the future (now is %s)", now.Format(time.RFC3339))
	}
	spec, err := b.parse(def.TriggerConfig)
	if err != nil {
		return nil, err
	}
	var times []time.Time
	for t := range spec.Between(from, to) {
		if len(times) == MaxBackfill {
			return nil, activitycore.InvalidField("from", from, "the range has more than %d nominal times; backfill it in parts", MaxBackfill)
		}
		times = append(times, t)
	}
	return times, nil
}

// one makes sure that a nominal time has its run and returns the run's ID, or "" if it needs no waiting for.
func (b *Backfiller) one(ctx context.Context, def activitycore.StoredDefinition, nominal time.Time, p *BackfillProgress) (string, error) {
	cause := activitycore.CronCause(nominal)
	states, err := b.Record.RecordCauses(ctx, []activitycore.CauseRecord{{
		ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version, Cause: cause, MakeUp: true,
	}}, b.now())
	if err != nil {
		return "", err
	}
	entry := states[0].Entry
	switch {
	case entry.Verdict == activitycore.VerdictFired:
		p.Existing++
		return "", nil
	case entry.Verdict.Terminal():
		p.Settled++
		return "", nil
	}
	outcome, err := b.Starter.StartRun(ctx, def.ID, cause)
	if err != nil {
		return "", err
	}
	if err := b.Record.ConfirmStarts(ctx, []activitycore.Start{{ActivityID: def.ID, CauseKey: cause.Key()}}, b.now()); err != nil {
		return "", err
	}
	if outcome.AlreadyStarted {
		p.Existing++
	} else {
		p.Started++
	}
	return entry.RunID, nil
}

// wait returns when the run is over.
func (b *Backfiller) wait(ctx context.Context, runID string) error {
	for delay := 5 * time.Millisecond; ; delay = min(2*delay, 250*time.Millisecond) {
		run, err := b.Record.Run(ctx, runID)
		if err != nil {
			return fmt.Errorf("wait for run %s: %w", runID, err)
		}
		if run.Status.Final() {
			return nil
		}
		if err := sleep(ctx, delay); err != nil {
			return err
		}
	}
}
