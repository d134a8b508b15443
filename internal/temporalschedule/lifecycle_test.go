//go:build !slim

package temporalschedule_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	schedulepb "go.temporal.io/api/schedule/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

func TestMain(m *testing.M) {
	code := devstacktest.Main(m)
	postgrestest.Stop()
	os.Exit(code)
}

// bench is one namespace, one record and one reconciler between them.
type bench struct {
	*testing.T
	client    client.Client
	namespace string
	store     record
	rec       *temporalschedule.Reconciler
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ns := devstacktest.Temporal(t)
	b := &bench{T: t, client: ns.Client(t), namespace: ns.Name, store: newRecord(t)}
	b.rec = b.replica()
	return b
}

func (b *bench) replica() *temporalschedule.Reconciler {
	return b.replicaWith(temporalschedule.Config{})
}

// replicaWith is a replica whose configuration says more than where Temporal and the record are.
func (b *bench) replicaWith(cfg temporalschedule.Config) *temporalschedule.Reconciler {
	cfg.Service, cfg.Namespace, cfg.Store = b.client.WorkflowService(), b.namespace, b.store
	return temporalschedule.New(cfg)
}

func (b *bench) context() context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	b.Cleanup(cancel)
	return ctx
}

func cron(name string) core.Definition {
	return core.Definition{
		APIVersion: core.APIVersion, Kind: core.Kind, ID: core.DefinitionID(name), Name: name,
		Enabled: true, TriggerType: core.TriggerCron,
		TriggerConfig: core.TriggerConfig{
			CronExpression: core.StringList{"0 6 * * 1"}, Timezone: "Europe/Berlin", MisfirePolicy: core.MisfireSkip,
		},
	}
}

func (b *bench) save(d core.Definition) {
	b.Helper()
	b.store.put(d)
	b.syncOne(d.ID)
}

func (b *bench) syncOne(id string) {
	b.Helper()
	if err := b.rec.SyncDefinition(b.context(), id); err != nil {
		b.Fatalf("sync %s: %v", id, err)
	}
}

func (b *bench) sync(opt core.SyncOptions) core.SyncReport {
	b.Helper()
	report, err := b.rec.Sync(b.context(), opt)
	if err != nil {
		b.Fatal(err)
	}
	return report
}

// describe returns the schedule of a definition, nil if there is none.
func (b *bench) describe(id string) *workflowservice.DescribeScheduleResponse {
	b.Helper()
	return b.describeSchedule(core.ScheduleID(id))
}

func (b *bench) describeSchedule(scheduleID string) *workflowservice.DescribeScheduleResponse {
	b.Helper()
	resp, err := b.client.WorkflowService().DescribeSchedule(b.context(), &workflowservice.DescribeScheduleRequest{
		Namespace: b.namespace, ScheduleId: scheduleID,
	})
	if err != nil && strings.Contains(err.Error(), "not found") {
		return nil
	}
	if err != nil {
		b.Fatal(err)
	}
	return resp
}

func (b *bench) paused(id string) bool { return b.describe(id).GetSchedule().GetState().GetPaused() }

// pauseByHand does what Temporal's UI does.
func (b *bench) pauseByHand(id, note string) {
	b.Helper()
	h := b.client.ScheduleClient().GetHandle(b.context(), core.ScheduleID(id))
	if err := h.Pause(b.context(), client.SchedulePauseOptions{Note: note}); err != nil {
		b.Fatal(err)
	}
}

// listed waits until the listing, which lags behind, shows what it should.
func (b *bench) listed(what string, ok func(map[string]*schedulepb.ScheduleListEntry) bool) {
	b.Helper()
	var last map[string]*schedulepb.ScheduleListEntry
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		last = make(map[string]*schedulepb.ScheduleListEntry)
		var token []byte
		for {
			resp, err := b.client.WorkflowService().ListSchedules(b.context(), &workflowservice.ListSchedulesRequest{Namespace: b.namespace, NextPageToken: token})
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range resp.Schedules {
				last[e.ScheduleId] = e
			}
			if token = resp.NextPageToken; len(token) == 0 {
				break
			}
		}
		if ok(last) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Fatalf("the listing never came to show %s; it has %d schedules", what, len(last))
}

