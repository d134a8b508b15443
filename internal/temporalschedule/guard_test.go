//go:build !slim

package temporalschedule_test

import (
	"fmt"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

func TestAnEmptyDatabaseDeletesNothingWithoutTheOverride(t *testing.T) {
	for _, n := range []int{1, 2, 5, 12} {
		t.Run(fmt.Sprintf("%d schedules", n), func(t *testing.T) {
			b := newBench(t)
			for i := range n {
				b.store.put(cron(fmt.Sprintf("guarded-%02d", i)))
			}
			b.sync(core.SyncOptions{})
			b.listedCount(n)
			b.store = newRecord(t)
			// However much the percentage allows.
			all := 100
			for _, percent := range []*int{nil, &all} {
				b.rec = b.replicaWith(temporalschedule.Config{MaxDeletePercent: percent})
				for range 2 {
					report := b.sync(core.SyncOptions{})
					if report.Writes != 0 || report.Calls["delete"] != 0 || report.Blocked == "" || len(report.Drift) != n {
						t.Fatalf("report %+v", report)
					}
				}
			}
			b.listedCount(n)
			report := b.sync(core.SyncOptions{AllowMassDelete: true})
			if report.Writes != n || report.Blocked != "" {
				t.Fatalf("with the override: %+v", report)
			}
			b.listedCount(0)
		})
	}
}

// A database with a few definitions of its own is as wrong as an empty one, and stays so once
// their schedules are made.
func TestAnotherDatabaseDeletesNothingWithoutTheOverride(t *testing.T) {
	b := newBench(t)
	for i := range 3 {
		b.save(cron(fmt.Sprintf("theirs-%d", i)))
	}
	b.listedCount(3)
	b.store = newRecord(t)
	b.rec = b.replica()
	for i := range 4 {
		b.store.put(cron(fmt.Sprintf("ours-%d", i)))
	}
	for _, listed := range []int{7, 7} {
		if report := b.sync(core.SyncOptions{}); report.Calls["delete"] != 0 || report.Blocked == "" {
			t.Fatalf("report %+v", report)
		}
		b.listedCount(listed)
	}
}

func TestTheGuardCountsInPercentOfOurSchedules(t *testing.T) {
	for _, c := range []struct {
		percent, strange, ours int
		held                   bool
	}{
		{0, 1, 10, true}, {20, 2, 8, false}, {20, 3, 8, true}, {20, 1, 3, true}, {50, 1, 1, false}, {100, 4, 1, false}, {100, 4, 0, true},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			b := newBench(t)
			for i := range c.strange {
				b.save(cron(fmt.Sprintf("strange-%d", i)))
			}
			b.store = newRecord(t)
			b.rec = b.replicaWith(temporalschedule.Config{MaxDeletePercent: &c.percent})
			for i := range c.ours {
				b.save(cron(fmt.Sprintf("ours-%d", i)))
			}
			b.listedCount(c.strange + c.ours)
			report := b.sync(core.SyncOptions{})
			want := c.strange
			if c.held {
				want = 0
			}
			if (report.Blocked != "") != c.held || report.Calls["delete"] != want {
				t.Fatalf("report %+v, want %d deletions", report, want)
			}
		})
	}
}

func TestTheLastDefinitionsCanBeDeleted(t *testing.T) {
	b := newBench(t)
	none := 0
	b.rec = b.replicaWith(temporalschedule.Config{MaxDeletePercent: &none})
	last := []core.Definition{cron("last-0"), cron("last-1")}
	for _, d := range last {
		b.save(d)
	}
	b.listedCount(len(last))
	for _, d := range last {
		b.store.delete(d.ID) // and the process that did so died before it told Temporal
	}
	if report := b.sync(core.SyncOptions{}); report.Blocked != "" || report.Calls["delete"] != len(last) {
		t.Fatalf("report %+v", report)
	}
	b.listedCount(0)
}

// Two installations by mistake in one namespace, each with an owner marker of its own.
func TestAnInstallationLeavesTheSchedulesOfAnotherAlone(t *testing.T) {
	b := newBench(t)
	b.rec = b.replicaWith(temporalschedule.Config{Owner: "first"})
	shared := cron("shared")
	b.save(shared)
	for i := range 9 {
		b.save(cron(fmt.Sprintf("first-%d", i)))
	}
	first := *b
	b.store = newRecord(t)
	b.rec = b.replicaWith(temporalschedule.Config{Owner: "second"})
	b.save(cron("second"))
	shared.TriggerConfig.CronExpression = core.StringList{"1 1 1 1 *"}
	b.store.put(shared)
	b.listedCount(11)
	for range 2 {
		report := b.sync(core.SyncOptions{Full: true, AllowMassDelete: true})
		if report.Writes != 0 || report.Observed != 1 || len(report.Drift) != 1 || !strings.Contains(report.Drift[0].Error, "reconcile.owner") {
			t.Errorf("the second installation: %+v", report)
		}
		if report := first.sync(core.SyncOptions{Full: true, AllowMassDelete: true}); report.Writes != 0 || report.Observed != 10 || len(report.Drift) != 0 {
			t.Errorf("the first installation: %+v", report)
		}
	}
	b.listedCount(11)
}

func TestAFewStrangeSchedulesAndAllTombstonesAreDeleted(t *testing.T) {
	b := newBench(t)
	// Two schedules of a record that was lost, as after a restore from a backup, and nine of this
	// one.
	for i := range 2 {
		b.store.put(cron(fmt.Sprintf("lost-%02d", i)))
	}
	b.sync(core.SyncOptions{})
	b.store = newRecord(t)
	b.rec = b.replica()
	var pruned []string
	for i := range 9 {
		d := cron(fmt.Sprintf("pruned-%02d", i))
		b.save(d)
		pruned = append(pruned, d.ID)
	}
	b.listedCount(11)
	for _, id := range pruned {
		b.store.delete(id)
	}
	report := b.sync(core.SyncOptions{})
	if report.Writes != 11 || report.Blocked != "" {
		t.Fatalf("report %+v", report)
	}
	b.listedCount(0)
	for _, id := range pruned {
		if _, err := b.store.DefinitionAny(t.Context(), id); !core.IsCode(err, core.CodeNotFound) {
			t.Errorf("the tombstone of %s is left: %v", id, err)
		}
	}
	if again := b.sync(core.SyncOptions{}); again.Calls["describe"] != 0 || again.Writes != 0 {
		t.Errorf("the next sync called %v", again.Calls)
	}
}
