package router

import (
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/deadletter"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventstream/eventstreamtest"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	code := devstacktest.Main(m)
	postgrestest.Stop()
	os.Exit(code)
}

// What tests say often.
var (
	definition = eventstreamtest.Definition
	event      = eventstreamtest.Event
	eventually = eventstreamtest.Eventually
	filters    = eventstreamtest.Filters
	newStarts  = eventstreamtest.NewStarts
	when       = eventstreamtest.When
)

type starts = eventstreamtest.Starts

// world is one NATS server and one SQLite record of a test's own, with what routers said of
// themselves.
type world struct {
	*eventstreamtest.World
	seen *counters
}

func newWorld(t testing.TB, opts eventstream.Options) *world {
	t.Helper()
	w := &world{World: eventstreamtest.New(t, opts), seen: &counters{}}
	w.Publisher = eventstream.NewPublisher(w.JS, time.Now, w.seen.publisher())
	return w
}

// counters are what the metrics said.
type counters struct {
	consumed, matched, started, retried, ingested, routed, dead, cycles atomic.Int64
}

func (c *counters) metrics() Metrics {
	return Metrics{
		Consumed:  func(n int) { c.consumed.Add(int64(n)) },
		Matched:   func(n int) { c.matched.Add(int64(n)) },
		Started:   func(time.Duration) { c.started.Add(1) },
		Retried:   func(n int) { c.retried.Add(int64(n)) },
		Dead:      func(string) { c.dead.Add(1) },
		Cycle:     func() { c.cycles.Add(1) },
		Duplicate: func(n int) { c.routed.Add(int64(n)) },
	}
}

func (c *counters) publisher() eventstream.Metrics {
	return eventstream.Metrics{Duplicate: func() { c.ingested.Add(1) }}
}

func (w *world) router(starter Starter, change ...func(*Config)) *Router {
	w.T.Helper()
	cfg := Config{JetStream: w.JS, Catalogue: w.Store, Ledger: w.Store, Starter: starter, DeadLetters: deadletter.New(w.JS, time.Now), Metrics: w.seen.metrics(),
		Log: slog.New(slog.NewTextHandler(testWriter{w.T}, &slog.HandlerOptions{Level: slog.LevelError}))}
	for _, c := range change {
		c(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		w.T.Fatal(err)
	}
	return r
}

// start starts a router, which stops with the test.
func (w *world) start(r *Router) *Router {
	w.T.Helper()
	w.Start(r)
	return r
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}
