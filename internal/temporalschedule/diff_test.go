package temporalschedule_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	schedulepb "go.temporal.io/api/schedule/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/activity-core/activity-core/internal/temporalschedule"
)

var update = flag.Bool("update", false, "rewrite testdata/diff.golden")

// TestDiffTellsEveryDifferenceAndWhatToDo compares one situation a line with
// testdata/diff.golden. Run with -update after a change that is meant, and read the difference.
func TestDiffTellsEveryDifferenceAndWhatToDo(t *testing.T) {
	schedule := func(minute int32) *schedulepb.Schedule {
		return &schedulepb.Schedule{
			Spec: &schedulepb.ScheduleSpec{StructuredCalendar: []*schedulepb.StructuredCalendarSpec{{Minute: []*schedulepb.Range{{Start: minute, End: minute, Step: 1}}}}},
			Policies: &schedulepb.SchedulePolicies{
				OverlapPolicy: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: durationpb.New(time.Hour),
			},
			Action: &schedulepb.ScheduleAction{Action: &schedulepb.ScheduleAction_StartWorkflow{StartWorkflow: &workflowpb.NewWorkflowExecutionInfo{WorkflowId: "w"}}},
		}
	}
	const held = "Held by activity-core: paused by alice"
	desired := func(change func(*temporalschedule.Desired)) []temporalschedule.Desired {
		d := temporalschedule.Desired{ActivityID: "a", Name: "one", Presence: temporalschedule.Present, Recorded: true, Hash: "h1", Schedule: schedule(5)}
		if change != nil {
			change(&d)
		}
		return []temporalschedule.Desired{d}
	}
	observed := func(change func(*temporalschedule.Observed)) []temporalschedule.Observed {
		o := temporalschedule.Observed{ActivityID: "a", Owned: true, Hash: "h1", Spec: schedule(5).Spec}
		if change != nil {
			change(&o)
		}
		return []temporalschedule.Observed{o}
	}
	paused := func(d *temporalschedule.Desired) { d.Hold, d.Paused = "paused by alice", true }
	disabled := func(d *temporalschedule.Desired) {
		d.Presence, d.Hold = temporalschedule.IfPresent, "the definition is disabled"
	}
	absent := func(d *temporalschedule.Desired) { d.Presence = temporalschedule.Absent }
	cases := []struct {
		name     string
		desired  []temporalschedule.Desired
		observed []temporalschedule.Observed
	}{
		{"in sync", desired(nil), observed(nil)},
		{"missing", desired(nil), nil},
		{"missing and paused", desired(paused), nil},
		{"disabled and missing", desired(disabled), nil},
		{"disabled and firing", desired(disabled), observed(nil)},
		{"disabled and held", desired(disabled), observed(func(o *temporalschedule.Observed) {
			o.Paused, o.Note = true, "Held by activity-core: the definition is disabled"
		})},
		{"disabled and held for another reason", desired(disabled), observed(func(o *temporalschedule.Observed) { o.Paused, o.Note = true, held })},
		{"disabled and paused in Temporal", desired(disabled), observed(func(o *temporalschedule.Observed) { o.Paused, o.Note = true, "maintenance" })},
		{"disabled, paused, note of another", desired(func(d *temporalschedule.Desired) { disabled(d); d.Paused = true }), observed(func(o *temporalschedule.Observed) { o.Paused, o.Note = true, "maintenance" })},
		{"deleted", desired(absent), observed(nil)},
		{"deleted and gone", desired(absent), nil},
		{"unknown to the record", nil, observed(nil)},
		{"unknown, and not ours", nil, observed(func(o *temporalschedule.Observed) { o.Owned = false })},
		{"wanted, and not ours", desired(nil), observed(func(o *temporalschedule.Observed) { o.Owned = false })},
		{"older definition", desired(func(d *temporalschedule.Desired) { d.Hash, d.Schedule = "h2", schedule(6) }), observed(nil)},
		{"other policy only", desired(func(d *temporalschedule.Desired) { d.Hash = "h2" }), observed(nil)},
		{"spec edited in Temporal", desired(nil), observed(func(o *temporalschedule.Observed) { o.Spec = schedule(7).Spec })},
		{"policy edited in Temporal, described", desired(nil), observed(func(o *temporalschedule.Observed) {
			o.Schedule = proto.CloneOf(schedule(5))
			o.Schedule.Policies.PauseOnFailure = true
		})},
		{"hash removed", desired(nil), observed(func(o *temporalschedule.Observed) { o.Hash = "" })},
		{"paused in Temporal", desired(nil), observed(func(o *temporalschedule.Observed) { o.Paused, o.Note = true, "maintenance" })},
		{"paused in Temporal and edited", desired(func(d *temporalschedule.Desired) { d.Hash = "h2" }), observed(func(o *temporalschedule.Observed) { o.Paused = true })},
		{"held by us, resumed in the record", desired(nil), observed(func(o *temporalschedule.Observed) { o.Paused, o.Note = true, held })},
		{"paused in the record, firing", desired(paused), observed(nil)},
		{"paused in both, by us", desired(paused), observed(func(o *temporalschedule.Observed) { o.Paused, o.Note = true, held })},
		{"paused again, by bob", desired(func(d *temporalschedule.Desired) { d.Hold, d.Paused = "paused by bob", true }), observed(func(o *temporalschedule.Observed) { o.Paused, o.Note = true, held })},
		{"paused in both, note of another", desired(paused), observed(func(o *temporalschedule.Observed) { o.Paused, o.Note = true, "maintenance" })},
		{"cannot be compiled", desired(func(d *temporalschedule.Desired) { d.Err = fmt.Errorf("too many pieces") }), observed(nil)},
	}
	var got strings.Builder
	for _, c := range cases {
		fmt.Fprintf(&got, "%s\n", c.name)
		for _, change := range temporalschedule.Diff(c.desired, c.observed) {
			fmt.Fprintf(&got, "    %s: %s (%s) unrecorded=%t\n", change.Kind, change.Action, change.Detail, change.Unrecorded)
		}
	}
	const golden = "testdata/diff.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the difference to %s:\n%s", golden, got.String())
	}
}
