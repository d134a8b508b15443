package app

import (
	"context"
	"log/slog"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/background"
)

// answersKept is how long the answer to a request with an Idempotency-Key can be had again.
// Runs do not depend on it: their key stays in the ledger.
const answersKept = 7 * 24 * time.Hour

// janitor removes finished runs that are older than their retention. Replicas may all do it:
// deleting is repeatable.
type janitor struct {
	store     core.Pruning
	retention time.Duration
	every     time.Duration
	now       func() time.Time
	log       *slog.Logger
	task      background.Task
}

// pruneAtOnce bounds one call to the store, which holds a lock for parts of it.
const pruneAtOnce = 1000

// Start begins to prune in the background, at once and then every interval.
func (j *janitor) Start(context.Context) error {
	prune := func(ctx context.Context) {
		if err := j.prune(ctx); err != nil && ctx.Err() == nil {
			j.log.WarnContext(ctx, "old runs could not be removed; the next attempt follows", "in", j.every.String(), "error", err)
		}
	}
	j.task.Start(func(ctx context.Context) {
		prune(ctx)
		background.Every(j.every, prune)(ctx)
	})
	return nil
}

// Stop ends pruning and waits for the step in progress.
func (j *janitor) Stop(ctx context.Context) error { return j.task.Stop(ctx) }

func (j *janitor) prune(ctx context.Context) error {
	now := j.now().UTC()
	removed := 0
	for ctx.Err() == nil {
		n, err := j.store.PruneRuns(ctx, now.Add(-j.retention), pruneAtOnce)
		removed += n
		if err != nil {
			return err
		}
		if n < pruneAtOnce {
			break
		}
	}
	answers, err := j.store.PruneAnswers(ctx, now.Add(-answersKept))
	if err != nil {
		return err
	}
	if removed+answers > 0 {
		j.log.InfoContext(ctx, "removed what is older than its retention", "runs", removed, "answers", answers)
	}
	return ctx.Err()
}
