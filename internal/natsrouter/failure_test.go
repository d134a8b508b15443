package natsrouter

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

func TestWhileNothingCanBeStartedEventsComeAgainAndNoneIsBuried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{})
	w.apply(definition("a", "x"))
	s := newStarts()
	var mended atomic.Bool
	s.fail = func(string, int) error {
		if mended.Load() {
			return nil
		}
		return activitycore.Errorf(activitycore.CodeUnavailable, "search attribute activity_id is not registered")
	}
	r := w.start(w.router(s, func(c *Config) { c.MaxFailures = 1 }))
	w.publish(event("e1", "x", nil))
	eventually(t, "the router says what it waits for", func() bool {
		return r.Problem() != nil && strings.Contains(r.Problem().Error(), "start runs: ") && strings.Contains(r.Problem().Error(), "search attribute")
	})
	mended.Store(true)
	w.drained()
	if r.Problem() != nil || w.seen.dead.Load() != 0 || w.entry("a", "e1").Verdict != activitycore.VerdictStarted {
		t.Fatalf("problem %v, %d dead letters", r.Problem(), w.seen.dead.Load())
	}
}

func TestAProblemThatAnotherRouterMayHaveSolvedIsForgotten(t *testing.T) {
	t.Parallel()
	now, held := time.Unix(0, 0), -1
	r := &Router{problems: map[string]problem{}, cfg: Config{
		Now: func() time.Time { return now }, Metrics: Metrics{HeldUp: func(n int) { held = n }},
	}.withDefaults()}
	r.setPassing(starting, activitycore.Errorf(activitycore.CodeUnavailable, "permission denied"))
	r.setProblem("write the ledger", activitycore.Errorf(activitycore.CodeUnavailable, "no database"))
	for _, step := range []struct {
		after time.Duration
		held  int
	}{{0, 2}, {problemFades, 2}, {problemFades + 1, 1}} {
		now = time.Unix(0, 0).Add(step.after)
		if r.countProblems(); held != step.held {
			t.Errorf("after %v: %d problems, want %d", step.after, held, step.held)
		}
	}
	if r.Problem() == nil || strings.Contains(r.Problem().Error(), starting) {
		t.Error(r.Problem())
	}
}
