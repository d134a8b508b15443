package temporalschedule

import (
	"context"
	"fmt"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
)

// adoptedBy is who a pause made in Temporal is attributed to: Temporal does not say.
const adoptedBy = "temporal"

// adopt takes a pause that somebody made in Temporal into the record, from the earliest time at
// which it may have begun: what did not fire since then was held by an operator, and is not
// missed. The schedule gets our note by the next round, or the next sync, because the row then
// asks for a hold that the note does not confirm.
func (r *Reconciler) adopt(ctx context.Context, seen described) error {
	reason := "paused in Temporal"
	if seen.Note != "" && seen.Note != runNote {
		reason += ": " + seen.Note
	}
	at := r.now()
	since, err := r.pausedSince(ctx, seen, at)
	if err != nil {
		return fmt.Errorf("adopt the pause of definition %s: %w", seen.ActivityID, err)
	}
	if _, err := r.cfg.Store.SetPaused(ctx, seen.ActivityID, &core.Pause{By: adoptedBy, Reason: reason, At: since}, adoptedBy, at); err != nil {
		return fmt.Errorf("adopt the pause of definition %s: %w", seen.ActivityID, err)
	}
	return nil
}

// pausedSince is the latest time before which the schedule is known not to have been paused, or
// for which it does not matter. Temporal does not tell when a schedule was paused: the classic
// scheduler leaves UpdateTime as it is, the newer one moves it with every patch. So it is the
// latest of: when it was last seen firing by this process, the last slot that it started, the
// definition's creation and last resume, and the time up to which every slot has its verdict.
func (r *Reconciler) pausedSince(ctx context.Context, seen described, now time.Time) (time.Time, error) {
	id := seen.ActivityID
	row, err := r.cfg.Store.DefinitionAny(ctx, id)
	if err != nil {
		return now, fmt.Errorf("read definition: %w", err)
	}
	since := row.CreatedAt
	known := func(t time.Time) {
		if t.After(since) {
			since = t
		}
	}
	r.mu.Lock()
	known(r.firing[id])
	r.mu.Unlock()
	for _, action := range seen.info.GetRecentActions() {
		known(action.GetScheduleTime().AsTime().Add(time.Microsecond)) // that slot is not part of the pause
	}
	marks, err := r.cfg.Store.AccountedUntil(ctx, []string{id})
	if err != nil {
		return now, fmt.Errorf("read how far slots are accounted for: %w", err)
	}
	known(marks[id])
	holds, err := r.cfg.Store.Holds(ctx, id, since, now)
	if err != nil {
		return now, fmt.Errorf("read holds: %w", err)
	}
	for _, h := range holds {
		if h.Until != nil {
			known(*h.Until)
		}
	}
	if since.After(now) {
		since = now
	}
	return since.UTC().Truncate(time.Microsecond), nil
}

// listingLag is by how much a listing may be older than the schedules.
const listingLag = 10 * time.Second

// sawFiring remembers that a schedule was not paused at a time.
func (r *Reconciler) sawFiring(id string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.After(r.firing[id]) {
		r.firing[id] = at
	}
}

// listedFiring remembers which schedules a listing that was asked for at a time showed as not
// paused, and forgets those that are gone.
func (r *Reconciler) listedFiring(observed []Observed, asked time.Time) {
	asked = asked.Add(-listingLag)
	r.mu.Lock()
	defer r.mu.Unlock()
	firing := make(map[string]time.Time, len(observed))
	for _, o := range observed {
		at := r.firing[o.ActivityID]
		if o.Owned && !o.Paused && asked.After(at) {
			at = asked
		}
		if !at.IsZero() {
			firing[o.ActivityID] = at
		}
	}
	r.firing = firing
}

// pausedOutside reports whether somebody else paused the schedule and the record does not know
// of it yet.
func (r *Reconciler) pausedOutside(ctx context.Context, seen described) (bool, error) {
	if !seen.Paused || !seen.Owned || strings.HasPrefix(seen.Note, holdNote) {
		return false, nil
	}
	row, err := r.cfg.Store.DefinitionAny(ctx, seen.ActivityID)
	if core.IsCode(err, core.CodeNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read definition: %w", err)
	}
	return row.Live() && row.Paused == nil, nil
}