func (b *bench) listedCount(n int) {
	b.Helper()
	b.listed(fmt.Sprintf("%d schedules", n), func(m map[string]*schedulepb.ScheduleListEntry) bool { return len(m) == n })
}

func TestACreatedDefinitionHasItsScheduleAsTheDesignSays(t *testing.T) {
	b := newBench(t)
	overlaps := map[core.MisfirePolicy]enumspb.ScheduleOverlapPolicy{
		core.MisfireSkip:     enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		core.MisfireCompress: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
		core.MisfireCatchup:  enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	}
	for policy, overlap := range overlaps {
		d := cron("created-" + string(policy))
		d.TriggerConfig.MisfirePolicy = policy
		d.TriggerConfig.Jitter = core.Duration(3 * time.Minute)
		b.save(d)
		s := b.describe(d.ID)
		if s == nil {
			t.Fatalf("%s: there is no schedule", policy)
		}
		if got := s.Schedule.Policies.OverlapPolicy; got != overlap {
			t.Errorf("%s: overlap policy %s, want %s", policy, got, overlap)
		}
		if named, err := enumspb.ScheduleOverlapPolicyFromString("SCHEDULE_OVERLAP_POLICY_" + string(misfire.RuleOf(policy).Overlap)); err != nil || named != overlap {
			t.Errorf("%s is said to be %s in Temporal, and is %s (%v)", policy, misfire.RuleOf(policy).Overlap, overlap, err)
		}
		if s.Schedule.State.Paused {
			t.Errorf("%s: the schedule is paused", policy)
		}
		if got := s.Schedule.Spec.Jitter.AsDuration(); got != 3*time.Minute {
			t.Errorf("%s: jitter %s", policy, got)
		}
		a := s.Schedule.Action.GetStartWorkflow()
		if a.WorkflowId != "activity-"+d.ID+":cron" || a.WorkflowType.Name != "RunActivityWorkflow" || a.TaskQueue.Name != "orchestrator-tq" {
			t.Errorf("%s: action %v", policy, a)
		}
		if got, want := string(a.Input.Payloads[0].Data), `{"activity_id":"`+d.ID+`","cause":{"kind":"cron"}}`; got != want {
			t.Errorf("%s: input %s, want %s", policy, got, want)
		}
		if got := string(a.SearchAttributes.IndexedFields["activity_trigger"].Data); got != `"cron"` {
			t.Errorf("%s: search attribute activity_trigger of the runs is %s", policy, got)
		}
		if got := string(s.SearchAttributes.IndexedFields["activity_id"].Data); got != `"`+d.ID+`"` {
			t.Errorf("%s: search attribute activity_id of the schedule is %s", policy, got)
		}
		next := s.Info.FutureActionTimes[0].AsTime()
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		if local := next.In(berlin); local.Weekday() != time.Monday || local.Hour() != 6 {
			t.Errorf("%s: fires at %s, want Mondays at 06:00", policy, local)
		}
	}
}

func TestADefinitionCreatedDisabledHasNoSchedule(t *testing.T) {
	b := newBench(t)
	d := cron("sleeping")
	d.Enabled = false
	b.save(d)
	if b.describe(d.ID) != nil {
		t.Error("there is a schedule")
	}
	d.Enabled = true
	b.save(d)
	if b.describe(d.ID) == nil || b.paused(d.ID) {
		t.Error("enabling it made no firing schedule")
	}
}

func TestDisablingHoldsTheScheduleAndEnablingReleasesIt(t *testing.T) {
	b := newBench(t)
	d := cron("switched")
	b.save(d)
	d.Enabled = false
	b.save(d)
	if !b.paused(d.ID) {
		t.Error("disabled, and the schedule fires")
	}
	d.Enabled = true
	b.save(d)
	if b.paused(d.ID) {
		t.Error("enabled, and the schedule is paused")
	}
}

