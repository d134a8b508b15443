//go:build !slim

package devstack_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/activity-core/activity-core/internal/devstack"

	"github.com/activity-core/activity-core/internal/testkit"
)

func TestSearchAttributeIsAddedToANamespaceThatExists(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	cfg := devstack.TemporalConfig{Dir: t.TempDir(), SearchAttributes: searchAttributes()}
	before, err := devstack.StartTemporal(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, before)

	cfg.SearchAttributes = maps.Clone(cfg.SearchAttributes)
	cfg.SearchAttributes["added_later"] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	after, err := devstack.StartTemporal(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, after) })

	// At once, by a client at the start and by a workflow in the middle: the frontend judges one,
	// history the other.
	c := dialTemporal(t, after.Addr(), after.Namespace())
	w := worker.New(c, "queue", worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		return workflow.UpsertTypedSearchAttributes(ctx, keyword("added_later").ValueSet("middle"))
	}, workflow.RegisterOptions{Name: "Upserting"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		TaskQueue: "queue", TypedSearchAttributes: temporal.NewSearchAttributes(keyword("added_later").ValueSet("start")),
	}, "Upserting")
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if n := failedTasks(t, c, run); n != 0 {
		t.Errorf("%d workflow tasks failed before the attribute was accepted, want none", n)
	}
}

func failedTasks(t *testing.T, c client.Client, run client.WorkflowRun) (n int) {
	t.Helper()
	history := c.GetWorkflowHistory(testContext(t), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			t.Fatal(err)
		}
		if event.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED {
			n++
		}
	}
	return n
}

func TestSearchAttributeOfAnotherTypeIsRefusedByName(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	cfg := devstack.TemporalConfig{Dir: t.TempDir(), SearchAttributes: searchAttributes()}
	first, err := devstack.StartTemporal(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, first)

	cfg.SearchAttributes = map[string]enumspb.IndexedValueType{"activity_id": enumspb.INDEXED_VALUE_TYPE_INT}
	_, err = devstack.StartTemporal(ctx, cfg)
	if err == nil || !strings.Contains(err.Error(), `"activity_id"`) || !strings.Contains(err.Error(), "Keyword") {
		t.Fatalf("start gave %v, want an error that names the attribute and its type", err)
	}
}

func TestFreshNamespaceIsUsableAtOnce(t *testing.T) {
	t.Parallel()
	server := startMemoryTemporal(t, false)
	ctx := testContext(t)
	if err := server.CreateNamespace(ctx, "fresh"); err != nil {
		t.Fatal(err)
	}
	if err := server.CreateNamespace(ctx, "fresh"); err != nil {
		t.Errorf("creating it again: %v", err)
	}
	c := dialTemporal(t, server.Addr(), "fresh")
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		TaskQueue: "nobody-listens", TypedSearchAttributes: temporal.NewSearchAttributes(activityID.ValueSet("a1")),
	}, "Waiting")
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: "fresh"})
	if err != nil {
		t.Fatal(err)
	}
	if hours := d.Config.WorkflowExecutionRetentionTtl.AsDuration().Hours(); hours != 7*24 {
		t.Errorf("closed workflows are kept %v hours, want a week", hours)
	}
}

func TestAddressesThatAreNotAnIPAndPortAreRefused(t *testing.T) {
	for _, addr := range []string{"localhost:7233", "127.0.0.1", ":7233", "127.0.0.1:70000"} {
		_, err := devstack.StartTemporal(testContext(t), devstack.TemporalConfig{FrontendAddr: addr})
		if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "127.0.0.1:7233") {
			t.Errorf("address %q gave %v, want an error with the address and an example", addr, err)
		}
	}
}

func TestFrontendListensOnTheAddressAskedFor(t *testing.T) {
	free := startMemoryTemporal(t, false)
	addr, err := netip.ParseAddrPort(free.Addr())
	if err != nil || addr.Port() == 0 || !addr.Addr().IsLoopback() {
		t.Fatalf("address of a server on any port is %q (%v), want loopback and the port it got", free.Addr(), err)
	}
	stop(t, free)

	again, err := devstack.StartTemporal(testContext(t), devstack.TemporalConfig{FrontendAddr: free.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, again)
	if again.Addr() != free.Addr() {
		t.Errorf("server listens on %s, want %s", again.Addr(), free.Addr())
	}
}

func TestAServerWithNothingToReportLogsNothing(t *testing.T) {
	t.Parallel()
	var buf lockedBuffer
	server, err := devstack.StartTemporal(testContext(t), devstack.TemporalConfig{
		Dir: t.TempDir(), SearchAttributes: searchAttributes(), Logger: slog.New(slog.NewTextHandler(&buf, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := dialTemporal(t, server.Addr(), server.Namespace())
	if _, err := c.ExecuteWorkflow(testContext(t), client.StartWorkflowOptions{TaskQueue: "nobody-listens"}, "Waiting"); err != nil {
		t.Fatal(err)
	}
	stop(t, server)
	if log := buf.String(); log != "" {
		t.Errorf("start, one workflow and stop logged:\n%s", log)
	}
}

// lockedBuffer may be written by goroutines that outlive the test.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// The frontend gives requests under way a second to end. A worker that goes on polling, as some
// of the server's own do and a user's may, must not cost that second: the server ends its poll
// itself.
func TestStoppingEndsLongPolls(t *testing.T) {
	t.Parallel()
	server, err := devstack.StartTemporal(testContext(t), devstack.TemporalConfig{SearchAttributes: searchAttributes()})
	if err != nil {
		t.Fatal(err)
	}
	c := dialTemporal(t, server.Addr(), server.Namespace())
	conn, err := grpc.NewClient(server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials())) // the SDK's would poll again
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	polled := make(chan error, 1)
	go func() {
		_, err := workflowservice.NewWorkflowServiceClient(conn).PollWorkflowTaskQueue(testContext(t), &workflowservice.PollWorkflowTaskQueueRequest{
			Namespace: server.Namespace(), TaskQueue: &taskqueuepb.TaskQueue{Name: "polled"}, Identity: "a poll under way",
		})
		polled <- err
	}()
	testkit.Eventually(t, "the poll is under way", func(ctx context.Context) (bool, error) {
		d, err := c.DescribeTaskQueue(ctx, "polled", enumspb.TASK_QUEUE_TYPE_WORKFLOW)
		return err == nil && len(d.Pollers) > 0, err
	})
	stop(t, server)
	// It is answered, with nothing or with a reason; a poll that is waited for ends as its
	// connection is cut.
	if err := <-polled; err != nil && !strings.Contains(err.Error(), "the server is stopping") {
		t.Errorf("the poll was not ended by the server: %v", err)
	}
}
