package cronspec

import (
	"iter"
	"math"
	"time"
)

// Next is the first instant strictly after the given one at which the Spec fires, in UTC. ok is
// false when there is none up to the end of MaxYear. The cost depends on the number of
// expressions and of zone changes in between, not on the distance.
func (s *Spec) Next(after time.Time) (next time.Time, ok bool) {
	c := s.cursorAfter(after.Unix())
	unix, ok := c.next()
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(unix, 0).UTC(), true
}

// Between yields the instants of the half-open interval [from, to) in ascending order, each
// once, in UTC. Consecutive intervals therefore neither lose nor repeat an instant. It is empty
// when to is not after from.
func (s *Spec) Between(from, to time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		c := s.cursorAfter(ceilUnix(from) - 1)
		for end := ceilUnix(to); ; {
			unix, ok := c.next()
			if !ok || unix >= end || !yield(time.Unix(unix, 0).UTC()) {
				return
			}
		}
	}
}

// Prev is the last instant strictly before the given one at which the Spec fires, in UTC. ok is
// false when there is none in the forty-five years before, longer than which no expression
// pauses (29 February on one given weekday, across a century that has no leap day).
func (s *Spec) Prev(before time.Time) (prev time.Time, ok bool) {
	const furthest = 45 * 366 * 24 * time.Hour
	for back := time.Hour; !ok && back < 4*furthest; back *= 4 {
		for t := range s.Between(before.Add(-min(back, furthest)), before) {
			prev, ok = t, true
		}
	}
	return prev, ok
}

// ceilUnix is the first whole second at or after t.
func ceilUnix(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// lastUnix is the last second of the year MaxYear in UTC, firstUnix the first of the year 1:
// cursors stay between them.
const (
	firstUnix = -62135596800
	lastUnix  = 4133980799
)

// never marks an entry of a cursor that has nothing left in the current period.
const never = math.MaxInt64

// cursor walks the instants of a Spec forward, one offset period at a time.
type cursor struct {
	spec    *Spec
	period  period
	after   int64   // everything up to here has been delivered
	pending []int64 // per entry: its first instant after `after` in the period, or never
}

func (s *Spec) cursorAfter(after int64) *cursor {
	after = min(max(after, firstUnix), lastUnix)
	c := &cursor{spec: s, after: after, pending: make([]int64, len(s.entries))}
	c.enter(after + 1)
	return c
}

func (c *cursor) enter(unix int64) {
	c.period = periodAt(c.spec.loc, unix)
	for i, e := range c.spec.entries {
		c.pending[i] = e.nextIn(c.spec.loc, c.period, c.after)
	}
}

func (c *cursor) next() (unix int64, ok bool) {
	for {
		first := int64(never)
		for _, t := range c.pending {
			first = min(first, t)
		}
		if first != never {
			if first > lastUnix {
				return 0, false
			}
			c.after = first
			for i, t := range c.pending {
				if t == first {
					c.pending[i] = c.spec.entries[i].nextIn(c.spec.loc, c.period, first)
				}
			}
			return first, true
		}
		if c.period.end > lastUnix {
			return 0, false
		}
		c.enter(c.skipEmpty())
	}
}

// skipEmpty is an instant after the current period that no fire precedes, so that a yearly
// expression does not visit every period on the way. A wall clock is never further from UTC
// than unsettled.
func (c *cursor) skipEmpty() int64 {
	first := int64(lastUnix)
	for _, e := range c.spec.entries {
		if wall, ok := e.nextWall(c.period.end - unsettled); ok {
			first = min(first, wall-unsettled)
		}
	}
	return max(first, c.period.end)
}

// nextIn is the entry's first instant after the given one inside the period, or never.
func (e *entry) nextIn(loc *time.Location, p period, after int64) int64 {
	from := max(after+1, p.start)
	if e.followsElapsedTime() {
		if wall, ok := e.nextWall(from + p.offset); ok && wall-p.offset < p.end {
			return wall - p.offset
		}
		return never
	}
	return min(e.nextShown(loc, p, from), e.nextSkipped(loc, p, from))
}

// nextShown looks among the fixed times that the clock shows in the period and did not show before.
func (e *entry) nextShown(loc *time.Location, p period, from int64) int64 {
	for {
		wall, ok := e.nextWall(from + p.offset)
		t := wall - p.offset
		if !ok || t >= p.end {
			return never
		}
		if p.repeat() == 0 || t >= p.start+unsettled || resolveWall(loc, wall) == t {
			return t
		}
		from = t + 1
	}
}

// nextSkipped looks among the fixed times that the change at the period's start skipped.
func (e *entry) nextSkipped(loc *time.Location, p period, from int64) int64 {
	if p.gap() == 0 || from >= p.start+p.gap() {
		return never
	}
	for {
		wall, ok := e.nextWall(from + p.before)
		t := wall - p.before
		if !ok || t >= p.end || t >= p.start+p.gap() {
			return never
		}
		if resolveWall(loc, wall) == t {
			return t
		}
		from = t + 1
	}
}
