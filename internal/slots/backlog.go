package slots

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
)

// backlog is what the schedule has still to start.
type backlog struct {
	buffered int64
	next     time.Time
	doubted  time.Time // slots before this time are not believed to be waiting
}

func (b *backlog) holds(slot time.Time) bool {
	if slot.Before(b.doubted) {
		return false
	}
	return b.buffered > 0 || !b.next.IsZero() && !b.next.After(slot)
}

// backlog asks the schedule what it has still to start, and whether to believe it: a slot that
// has been waiting for longer than Patience, with no run open that it could wait for, is taken
// for lost.
func (w *Watchdog) backlog(ctx context.Context, def core.StoredDefinition, now time.Time) (*backlog, error) {
	buffered, next, err := w.cfg.Scheduler.Backlog(ctx, def.ID)
	if err != nil {
		return nil, fmt.Errorf("ask for the schedule's backlog: %w", err)
	}
	b := &backlog{buffered: buffered, next: next}
	if buffered == 0 && next.IsZero() {
		return b, nil
	}
	open, err := w.openRun(ctx, def.ID, time.Time{})
	if err != nil {
		return nil, err
	}
	if open == nil {
		b.doubted = now.Add(-w.cfg.Patience)
	}
	return b, nil
}
