//go:build !slim

package temporalschedule_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// frontend is Temporal's, with something before each call.
type frontend struct {
	workflowservice.WorkflowServiceClient
	mu     sync.Mutex
	before func(ctx context.Context, call, scheduleID string) error
	calls  map[string]int
}

func (f *frontend) set(before func(ctx context.Context, call, scheduleID string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.calls = before, make(map[string]int)
}

func (f *frontend) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

func (f *frontend) ask(ctx context.Context, call, scheduleID string) error {
	f.mu.Lock()
	f.calls[call]++
	before := f.before
	f.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx, call, scheduleID)
}

func (f *frontend) CreateSchedule(ctx context.Context, in *workflowservice.CreateScheduleRequest, o ...grpc.CallOption) (*workflowservice.CreateScheduleResponse, error) {
	if err := f.ask(ctx, "create", in.ScheduleId); err != nil {
		return nil, err
	}
	return f.WorkflowServiceClient.CreateSchedule(ctx, in, o...)
}

func (f *frontend) DescribeSchedule(ctx context.Context, in *workflowservice.DescribeScheduleRequest, o ...grpc.CallOption) (*workflowservice.DescribeScheduleResponse, error) {
	if err := f.ask(ctx, "describe", in.ScheduleId); err != nil {
		return nil, err
	}
	return f.WorkflowServiceClient.DescribeSchedule(ctx, in, o...)
}

func (f *frontend) ListSchedules(ctx context.Context, in *workflowservice.ListSchedulesRequest, o ...grpc.CallOption) (*workflowservice.ListSchedulesResponse, error) {
	if err := f.ask(ctx, "list", ""); err != nil {
		return nil, err
	}
	return f.WorkflowServiceClient.ListSchedules(ctx, in, o...)
}

// following is a bench whose loop follows, with syncs of everything an hour apart, and the use
// cases before it.
type following struct {
	*bench
	front    *frontend
	loop     *temporalschedule.Loop
	useCases *catalog.Service
}

func follows(t *testing.T, before func(ctx context.Context, call, scheduleID string) error) *following {
	t.Helper()
	f := &following{bench: newBench(t)}
	f.front = &frontend{WorkflowServiceClient: f.client.WorkflowService()}
	f.front.set(before)
	rec := temporalschedule.New(temporalschedule.Config{Service: f.front, Namespace: f.namespace, Store: f.store})
	f.loop = temporalschedule.NewLoop(rec, time.Hour)
	f.useCases = catalog.New(catalog.Config{Store: f.store, Follower: f.loop})
	if err := f.loop.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.loop.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *following) synced() {
	f.Helper()
	select {
	case <-f.loop.Synced():
	case <-f.context().Done():
		f.Fatal("no sync of everything succeeded")
	}
}

// eventually waits for what is behind to be as it should.
func (f *following) eventually(what string, ok func(core.SchedulesBehind) bool) {
	f.Helper()
	ctx := f.context()
	var last core.SchedulesBehind
	for ctx.Err() == nil {
		var err error
		if last, err = f.store.SchedulesBehind(ctx, core.BehindFilter{Limit: 3}); err != nil {
			f.Fatal(err)
		}
		if ok(last) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.Fatalf("%s: still %d behind, %d failing, %d refused: %+v", what, last.Total, last.Failing, last.Refused, last.Items)
}

func (f *following) inStep(what string) {
	f.Helper()
	f.eventually(what, func(b core.SchedulesBehind) bool { return b.Total == 0 })
}

func valid(name string) core.Definition {
	d := cron(name)
	d.Rules = []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}}
	return d
}

// Temporal refuses, or swallows, every call: what is saved is answered all the same, since
// nothing asks Temporal before.
func TestNoAnswerWaitsForTemporal(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(context.Context) error{
		"refused":     func(context.Context) error { return serviceerror.NewUnavailable("connection refused") },
		"black-holed": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			away := make(chan struct{}) // closed when Temporal is back
			f := follows(t, func(ctx context.Context, _, _ string) error {
				select {
				case <-away:
					return nil
				default:
				}
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				go func() {
					select {
					case <-away:
						cancel()
					case <-ctx.Done():
					}
				}()
				return trouble(ctx)
			})
			ctx := t.Context()
			var defs []core.Definition
			for i := range 40 {
				defs = append(defs, valid(fmt.Sprintf("d-%02d", i)))
			}
			r, err := f.useCases.Apply(ctx, catalog.Batch{Definitions: defs}, "ann")
			if err != nil || r.SchedulesPending != 40 || !r.Applied {
				t.Fatalf("applied %v with %d schedules pending, %v; want 40", r.Applied, r.SchedulesPending, err)
			}
			for what, call := range map[string]func() (catalog.Saved, error){
				"create": func() (catalog.Saved, error) { return f.useCases.Create(ctx, valid("new"), "ann") },
				"update": func() (catalog.Saved, error) {
					d := valid("d-01")
					d.Description = "changed"
					return f.useCases.Update(ctx, "d-01", d, core.AnyVersion, "ann")
				},
				"pause": func() (catalog.Saved, error) { return f.useCases.Pause(ctx, "d-02", "why", "ann") },
			} {
				if saved, err := call(); err != nil || !saved.SchedulePending {
					t.Errorf("%s: pending %v, %v; want pending", what, saved.SchedulePending, err)
				}
			}
			if err := f.useCases.Delete(ctx, "d-03", core.AnyVersion, "ann"); err != nil {
				t.Error(err)
			}
			if trail, err := f.store.AuditEntries(ctx, "", core.PageRequest{Limit: 100}); err != nil || len(trail.Items) != 44 {
				t.Errorf("%d audit entries, %v; want 44", len(trail.Items), err)
			}
			if name == "refused" {
				f.eventually("the trouble is told", func(b core.SchedulesBehind) bool {
					return b.Failing == 41 && b.Refused == 0 && b.Items[0].Error != ""
				})
			}
			close(away)
			f.inStep("Temporal is back")
			if !f.paused(core.DefinitionID("d-02")) || f.describe(core.DefinitionID("d-03")) != nil {
				t.Error("the pause or the deletion is not in Temporal")
			}
		})
	}
}

