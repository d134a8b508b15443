// Package testkit holds what the tests of several packages share. Only tests import it.
package testkit

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Patience is how long a test waits for something that must come. Nothing is asserted about how
// long it took.
const Patience = 90 * time.Second

// between two looks
const pause = 10 * time.Millisecond

// Eventually looks until what is wanted is there, and fails the test otherwise, with what the
// last look got. A look that returns an error says with it what is there instead; one that asks
// servers gets a context that ends with the wait.
func Eventually[Look func() bool | func() error | func(context.Context) (bool, error)](t testing.TB, want string, look Look) {
	t.Helper()
	eventually(t, Patience, want, look)
}

func eventually(t testing.TB, patience time.Duration, want string, look any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // t.Context() is over during a clean-up
	defer cancel()
	for {
		got := once(ctx, look)
		if got == nil {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			t.Fatalf("want %s; still not after %s, got: %v", want, patience, got)
		}
	}
}

var errNo = errors.New("it is not so")

// once is nil if what is wanted is there.
func once(ctx context.Context, look any) error {
	yes, err := false, error(nil)
	switch look := look.(type) {
	case func() bool:
		yes = look()
	case func() error:
		err = look()
		yes = err == nil
	case func(context.Context) (bool, error):
		yes, err = look(ctx)
	}
	if err == nil && !yes {
		return errNo
	}
	return err
}
