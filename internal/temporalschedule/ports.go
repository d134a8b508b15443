package temporalschedule

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
)

// Store is what the package asks of the record; both stores implement it by the rules of the
// root package's ports.
type Store interface {
	DefinitionAny(ctx context.Context, id string) (core.StoredDefinition, error)
	ChangesSince(ctx context.Context, since int64, limit int) ([]core.StoredDefinition, int64, error)
	SetPaused(ctx context.Context, id string, p *core.Pause, by core.Actor, at time.Time) (core.StoredDefinition, error)
	Holds(ctx context.Context, activityID string, from, to time.Time) ([]core.Hold, error)
	AccountedUntil(ctx context.Context, activityIDs []string) (map[string]time.Time, error)
	PurgeTombstone(ctx context.Context, id string, version int64) error
	Head(ctx context.Context, known int64) (revision int64, token string, err error)
	core.ScheduleBook
	ObserveSchedules(ctx context.Context, o core.ScheduleObservation, drift []core.ScheduleDrift) error
	ObservationFailed(ctx context.Context, f core.FailedObservation) error
}

// SlotKeeper rescues the slots that a write to a schedule makes Temporal forget: those already
// due and not yet started, and, for a new schedule, those since its definition was saved.
type SlotKeeper interface {
	// BeforeWrite is called before a schedule is written. Where it returns a function, that is
	// called after the write.
	BeforeWrite(ctx context.Context, activityID string) (afterWrite func(context.Context) error, err error)
}

// Metrics are the package's measuring points. Any of them may be nil.
type Metrics struct {
	// Observed is told after each sync of a [Loop] how many schedules we own in Temporal, and how
	// many of them differed from the record when it began, by kind; kinds without any are absent.
	// Only a loop tells: its next sync corrects the number, while one that somebody asked for would
	// leave it standing for ever in a process without a loop.
	Observed func(owned int, drift map[core.DriftKind]int)
	// Written counts one change made to a schedule: create, update, pause, unpause, delete, adopt;
	// failed if it was refused.
	Written func(action string, failed bool)
	// Synced is told how long a sync that was no dry run took, and whether it failed.
	Synced func(took time.Duration, err error)
}

func (m Metrics) observed(owned int, drift []core.ScheduleDrift) {
	if m.Observed == nil {
		return
	}
	kinds := make(map[core.DriftKind]int)
	for _, d := range drift {
		kinds[d.Kind]++
	}
	m.Observed(owned, kinds)
}

func (m Metrics) written(action string, err error) {
	if m.Written != nil {
		m.Written(action, err != nil)
	}
}

func (m Metrics) synced(took time.Duration, err error) {
	if m.Synced != nil {
		m.Synced(took, err)
	}
}
