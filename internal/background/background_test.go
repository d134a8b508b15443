package background_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/activity-core/activity-core/internal/background"
)

func TestATaskRunsUntilItIsStoppedAndCanBeStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var task background.Task
		runs, ended := 0, 0
		run := func(ctx context.Context) {
			runs++
			<-ctx.Done()
			ended++
		}
		if err := task.Stop(t.Context()); err != nil {
			t.Fatalf("stop before start: %v", err)
		}
		for round := 1; round <= 2; round++ {
			task.Start(run)
			task.Start(run)
			synctest.Wait()
			if runs != round || ended != round-1 {
				t.Fatalf("round %d: %d runs, %d ended", round, runs, ended)
			}
			for range 2 {
				if err := task.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if ended != round {
				t.Fatalf("Stop returned before the task had")
			}
		}
	})
}

func TestStopWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var task background.Task
		stuck := make(chan struct{})
		task.Start(func(context.Context) { <-stuck })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := task.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the deadline", err)
		}
		close(stuck)
		if err := task.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEveryCallsAfterEachIntervalUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		calls := 0
		background.Every(time.Second, func(context.Context) { calls++ })(ctx)
		if calls != 3 {
			t.Fatalf("%d calls in 3.5 s, want 3", calls)
		}
	})
}