func TestDeletingRemovesTheScheduleAndThenTheTombstone(t *testing.T) {
	b := newBench(t)
	d := cron("doomed")
	b.save(d)
	b.store.delete(d.ID)
	b.syncOne(d.ID)
	if b.describe(d.ID) != nil {
		t.Error("the schedule is still there")
	}
	if _, err := b.store.DefinitionAny(t.Context(), d.ID); !core.IsCode(err, core.CodeNotFound) {
		t.Errorf("the tombstone is still there: %v", err)
	}
	b.save(d) // the ID is free at once
	if b.describe(d.ID) == nil {
		t.Error("creating it again made no schedule")
	}
}

func TestChangingTheTriggerFromCronToEventRemovesTheSchedule(t *testing.T) {
	b := newBench(t)
	d := cron("turned")
	b.save(d)
	d.TriggerType, d.TriggerConfig = core.TriggerEvent, core.TriggerConfig{EventType: core.StringList{"x"}}
	b.save(d)
	if b.describe(d.ID) != nil {
		t.Error("the schedule is still there")
	}
}

func TestAnEditReplacesSpecAndPolicyAndKeepsThePause(t *testing.T) {
	b := newBench(t)
	d := cron("edited")
	b.save(d)
	before := b.describe(d.ID)
	b.setPaused(d.ID, &core.Pause{By: "alice", Reason: "holiday"})
	d.TriggerConfig.CronExpression = core.StringList{"15 * * * *", "30 3 1 * *"}
	d.TriggerConfig.MisfirePolicy = core.MisfireCatchup
	b.save(d)
	s := b.describe(d.ID)
	if !s.Schedule.State.Paused || !strings.Contains(s.Schedule.State.Notes, "alice") || !strings.Contains(s.Schedule.State.Notes, "holiday") {
		t.Errorf("state %v, want paused by alice for her holiday", s.Schedule.State)
	}
	if s.Schedule.Policies.OverlapPolicy != enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL {
		t.Errorf("policies %v", s.Schedule.Policies)
	}
	if h := "activity_spec_hash"; string(s.SearchAttributes.IndexedFields[h].Data) == string(before.SearchAttributes.IndexedFields[h].Data) {
		t.Error("the spec hash has not changed")
	}
	b.setPaused(d.ID, nil)
	if b.paused(d.ID) {
		t.Error("resumed, and the schedule is paused")
	}
}

func TestAConvergedSyncWritesNothingAndDescribesOnlyASample(t *testing.T) {
	b := newBench(t)
	const n = 60
	for i := range n {
		d := cron(fmt.Sprintf("converged-%02d", i))
		d.TriggerConfig.CronExpression = core.StringList{fmt.Sprintf("%d 2 * * *", i)} // with clock changes
		d.TriggerConfig.Jitter = core.Duration(time.Duration(i%2) * time.Minute)
		b.store.put(d)
	}
	first := b.sync(core.SyncOptions{})
	if first.Writes != n || first.Wanted != n || first.Calls["create"] != n {
		t.Fatalf("first sync: %+v", first)
	}
	b.listedCount(n)
	second := b.sync(core.SyncOptions{})
	if second.Writes != 0 || len(second.Drift) != 0 || second.InSync != n {
		t.Fatalf("second sync: %+v", second)
	}
	if second.Calls["list"] != 1 || second.Calls["describe"] != 20 || len(second.Calls) != 2 {
		t.Errorf("a converged sync called %v, want one list and a sample of 20", second.Calls)
	}
	full := b.sync(core.SyncOptions{Full: true})
	if full.Calls["describe"] != n || full.Writes != 0 || len(full.Drift) != 0 {
		t.Errorf("full sync: %+v", full)
	}
}

