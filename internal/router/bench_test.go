package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// rounds of each benchmark: the two sides alternate, so that what else the machine does hits both.
const rounds = 4

// BenchmarkRoute compares the router with the least that could be done instead, on the same
// servers in the same run.
//
//	make bench-route
func BenchmarkRoute(b *testing.B) {
	b.Run("every event matches", benchStarts)
	b.Run("one event in 100 matches", benchConsumption)
}

// temporalStarter is the bare start both sides make: without the search attributes and the
// eager start of temporalrun's, so that what is compared is the router.
type temporalStarter struct{ c client.Client }

func (s temporalStarter) options(activityID string, cause core.Cause) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                                       core.WorkflowID(activityID, cause),
		TaskQueue:                                core.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}
}

func (s temporalStarter) StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	run, err := s.c.ExecuteWorkflow(ctx, s.options(activityID, cause), core.WorkflowType, core.RunInput{ActivityID: activityID, Cause: cause})
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return core.StartOutcome{AlreadyStarted: true}, nil
	}
	if err != nil {
		return core.StartOutcome{}, core.Wrap(core.CodeUnavailable, err, "Temporal does not answer")
	}
	return core.StartOutcome{TemporalRunID: run.GetRunID()}, nil
}

// benchStarts: events through NATS → ledger → Temporal start → ack, against a bare loop of
// ExecuteWorkflow with the same concurrency. No worker runs on either side.
func benchStarts(b *testing.B) {
	const events, parallel = 800, 16
	w := newWorld(b, eventstream.Options{})
	ns := devstacktest.Temporal(b)
	s := temporalStarter{ns.Client(b)}
	w.Apply(definition("bench", "bench"))
	id := core.DefinitionID("bench")

	bare := func(round int) time.Duration {
		began := time.Now()
		var next atomic.Int64
		var all sync.WaitGroup
		for range parallel {
			all.Go(func() {
				for n := next.Add(1); n <= events; n = next.Add(1) {
					cause := core.EventCause(fmt.Sprintf("bare-%d-%d", round, n))
					if _, err := s.c.ExecuteWorkflow(b.Context(), s.options(id, cause), core.WorkflowType, core.RunInput{ActivityID: id, Cause: cause}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		return time.Since(began)
	}
	routed := func(round int) time.Duration {
		batch := make([]core.Event, events)
		for n := range batch {
			batch[n] = event(fmt.Sprintf("routed-%d-%d", round, n), "bench", map[string]any{"n": n, "text": strings.Repeat("x", 500)})
		}
		w.Publish(batch...)
		before := w.seen.started.Load()
		r := w.router(s, func(c *Config) { c.Parallel = parallel })
		began := time.Now()
		if err := r.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		counted(&w.seen.started, before+events)
		w.Drained() // acknowledged, not only started
		took := time.Since(began)
		w.Stop(r)
		if got := w.seen.started.Load() - before; got != events {
			b.Fatalf("%d runs started, want %d", got, events)
		}
		return took
	}
	bare(-1) // the namespace's caches, once
	for n := 0; b.Loop(); n++ {
		var bares, routeds, bareCPU, routedCPU []time.Duration
		for i := range rounds {
			first, second := func() { // Temporal's database grows: each side goes first as often
				c := cpuTime()
				bares = append(bares, bare(n*rounds+i))
				bareCPU = append(bareCPU, cpuTime()-c)
			}, func() {
				c := cpuTime()
				routeds = append(routeds, routed(n*rounds+i))
				routedCPU = append(routedCPU, cpuTime()-c)
			}
			if i%2 == 1 {
				first, second = second, first
			}
			quiet()
			first()
			quiet()
			second()
		}
		b.ReportMetric(median(bareCPU).Seconds()/median(routedCPU).Seconds(), "cpu-ratio")
		x, y := median(bares), median(routeds)
		b.ReportMetric(events/x.Seconds(), "bare-starts/s")
		b.ReportMetric(events/y.Seconds(), "routed-events/s")
		b.ReportMetric(x.Seconds()/y.Seconds(), "ratio")
	}
	b.ReportMetric(0, "ns/op")
}

// benchConsumption: one event in 100 matches one of 1,000 definitions. Matches go through the
// ledger on disk; their starts are counted and not sent to Temporal, whose 200 starts a second
// would be all that is measured. The bare side only acknowledges, in the way the client library
// recommends (Consume).
func benchConsumption(b *testing.B) {
	const events = 60_000
	w := newWorld(b, eventstream.Options{})
	var defs []core.Definition
	for i := range 1000 {
		defs = append(defs, definition(fmt.Sprintf("d%d", i), "bench", filters(map[string]any{"repository": map[string]any{"id": i * 1000}})))
	}
	w.Apply(defs...)
	stored := uint64(0)
	fill := func(round int) {
		batch := make([]core.Event, events)
		for n := range batch {
			number := n*1000 + 1
			if n%100 == 0 { // definition i wants 1000 × i: one event in 100 matches
				number = n / 100 % 1000 * 1000
			}
			batch[n] = event(fmt.Sprintf("e-%d-%d", round, n), "bench", map[string]any{"action": "opened",
				"repository": map[string]any{"id": number, "full_name": "acme/api", "topics": []string{"a", "b", "c"}}, "text": strings.Repeat("lorem ", 70)})
		}
		w.Publish(batch...)
		stored += events
	}
	bareConsumer := func(name string, drive func(c jetstream.Consumer, got *atomic.Int64, done chan struct{})) time.Duration {
		cfg := w.Consumer().Config
		cfg.Name, cfg.Durable = name, name
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, stored-events+1
		c, err := w.JS.CreateConsumer(b.Context(), core.EventStream, cfg)
		if err != nil {
			b.Fatal(err)
		}
		var got atomic.Int64
		done := make(chan struct{})
		began := time.Now()
		drive(c, &got, done)
		counted(&got, events)
		for {
			info, err := c.Info(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if info.AckFloor.Stream == stored {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		took := time.Since(began)
		close(done)
		if err := w.JS.DeleteConsumer(b.Context(), core.EventStream, name); err != nil {
			b.Fatal(err)
		}
		return took
	}
	consume := func() time.Duration {
		return bareConsumer("bare-consume", func(c jetstream.Consumer, got *atomic.Int64, done chan struct{}) {
			cc, err := c.Consume(func(m jetstream.Msg) { _ = m.Ack(); got.Add(1) })
			if err != nil {
				b.Fatal(err)
			}
			go func() { <-done; cc.Stop() }()
		})
	}
	routed := func() time.Duration {
		before, consumed := w.seen.matched.Load(), w.seen.consumed.Load()
		r := w.router(newStarts())
		if err := r.Start(b.Context()); err != nil { // which loads the catalogue: the bare side has none
			b.Fatal(err)
		}
		began := time.Now()
		counted(&w.seen.consumed, consumed+events)
		w.Drained()
		took := time.Since(began)
		w.Stop(r)
		if got := w.seen.matched.Load() - before; got != events/100 {
			b.Fatalf("%d matches, want %d", got, events/100)
		}
		return took
	}
	for n := 0; b.Loop(); n++ {
		var bares, routeds, bareCPU, routedCPU []time.Duration
		for i := range rounds {
			fill(n*rounds + i)
			c0 := cpuTime()
			bares = append(bares, consume())
			bareCPU = append(bareCPU, cpuTime()-c0)
			c0 = cpuTime()
			routeds = append(routeds, routed())
			routedCPU = append(routedCPU, cpuTime()-c0)
		}
		x, y := median(bares), median(routeds)
		b.ReportMetric(events/x.Seconds(), "bare-acks/s")
		b.ReportMetric(events/y.Seconds(), "routed-events/s")
		b.ReportMetric(x.Seconds()/y.Seconds(), "ratio")
		// Processor time says the same on a machine that has other things to do.
		b.ReportMetric(median(bareCPU).Seconds()/median(routedCPU).Seconds(), "cpu-ratio")
	}
	b.ReportMetric(0, "ns/op")
}

// quiet waits until the servers have nothing left to do: Temporal works on its queues for a
// while after the last start, which is not the next side's to pay.
func quiet() {
	const look, idle = 200 * time.Millisecond, 20 * time.Millisecond
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		before := cpuTime()
		time.Sleep(look)
		if cpuTime()-before < idle {
			return
		}
	}
}

// counted waits for a counter without asking the server, which would slow it down.
func counted(c *atomic.Int64, want int64) {
	for c.Load() < want {
		time.Sleep(time.Millisecond)
	}
}

// cpuTime is what this process, servers included, has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return (ds[(len(ds)-1)/2] + ds[len(ds)/2]) / 2
}
