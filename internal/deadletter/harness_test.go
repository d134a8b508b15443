package deadletter

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventstream/eventstreamtest"
	"github.com/activity-core/activity-core/internal/router"
)

func TestMain(m *testing.M) { os.Exit(devstacktest.Main(m)) }

// What tests say often.
var (
	definition = eventstreamtest.Definition
	event      = eventstreamtest.Event
	eventually = eventstreamtest.Eventually
	newStarts  = eventstreamtest.NewStarts
)

// world has routers, whose letters it counts.
type world struct {
	*eventstreamtest.World
	seen struct{ dead, started atomic.Int64 }
}

func newWorld(t testing.TB, opts eventstream.Options) *world {
	t.Helper()
	return &world{World: eventstreamtest.New(t, opts)}
}

func (w *world) router(s router.Starter) *router.Router {
	w.T.Helper()
	r, err := router.New(router.Config{
		JetStream: w.JS, Catalogue: w.Store, Ledger: w.Store, Starter: s, DeadLetters: New(w.JS, time.Now),
		Metrics: router.Metrics{Dead: func(string) { w.seen.dead.Add(1) }, Started: func(time.Duration) { w.seen.started.Add(1) }},
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return r
}

// start starts a router, which stops with the test.
func (w *world) start(r *router.Router) *router.Router {
	w.T.Helper()
	w.Start(r)
	return r
}
