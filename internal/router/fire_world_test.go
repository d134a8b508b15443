package router

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/contextsource"
	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// fireID is the event_id of event n. It is different for each n; of eight in a row, six stress
// the rule by which an ID becomes part of a workflow ID (docs/conventions.md), and one of them
// is, letter for letter, what another event's ID becomes under it.
func fireID(n int) string {
	hashed := func(id string) string {
		sum := sha256.Sum256([]byte(id))
		return "sha256-" + hex.EncodeToString(sum[:])
	}
	switch n % 8 {
	case 1:
		return fmt.Sprintf("cron-2026-03-01T09:30:00Z/%d", n)
	case 2:
		return fmt.Sprintf("manual-%d", n)
	case 3: // 9 and 18 further on are a long and an odd ID whose events match the same definitions
		return hashed(fireID(n + 9*(1+n/8%2)))
	case 4: // over 128 bytes, which differ at the end only
		return fmt.Sprintf("order/%s/%d", strings.Repeat("x", 150), n)
	case 5:
		return fmt.Sprintf("Bestellung №%d: 100%% \"bezahlt\" #\\*>", n)
	case 6: // 128 bytes, the longest that stays as it is
		return fmt.Sprintf("order/%0122d", n)
	case 7:
		return fmt.Sprintf("Order.%d", n)
	}
	return fmt.Sprintf("order.%d", n)
}

func fireEvent(n int) core.Event {
	return event(fireID(n), "order.paid", map[string]any{"n": n, "third": n%3 == 0})
}

// The definitions under fire, and for which n they are to run: what is expected is worked out
// from n alone.
const (
	everyThird = "every-third"
	everyTenth = "every-tenth"
)

func fireWants(definition string, n int) bool {
	return definition == everyThird && n%3 == 0 || definition == everyTenth && n%10 == 0
}

// fireRuns is how many runs events 0 to n-1 are to cause.
func fireRuns(n int) int { return (n+2)/3 + (n+9)/10 }

// effect is what a run does to the outside world.
type effect struct {
	Definition string `json:"definition"`
	N          int    `json:"n"`
}

// outside is the world that runs have their effect on. It knows neither ledger nor workflow
// IDs, refuses nothing and dedupes nothing: it counts requests by what their event carried.
type outside struct {
	*httptest.Server
	mu    sync.Mutex
	seen  map[effect]int
	total int
}

func newOutside(t testing.TB) *outside {
	o := &outside{seen: map[effect]int{}}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e effect
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Errorf("the body of a request: %v", err)
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.seen[e]++
		o.total++
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *outside) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

// tells makes each run of a definition tell the outside world of itself.
func (o *outside) tells(d *core.Definition) {
	d.Rules[0].Actions = []core.Action{{Type: core.ActionHTTPRequest, With: map[string]any{
		"method": "POST", "url": o.URL, "body": map[string]any{"definition": d.Name, "n": "${payload.n}"},
	}}}
}

// audit compares what happened outside with what events 0 to n-1 should have caused.
func (o *outside) audit(t testing.TB, events int) {
	t.Helper()
	if lost, doubled, extra := o.verdict(events); len(lost)+len(doubled)+len(extra) > 0 {
		first := func(list []effect) []effect { return list[:min(len(list), 10)] }
		t.Fatalf("%d lost %v, %d doubled %v, %d that nobody asked for %v", len(lost), first(lost), len(doubled), first(doubled), len(extra), first(extra))
	}
	if got := o.count(); got != fireRuns(events) {
		t.Fatalf("%d effects, want %d", got, fireRuns(events))
	}
}

func (o *outside) verdict(events int) (lost, doubled, extra []effect) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n := range events {
		for _, name := range []string{everyThird, everyTenth} {
			e := effect{name, n}
			switch got := o.seen[e]; {
			case !fireWants(name, n):
			case got == 0:
				lost = append(lost, e)
			case got > 1:
				doubled = append(doubled, e)
			}
		}
	}
	for e := range o.seen {
		if e.N < 0 || e.N >= events || !fireWants(e.Definition, e.N) {
			extra = append(extra, e)
		}
	}
	return lost, doubled, extra
}

func TestTheAuditorOfTheFireFindsWhatIsWrong(t *testing.T) {
	const events = 1000
	o := &outside{seen: map[effect]int{}}
	ids := map[string]bool{}
	for n := range events {
		ids[fireID(n)] = true
		for _, name := range []string{everyThird, everyTenth} {
			if fireWants(name, n) {
				o.seen[effect{name, n}]++
				o.total++
			}
		}
	}
	if len(ids) != events {
		t.Fatalf("%d events have %d different IDs", events, len(ids))
	}
	o.audit(t, events) // and the sum is that of arithmetic
	o.seen[effect{everyThird, 30}]++
	o.seen[effect{everyTenth, 31}]++
	o.seen[effect{"never", 30}]++
	delete(o.seen, effect{everyTenth, 30})
	lost, doubled, extra := o.verdict(events)
	if len(lost) != 1 || lost[0] != (effect{everyTenth, 30}) || len(doubled) != 1 || doubled[0] != (effect{everyThird, 30}) || len(extra) != 2 {
		t.Fatalf("lost %v, doubled %v, extra %v", lost, doubled, extra)
	}
}

