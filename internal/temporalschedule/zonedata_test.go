//go:build !slim

package temporalschedule_test

import (
	"bytes"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
)

// Temporal reads a schedule's calendars by the rules that cronspec compiled it with, whatever zone files it has itself. The SDK
// and Temporal's CLI do not know the field, so that any edit with them wipes it.
func TestTheRulesOfTheZoneTravelWithTheSchedule(t *testing.T) {
	b := newBench(t)
	d := cron("zoned")
	b.save(d)
	spec, err := cronspec.Parse(d.TriggerConfig.CronExpression, d.TriggerConfig.Timezone)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := spec.CompileAt(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	carried := func() bool {
		data := b.describe(d.ID).GetSchedule().GetSpec().GetTimezoneData()
		return len(data) > 0 && bytes.Equal(data, compiled.ZoneData)
	}
	if !carried() {
		t.Fatal("the schedule does not carry the rules of its zone")
	}
	if again := b.sync(activitycore.SyncOptions{Full: true}); len(again.Drift) != 0 || again.Writes != 0 {
		t.Fatalf("a converged sync: %+v", again)
	}
	err = b.client.ScheduleClient().GetHandle(t.Context(), activitycore.ScheduleID(d.ID)).Update(t.Context(), client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			return &client.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if carried() {
		t.Fatal("the SDK knows of zone data now: say so in docs/cron.md")
	}
	if report := b.sync(activitycore.SyncOptions{Full: true}); report.Writes != 1 || !carried() {
		t.Errorf("the edit was not undone: %+v", report)
	}

	utc := cron("utc")
	utc.TriggerConfig.Timezone = "UTC"
	b.save(utc)
	if data := b.describe(utc.ID).GetSchedule().GetSpec().GetTimezoneData(); len(data) != 0 {
		t.Errorf("UTC carries %d bytes of rules", len(data))
	}
}
