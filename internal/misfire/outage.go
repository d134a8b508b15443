package misfire

import (
	"time"

	core "github.com/activity-core/activity-core"
)

// Slots are the times at which a definition was to fire.
type Slots interface {
	// First is the first slot at or after from.
	First(from time.Time) (time.Time, bool)
	// Last is the last slot in [from, to).
	Last(from, to time.Time) (time.Time, bool)
}

// KeptBy is the outage that kept a slot from starting within its grace; nil if none is
// recorded. The outages are ordered by their start.
//
// Where one slot runs for all it is the outage that began first, so that one that begins later does
// not change the answer; else the one that ends last, which explains most.
func (t Terms) KeptBy(outages []core.Outage, slot time.Time) *core.Outage {
	if t.Elects() {
		return firstTouching(outages, slot, t.Grace)
	}
	return lastTouching(outages, slot, t.Grace)
}

// lastTouching is the outage that ends last of those that lasted at some moment between the
// slot and the end of the grace.
func lastTouching(outages []core.Outage, slot time.Time, grace time.Duration) *core.Outage {
	var found *core.Outage
	for i, o := range outages {
		if o.From.After(slot.Add(grace)) || !o.To.After(slot) {
			continue
		}
		if found == nil || o.To.After(found.To) {
			found = &outages[i]
		}
	}
	return found
}

// firstTouching is the one of them that began first.
func firstTouching(outages []core.Outage, slot time.Time, grace time.Duration) *core.Outage {
	for i, o := range outages {
		if o.To.After(slot) && !o.From.After(slot.Add(grace)) {
			return &outages[i]
		}
	}
	return nil
}

// DownAt reports whether an outage was in progress at the slot itself.
func DownAt(outages []core.Outage, slot time.Time) bool { return lastTouching(outages, slot, 0) != nil }

// LatestKept is the last slot that the outage kept from starting, from slot on. Outages that
// follow on each other without a slot that could fire between them count as one.
func LatestKept(slots Slots, outages []core.Outage, slot time.Time, out core.Outage) time.Time {
	latest := slot
	for {
		if t, ok := slots.Last(latest, out.To); ok {
			latest = t
		}
		following, ok := slots.First(out.To)
		if !ok {
			return latest
		}
		next := lastTouching(outages, following, 0)
		if next == nil {
			return latest
		}
		out = *next
	}
}

// Since is for how long the outages have lasted that went on or began after end. The outages are
// ordered by their start.
func Since(outages []core.Outage, end time.Time) (lasted time.Duration) {
	for _, o := range outages {
		if o.To.After(end) {
			from := o.From
			if from.Before(end) {
				from = end
			}
			lasted += o.To.Sub(from)
			end = o.To
		}
	}
	return lasted
}