func TestASampleFindsAHandEditThatTheListingDoesNotShow(t *testing.T) {
	b := newBench(t)
	var ids []string
	for i := range 50 {
		d := cron(fmt.Sprintf("sampled-%02d", i))
		b.store.put(d)
		ids = append(ids, d.ID)
	}
	b.sync(core.SyncOptions{})
	b.listedCount(50)
	h := b.client.ScheduleClient().GetHandle(t.Context(), core.ScheduleID(ids[17]))
	err := h.Update(b.context(), client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		s := in.Description.Schedule
		s.Policy.Overlap = enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL
		return &client.ScheduleUpdate{Schedule: &s}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.rec = b.replicaWith(temporalschedule.Config{Sample: 25})
	var found []core.ScheduleDrift
	for range 2 { // two samples of 25 go round all 50, also if somebody asks for the drift in between
		found = append(found, b.sync(core.SyncOptions{}).Drift...)
		b.sync(core.SyncOptions{DryRun: true})
	}
	if len(found) != 1 || found[0].ActivityID != ids[17] || found[0].Action != "update" || !strings.Contains(found[0].Detail, "policies") {
		t.Fatalf("drift %+v, want the edited policy of %s", found, ids[17])
	}
	if got := b.describe(ids[17]).Schedule.Policies.OverlapPolicy; got != enumspb.SCHEDULE_OVERLAP_POLICY_SKIP {
		t.Errorf("overlap policy is %s after the sync", got)
	}
}

func TestWhatTheListingShowsIsRepairedWithoutASample(t *testing.T) {
	b := newBench(t)
	edited, deleted := cron("spec-edited"), cron("deleted-by-hand")
	b.save(edited)
	b.save(deleted)
	b.listedCount(2)
	handle := func(id string) client.ScheduleHandle {
		return b.client.ScheduleClient().GetHandle(t.Context(), core.ScheduleID(id))
	}
	err := handle(edited.ID).Update(b.context(), client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		s := in.Description.Schedule
		s.Spec = &client.ScheduleSpec{CronExpressions: []string{"0 0 * * *"}}
		return &client.ScheduleUpdate{Schedule: &s}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := handle(deleted.ID).Delete(b.context()); err != nil {
		t.Fatal(err)
	}
	b.listed("edit and deletion", func(m map[string]*schedulepb.ScheduleListEntry) bool {
		e := m[core.ScheduleID(edited.ID)]
		return len(m) == 1 && len(e.GetInfo().GetSpec().GetStructuredCalendar()) == 1
	})
	report := b.sync(core.SyncOptions{})
	kinds := map[core.DriftKind]int{}
	for _, d := range report.Drift {
		kinds[d.Kind]++
	}
	if kinds[core.DriftChanged] != 1 || kinds[core.DriftMissing] != 1 || len(report.Drift) != 2 {
		t.Fatalf("drift %+v", report.Drift)
	}
	b.listedCount(2)
	if again := b.sync(core.SyncOptions{Full: true}); len(again.Drift) != 0 {
		t.Errorf("still differs: %+v", again.Drift)
	}
}

func TestASyncNeverTouchesWhatIsNotOurs(t *testing.T) {
	b := newBench(t)
	make := func(id string) {
		t.Helper()
		_, err := b.client.ScheduleClient().Create(b.context(), client.ScheduleOptions{
			ID: id, Spec: client.ScheduleSpec{CronExpressions: []string{"@yearly"}},
			Action: &client.ScheduleWorkflowAction{Workflow: "Other", TaskQueue: "other"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	taken := cron("taken")
	make("somebody-elses")
	make(core.ScheduleID("no-uuid"))
	make(core.ScheduleID(taken.ID))
	b.listedCount(3)
	b.store.put(taken)
	report := b.sync(core.SyncOptions{Full: true})
	if report.Writes != 0 || report.Observed != 0 {
		t.Errorf("report %+v", report)
	}
	if len(report.Drift) != 1 || report.Drift[0].Action != "none" || report.Drift[0].Error == "" {
		t.Errorf("drift %+v, want the taken ID explained", report.Drift)
	}
	if err := b.rec.SyncDefinition(b.context(), taken.ID); !core.IsCode(err, core.CodeConflict) {
		t.Errorf("SyncDefinition on a taken ID: %v, want a conflict", err)
	}
	b.listedCount(3)
}
