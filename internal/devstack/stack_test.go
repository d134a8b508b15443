//go:build !slim

package devstack_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/activity-core/activity-core/internal/devstack"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestEverythingIsFoundAgainAfterKill9(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	dir := filepath.Join(t.TempDir(), "data % folder?") // what a URI would stumble over
	first := startChild(t, dir)

	c := dialTemporal(t, first.Temporal, devstack.DefaultNamespace)
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "survivor", TaskQueue: "nobody-listens"}, "Waiting")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: "survivor", Paused: true, Note: "kept",
		Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{Workflow: "Waiting", TaskQueue: "nobody-listens"},
	})
	if err != nil {
		t.Fatal(err)
	}
	publishAndAckOne(ctx, t, first.NATS)

	first.kill9()
	second := startChild(t, dir)

	c = dialTemporal(t, second.Temporal, devstack.DefaultNamespace)
	got, err := c.DescribeWorkflowExecution(ctx, "survivor", run.GetRunID())
	if err != nil {
		t.Fatal(err)
	}
	if status := got.WorkflowExecutionInfo.Status; status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		t.Errorf("workflow is %s after the restart, want running", status)
	}
	schedule, err := c.ScheduleClient().GetHandle(ctx, "survivor").Describe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if state := schedule.Schedule.State; !state.Paused || state.Note != "kept" {
		t.Errorf("schedule state is %+v after the restart, want paused with its note", *state)
	}
	expectUnackedAmongRepeated(ctx, t, second.NATS)
}

func publishAndAckOne(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	consumer := eventConsumer(ctx, t, url)
	js, err := jetstream.New(connect(t, url))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := js.Publish(ctx, "things.happened", fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(testTimeout))
	if err != nil {
		t.Fatal(err)
	}
	if err := msg.DoubleAck(ctx); err != nil {
		t.Fatal(err)
	}
}

func expectOneUnacked(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	if got := nextEvent(ctx, t, url); got != "1" {
		t.Errorf("next message after the restart is %q, want the one that was not acked, \"1\"", got)
	}
}

// expectUnackedAmongRepeated allows what JetStream promises after a kill -9: it writes acks
// down a moment after it confirmed them, so an acked message may come again, but none is lost.
func expectUnackedAmongRepeated(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	got := nextEvent(ctx, t, url)
	if got == "0" {
		got = nextEvent(ctx, t, url)
	}
	if got != "1" {
		t.Errorf("message after the restart is %q, want the one that was not acked, \"1\"", got)
	}
}

func nextEvent(ctx context.Context, t *testing.T, url string) string {
	t.Helper()
	msg, err := eventConsumer(ctx, t, url).Next(jetstream.FetchMaxWait(testTimeout))
	if err != nil {
		t.Fatal(err)
	}
	return string(msg.Data())
}

// eventConsumer binds to the durable consumer of the test, made at first use.
func eventConsumer(ctx context.Context, t *testing.T, url string) jetstream.Consumer {
	t.Helper()
	js, err := jetstream.New(connect(t, url))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "THINGS", Subjects: []string{"things.>"}})
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "reader", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	return consumer
}

func connect(t *testing.T, url string, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestSecondStartOnAUsedFolderNamesFolderAndProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	holder := startChild(t, dir)

	_, err := devstack.Start(testContext(t), stackConfig(dir))

	var inUse *devstack.FolderInUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("second start gave %v, want a FolderInUseError", err)
	}
	if pid := strconv.Itoa(holder.cmd.Process.Pid); inUse.PID != pid || inUse.Dir != dir {
		t.Errorf("error names folder %q and process %q, want %q and %q", inUse.Dir, inUse.PID, dir, pid)
	}
	for _, want := range []string{dir, inUse.PID, "--data-dir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("message %q does not name %q", err, want)
		}
	}
}

func TestTakenPortIsRefusedBeforeAnythingIsOpened(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())

	for flag, set := range map[string]func(*devstack.Config, string){
		devstack.TemporalPortFlag: func(c *devstack.Config, addr string) { c.TemporalAddr = addr },
		devstack.UIPortFlag:       func(c *devstack.Config, addr string) { c.UIAddr = addr },
		devstack.NATSPortFlag:     func(c *devstack.Config, addr string) { c.NATSAddr = addr },
	} {
		t.Run(flag, func(t *testing.T) {
			cfg := stackConfig(filepath.Join(t.TempDir(), "data"))
			set(&cfg, taken.Addr().String())
			_, err := devstack.Start(testContext(t), cfg)
			if err == nil {
				t.Fatal("start on a taken port succeeded")
			}
			for _, want := range []string{"port " + port, flag, "in use"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message %q does not name %q", err, want)
				}
			}
			if _, err := os.Stat(cfg.Dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("data folder was touched (stat: %v)", err)
			}
		})
	}
}

func TestFailedStartGivesTheFolderBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := stackConfig(dir)
	cfg.Retention = time.Minute // less than Temporal accepts
	if _, err := devstack.Start(testContext(t), cfg); err == nil || !strings.Contains(err.Error(), "retention 1m0s") {
		t.Fatalf("start gave %v, want an error that names the retention", err)
	}

	s, err := devstack.Start(testContext(t), stackConfig(dir))
	if err != nil {
		t.Fatalf("folder cannot be used after a failed start: %v", err)
	}
	stop(t, s)
}

func TestStopIsRepeatableAndGivesTheFolderBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		s, err := devstack.Start(testContext(t), stackConfig(dir))
		if err != nil {
			t.Fatal(err)
		}
		stop(t, s)
		stop(t, s)
	}
	var never *devstack.Stack
	stop(t, never)
}

func TestEphemeralStackLeavesNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, err := devstack.Start(testContext(t), stackConfig(""))
	if err != nil {
		t.Fatal(err)
	}
	publishAndAckOne(testContext(t), t, s.NATS.URL())
	stop(t, s)
	left, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("temporary folder still holds %v", left)
	}
}

// TestStackIsSmall asserts memory, which does not depend on what else the machine does, and
// reports the time.
func TestStackIsSmall(t *testing.T) {
	const limit = 400 << 20 // bytes, the goal for the whole process including activity-core itself
	dir := t.TempDir()
	for _, which := range []string{"fresh folder", "used folder"} {
		c := startChild(t, dir)
		rss := residentBytes(t, c.cmd.Process.Pid)
		t.Logf("%s: ready in %d ms, %d MiB resident", which, c.ReadyMillis, rss>>20)
		if rss > limit {
			t.Errorf("%s: %d MiB resident, want at most %d", which, rss>>20, limit>>20)
		}
		c.kill9()
	}
}

func residentBytes(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no /proc on this system: the resident size cannot be read")
	}
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmRSS in %s", status)
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
