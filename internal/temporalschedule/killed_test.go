//go:build !slim

package temporalschedule_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// The sorts of definitions: everything happens to raced ones; occupied ones as well, and the ID
// of their schedule is in use by somebody else; steady ones are edited, and some disabled and
// enabled, but never deleted or resumed.
func raced(i int) core.Definition    { return cron(fmt.Sprintf("raced-%03d", i)) }
func occupied(i int) core.Definition { return cron(fmt.Sprintf("occupied-%03d", i)) }
func steady(i int) core.Definition   { return cron(fmt.Sprintf("steady-%03d", i)) }

// steadySort is what happens to every fifth steady definition.
type steadySort struct {
	pausedInTemporal bool
	pausedInRecord   bool
	switched         bool // disabled and enabled by the replicas' users
}

func sortOf(i int) steadySort {
	sorts := []steadySort{
		{},
		{pausedInTemporal: true},
		{pausedInRecord: true},
		{switched: true},
		{pausedInTemporal: true, switched: true},
	}
	return sorts[i%len(sorts)]
}

// pause is who the definition must be paused by at the end and why; both empty if by nobody.
func (s steadySort) pause(d core.Definition) (by, reason string) {
	switch {
	case s.pausedInTemporal:
		return "temporal", "paused in Temporal: hands off " + d.Name
	case s.pausedInRecord:
		return "alice", "for " + d.Name
	}
	return "", ""
}

func (b *bench) editSteady(random *rand.Rand, i int) (what string, err error) {
	d := steady(i)
	randomTrigger(random, &d)
	what = "edit"
	if sortOf(i).switched && random.IntN(2) == 0 {
		d.Enabled, what = false, "disable"
	}
	return what, b.applyAndReconcile(b.Context(), core.DefinitionChange{Definition: d}, b.rec)
}

// TestKilledReplicasLeaveRecordAndSchedulesEqual has two processes change and reconcile the
// same definitions. Again and again one of them is killed, wherever it is just then, and
// replaced, while an operator pauses schedules in Temporal. Once both are at rest, record and
// schedules are equal by an audit that does not ask the reconciler, every pause is kept, no
// schedule of a definition that was never deleted has been deleted, not even for a moment, and
// no schedule of somebody else's was touched. With ACTIVITY_CORE_LONG=1 it takes 500
// definitions, and 40 deaths one to three seconds apart.
func TestKilledReplicasLeaveRecordAndSchedulesEqual(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		killReplicas(t, recordPlace{SQLite: filepath.Join(t.TempDir(), "record.db")})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := postgrestest.Database(t)
		err := postgres.Migrate(t.Context(), postgres.Config{URL: url}, func(ctx context.Context, m *sqlstore.Migrator) error {
			_, err := m.Up(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		killReplicas(t, recordPlace{PostgreSQL: url})
	})
}

func killReplicas(t *testing.T, place recordPlace) {
	o := orders{Temporal: devstacktest.Temporal(t), Record: place, Raced: 18, Steady: 10, Occupied: 2}
	deaths, changes, apart := 4, 40, func(*rand.Rand) time.Duration { return 0 }
	if os.Getenv("ACTIVITY_CORE_LONG") == "1" {
		o.Raced, o.Steady, o.Occupied = 390, 100, 10
		deaths, changes, apart = 40, 1, func(random *rand.Rand) time.Duration {
			return time.Second + time.Duration(random.Int64N(int64(2*time.Second)))
		}
	}
	b := &bench{T: t, client: o.Temporal.Client(t), namespace: o.Temporal.Name, store: place.open(t)}
	b.rec = b.replica()
	others := b.makeForeign(o.Occupied)
	for i := range o.Raced {
		b.store.put(raced(i))
	}
	for i := range o.Occupied {
		b.store.put(occupied(i))
	}
	for i := range o.Steady {
		b.store.put(steady(i))
	}
	b.sync(core.SyncOptions{})
	born := make([]time.Time, o.Steady)
	for i := range born {
		born[i] = b.describe(steady(i).ID).GetInfo().GetCreateTime().AsTime()
	}

	start := time.Now()
	rs := b.startReplicas(2, o)
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a repeatable sequence
	var operator sync.WaitGroup
	for death := range deaths {
		rs.awaitChanges(changes)
		operator.Go(func() {
			for i := death; i < o.Steady; i += deaths {
				b.pauseSteady(i)
			}
		})
		time.Sleep(apart(random)) // how long it lives is what varies here, not what is waited for
		rs.killOne(random)
	}
	rs.awaitChanges(changes)
	operator.Wait()
	rs.rest()
	took := time.Since(start)

	foreign := make(map[string]bool)
	for i := range o.Occupied {
		foreign[occupied(i).ID] = true
	}
	audited := b.audit(foreign)
	b.checkForeign(others)
	for i, at := range born {
		b.checkSteady(i, at)
	}
	b.listed("the schedules of the record and the foreign ones", func(m map[string]*listEntry) bool {
		return len(m) == audited.schedules+len(others)
	})
	t.Logf("%d definitions, %d changes in %s, %d processes killed; schedules created %d, updated %d, held %d, released %d, deleted %d; pauses adopted %d; "+
		"differences at rest, all mended: %d. Audited: %s; %d foreign schedules untouched",
		o.Raced+o.Steady+o.Occupied, rs.count(saidChanged), took.Round(time.Second), rs.kills, rs.count("wrote create"), rs.count("wrote update"),
		rs.count("wrote pause"), rs.count("wrote unpause"), rs.count("wrote delete"), rs.count("wrote adopt"), rs.count(saidMended), audited, len(others))
}

// pauseSteady is the operator, or a user of the API, who wants a steady definition to stop.
func (b *bench) pauseSteady(i int) {
	d, sort := steady(i), sortOf(i)
	switch {
	case sort.pausedInTemporal:
		h := b.client.ScheduleClient().GetHandle(b.Context(), core.ScheduleID(d.ID))
		if err := h.Pause(b.Context(), client.SchedulePauseOptions{Note: "hands off " + d.Name}); err != nil {
			b.Errorf("pause %s in Temporal: %v", d.Name, err)
		}
	case sort.pausedInRecord:
		now := time.Now()
		if _, err := b.store.SetPaused(b.Context(), d.ID, &core.Pause{By: "alice", Reason: "for " + d.Name, At: now}, "test", now); err != nil {
			b.Errorf("pause %s: %v", d.Name, err)
		}
	}
}

func (b *bench) checkSteady(i int, born time.Time) {
	b.Helper()
	d := steady(i)
	row, err := b.store.Definition(b.Context(), d.ID)
	s := b.describe(d.ID)
	if err != nil || s == nil {
		b.Errorf("%s is lost: %v, schedule %v", d.Name, err, s)
		return
	}
	if got := s.GetInfo().GetCreateTime().AsTime(); !got.Equal(born) {
		b.Errorf("%s: its schedule was deleted and made again: created at %s, at first %s", d.Name, got, born)
	}
	var got core.Pause
	if row.Paused != nil {
		got = *row.Paused
	}
	if by, reason := sortOf(i).pause(d); got.By != by || got.Reason != reason {
		b.Errorf("%s (%+v): paused by %q because %q, want by %q because %q", d.Name, sortOf(i), got.By, got.Reason, by, reason)
	}
}
