// Package launch turns a cause into its one run: recorded, started, confirmed.
//
// The ledger's row comes first. Whoever dies between two steps leaves a row that says what is left
// to do, and Temporal refuses the second execution of a cause (docs/adr/0004). Everybody who starts
// a run goes by these rules: a person's trigger, a backfill, a make-up, a replay, the router, the
// sweeper.
package launch

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
)

// Record is what a launch asks of the ledger; its rules are those of [core.Ledger].
type Record interface {
	RecordCauses(ctx context.Context, recs []core.CauseRecord, at time.Time) ([]core.CauseState, error)
	ConfirmStarts(ctx context.Context, starts []core.Start, at time.Time) error
}

// Starter starts the one run of a cause that is in the ledger. An execution that exists is no
// error.
type Starter interface {
	StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error)
}

// Launcher carries the protocol out. All fields are required.
type Launcher struct {
	Record  Record
	Starter Starter
	// Now dates rows and confirmations.
	Now func() time.Time
}

// Outcome is what a launch came to.
type Outcome struct {
	// State is the ledger's row as it was when the cause had been recorded.
	State core.CauseState
	// Started: this launch made the execution. Otherwise it existed, or the row needs none.
	Started bool
}

// Due reports whether nobody has confirmed a start. Starting such a cause twice is harmless.
func Due(e core.LedgerEntry) bool { return e.Verdict == core.VerdictPending }

// Unclaimed reports whether a cause may still be without its execution: also one whose start was
// confirmed, by a Temporal that has since lost it.
func Unclaimed(e core.LedgerEntry) bool { return !e.Verdict.Terminal() && e.TemporalRunID == "" }

// StartOf is what confirms the start of a cause.
func StartOf(activityID string, cause core.Cause) core.Start {
	return core.Start{ActivityID: activityID, CauseKey: cause.Key()}
}

// Launch records a cause, if it has no row, and starts its run, if it is unclaimed. After an
// error the outcome still has the row if it was written: the sweeper, or for a make-up the
// watchdog, starts it.
func (l Launcher) Launch(ctx context.Context, rec core.CauseRecord) (Outcome, error) {
	state, err := l.Put(ctx, rec)
	out := Outcome{State: state}
	if err != nil || !Unclaimed(state.Entry) {
		return out, err
	}
	out.Started, err = l.Start(ctx, rec.ActivityID, rec.Cause)
	return out, err
}

// Put records a cause, if it has no row, and starts nothing. An event that has the event_id of
// another one is CodeConflict, and recorded as little.
func (l Launcher) Put(ctx context.Context, rec core.CauseRecord) (core.CauseState, error) {
	states, err := l.Record.RecordCauses(ctx, []core.CauseRecord{rec}, l.now())
	if err != nil {
		return core.CauseState{}, fmt.Errorf("record %s: %w", rec.Cause.Key(), err)
	}
	if conflict := states[0].Conflict; conflict != nil {
		return states[0], fmt.Errorf("record %s: %w", rec.Cause.Key(), conflict.Fault())
	}
	return states[0], nil
}

// Start starts the run of a recorded cause and confirms it. false: its execution existed.
func (l Launcher) Start(ctx context.Context, activityID string, cause core.Cause) (started bool, err error) {
	outcome, err := l.Starter.StartRun(ctx, activityID, cause)
	if err != nil {
		return false, fmt.Errorf("start %s: %w", cause.Key(), err)
	}
	return !outcome.AlreadyStarted, l.Confirm(ctx, StartOf(activityID, cause))
}

// Confirm notes in the ledger that executions exist.
func (l Launcher) Confirm(ctx context.Context, starts ...core.Start) error {
	if len(starts) == 0 {
		return nil
	}
	if err := l.Record.ConfirmStarts(ctx, starts, l.now()); err != nil {
		return fmt.Errorf("confirm the start of %s: %w", starts[0].CauseKey, err)
	}
	return nil
}

func (l Launcher) now() time.Time { return l.Now().UTC() }
