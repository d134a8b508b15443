package natsrouter

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

func TestMain(m *testing.M) {
	code := devstacktest.Main(m)
	postgrestest.Stop()
	os.Exit(code)
}

// world is one NATS server and one SQLite record of a test's own.
type world struct {
	t     testing.TB
	url   string
	nc    *nats.Conn
	js    jetstream.JetStream
	store *sqlstore.Store
	path  string // of the record
	pub   *Publisher
	seen  *counters
}

func newWorld(t testing.TB, opts StreamOptions) *world {
	t.Helper()
	server := devstacktest.OwnNATS(t)
	w := &world{t: t, url: server.URL(), nc: devstacktest.Connect(t, server.URL()), seen: &counters{}}
	var err error
	if w.js, err = jetstream.New(w.nc); err != nil {
		t.Fatal(err)
	}
	if err := EnsureStreams(t.Context(), w.js, opts); err != nil {
		t.Fatal(err)
	}
	w.path = filepath.Join(t.TempDir(), "record.db")
	if w.store, err = sqlite.Open(t.Context(), sqlite.Config{Path: w.path}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.pub = NewPublisher(w.js, time.Now, w.seen.metrics())
	return w
}

// counters are what the metrics said.
type counters struct {
	consumed, matched, started, retried, ingested, routed, dead, cycles atomic.Int64
}

func (c *counters) metrics() Metrics {
	return Metrics{
		Consumed: func(n int) { c.consumed.Add(int64(n)) },
		Matched:  func(n int) { c.matched.Add(int64(n)) },
		Started:  func(time.Duration) { c.started.Add(1) },
		Retried:  func(n int) { c.retried.Add(int64(n)) },
		Dead:     func(string) { c.dead.Add(1) },
		Cycle:    func() { c.cycles.Add(1) },
		Duplicate: func(where string, n int) {
			if where == AtIngest {
				c.ingested.Add(int64(n))
			} else {
				c.routed.Add(int64(n))
			}
		},
	}
}

// starts is a Starter that keeps what it started, as Temporal does, and can be told to fail. What the router does with Temporal itself is
// shown by the tests under fire and the benchmark.
type starts struct {
	mu   sync.Mutex
	ids  map[string]int
	fail func(workflowID string, attempt int) error
	gate chan struct{} // if not nil, starts wait until it is closed
}

func newStarts() *starts { return &starts{ids: map[string]int{}} }

func (s *starts) StartRun(ctx context.Context, activityID string, cause activitycore.Cause) (activitycore.StartOutcome, error) {
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return activitycore.StartOutcome{}, ctx.Err()
		}
	}
	id := activitycore.WorkflowID(activityID, cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		s.ids["attempt "+id]++
		if err := s.fail(id, s.ids["attempt "+id]); err != nil {
			return activitycore.StartOutcome{}, err
		}
	}
	s.ids[id]++
	return activitycore.StartOutcome{TemporalRunID: id, AlreadyStarted: s.ids[id] > 1}, nil
}

func (s *starts) count(activityID, eventID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[activitycore.WorkflowID(activityID, activitycore.EventCause(eventID))]
}

func (w *world) router(starter Starter, change ...func(*Config)) *Router {
	w.t.Helper()
	cfg := Config{JetStream: w.js, Catalogue: w.store, Ledger: w.store, Starter: starter, Metrics: w.seen.metrics(),
		Log: slog.New(slog.NewTextHandler(testWriter{w.t}, &slog.HandlerOptions{Level: slog.LevelError}))}
	for _, c := range change {
		c(&cfg)
	}
	r, err := NewRouter(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) start(r *Router) *Router {
	w.t.Helper()
	if err := r.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.stop(r) })
	return r
}

func (w *world) stop(r *Router) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		w.t.Error(err)
	}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

// definition makes a document; more may change it.
func definition(name, eventType string, more ...func(*activitycore.Definition)) activitycore.Definition {
	d := activitycore.Definition{
		APIVersion: activitycore.APIVersion, Kind: activitycore.Kind, ID: activitycore.DefinitionID(name), Name: name, Enabled: true,
		TriggerType:   activitycore.TriggerEvent,
		TriggerConfig: activitycore.TriggerConfig{EventType: activitycore.StringList{eventType}},
		Rules:         []activitycore.Rule{{Name: "r", Actions: []activitycore.Action{{Type: activitycore.ActionCreateTask, With: map[string]any{"title": "t"}}}}},
	}
	for _, m := range more {
		m(&d)
	}
	return d
}

func filters(f map[string]any) func(*activitycore.Definition) {
	return func(d *activitycore.Definition) { d.TriggerConfig.Filters = f }
}

func when(expr string) func(*activitycore.Definition) {
	return func(d *activitycore.Definition) { d.TriggerConfig.When = expr }
}

func (w *world) apply(defs ...activitycore.Definition) {
	w.t.Helper()
	var changes []activitycore.DefinitionChange
	for _, d := range defs {
		changes = append(changes, activitycore.DefinitionChange{Definition: d, ExpectVersion: activitycore.AnyVersion})
	}
	if _, err := w.store.ApplyChanges(w.t.Context(), changes, "test", time.Now()); err != nil {
		w.t.Fatal(err)
	}
}

func event(id, eventType string, payload any) activitycore.Event {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return activitycore.Event{EventID: id, Type: eventType, Source: "test", Payload: data}
}

func (w *world) publish(events ...activitycore.Event) {
	w.t.Helper()
	if _, err := w.pub.PublishEvents(w.t.Context(), events); err != nil {
		w.t.Fatal(err)
	}
}

// eventually waits for a condition; the time it may take is only there so that a failure ends.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// drained waits until the stream's consumer has nothing left to do.
func (w *world) drained() {
	w.t.Helper()
	eventually(w.t, "every event is settled", w.settled)
}

func (w *world) consumer() *jetstream.ConsumerInfo {
	w.t.Helper()
	c, err := w.js.Consumer(w.t.Context(), activitycore.EventStream, activitycore.RouterDurable)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.CachedInfo()
}

func (w *world) entry(name, eventID string) activitycore.LedgerEntry {
	w.t.Helper()
	e, err := w.store.LedgerEntry(w.t.Context(), activitycore.DefinitionID(name), activitycore.EventCause(eventID).Key())
	if err != nil {
		w.t.Fatal(fmt.Errorf("ledger row of %s for %s: %w", name, eventID, err))
	}
	return e
}

func (w *world) noEntry(name, eventID string) {
	w.t.Helper()
	if e, err := w.store.LedgerEntry(w.t.Context(), activitycore.DefinitionID(name), activitycore.EventCause(eventID).Key()); !activitycore.IsCode(err, activitycore.CodeNotFound) {
		w.t.Fatalf("%s has a ledger row for %s: %+v %v", name, eventID, e, err)
	}
}
