package temporalschedule

import (
	"context"
	"sync"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/background"
)

// Loop syncs now and then. The first sync that succeeds makes the process ready.
type Loop struct {
	reconciler *Reconciler
	interval   time.Duration
	retry      time.Duration

	task background.Task
	wake chan struct{}

	mu    sync.Mutex
	last  Outcome
	first chan struct{} // closed once a sync has succeeded
}

// Outcome is what the latest sync gave.
type Outcome struct {
	// At is when it ended; zero before the first.
	At     time.Time
	Report activitycore.SyncReport
	Err    error
}

// DefaultInterval is the time between syncs. Changes made through the API are applied at once; the loop finds what was
// changed in Temporal, what a crash left undone, and compiled specs about to end.
const DefaultInterval = time.Minute

// retryAfter is the pause after a sync that failed.
const retryAfter = 2 * time.Second

// NewLoop makes a loop; interval 0 means [DefaultInterval].
func NewLoop(r *Reconciler, interval time.Duration) *Loop {
	if interval <= 0 {
		interval = DefaultInterval
	}
	return &Loop{reconciler: r, interval: interval, retry: min(retryAfter, interval), first: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// Start begins to sync, the first time at once, and returns. Starting a started loop does nothing.
func (l *Loop) Start(context.Context) error {
	l.task.Start(l.run)
	return nil
}

// Stop ends the loop and waits for the sync in progress, or for ctx. It may be called again, and before Start.
func (l *Loop) Stop(ctx context.Context) error { return l.task.Stop(ctx) }

// Wake asks for a sync soon rather than at the next interval.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default: // one is on its way
	}
}

// Synced is closed once a sync has succeeded.
func (l *Loop) Synced() <-chan struct{} { return l.first }

// Last returns what the latest sync gave.
func (l *Loop) Last() Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *Loop) run(ctx context.Context) {
	for {
		report, err := l.reconciler.Sync(ctx, activitycore.SyncOptions{})
		if ctx.Err() != nil {
			return
		}
		wait := l.interval
		if err != nil {
			wait = l.retry
			l.reconciler.cfg.Log.WarnContext(ctx, "sync of schedules failed and will be repeated", "error", err)
		} else {
			l.reconciler.cfg.Metrics.observed(report.Observed, report.Drift)
		}
		l.record(Outcome{At: l.reconciler.now(), Report: report, Err: err})
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.wake:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

func (l *Loop) record(o Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = o
	if o.Err != nil {
		return
	}
	select {
	case <-l.first:
	default:
		close(l.first)
	}
}
