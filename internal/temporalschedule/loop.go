package temporalschedule

import (
	"context"
	"errors"
	"sync"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/background"
)

// Loop keeps schedules in line: it compares all of them now and then, and lets those of changed
// definitions follow at once, whichever process changed them. What has to follow stands in the
// record (see [core.ScheduleBook]), so nothing is lost with a process.
type Loop struct {
	reconciler *Reconciler
	interval   time.Duration
	retry      time.Duration

	task, follower background.Task
	// wake asks for a look at what has changed, all for a sync of everything.
	wake, all chan struct{}

	mu   sync.Mutex
	last Outcome
	// covered is the revision up to which the sync under way, or about to be, lets schedules
	// follow; 0: none is.
	covered int64
	first   chan struct{} // closed once a sync has succeeded
}

// Outcome is what the latest sync gave.
type Outcome struct {
	// At is when it ended; zero before the first.
	At     time.Time
	Report core.SyncReport
	Err    error
}

// DefaultInterval is the time between syncs of everything. They find what was changed in
// Temporal, and compiled specs about to end; changes of definitions do not wait for them.
const DefaultInterval = time.Minute

// retryAfter is the pause after a sync that failed.
const retryAfter = 2 * time.Second

// NewLoop makes a loop; interval 0 means [DefaultInterval].
func NewLoop(r *Reconciler, interval time.Duration) *Loop {
	if interval <= 0 {
		interval = DefaultInterval
	}
	return &Loop{reconciler: r, interval: interval, retry: min(retryAfter, interval), first: make(chan struct{}),
		wake: make(chan struct{}, 1), all: make(chan struct{}, 1)}
}

// Start begins to sync, the first time at once, and returns. Starting a started loop does nothing.
func (l *Loop) Start(context.Context) error {
	l.task.Start(l.run)
	l.follower.Start(l.follow)
	return nil
}

// Stop ends the loop and waits for the sync in progress, or for ctx. It may be called again,
// and before Start.
func (l *Loop) Stop(ctx context.Context) error {
	return errors.Join(l.follower.Stop(ctx), l.task.Stop(ctx))
}

// Wake says that a definition was changed in this process: its schedule follows at once.
// Changes made by others are noticed within moments without it.
func (l *Loop) Wake() { ring(l.wake) }

// WakeAll says that what schedules are made of has changed for many definitions at once:
// everything is synced soon.
func (l *Loop) WakeAll() { ring(l.all) }

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it rings already
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
		err := l.sync(ctx)
		if ctx.Err() != nil {
			return
		}
		wait, all := l.interval, l.all
		if err != nil {
			wait, all = l.retry, nil // asking more often helps nobody
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-all:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

func (l *Loop) sync(ctx context.Context) error {
	r := l.reconciler
	head, _, err := r.cfg.Store.Head(ctx, 0)
	var report core.SyncReport
	if err == nil {
		l.cover(head)
		report, err = r.Sync(ctx, core.SyncOptions{})
		l.cover(0)
	}
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		r.cfg.Log.WarnContext(ctx, "sync of schedules failed and will be repeated", "error", err)
		if err := r.cfg.Store.HoldUpSchedules(ctx, core.CodeOf(err), core.MessageOf(err)); err != nil && ctx.Err() == nil {
			r.cfg.Log.WarnContext(ctx, "what keeps schedules from following is not noted", "error", err)
		}
	} else {
		r.cfg.Metrics.observed(report.Observed, report.Drift)
	}
	l.record(Outcome{At: r.now(), Report: report, Err: err})
	ring(l.wake) // for what was changed meanwhile
	return err
}

// cover says that a sync takes care of the revisions up to one.
func (l *Loop) cover(revision int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.covered = revision
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
