package testkit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// failing takes the place of the test that fails.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// said is what a wait in vain fails with, "" if it ends well.
func said(t *testing.T, look any) string {
	f := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		eventually(f, time.Minute, "the moon", look)
	}()
	<-done
	return f.said
}

func TestWhatIsWantedAndGotIsSaidOnceTheWaitIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, look := range map[string]any{
			"it is not so": func() bool { return false },
			"cheese":       func() error { return errors.New("cheese") },
			"no answer":    func(context.Context) (bool, error) { return true, errors.New("no answer") },
		} {
			if got := said(t, look); !strings.Contains(got, "want the moon") || !strings.Contains(got, want) || !strings.Contains(got, "1m") {
				t.Errorf("got %q, want what is wanted, how long, and %q", got, want)
			}
		}
	})
}

func TestTheWaitEndsWhenItIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, looks := time.Now(), 0
		third := func() bool { looks++; return looks == 3 }
		if got := said(t, third); got != "" || time.Since(begun) != 2*pause {
			t.Errorf("got %q after %s, want success after %s", got, time.Since(begun), 2*pause)
		}
		if got := said(t, func() error { return nil }); got != "" {
			t.Errorf("got %q, want success", got)
		}
		if got := said(t, func(ctx context.Context) (bool, error) { return ctx.Err() == nil, nil }); got != "" {
			t.Errorf("got %q, want success", got)
		}
	})
}
