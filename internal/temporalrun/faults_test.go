package temporalrun_test

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

func retention() *durationpb.Duration { return durationpb.New(24 * time.Hour) }

// moodyRecord is a store that does not answer the first few times.
type moodyRecord struct {
	temporalrun.Record
	left *atomic.Int64
}

func (m moodyRecord) mood() error {
	if m.left.Add(-1) >= 0 {
		return activitycore.Errorf(activitycore.CodeUnavailable, "the database does not answer")
	}
	return nil
}

func (m moodyRecord) Admit(ctx context.Context, c activitycore.Claim) (activitycore.Admission, error) {
	if err := m.mood(); err != nil {
		return activitycore.Admission{}, err
	}
	return m.Record.Admit(ctx, c)
}

func (m moodyRecord) ExecuteSmall(ctx context.Context, runID string, p activitycore.Plan, results []activitycore.ActionResult, tasks []activitycore.TaskWrite, at time.Time) (activitycore.Run, bool, error) {
	if err := m.mood(); err != nil {
		return activitycore.Run{}, false, err
	}
	return m.Record.ExecuteSmall(ctx, runID, p, results, tasks, at)
}
