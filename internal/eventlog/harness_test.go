package eventlog

import (
	"os"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/deadletter"
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
	filters    = eventstreamtest.Filters
	newStarts  = eventstreamtest.NewStarts
	when       = eventstreamtest.When
)

// world has a log to read back what its router routed.
type world struct{ *eventstreamtest.World }

func newWorld(t testing.TB, opts eventstream.Options) *world {
	t.Helper()
	return &world{eventstreamtest.New(t, opts)}
}

func (w *world) router(s router.Starter) *router.Router {
	w.T.Helper()
	r, err := router.New(router.Config{JetStream: w.JS, Catalogue: w.Store, Ledger: w.Store, Starter: s, DeadLetters: deadletter.New(w.JS, time.Now)})
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
