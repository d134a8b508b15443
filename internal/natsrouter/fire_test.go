package natsrouter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/sqlite"
)

// The environment of a router that runs in a process of its own.
const (
	childEnv     = "ACTIVITY_CORE_ROUTER_CHILD" // the point it dies at, or "none"
	childAfter   = "ACTIVITY_CORE_ROUTER_CHILD_AFTER"
	childNATS    = "ACTIVITY_CORE_ROUTER_CHILD_NATS"
	childStore   = "ACTIVITY_CORE_ROUTER_CHILD_STORE"
	childAddress = "ACTIVITY_CORE_ROUTER_CHILD_TEMPORAL"
	childNS      = "ACTIVITY_CORE_ROUTER_CHILD_NAMESPACE"
)

// longEnv turns the long variants on.
const longEnv = "ACTIVITY_CORE_LONG"

// temporalStarter starts runs as the program does. It is written down here once more because adapters do not import each other.
type temporalStarter struct{ c client.Client }

type runInput struct {
	ActivityID string
	Cause      activitycore.Cause
}

func (s temporalStarter) options(activityID string, cause activitycore.Cause) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                                       activitycore.WorkflowID(activityID, cause),
		TaskQueue:                                activitycore.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}
}

func (s temporalStarter) StartRun(ctx context.Context, activityID string, cause activitycore.Cause) (activitycore.StartOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	run, err := s.c.ExecuteWorkflow(ctx, s.options(activityID, cause), activitycore.WorkflowType, runInput{activityID, cause})
	if err != nil && strings.Contains(err.Error(), "already") {
		return activitycore.StartOutcome{AlreadyStarted: true}, nil
	}
	if err != nil {
		return activitycore.StartOutcome{}, activitycore.Wrap(activitycore.CodeUnavailable, err, "Temporal does not answer")
	}
	return activitycore.StartOutcome{TemporalRunID: run.GetRunID()}, nil
}

// child is a router in a process of its own, which dies at the point its environment names, or when it is killed.
func child() int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "router process:", err)
		return 1
	}
	ctx := context.Background()
	nc, err := nats.Connect(os.Getenv(childNATS), nats.MaxReconnects(-1))
	if err != nil {
		return fail(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return fail(err)
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: os.Getenv(childStore)})
	if err != nil {
		return fail(err)
	}
	c, err := client.Dial(devstacktest.Namespace{Name: os.Getenv(childNS), HostPort: os.Getenv(childAddress)}.Options())
	if err != nil {
		return fail(err)
	}
	r, err := NewRouter(Config{JetStream: js, Catalogue: store, Ledger: store, Starter: temporalStarter{c}, Batch: 32, MaxInFlight: 128})
	if err != nil {
		return fail(err)
	}
	var mu sync.Mutex
	left := 1
	_, _ = fmt.Sscan(os.Getenv(childAfter), &left)
	r.at = func(point string) {
		mu.Lock()
		defer mu.Unlock()
		if point == os.Getenv(childEnv) {
			if left--; left == 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	}
	if err := r.Start(ctx); err != nil {
		return fail(err)
	}
	// The parent's end of stdin closes when the parent is gone, or when it has seen enough.
	var b [1]byte
	_, _ = os.Stdin.Read(b[:])
	return 0
}

// executions is what really ran: the workflow notes each execution whose claim the ledger admits.
type executions struct {
	mu       sync.Mutex
	admitted map[string]map[string]bool // workflow ID → Temporal run IDs
	turned   int                        // executions that were not admitted
}

func (x *executions) total() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.admitted)
}

// runWorker carries runs out in this process: admission and nothing else.
func runWorker(t testing.TB, w *world, c client.Client) *executions {
	t.Helper()
	x := &executions{admitted: map[string]map[string]bool{}}
	admit := func(ctx context.Context, in runInput, workflowID, runID string) error {
		a, err := w.store.Admit(ctx, activitycore.Claim{ActivityID: in.ActivityID, Cause: in.Cause, WorkflowID: workflowID, TemporalRunID: runID, At: time.Now()})
		if err != nil {
			return err
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if !a.Admitted {
			x.turned++
			return nil
		}
		if x.admitted[workflowID] == nil {
			x.admitted[workflowID] = map[string]bool{}
		}
		x.admitted[workflowID][runID] = true
		return nil
	}
	wk := worker.New(c, activitycore.TaskQueue, worker.Options{})
	wk.RegisterWorkflowWithOptions(func(ctx workflow.Context, in runInput) error {
		info := workflow.GetInfo(ctx)
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: time.Minute})
		return workflow.ExecuteLocalActivity(ctx, admit, in, info.WorkflowExecution.ID, info.WorkflowExecution.RunID).Get(ctx, nil)
	}, workflow.RegisterOptions{Name: activitycore.WorkflowType})
	if err := wk.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wk.Stop)
	return x
}

// brigade keeps router processes running and kills them.
type brigade struct {
	t     testing.TB
	env   []string
	rng   *rand.Rand
	procs []*exec.Cmd
	pipes []interface{ Close() error }
	ended []chan struct{}
	kills int
	falls int // died at a crash point
}

func (b *brigade) spawn(i int) {
	b.t.Helper()
	points := []string{pointRecorded, pointStarted, pointConfirmed, "none"}
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), b.env...), childEnv+"="+points[b.rng.IntN(len(points))], fmt.Sprintf("%s=%d", childAfter, 1+b.rng.IntN(8)))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	b.procs[i], b.pipes[i], b.ended[i] = cmd, stdin, ended
}

