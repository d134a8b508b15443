package launch_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/launch"
)

// ledger is one row of a ledger, and the executions of Temporal; it notes what is asked of both.
type ledger struct {
	row      *core.LedgerEntry
	execs    int
	calls    []string
	dieAfter string // the call after which everything fails
	dead     bool
}

func (l *ledger) call(name string) error {
	if l.dead {
		return errors.New("the process is dead")
	}
	l.calls = append(l.calls, name)
	l.dead = name == l.dieAfter
	return nil
}

func (l *ledger) RecordCauses(_ context.Context, recs []core.CauseRecord, _ time.Time) ([]core.CauseState, error) {
	if err := l.call("record"); err != nil {
		return nil, err
	}
	inserted := l.row == nil
	if inserted {
		l.row = &core.LedgerEntry{ActivityID: recs[0].ActivityID, Cause: recs[0].Cause, CauseKey: recs[0].Cause.Key(), Verdict: core.VerdictPending}
	}
	return []core.CauseState{{Entry: *l.row, Inserted: inserted}}, nil
}

func (l *ledger) StartRun(context.Context, string, core.Cause) (core.StartOutcome, error) {
	if err := l.call("start"); err != nil {
		return core.StartOutcome{}, err
	}
	if l.execs > 0 {
		return core.StartOutcome{AlreadyStarted: true}, nil
	}
	l.execs++
	return core.StartOutcome{}, nil
}

func (l *ledger) ConfirmStarts(_ context.Context, starts []core.Start, _ time.Time) error {
	if err := l.call("confirm"); err != nil {
		return err
	}
	if l.row.Verdict == core.VerdictPending && starts[0].CauseKey == l.row.CauseKey {
		l.row.Verdict = core.VerdictStarted
	}
	return nil
}

func launcher(l *ledger) launch.Launcher {
	return launch.Launcher{Record: l, Starter: l, Now: time.Now}
}

var cause = core.CauseRecord{ActivityID: "a", Cause: core.EventCause("e1")}

func TestWhereverALauncherDiesAnotherFinishesAndNothingRunsTwice(t *testing.T) {
	for _, point := range []string{"", "record", "start", "confirm"} {
		l := &ledger{dieAfter: point}
		_, err := launcher(l).Launch(t.Context(), cause)
		if died := point == "record" || point == "start"; (err != nil) != died {
			t.Errorf("death after %q: want an error %v, got %v", point, died, err)
		}
		l.dieAfter, l.dead = "", false
		if _, err := launcher(l).Launch(t.Context(), cause); err != nil {
			t.Fatalf("death after %q: the next one: %v", point, err)
		}
		if l.execs != 1 || l.row.Verdict != core.VerdictStarted {
			t.Errorf("death after %q: want one execution and a confirmed row, got %d and %s", point, l.execs, l.row.Verdict)
		}
	}
}

func TestWhatIsSettledOrClaimedIsNotStarted(t *testing.T) {
	for name, row := range map[string]core.LedgerEntry{
		"skipped": {Verdict: core.VerdictSkipped},
		"fired":   {Verdict: core.VerdictFired, TemporalRunID: "r"},
		"running": {Verdict: core.VerdictStarted, TemporalRunID: "r"},
	} {
		l := &ledger{row: &row}
		out, err := launcher(l).Launch(t.Context(), cause)
		if err != nil || out.Started || out.State.Inserted || out.State.Entry.Verdict != row.Verdict || !slices.Equal(l.calls, []string{"record"}) {
			t.Errorf("%s: want its row and nothing asked of Temporal, got %+v, %v, %v", name, out, err, l.calls)
		}
	}
}

func TestAConfirmedStartThatTemporalLostIsStartedAgain(t *testing.T) {
	l := &ledger{row: &core.LedgerEntry{Verdict: core.VerdictStarted, CauseKey: "e1"}}
	if launch.Due(*l.row) || !launch.Unclaimed(*l.row) {
		t.Errorf("want a confirmed row to be unclaimed and not due")
	}
	out, err := launcher(l).Launch(t.Context(), cause)
	if err != nil || !out.Started || l.execs != 1 {
		t.Errorf("want one execution, got %+v, %v, %d", out, err, l.execs)
	}
}

func TestConfirmingNothingAsksNobody(t *testing.T) {
	l := &ledger{}
	if err := launcher(l).Confirm(t.Context()); err != nil || len(l.calls) > 0 {
		t.Errorf("want no call, got %v, %v", l.calls, err)
	}
}
