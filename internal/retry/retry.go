// Package retry repeats a step that may succeed the next time, with growing pauses.
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Policy says how long to pause between attempts, and how often to try.
type Policy struct {
	// First is the pause after the first attempt. Each further pause is twice as long.
	First time.Duration
	// Most bounds every pause. It is at least First.
	Most time.Duration
	// Attempts bounds how often the step is run; 0: until it succeeds, or ctx ends.
	Attempts int
}

// Do runs step until it succeeds, fails with an error that does not pass, has been run Attempts
// times, or ctx ends. It returns the step's last error, also where ctx ended in a pause: a
// caller to whom that matters asks ctx.
//
// An error with a method RetryAfter() time.Duration makes the pause at least that long, up to Most.
func (p Policy) Do(ctx context.Context, passes func(error) bool, step func(context.Context) error) error {
	var last error
	pauses := p.Pauses()
	_, _ = backoff.Retry(ctx, func() (struct{}, error) {
		if last = step(ctx); last != nil && (ctx.Err() != nil || !passes(last)) {
			return struct{}{}, backoff.Permanent(last)
		}
		pauses.asked = askedBy(last)
		return struct{}{}, last
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(uint(p.Attempts)), backoff.WithMaxElapsedTime(0))
	return last
}

// Until asks again until the answer is yes, an error comes, or ctx ends, whose cause it then
// returns.
func (p Policy) Until(ctx context.Context, ask func(context.Context) (bool, error)) error {
	err := p.Do(ctx, func(err error) bool { return errors.Is(err, errNotYet) }, func(ctx context.Context) error {
		yes, err := ask(ctx)
		if err == nil && !yes {
			return errNotYet
		}
		return err
	})
	if errors.Is(err, errNotYet) {
		return context.Cause(ctx)
	}
	return err
}

var errNotYet = errors.New("not yet")

// Pauses are the pauses of a policy, one after the other, for a loop that waits in its own way.
type Pauses struct {
	grow  backoff.ExponentialBackOff
	asked time.Duration // by the error of the last attempt
}

// Pauses begins with the first pause.
func (p Policy) Pauses() *Pauses {
	return &Pauses{grow: backoff.ExponentialBackOff{InitialInterval: p.First, Multiplier: 2, MaxInterval: p.Most}}
}

// NextBackOff is the pause that is due.
func (p *Pauses) NextBackOff() time.Duration {
	return min(max(p.grow.NextBackOff(), p.asked), p.grow.MaxInterval)
}

// Reset begins anew with the first pause.
func (p *Pauses) Reset() { p.grow.Reset() }

func askedBy(err error) time.Duration {
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		return later.RetryAfter()
	}
	return 0
}

// Sleep waits for d, or until ctx ends, whose cause it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
