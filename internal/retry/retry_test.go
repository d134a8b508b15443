package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/activity-core/activity-core/internal/retry"
)

var errBusy = errors.New("busy")

func busy(err error) bool { return errors.Is(err, errBusy) }

// attempts runs a step that fails with each of errs in turn and then succeeds, and returns when
// it was run, counted from the start.
func attempts(ctx context.Context, p retry.Policy, errs ...error) (at []time.Duration, err error) {
	begun := time.Now()
	err = p.Do(ctx, busy, func(context.Context) error {
		at = append(at, time.Since(begun))
		if len(at) <= len(errs) {
			return errs[len(at)-1]
		}
		return nil
	})
	return at, err
}

func same(t *testing.T, at []time.Duration, err error, wantErr error, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(at, want) || !errors.Is(err, wantErr) || (err == nil) != (wantErr == nil) {
		t.Errorf("got attempts after %v and error %v; want attempts after %v and error %v", at, err, want, wantErr)
	}
}

const ms = time.Millisecond

func TestPausesDoubleUpToTheMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, err := attempts(t.Context(), retry.Policy{First: 100 * ms, Most: 300 * ms}, errBusy, errBusy, errBusy, errBusy)
		same(t, at, err, nil, 0, 100*ms, 300*ms, 600*ms, 900*ms)
	})
}

func TestTheLastErrorIsReturnedOnceAttemptsAreUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := fmt.Errorf("third: %w", errBusy)
		at, err := attempts(t.Context(), retry.Policy{First: 100 * ms, Most: time.Second, Attempts: 3}, errBusy, errBusy, last)
		same(t, at, err, last, 0, 100*ms, 300*ms)
	})
}

func TestAnErrorThatDoesNotPassEndsTheAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		at, err := attempts(t.Context(), retry.Policy{First: 100 * ms, Most: time.Second}, errBusy, broken)
		same(t, at, err, broken, 0, 100*ms)
		_, err = attempts(t.Context(), retry.Policy{First: 100 * ms, Most: time.Second, Attempts: 1}, broken)
		if err != broken { //nolint:errorlint // nothing is to be wrapped around it
			t.Errorf("got error %#v; want the step's own, %#v", err, broken)
		}
	})
}

type later struct {
	error
	after time.Duration
}

func (l later) RetryAfter() time.Duration { return l.after }
func (l later) Unwrap() error             { return l.error }

func TestAnErrorCanAskForALongerPauseOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, err := attempts(t.Context(), retry.Policy{First: 100 * ms, Most: time.Second},
			later{errBusy, 500 * ms}, later{errBusy, ms}, later{errBusy, time.Hour}, errBusy)
		same(t, at, err, nil, 0, 500*ms, 700*ms, 1700*ms, 2500*ms)
	})
}

func TestTheEndOfTheContextEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 250*ms)
		defer cancel()
		at, err := attempts(ctx, retry.Policy{First: 100 * ms, Most: time.Hour}, errBusy, errBusy, errBusy)
		same(t, at, err, errBusy, 0, 100*ms)
		if got, want := context.Cause(ctx), context.DeadlineExceeded; !errors.Is(got, want) {
			t.Errorf("got cause %v, want %v", got, want)
		}
	})
}

func TestUntilTheAnswerIsYes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, asked := time.Now(), 0
		p := retry.Policy{First: 5 * ms, Most: 250 * ms}
		err := p.Until(t.Context(), func(context.Context) (bool, error) { asked++; return asked == 3, nil })
		if got, want := time.Since(begun), 15*ms; err != nil || got != want {
			t.Errorf("got %v after %s; want no error after %s", err, got, want)
		}
		broken := errors.New("broken")
		if err := p.Until(t.Context(), func(context.Context) (bool, error) { return false, broken }); !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("shut down")
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := p.Until(ctx, func(context.Context) (bool, error) { return false, nil }); !errors.Is(err, why) {
			t.Errorf("got %v, want the cause, %v", err, why)
		}
	})
}

func TestSleepEndsEarlyWithTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := retry.Sleep(t.Context(), time.Minute); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("got %v after %s; want no error after 1m", err, time.Since(begun))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("shut down")
		cancel(why)
		if err := retry.Sleep(ctx, time.Hour); !errors.Is(err, why) {
			t.Errorf("got %v, want the cause, %v", err, why)
		}
	})
}