// harass kills a random router process every so often and replaces every one that died, until done.
func (b *brigade) harass(every time.Duration, done func() bool) {
	b.t.Helper()
	for i := range b.procs {
		b.spawn(i)
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	next := time.Now().Add(every)
	deadline := time.Now().Add(20 * time.Minute)
	for !done() {
		now := <-ticker.C
		if now.After(deadline) {
			b.t.Fatal("the routers never finished")
		}
		if now.After(next) {
			next = now.Add(every)
			victim := b.rng.IntN(len(b.procs))
			if b.procs[victim].Process.Kill() == nil {
				b.kills++
				<-b.ended[victim]
				b.spawn(victim)
			}
		}
		for i := range b.procs {
			select {
			case <-b.ended[i]:
				b.falls++
				b.spawn(i)
			default:
			}
		}
	}
	for i := range b.procs {
		_ = b.procs[i].Process.Kill()
		<-b.ended[i]
		_ = b.pipes[i].Close()
	}
}

func TestEveryMatchRunsExactlyOnceUnderFire(t *testing.T) {
	events, every := 400, 700*time.Millisecond
	if os.Getenv(longEnv) != "" {
		events, every = 20_000, time.Second
	}
	w := newWorld(t, StreamOptions{AckWait: 2 * time.Second})
	ns := devstacktest.Temporal(t)
	c := ns.Client(t)
	ran := runWorker(t, w, c)
	w.apply(
		definition("every-third", "order.paid", filters(map[string]any{"n": []any{map[string]any{"numeric": []any{">=", 0}}}, "third": true})),
		definition("every-tenth", "order.paid", when("payload.n % 10 == 0")),
		definition("never", "order.lost"),
	)

	// What is expected is worked out from n alone, apart from matcher and ledger.
	expected := map[string]bool{}
	want := func(name, id string) {
		expected[activitycore.WorkflowID(activitycore.DefinitionID(name), activitycore.EventCause(id))] = true
	}
	rng := rand.New(rand.NewPCG(7, 11))
	var batch []activitycore.Event
	var again []activitycore.Event // published twice on purpose
	for n := range events {
		id := fmt.Sprintf("order/%d", n)
		e := event(id, "order.paid", map[string]any{"n": n, "third": n%3 == 0})
		batch = append(batch, e)
		if n%3 == 0 {
			want("every-third", id)
		}
		if n%10 == 0 {
			want("every-tenth", id)
		}
		if rng.IntN(5) == 0 {
			again = append(again, e)
		}
	}
	repeat := func(round int) { // as if JetStream's window were over
		for i, e := range again {
			m, err := w.pub.message(e)
			if err != nil {
				t.Fatal(err)
			}
			m.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("again-%d-%d", round, i))
			if _, err := w.js.PublishMsg(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}

	b := &brigade{t: t, rng: rng, procs: make([]*exec.Cmd, 2), pipes: make([]interface{ Close() error }, 2), ended: make([]chan struct{}, 2),
		env: []string{childNATS + "=" + w.url, childStore + "=" + w.path, childAddress + "=" + ns.HostPort, childNS + "=" + ns.Name}}
	published := make(chan struct{})
	go func() {
		defer close(published)
		for len(batch) > 0 { // while the routers are being killed
			n := min(100, len(batch))
			if _, err := w.pub.PublishEvents(t.Context(), batch[:n]); err != nil {
				t.Error(err)
				return
			}
			batch = batch[n:]
		}
		repeat(1)
	}()
	settled := func() bool {
		select {
		case <-published:
		default:
			return false
		}
		stream, err := w.js.Stream(t.Context(), activitycore.EventStream)
		if err != nil {
			t.Fatal(err)
		}
		info := w.consumer()
		return info.AckFloor.Stream == stream.CachedInfo().State.LastSeq && info.NumAckPending == 0
	}
	b.harass(every, settled)
	for done := -1; done < ran.total() && ran.total() < len(expected); { // the worker may be far behind the routers: wait while it moves
		done = ran.total()
		for patience := time.Now().Add(20 * time.Second); ran.total() < len(expected) && time.Now().Before(patience); {
			time.Sleep(20 * time.Millisecond)
		}
	}
	audit(t, ran, expected)
	t.Logf("%d events, %d repeated, %d expected runs, %d processes killed, %d died at crash points: 0 lost, 0 doubled, %d executions turned away",
		events, len(again), len(expected), b.kills, b.falls, ran.turned)

	// Temporal forgets executions after its retention; then only the ledger knows them.
	for id := range expected {
		_, err := c.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: ns.Name, WorkflowExecution: &common.WorkflowExecution{WorkflowId: id}})
		if err != nil {
			t.Fatal(err)
		}
	}
	repeat(2)
	seen := &counters{}
	w.start(w.router(temporalStarter{c}, func(cfg *Config) { cfg.Metrics = seen.metrics() }))
	w.drained()
	audit(t, ran, expected)
	if seen.started.Load() != 0 {
		t.Fatalf("%d runs started again after Temporal forgot them", seen.started.Load())
	}
	if seen.routed.Load() == 0 {
		t.Fatal("the repeated events never met the ledger")
	}
}

// audit compares what ran with what should have.
func audit(t *testing.T, ran *executions, expected map[string]bool) {
	t.Helper()
	ran.mu.Lock()
	defer ran.mu.Unlock()
	lost, doubled, extra := 0, 0, 0
	for id := range expected {
		switch len(ran.admitted[id]) {
		case 0:
			lost++
		case 1:
		default:
			doubled++
		}
	}
	for id := range ran.admitted {
		if !expected[id] {
			extra++
		}
	}
	if lost+doubled+extra > 0 {
		t.Fatalf("%d lost, %d doubled, %d that nobody asked for", lost, doubled, extra)
	}
}
