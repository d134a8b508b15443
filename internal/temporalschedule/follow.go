package temporalschedule

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/retry"
)

// lookEvery is how soon a change made by another process is noticed. A look is one query of a
// small index.
const lookEvery = 500 * time.Millisecond

// followSingly is up to how many schedules are described one by one: listing all takes less
// than describing more.
const followSingly = 100

// follow lets the schedules of changed definitions follow, until ctx ends. It goes on beside a
// sync of everything, which may take a minute: a pause does not wait for it.
func (l *Loop) follow(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-l.wake:
		case <-ctx.Done():
			return
		}
		away, err := l.followOnce(ctx)
		if err != nil && ctx.Err() == nil {
			l.reconciler.cfg.Log.WarnContext(ctx, "changed definitions could not be read; the next look follows", "error", err)
		}
		if away || err != nil {
			_ = retry.Sleep(ctx, l.retry) // ended early by ctx, which the loop asks
		}
	}
}

// followOnce lets the schedules follow that are behind now. away: Temporal did not answer.
func (l *Loop) followOnce(ctx context.Context) (away bool, err error) {
	l.mu.Lock()
	covered := l.covered
	l.mu.Unlock()
	r := l.reconciler
	// What was refused is left to an edit, or to the next sync of everything.
	behind, err := r.cfg.Store.SchedulesBehind(ctx, core.BehindFilter{After: covered, Open: true, Limit: followSingly})
	switch {
	case err != nil || len(behind.Items) == 0:
		return false, err
	case behind.Total-behind.Refused > followSingly:
		l.cover(behind.Items[0].Revision) // the newest
		ring(l.all)
		return false, nil
	}
	return l.followThese(ctx, behind.Items), nil
}

func (l *Loop) followThese(ctx context.Context, work []core.ScheduleBehind) bool {
	r := l.reconciler
	marks := r.marker()
	var away atomic.Bool
	errs := make([]error, len(work))
	_ = r.each(ctx, len(work), func(ctx context.Context, i int) error {
		if away.Load() {
			return nil // the others would only wait as long for nothing
		}
		_, err := r.converge(ctx, work[i].ActivityID, convergeOptions{marks: marks})
		if errs[i] = err; err != nil && passing(err) {
			away.Store(true)
		}
		return nil
	})
	l.complain(ctx, work, errs)
	if err := marks.flush(ctx); err != nil && ctx.Err() == nil {
		r.cfg.Log.WarnContext(ctx, "how far schedules follow is not noted; the next sync will", "error", err)
	}
	return away.Load()
}

// complain logs what was refused, each, and once that Temporal does not answer.
func (l *Loop) complain(ctx context.Context, work []core.ScheduleBehind, errs []error) {
	log := l.reconciler.cfg.Log
	failed := 0
	var first error
	for i, err := range errs {
		switch {
		case err == nil || ctx.Err() != nil:
		case passing(err):
			failed++
			first = cmp.Or(first, err)
		default:
			log.WarnContext(ctx, "a schedule is refused until its definition is edited", "activity", work[i].ActivityName, "activity_id", work[i].ActivityID, "error", err)
		}
	}
	if failed > 0 {
		log.WarnContext(ctx, "schedules do not follow their definitions yet, and will be tried again", "schedules", failed, "error", first)
	}
}

// passing reports whether trying again may help, without anybody's help.
func passing(err error) bool {
	switch core.CodeOf(err) {
	case core.CodeUnavailable, core.CodeInternal:
		return true
	}
	return false
}
