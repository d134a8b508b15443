package router

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/deadletter"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// writes counts the transactions of a ledger, which can be made to wait.
type writes struct {
	Ledger
	matches atomic.Int64
	gate    chan struct{}
}

func (l *writes) RecordMatches(ctx context.Context, recs []core.CauseRecord, s []core.Settlement, at time.Time) ([]core.CauseState, error) {
	l.matches.Add(1)
	if l.gate != nil {
		<-l.gate
	}
	return l.Ledger.RecordMatches(ctx, recs, s, at)
}

func TestABatchIsOneLedgerTransactionWhateverItsMatchesComeTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("starts", "x"), definition("paused", "x"), definition("skipped", "x", when("payload.nothing")))
	if _, err := w.Store.SetPaused(t.Context(), core.DefinitionID("paused"), &core.Pause{By: "jane"}, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	const events = 200
	var all []core.Event
	for i := range events {
		all = append(all, event(fmt.Sprintf("e%d", i), "x", map[string]any{"n": i}))
	}
	w.Publish(all...)
	ledger := &writes{Ledger: w.Store, gate: make(chan struct{})}
	batches := atomic.Int64{}
	r := w.start(w.router(newStarts(), func(c *Config) {
		c.Ledger, c.Batch = ledger, 50
		c.Metrics.Batch = func(int, time.Duration) { batches.Add(1) }
	}))
	// The first transaction waits until all have been matched: then the rest share as few as Batch
	// allows.
	eventually(t, "all are matched", func() bool { return w.seen.matched.Load() == 3*events && r.InFlight() == events })
	close(ledger.gate)
	w.Drained()
	if n := ledger.matches.Load(); n != batches.Load() || n < 4 || n > 5 {
		t.Fatalf("%d transactions for %d batches of at most 50 of %d events; want 4, or 5 if the first was small", n, batches.Load(), events)
	}
	for name, verdict := range map[string]core.Verdict{"starts": core.VerdictStarted, "paused": core.VerdictPaused, "skipped": core.VerdictSkipped} {
		if e := w.Entry(name, "e199"); e.Verdict != verdict {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// crowded is a starter that notes how many starts are under way at once.
type crowded struct {
	*starts
	now, most atomic.Int64
}

func (c *crowded) StartRun(ctx context.Context, id string, cause core.Cause) (core.StartOutcome, error) {
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	return c.starts.StartRun(ctx, id, cause)
}

func TestStartsUnderWayAndEventsInFlightStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"), definition("b", "x"))
	var all []core.Event
	for i := range 100 {
		all = append(all, event(fmt.Sprintf("e%d", i), "x", nil))
	}
	w.Publish(all...)
	s := &crowded{starts: newStarts()}
	s.Gate = make(chan struct{})
	r := w.start(w.router(s, func(c *Config) { c.Parallel, c.Batch, c.MaxInFlight = 3, 8, 20 }))
	// A fetch asks for as much as there is room for, and for nothing while that is less than a
	// quarter.
	eventually(t, "as many are taken and under way as may be", func() bool { return s.now.Load() == 3 && r.InFlight() > 20-6 })
	if info := w.Consumer(); info.NumAckPending > 20 { // what the server has delivered, the router has taken or is about to
		t.Errorf("%d events delivered, at most 20 are wanted", info.NumAckPending)
	}
	close(s.Gate)
	for s.starts.Count(core.DefinitionID("b"), "e99") == 0 {
		if n := r.InFlight(); n > 20 {
			t.Fatalf("%d events in flight", n)
		}
	}
	w.Drained()
	if s.most.Load() != 3 {
		t.Errorf("%d starts were under way at once", s.most.Load())
	}
}

func TestASlowStartIsNotDeliveredAgainMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{AckWait: time.Second})
	w.Apply(definition("a", "x"))
	s := newStarts()
	s.Gate = make(chan struct{})
	r := w.start(w.router(s))
	w.Publish(event("e1", "x", nil))
	eventually(t, "the start is under way", func() bool { return r.InFlight() == 1 })
	deadline := time.Now().Add(2500 * time.Millisecond)
	eventually(t, "AckWait is over twice", func() bool { return time.Now().After(deadline) })
	if info := w.Consumer(); info.NumRedelivered != 0 || info.NumAckPending != 1 || w.seen.consumed.Load() != 1 {
		t.Fatalf("redelivered %d, pending %d, consumed %d", info.NumRedelivered, info.NumAckPending, w.seen.consumed.Load())
	}
	close(s.Gate)
	w.Drained()
	if n := s.Count(core.DefinitionID("a"), "e1"); n != 1 {
		t.Fatalf("started %d times", n)
	}
}

func TestBoundsThatAreDocumentedAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	good := Config{JetStream: w.JS, Catalogue: w.Store, Ledger: w.Store, Starter: newStarts(), DeadLetters: deadletter.New(w.JS, time.Now), Parallel: MaxParallel, Batch: MaxBatch}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Config){
		"Config.Parallel is 257; it must be at most 256": func(c *Config) { c.Parallel = 257 },
		"Config.Batch is 1001; it must be at most 1000":  func(c *Config) { c.Batch = 1001 },
		"Config.Parallel is -1":                          func(c *Config) { c.Parallel = -1 },
		"Config.MaxInFlight is -1":                       func(c *Config) { c.MaxInFlight = -1 },
		"Config.Starter is not set":                      func(c *Config) { c.Starter = nil },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
}
