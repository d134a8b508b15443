//go:build !slim

package temporalschedule_test

import (
	"sync/atomic"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// A process without a loop shows what sync --dry-run finds, and must not keep saying it in its
// metrics.
func TestOnlyTheLoopTellsTheMetricsWhatItObserved(t *testing.T) {
	b := newBench(t)
	b.store.put(cron("missing"))
	var observed, synced atomic.Int64
	told := make(chan int, 1)
	b.rec = b.replicaWith(temporalschedule.Config{Metrics: temporalschedule.Metrics{
		Observed: func(_ int, drift map[core.DriftKind]int) {
			if observed.Add(1) == 1 {
				told <- drift[core.DriftMissing]
			}
		},
		Synced: func(time.Duration, error) { synced.Add(1) },
	}})
	if report := b.sync(core.SyncOptions{DryRun: true}); len(report.Drift) != 1 {
		t.Fatalf("report %+v", report)
	}
	if observed.Load() != 0 || synced.Load() != 0 {
		t.Errorf("a dry run told the metrics %d and %d times", observed.Load(), synced.Load())
	}
	loop := temporalschedule.NewLoop(b.rec, time.Hour)
	if err := loop.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if missing := <-told; missing != 1 {
		t.Errorf("the loop found %d missing schedules, not 1", missing)
	}
	b.sync(core.SyncOptions{})
	if err := loop.Stop(b.context()); err != nil {
		t.Fatal(err)
	}
	if observed.Load() != 1 || synced.Load() != 2 {
		t.Errorf("the metrics were told %d observations and %d durations, not 1 and 2", observed.Load(), synced.Load())
	}
}
