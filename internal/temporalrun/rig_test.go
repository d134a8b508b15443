package temporalrun_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/contextsource"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// patience bounds waits for what must come; it decides nothing unless a test fails.
const patience = 60 * time.Second

// rig is a store, a Temporal namespace of the test's own, and the parts under test on them.
type rig struct {
	testing.TB
	ns      devstacktest.Namespace
	client  client.Client
	store   *sqlstore.Store
	starter *temporalrun.Starter
	events  *publishedEvents
	dir     string // of context files
	file    string // of the store
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return openRig(t, devstacktest.Temporal(t), filepath.Join(t.TempDir(), "record.db"))
}

// openRig is a rig on a namespace and a store's file that may exist.
func openRig(t testing.TB, ns devstacktest.Namespace, file string) *rig {
	t.Helper()
	r := &rig{TB: t, ns: ns, events: &publishedEvents{}, dir: t.TempDir(), file: file}
	options := ns.Options()
	options.Logger = silent{} // failures are what many tests are about
	c, err := client.Dial(options)
	if err != nil {
		t.Fatalf("dial Temporal: %v", err)
	}
	t.Cleanup(c.Close)
	r.client, r.starter = c, temporalrun.NewStarter(c)
	if r.store, err = sqlite.Open(t.Context(), sqlite.Config{Path: file}); err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { r.store.Close() })
	return r
}

// silent drops the SDK's log.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// config is that of a worker on the rig, with the real executors and access to loopback.
func (r *rig) config() temporalrun.Config {
	http := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	r.Cleanup(http.Close)
	return temporalrun.Config{
		Client: r.client,
		Record: r.store,
		Contexts: contextsource.New(contextsource.Config{
			HTTP: http, Record: r.store, Dir: r.dir, RetryDelay: time.Millisecond,
		}),
		Actions: actionexec.New(actionexec.Config{
			HTTP: http, Publisher: r.events, Workflows: actionexec.TemporalStarter{Client: r.client},
		}),
	}
}

// work starts a worker that the test's end stops.
func (r *rig) work(change ...func(*temporalrun.Config)) *temporalrun.Worker {
	r.Helper()
	cfg := r.config()
	for _, c := range change {
		c(&cfg)
	}
	w := temporalrun.NewWorker(cfg)
	if err := w.Start(r.Context()); err != nil {
		r.Fatalf("start worker: %v", err)
	}
	r.Cleanup(func() {
		if err := w.Stop(context.Background()); err != nil {
			r.Errorf("stop worker: %v", err)
		}
	})
	return w
}

// define saves a definition given as JSON without its head.
func (r *rig) define(text string) core.StoredDefinition {
	r.Helper()
	var def core.Definition
	if err := json.Unmarshal([]byte(text), &def); err != nil {
		r.Fatalf("definition: %v", err)
	}
	def.APIVersion, def.Kind = core.APIVersion, core.Kind
	if def.TriggerType == "" {
		def.TriggerType = core.TriggerEvent
		def.TriggerConfig.EventType = core.StringList{"test.event"}
	}
	def.ID = core.DefinitionID(def.Name)
	saved, err := r.store.ApplyChanges(r.Context(), []core.DefinitionChange{{Definition: def, ExpectVersion: core.AnyVersion}}, "test", time.Now())
	if err != nil {
		r.Fatalf("save definition: %v", err)
	}
	return saved[0]
}

// record writes a cause into the ledger.
func (r *rig) record(def core.StoredDefinition, cause core.Cause, event *core.Event, inputs string) core.CauseState {
	r.Helper()
	rec := core.CauseRecord{ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version, Cause: cause, Event: event}
	if inputs != "" {
		rec.Inputs = json.RawMessage(inputs)
	}
	states, err := r.store.RecordCauses(r.Context(), []core.CauseRecord{rec}, time.Now())
	if err != nil {
		r.Fatalf("record cause: %v", err)
	}
	return states[0]
}

