package temporalschedule

import (
	"context"
	"fmt"
	"sync"
	"time"

	core "github.com/activity-core/activity-core"
)

// Marks are saved after so many, or after so long: often enough for whoever watches, and seldom
// enough for the record.
const (
	marksAtOnce = 200
	marksEvery  = 250 * time.Millisecond
)

// marker takes down which schedules follow the record, and saves that in parts. A nil one does
// nothing. What cannot be saved is taken down by the next sync.
type marker struct {
	r *Reconciler

	mu    sync.Mutex
	marks []core.ScheduleMark
	timer *time.Timer // saves what no later mark takes with it; nil if there is nothing
}

func (r *Reconciler) marker() *marker { return &marker{r: r} }

// follows notes that a schedule agrees with a revision of the definition; 0 is none: the record
// does not know it.
func (m *marker) follows(ctx context.Context, id string, revision int64) {
	if m != nil && revision > 0 {
		m.add(ctx, core.ScheduleMark{ActivityID: id, Revision: revision})
	}
}

func (m *marker) failed(ctx context.Context, id string, err error) {
	if m != nil {
		m.add(ctx, core.ScheduleMark{ActivityID: id, Error: core.MessageOf(err), Code: core.CodeOf(err)})
	}
}

// agreed notes the rows that are marked as behind and with which nothing differs.
func (m *marker) agreed(ctx context.Context, rows []core.StoredDefinition, changes []Change) {
	differs := make(map[string]bool, len(changes))
	for _, c := range changes {
		differs[c.ActivityID] = true
	}
	for _, row := range rows {
		if row.SchedulePending() && row.Live() && !differs[row.ID] { // a tombstone is looked at again before it is purged
			m.follows(ctx, row.ID, row.Revision)
		}
	}
}

func (m *marker) add(ctx context.Context, mark core.ScheduleMark) {
	m.mu.Lock()
	m.marks = append(m.marks, mark)
	due := len(m.marks) >= marksAtOnce
	if m.timer == nil {
		m.timer = time.AfterFunc(marksEvery, func() { m.save(ctx) })
	}
	m.mu.Unlock()
	if due {
		m.save(ctx)
	}
}

func (m *marker) save(ctx context.Context) {
	if err := m.flush(ctx); err != nil && ctx.Err() == nil {
		m.r.cfg.Log.WarnContext(ctx, "how far schedules follow is not noted; the next sync will", "error", err)
	}
}

// flush saves what has been taken down.
func (m *marker) flush(ctx context.Context) error {
	m.mu.Lock()
	marks := m.marks
	m.marks = nil
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	m.mu.Unlock()
	if len(marks) == 0 {
		return nil
	}
	if err := m.r.cfg.Store.MarkSchedules(ctx, marks); err != nil {
		return fmt.Errorf("note how far schedules follow: %w", err)
	}
	return nil
}

// justWrote remembers that a schedule was written now.
func (r *Reconciler) justWrote(id string) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrote[id] = now
}

// lately lists the rows that are behind and whose schedule was written so lately that a listing
// may not show it, and forgets what was written before.
func (r *Reconciler) lately(rows []core.StoredDefinition) []string {
	since := r.now().Add(-listingLag)
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, at := range r.wrote {
		if at.Before(since) {
			delete(r.wrote, id)
		}
	}
	var out []string
	for _, row := range rows {
		if _, ok := r.wrote[row.ID]; ok && row.SchedulePending() && row.Live() {
			out = append(out, row.ID)
		}
	}
	return out
}
