//go:build !slim

package temporalschedule_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	schedulepb "go.temporal.io/api/schedule/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

type listEntry = schedulepb.ScheduleListEntry

// audited is what an audit went through.
type audited struct{ rows, schedules, enabled, paused, disabled int }

func (a audited) String() string {
	return fmt.Sprintf("%d definitions, %d schedules (%d enabled, %d of these paused, %d disabled and held)", a.rows, a.schedules, a.enabled, a.paused, a.disabled)
}

// audit compares every row of the record with its schedule, without asking the reconciler that
// kept it: whether it is there, is paused, is ours, and will fire when cronspec says so.
// Schedules of enabled definitions must also equal, to the last field, the ones that a
// reconciler alone in an empty namespace makes of the same record. Definitions in foreign have
// a schedule of somebody else's and are left out.
func (b *bench) audit(foreign map[string]bool) audited {
	b.Helper()
	rows, _, err := b.store.ChangesSince(b.Context(), 0, 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	fresh := b.afresh()
	var sum audited
	for _, row := range rows {
		if foreign[row.ID] {
			continue
		}
		if !row.Live() {
			b.Errorf("%s: its tombstone is left", row.ID)
			continue
		}
		sum.rows++
		now, s := time.Now(), b.describe(row.ID)
		switch wanted := row.TriggerType == core.TriggerCron; {
		case wanted && row.Enabled && s == nil:
			b.Errorf("%s has no schedule", row.Name)
			continue
		case !wanted && s != nil:
			b.Errorf("%s has a schedule and is to have none", row.Name)
			continue
		case s == nil:
			continue
		}
		sum.schedules++
		b.auditOne(row, s, now)
		if !row.Enabled {
			sum.disabled++
			continue
		}
		sum.enabled++
		if row.Paused != nil {
			sum.paused++
		}
		want := fresh.describe(row.ID)
		if want == nil {
			b.Errorf("%s: a reconciler alone makes no schedule", row.Name)
			continue
		}
		for part, messages := range map[string][2]proto.Message{
			"spec":              {s.Schedule.Spec, want.Schedule.Spec},
			"policies":          {s.Schedule.Policies, want.Schedule.Policies},
			"action":            {s.Schedule.Action, want.Schedule.Action},
			"state":             {s.Schedule.State, want.Schedule.State},
			"memo":              {s.Memo, want.Memo},
			"search attributes": {s.SearchAttributes, want.SearchAttributes},
		} {
			if !proto.Equal(messages[0], messages[1]) {
				b.Errorf("%s: %s is\n\t%v\nand one reconciler alone makes\n\t%v", row.Name, part, messages[0], messages[1])
			}
		}
	}
	return sum
}

func (b *bench) auditOne(row core.StoredDefinition, s *workflowservice.DescribeScheduleResponse, now time.Time) {
	b.Helper()
	if s.Schedule.State.Paused == row.Effective() {
		b.Errorf("%s: schedule paused %t (%s), definition effective %t", row.Name, s.Schedule.State.Paused, s.Schedule.State.Notes, row.Effective())
	}
	note := "Held by activity-core: the definition is disabled"
	if row.Paused != nil && row.Enabled {
		note = strings.TrimSuffix("Held by activity-core: paused by "+row.Paused.By+": "+row.Paused.Reason, ": ")
	}
	if got := s.Schedule.State.Notes; !row.Effective() && got != note {
		b.Errorf("%s: schedule held with the note %q, want %q", row.Name, got, note)
	}
	if got := jsonText(b, s.Memo.GetFields()["activity_core_owner"]); got != temporalschedule.DefaultOwner {
		b.Errorf("%s: owner %q", row.Name, got)
	}
	spec, err := cronspec.Parse(row.TriggerConfig.CronExpression, row.TriggerConfig.Timezone)
	if err != nil {
		b.Fatal(err)
	}
	var got []time.Time
	for _, at := range s.Info.FutureActionTimes {
		got = append(got, at.AsTime())
	}
	if len(got) == 0 {
		b.Errorf("%s: Temporal says that it will never fire", row.Name)
		return
	}
	// Minutes may have passed between now and the description.
	if first, ok := spec.Next(now.Add(-time.Second)); !ok || got[0].Before(first) {
		b.Errorf("%s: first fires at %s, before %s", row.Name, got[0], first)
	}
	var want []time.Time
	from := now.Add(-time.Second)
	if first, _ := spec.Next(from); first.Before(got[0]) && !first.After(time.Now()) {
		from = first
	}
	for _, fire := range spec.Fires(from, len(got)) {
		want = append(want, fire.UTC)
	}
	if !slices.EqualFunc(got, want, time.Time.Equal) {
		b.Errorf("%s: fires at %v, and %v in %s means %v", row.Name, got, row.TriggerConfig.CronExpression, row.TriggerConfig.Timezone, want)
	}
}

// afresh is the same record reconciled in an empty namespace, by one reconciler that nobody
// disturbs.
func (b *bench) afresh() *bench {
	b.Helper()
	ns := devstacktest.Temporal(b)
	fresh := &bench{T: b.T, client: ns.Client(b), namespace: ns.Name, store: b.store}
	fresh.rec = fresh.replica()
	fresh.sync(core.SyncOptions{})
	return fresh
}

func jsonText(b *bench, p *commonpb.Payload) (text string) {
	b.Helper()
	if err := json.Unmarshal(p.GetData(), &text); err != nil {
		b.Errorf("payload %v: %v", p, err)
	}
	return text
}

// makeForeign makes schedules that are not ours: of other names, of names like ours, of another
// installation, and with the IDs that occupied definitions would need. It returns them by
// schedule ID.
func (b *bench) makeForeign(occupiedIDs int) map[string]*workflowservice.DescribeScheduleResponse {
	b.Helper()
	out := make(map[string]*workflowservice.DescribeScheduleResponse)
	add := func(id string, memo map[string]any) {
		b.Helper()
		_, err := b.client.ScheduleClient().Create(b.context(), client.ScheduleOptions{
			ID: id, Spec: client.ScheduleSpec{CronExpressions: []string{"@yearly"}}, Memo: memo, Paused: len(out)%2 == 1, Note: "not yours",
			Action: &client.ScheduleWorkflowAction{Workflow: "Other", TaskQueue: "other"},
		})
		if err != nil {
			b.Fatal(err)
		}
		out[id] = b.describeSchedule(id)
	}
	for i := range 3 {
		add(fmt.Sprintf("somebody-elses-%d", i), nil)
		add(core.ScheduleID(fmt.Sprintf("no-uuid-%d", i)), nil)
		add(core.ScheduleID(cron(fmt.Sprintf("staging-%d", i)).ID), map[string]any{"activity_core_owner": "staging"})
	}
	for i := range occupiedIDs {
		add(core.ScheduleID(occupied(i).ID), nil)
	}
	return out
}

func (b *bench) checkForeign(before map[string]*workflowservice.DescribeScheduleResponse) {
	b.Helper()
	for id, was := range before {
		switch is := b.describeSchedule(id); {
		case is == nil:
			b.Errorf("foreign schedule %s was deleted", id)
		case !proto.Equal(is.Schedule, was.Schedule) || !is.Info.CreateTime.AsTime().Equal(was.Info.CreateTime.AsTime()) || is.Info.UpdateTime != nil:
			b.Errorf("foreign schedule %s was changed:\n\t%v\nwas\n\t%v", id, is, was)
		}
	}
}