// trigger records and starts a manual run and returns its workflow ID.
func (r *rig) trigger(def core.StoredDefinition, key string) string {
	r.Helper()
	cause := core.ManualCause(key)
	r.record(def, cause, nil, "")
	if _, err := r.starter.StartRun(r.Context(), def.ID, cause); err != nil {
		r.Fatalf("start run: %v", err)
	}
	return core.WorkflowID(def.ID, cause)
}

// wait returns the run once its workflow has ended.
func (r *rig) wait(workflowID string) core.Run {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := r.starter.WaitRun(ctx, workflowID); err != nil {
		r.Fatalf("wait for %s: %v", workflowID, err)
	}
	run, err := r.store.RunByWorkflowID(ctx, workflowID)
	if err != nil {
		r.Fatalf("read run: %v", err)
	}
	return run
}

// run triggers a definition once and returns its finished run.
func (r *rig) run(def core.StoredDefinition) core.Run {
	r.Helper()
	return r.wait(r.trigger(def, "once"))
}

func (r *rig) tasks(runID string) []core.Task {
	r.Helper()
	page, err := r.store.Tasks(r.Context(), core.TaskFilter{RunID: runID}, core.PageRequest{Limit: 1000})
	if err != nil {
		r.Fatalf("list tasks: %v", err)
	}
	return page.Items
}

func (r *rig) actions(runID string) []core.ActionRecord {
	r.Helper()
	all, err := r.store.Actions(r.Context(), runID, 0, 1_000_000)
	if err != nil {
		r.Fatalf("list actions: %v", err)
	}
	return all
}

func (r *rig) entry(def core.StoredDefinition, cause core.Cause) core.LedgerEntry {
	r.Helper()
	e, err := r.store.LedgerEntry(r.Context(), def.ID, cause.Key())
	if err != nil {
		r.Fatalf("read ledger: %v", err)
	}
	return e
}

// publishedEvents is an event stream with JetStream's treatment of duplicates.
type publishedEvents struct {
	mu   sync.Mutex
	list []core.Event
}

func (p *publishedEvents) PublishEvent(_ context.Context, e core.Event) (core.PublishReceipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, old := range p.list {
		if old.EventID == e.EventID {
			return core.PublishReceipt{EventID: e.EventID, Sequence: uint64(i + 1), Duplicate: true}, nil
		}
	}
	p.list = append(p.list, e)
	return core.PublishReceipt{EventID: e.EventID, Sequence: uint64(len(p.list))}, nil
}

func (p *publishedEvents) all() []core.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]core.Event(nil), p.list...)
}

// sink is an HTTP server that counts requests by Idempotency-Key.
type sink struct {
	*httptest.Server
	mu   sync.Mutex
	keys map[string]int
	// before, if set, runs first; true ends the request there.
	before func(w http.ResponseWriter, r *http.Request, nth int) bool
	total  int
}

func newSink(t testing.TB) *sink {
	s := &sink{keys: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.total++
		nth := s.total
		before := s.before
		s.mu.Unlock()
		if before != nil && before(w, r, nth) {
			return
		}
		s.mu.Lock()
		s.keys[r.Header.Get("Idempotency-Key")]++
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id": 9007199254740993, "ok": true}`))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) counts() (distinct, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.keys {
		total += n
	}
	return len(s.keys), total
}

// post is an activity that makes one request, with the client that the program uses.
func post(url string) func(context.Context, int) error {
	c := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	return func(ctx context.Context, i int) error {
		u, err := outbound.ParseURL(url)
		if err != nil {
			return err
		}
		_, err = c.Do(ctx, outbound.Request{Method: http.MethodPost, URL: u, MaxBytes: 1 << 16, Body: fmt.Appendf(nil, `{"i": %d}`, i),
			Header: http.Header{"Idempotency-Key": {activity.GetInfo(ctx).ActivityID}}})
		return err
	}
}

func activityName(name string) activity.RegisterOptions { return activity.RegisterOptions{Name: name} }
