package temporalrun_test

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	core "github.com/activity-core/activity-core"
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
		return core.Errorf(core.CodeUnavailable, "the database does not answer")
	}
	return nil
}

func (m moodyRecord) Admit(ctx context.Context, c core.Claim) (core.Admission, error) {
	if err := m.mood(); err != nil {
		return core.Admission{}, err
	}
	return m.Record.Admit(ctx, c)
}

func (m moodyRecord) ExecuteSmall(ctx context.Context, runID string, p core.Plan, results []core.ActionResult, tasks []core.TaskWrite, at time.Time) (core.Run, bool, error) {
	if err := m.mood(); err != nil {
		return core.Run{}, false, err
	}
	return m.Record.ExecuteSmall(ctx, runID, p, results, tasks, at)
}
