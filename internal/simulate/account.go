package simulate

import (
	"fmt"
	"sort"
	"time"

	"github.com/activity-core/activity-core/internal/misfire"
)

// settle counts a slot whose fate is known, if the window has anything to do with it.
func (l *lane) settle(slot Slot) {
	runs := !slot.Start.IsZero()
	inside := runs && !slot.Start.Before(l.from) && slot.Start.Before(l.to)
	switch {
	case !slot.Nominal.Before(l.from):
		l.summary.Expected++
	case inside:
		l.summary.Carried++
	default:
		return
	}
	if inside {
		if l.counts != nil {
			l.counts[minuteOf(l.from, slot.Start)]++
		}
		if l.started != nil {
			l.started(slot.Start)
		}
	} else if runs {
		l.after++
	}
	switch slot.Outcome {
	case Fired:
		l.summary.Fired++
		if slot.Cause != "" {
			l.summary.Delayed++
		}
	case MadeUp:
		l.summary.MadeUp++
	case Skipped:
		l.summary.Skipped++
	case Compressed:
		l.summary.Compressed++
	}
	if slot.Cause == Overlap {
		l.summary.Overlapped++
	}
	if slot.Overlaps {
		l.summary.Concurrent++
	}
	if !l.list.all && slot.Cause == "" && !slot.Overlaps && !l.nearChange(slot.Nominal) {
		return // the usual case
	}
	if l.list.past(slot.Nominal) && (l.list.all || slot.Cause != "" || slot.Overlaps) {
		l.list.omitted++
		return
	}
	fire := l.job.Spec.Describe(slot.Nominal)
	slot.Job, slot.Local, slot.Note, slot.Moved = l.job.Name, fire.Local, fire.Note, fire.Moved
	l.list.add(slot)
}

// why writes the reason of a slot, unless nobody will read it.
func (l *lane) why(nominal time.Time, format string, a any) string {
	if l.list.past(nominal) {
		return ""
	}
	switch v := a.(type) {
	case time.Duration:
		a = misfire.Brief(v)
	case time.Time:
		a = v.Format(time.RFC3339)
	}
	return fmt.Sprintf(format, a)
}

// unsettled is how far from a clock change a nominal time may be touched by it.
const unsettled = 48 * time.Hour

// nearChange reports whether a clock change of the zone may have to do with a time. Times come
// nearly in order.
func (l *lane) nearChange(t time.Time) bool {
	if t.Before(l.zoneNew) || !t.Before(l.zoneEnd) {
		i := sort.Search(len(l.changes), func(i int) bool { return l.changes[i].At.After(t) })
		l.zoneNew, l.zoneEnd = time.Time{}, time.Unix(1<<40, 0)
		if i > 0 {
			l.zoneNew = l.changes[i-1].At
		}
		if i < len(l.changes) {
			l.zoneEnd = l.changes[i].At
		}
	}
	return t.Sub(l.zoneNew) < unsettled || l.zoneEnd.Sub(t) < unsettled
}