// retention is how long Temporal remembers a closed execution under fire. The server's own
// least is an hour (system.namespaceMinRetentionLocal; the jitter added to it is up to another
// half), "to be lowered for testing purposes only".
const retention = time.Second

// forgetfulTemporal is a server of the test's own that forgets a closed execution after a
// second, by the timer it forgets them with in production.
func forgetfulTemporal(t testing.TB) devstacktest.Namespace {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := devstack.StartTemporal(ctx, devstack.TemporalConfig{
		SearchAttributes: devstacktest.SearchAttributes(),
		NamespaceRefresh: 100 * time.Millisecond,
		DynamicConfig: map[string]any{
			"system.namespaceMinRetentionLocal":    retention,
			"history.retentionTimerJitterDuration": time.Duration(0),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ns := devstacktest.Namespace{Name: server.Namespace(), HostPort: server.Addr()}
	c := ns.Client(t)
	if _, err := c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: ns.Name, Config: &namespace.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(retention)},
	}); err != nil {
		t.Fatalf("set the retention: %v", err)
	}
	// The server learns of it a little later; what closes before is kept for days.
	for attempt := 0; ; attempt++ {
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: fmt.Sprintf("probe-%d", attempt), TaskQueue: "nobody-listens"}, "Probe")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.TerminateWorkflow(ctx, run.GetID(), run.GetRunID(), "to be forgotten"); err != nil {
			t.Fatal(err)
		}
		for patience := time.Now().Add(3 * retention); time.Now().Before(patience); time.Sleep(20 * time.Millisecond) {
			if forgotten(ctx, t, c, run.GetID(), run.GetRunID()) {
				return ns
			}
		}
	}
}

// forgotten tells whether Temporal knows the execution no more.
func forgotten(ctx context.Context, t testing.TB, c client.Client, workflowID, runID string) bool {
	t.Helper()
	_, err := c.DescribeWorkflowExecution(ctx, workflowID, runID)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return true
	}
	if err != nil {
		t.Fatalf("describe %s: %v", workflowID, err)
	}
	return false
}

// executions are what Temporal really started, as the worker saw it.
type executions struct {
	interceptor.WorkerInterceptorBase
	mu      sync.Mutex
	runs    map[string]map[string]bool // workflow ID → Temporal run IDs
	total   int
	refused atomic.Int64 // executions that the ledger turned away
	failed  atomic.Int64 // runs that did not succeed
}

func (x *executions) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &seenWorkflow{interceptor.WorkflowInboundInterceptorBase{Next: next}, x}
}

type seenWorkflow struct {
	interceptor.WorkflowInboundInterceptorBase
	x *executions
}

func (s *seenWorkflow) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	at := workflow.GetInfo(ctx).WorkflowExecution
	s.x.mu.Lock()
	if s.x.runs[at.ID] == nil {
		s.x.runs[at.ID] = map[string]bool{}
	}
	if !s.x.runs[at.ID][at.RunID] {
		s.x.runs[at.ID][at.RunID] = true
		s.x.total++
	}
	s.x.mu.Unlock()
	return s.Next.ExecuteWorkflow(ctx, in)
}

// list returns every execution, workflow ID and Temporal run ID.
func (x *executions) list() (all [][2]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, runs := range x.runs {
		for run := range runs {
			all = append(all, [2]string{id, run})
		}
	}
	return all
}

func (x *executions) workflows() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.runs)
}

// runWorker is the program's worker, which lives: whoever dies under fire are routers, and so
// every effect must be there exactly once.
func runWorker(t testing.TB, w *world, c client.Client) *executions {
	t.Helper()
	x := &executions{runs: map[string]map[string]bool{}}
	out := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(out.Close)
	worker := temporalrun.NewWorker(temporalrun.Config{
		Client:   c,
		Record:   w.Store,
		Contexts: contextsource.New(contextsource.Config{HTTP: out, Record: w.Store, Dir: t.TempDir()}),
		Actions:  actionexec.New(actionexec.Config{HTTP: out, Publisher: w.Publisher, Workflows: actionexec.TemporalStarter{Client: c}}),
		Metrics: temporalrun.Metrics{
			Refused: func(core.CauseKind, core.Verdict) { x.refused.Add(1) },
			Finished: func(_ core.CauseKind, outcome core.RunStatus, _ time.Duration) {
				if outcome != core.RunSucceeded {
					x.failed.Add(1)
				}
			},
		},
		Interceptors: []interceptor.WorkerInterceptor{x},
	})
	if err := worker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := worker.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return x
}

// countedStarter counts how often a router asks for a start.
type countedStarter struct {
	Starter
	asked atomic.Int64
}

func (s *countedStarter) StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error) {
	s.asked.Add(1)
	return s.Starter.StartRun(ctx, activityID, cause)
}
