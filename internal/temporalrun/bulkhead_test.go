package temporalrun_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalrun"
	"github.com/activity-core/activity-core/internal/testkit"
)

// silentReceiver takes requests and answers when it is released. It counts those that wait, and
// the most that did.
func silentReceiver(t testing.TB) (s *sink, waiting, most *atomic.Int64, release func()) {
	s, waiting, most = newSink(t), new(atomic.Int64), new(atomic.Int64)
	gate := make(chan struct{})
	s.before = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		n := waiting.Add(1)
		defer waiting.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		select {
		case <-gate:
			return false
		case <-r.Context().Done():
			return true
		}
	}
	released := false
	release = func() {
		if !released {
			released = true
			close(gate)
		}
	}
	t.Cleanup(release)
	return s, waiting, most, release
}

// named is a definition of one request.
func named(name, url, more string) string {
	return fmt.Sprintf(`{"name": %q, "enabled": true, "rules": [{"name": "r", "actions": [{"type": "http_request", "with": {"url": %q}%s}]}]}`, name, url, more)
}

// small has 32 slots.
func small(c *temporalrun.Config) { c.MaxPerHost, c.MaxPerDefinition = 4, 100 }

func (r *rig) triggerMany(def core.StoredDefinition, n int) (ids []string) {
	for i := range n {
		ids = append(ids, r.trigger(def, fmt.Sprint(i)))
	}
	return ids
}

// Sixty runs wait for a receiver that says nothing: the others finish meanwhile, and nothing is
// requested twice.
func TestASilentReceiverKeepsOnlyItsOwnCallersWaiting(t *testing.T) {
	r := newRig(t)
	var held atomic.Int64
	r.work(small, func(c *temporalrun.Config) { c.Metrics.Held = func(string) { held.Add(1) } })
	s, waiting, most, release := silentReceiver(t)
	good := newSink(t)
	stuck := r.triggerMany(r.define(named("stuck", s.URL, `, "timeout": "1h"`)), 60)
	testkit.Eventually(t, "4 requests wait at the silent receiver", func() bool { return waiting.Load() == 4 })
	for _, id := range r.triggerMany(r.define(named("others", good.URL, "")), 20) {
		if run := r.wait(id); run.Status != core.RunSucceeded {
			t.Fatalf("a run beside it: got %s, want succeeded", run.Status)
		}
	}
	if waiting.Load() != 4 || most.Load() != 4 || held.Load() == 0 {
		t.Errorf("%d requests wait, at most %d did, %d were held back; want 4, 4 and some", waiting.Load(), most.Load(), held.Load())
	}
	release()
	for _, id := range stuck {
		if run := r.wait(id); run.Status != core.RunSucceeded {
			t.Errorf("a run that was held back: got %s, want succeeded", run.Status)
		}
	}
	if distinct, total := s.counts(); distinct != 60 || total != 60 {
		t.Errorf("the receiver got %d requests with %d keys, want 60 with 60", total, distinct)
	}
}

// The same of a context source: its fetching is held back like an action.
func TestASilentContextSourceKeepsOnlyItsOwnCallersWaiting(t *testing.T) {
	r := newRig(t)
	r.work(small)
	s, waiting, most, release := silentReceiver(t)
	good := newSink(t)
	stuck := r.triggerMany(r.define(fmt.Sprintf(`{"name": "stuck", "enabled": true, "context": {"x": {"http": {"url": %q, "timeout": "5m"}}},
		"rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "${context.x.id}"}}]}]}`, s.URL)), 60)
	testkit.Eventually(t, "4 requests wait at the silent source", func() bool { return waiting.Load() == 4 })
	for _, id := range r.triggerMany(r.define(named("others", good.URL, "")), 20) {
		if run := r.wait(id); run.Status != core.RunSucceeded {
			t.Fatalf("a run beside it: got %s, want succeeded", run.Status)
		}
	}
	release()
	for _, id := range stuck {
		if run := r.wait(id); run.Status != core.RunSucceeded {
			t.Errorf("a run that was held back: got %s, %s; want succeeded", run.Status, run.Error)
		}
	}
	if most.Load() != 4 {
		t.Errorf("at most %d requests waited, want 4", most.Load())
	}
}

// Who waits for another attempt holds no slot: a receiver that asks for an hour's patience
// stops nobody else.
func TestWaitingForAnotherAttemptHoldsNoSlot(t *testing.T) {
	r := newRig(t)
	r.work(small)
	s, good := newSink(t), newSink(t)
	s.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	stuck := r.triggerMany(r.define(named("stuck", s.URL, "")), 60)
	testkit.Eventually(t, "each was answered once", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.total == 60 })
	for _, id := range r.triggerMany(r.define(named("others", good.URL, "")), 20) {
		if run := r.wait(id); run.Status != core.RunSucceeded {
			t.Fatalf("a run beside it: got %s, want succeeded", run.Status)
		}
	}
	for _, id := range stuck {
		if err := r.starter.CancelRun(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if run := r.wait(id); run.Status != core.RunCanceled {
			t.Errorf("a run that waits and is canceled: got %s, want canceled", run.Status)
		}
	}
}

// The number of attempts made is known again when an action comes back.
func TestAttemptsAreCountedAcrossWaits(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	s.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	run := r.run(r.define(named("busy", s.URL, `, "retry": {"max_attempts": 3, "initial_interval": "2500ms", "backoff_coefficient": 1}`)))
	got := r.actions(run.RunID)[0].Result
	if got == nil || got.Status != core.ActionFailed || got.Attempts != 3 || s.total != 3 || !strings.Contains(got.Error, "503") {
		t.Errorf("got %+v after %d requests, want failed after 3", got, s.total)
	}
}

// BenchmarkOthersBesideASilentReceiver tells how much longer runs take beside others that wait
// for an answer: the metric "x-alone" is that ratio. Rounds alone and beside take turns, since
// the machine is not always equally busy.
func BenchmarkOthersBesideASilentReceiver(b *testing.B) {
	for _, stuck := range []int{30, 200} {
		b.Run(fmt.Sprint(stuck), func(b *testing.B) {
			var rounds [2]func() time.Duration
			for i := range rounds {
				r := newRig(b)
				r.work()
				rounds[i] = othersOf(r)
				if i == 1 {
					s, waiting, _, _ := silentReceiver(b)
					r.triggerMany(r.define(named("stuck", s.URL, `, "timeout": "1h"`)), stuck)
					testkit.Eventually(b, "requests wait at the silent receiver", func() bool { return waiting.Load() >= int64(min(stuck, 64)) })
				}
			}
			var took [2]time.Duration
			for b.Loop() {
				for i := range rounds {
					took[i] += rounds[i]()
				}
			}
			b.ReportMetric(float64(took[1])/float64(took[0]), "x-alone")
		})
	}
}

// othersOf carries out 50 runs of one request to a receiver that answers.
func othersOf(r *rig) func() time.Duration {
	good := newSink(r)
	def := r.define(named("others", good.URL, ""))
	round := 0
	return func() time.Duration {
		round++
		began := time.Now()
		var ids []string
		for i := range 50 {
			ids = append(ids, r.trigger(def, fmt.Sprintf("%d-%d", round, i)))
		}
		for _, id := range ids {
			r.wait(id)
		}
		return time.Since(began)
	}
}
