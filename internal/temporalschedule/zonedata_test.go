//go:build !slim

package temporalschedule_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// Temporal reads a schedule's calendars by the rules that cronspec compiled it with, whatever
// zone files it has itself. The SDK and Temporal's CLI do not know the field, so that any edit
// with them wipes it.
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
	if again := b.sync(core.SyncOptions{Full: true}); len(again.Drift) != 0 || again.Writes != 0 {
		t.Fatalf("a converged sync: %+v", again)
	}
	err = b.client.ScheduleClient().GetHandle(t.Context(), core.ScheduleID(d.ID)).Update(t.Context(), client.ScheduleUpdateOptions{
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
	if report := b.sync(core.SyncOptions{Full: true}); report.Writes != 1 || !carried() {
		t.Errorf("the edit was not undone: %+v", report)
	}

	utc := cron("utc")
	utc.TriggerConfig.Timezone = "UTC"
	b.save(utc)
	if data := b.describe(utc.ID).GetSchedule().GetSpec().GetTimezoneData(); len(data) != 0 {
		t.Errorf("UTC carries %d bytes of rules", len(data))
	}
}

// A new release of the zone data rewrites the schedules of the zones whose rules it changes,
// and no others. Temporal then fires by them.
func TestANewReleaseRewritesTheSchedulesOfTheZonesThatItChangesAlone(t *testing.T) {
	b := newBench(t)
	zonedata.Use(zonedata.Baseline())
	t.Cleanup(func() { zonedata.Use(nil) })
	zones := map[string]string{"moved-van": "America/Vancouver", "moved-casa": "Africa/Casablanca", "kept-berlin": "Europe/Berlin",
		"kept-saopaulo": "America/Sao_Paulo", "kept-utc": "UTC"}
	for name, zone := range zones {
		d := cron(name)
		d.TriggerConfig.CronExpression, d.TriggerConfig.Timezone = core.StringList{"30 7 * * *"}, zone
		b.save(d)
	}
	hashes := func() map[string]string { // of each schedule itself: the listing may lag behind
		out := map[string]string{}
		for name := range zones {
			id := core.DefinitionID(name)
			out[id] = string(b.describe(id).GetSearchAttributes().GetIndexedFields()[core.SearchAttrSpecHash].GetData())
		}
		return out
	}
	updates := func() map[string]string {
		out := map[string]string{}
		for name := range zones {
			out[name] = b.describe(core.DefinitionID(name)).GetInfo().GetUpdateTime().AsTime().String()
		}
		return out
	}
	// fires is when Temporal itself says that it will start the definition next.
	fires := func(name string) string {
		for _, at := range b.describe(core.DefinitionID(name)).GetInfo().GetFutureActionTimes() {
			return at.AsTime().UTC().Format("15:04")
		}
		return "never"
	}
	wantFires := func(when string, want map[string]string) {
		t.Helper()
		for name, hour := range want {
			if got := fires(name); got != hour {
				t.Errorf("%s: Temporal starts %s at %s, want %s", when, name, got, hour)
			}
		}
	}
	b.sync(core.SyncOptions{Full: true})
	before, updated := hashes(), updates()
	next := func(zone string, release *zonedata.Release) string {
		p := cronspec.Parser{Release: release}
		spec, err := p.Parse([]string{"30 7 * * *"}, zone)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := spec.Next(time.Now())
		return at.Format("15:04")
	}
	by := func(release *zonedata.Release) map[string]string {
		out := map[string]string{}
		for name, zone := range zones {
			out[name] = next(zone, release)
		}
		return out
	}
	wantFires("by 2025c", by(zonedata.Baseline()))

	zonedata.Use(nil)
	dry := b.sync(core.SyncOptions{DryRun: true})
	report := b.sync(core.SyncOptions{})
	if len(dry.Drift) != 2 || len(report.Drift) != 2 || report.Writes < 2 { // Temporal may show an update late, and is then told again
		t.Errorf("a sync with new rules for two of five zones: %d drifted before, %d writes, drift %+v, want 2", len(dry.Drift), report.Writes, report.Drift)
	}
	for _, d := range report.Drift {
		if zone := zones[d.ActivityName]; zone != "America/Vancouver" && zone != "Africa/Casablanca" {
			t.Errorf("%s in %s was rewritten, and its rules are the same", d.ActivityName, zone)
		}
	}
	after, now := hashes(), updates()
	for name := range zones {
		id := core.DefinitionID(name)
		if moved := strings.HasPrefix(name, "moved"); moved == (before[id] == after[id]) || moved == (updated[name] == now[name]) {
			t.Errorf("%s: hash %s and last update %s before, %s and %s after", name, before[id], updated[name], after[id], now[name])
		}
	}
	wantFires("by the built-in release", by(zonedata.BuiltIn()))
	if again := b.sync(core.SyncOptions{Full: true}); again.Writes != 0 || len(again.Drift) != 0 {
		t.Errorf("a converged sync: %+v", again)
	}
}