// A process without the role worker changes the record and wakes nobody.
func TestAChangeByAnotherProcessFollowsWithoutAWake(t *testing.T) {
	t.Parallel()
	f := follows(t, nil)
	f.synced()
	d := valid("elsewhere")
	f.store.put(d)
	f.inStep("creation")
	if f.describe(d.ID) == nil {
		t.Fatal("there is no schedule")
	}
	if _, err := f.store.SetPaused(t.Context(), d.ID, &core.Pause{By: "ann", At: time.Now()}, "ann", time.Now()); err != nil {
		t.Fatal(err)
	}
	f.inStep("pause")
	if !f.paused(d.ID) {
		t.Error("the schedule is not paused")
	}
	d.TriggerType, d.TriggerConfig = core.TriggerEvent, core.TriggerConfig{EventType: core.StringList{"x"}}
	f.store.put(d)
	f.inStep("it fires on events now")
	if f.describe(d.ID) != nil {
		t.Error("the schedule is still there")
	}
}

// The sync of everything may take a minute; a pause must not wait for its end.
func TestAPauseDoesNotWaitForASyncOfEverything(t *testing.T) {
	t.Parallel()
	slow := core.ScheduleID(core.DefinitionID("slow"))
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f := follows(t, nil)
	f.synced()
	f.store.put(valid("fast"))
	f.inStep("creation")
	f.front.set(func(ctx context.Context, call, id string) error {
		if call != "create" || id != slow {
			return nil
		}
		once.Do(func() { close(held) })
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	defer close(release)
	changes := []core.DefinitionChange{{Definition: valid("slow")}}
	for i := range 150 { // too many to follow singly
		changes = append(changes, core.DefinitionChange{Definition: valid(fmt.Sprintf("many-%03d", i))})
	}
	f.store.apply(changes...)
	<-held
	if _, err := f.useCases.Pause(t.Context(), "fast", "now", "ann"); err != nil {
		t.Fatal(err)
	}
	f.eventually("all but the slow one", func(b core.SchedulesBehind) bool { return b.Total == 1 && b.Items[0].ActivityName == "slow" })
	if !f.paused(core.DefinitionID("fast")) {
		t.Error("it is not paused while the sync goes on")
	}
}

// Describing thousands of schedules takes minutes, listing them a second.
func TestManyChangesAreComparedWithOneListing(t *testing.T) {
	t.Parallel()
	f := follows(t, nil)
	f.synced()
	f.front.set(nil)
	var changes []core.DefinitionChange
	for i := range 300 {
		changes = append(changes, core.DefinitionChange{Definition: valid(fmt.Sprintf("many-%03d", i))})
	}
	f.store.apply(changes...)
	f.inStep("creation")
	if got := f.front.count("create"); got != 300 {
		t.Errorf("%d creations, want 300", got)
	}
	if got := f.front.count("describe"); got > 20 { // a sample of those that are there
		t.Errorf("%d schedules were described, want at most the sample of 20", got)
	}
	if got := f.front.count("list"); got > 3 {
		t.Errorf("%d listings, want one or two", got)
	}
}

// What Temporal refuses for good is told and left alone until somebody edits it.
func TestASchedulesRefusalIsToldAndNotRepeated(t *testing.T) {
	t.Parallel()
	bad := core.ScheduleID(core.DefinitionID("bad"))
	f := follows(t, nil)
	f.synced()
	f.front.set(func(_ context.Context, call, id string) error {
		if call == "create" && id == bad {
			return serviceerror.NewInvalidArgument("the spec is too long")
		}
		return nil
	})
	f.store.put(valid("bad"))
	refused := func(b core.SchedulesBehind) bool { return b.Total == 1 && b.Refused == 1 }
	f.eventually("refused", refused)
	f.store.put(valid("good"))
	f.eventually("only the bad one is left", refused)
	if got := f.front.count("create"); got != 2 {
		t.Errorf("%d creations were tried, want one each", got)
	}
	f.front.set(nil)
	edited := valid("bad")
	edited.Description = "shorter"
	f.store.put(edited)
	f.inStep("after the edit")
}
