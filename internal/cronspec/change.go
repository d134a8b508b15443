package cronspec

import (
	"sort"
	"sync"
	"time"
)

// zoneRules is a loaded zone together with what compiling needs to know about it. It is shared
// by the Specs of one [Parser] and fills in the changes when they are first asked for.
type zoneRules struct {
	name string
	loc  *time.Location
	file []byte // what loc was read from

	canonical sync.Once
	bytes     []byte // see data

	once    sync.Once
	changes []unsafeChange // from the year 2002 to MaxYear, ascending
}

// changesFrom lists the changes at or after an instant, the first of them at most two days before.
func (z *zoneRules) changesFrom(unix int64) []unsafeChange {
	z.once.Do(func() {
		for _, c := range changesIn(z.loc, firstCompiled, lastUnix) {
			z.changes = append(z.changes, unsafeAround(c))
		}
	})
	return z.changes[sort.Search(len(z.changes), func(i int) bool { return z.changes[i].at >= unix-unsettled }):]
}

// firstCompiled is 2002-01-01, before any window that can be compiled.
const firstCompiled = 1009843200

// change is one move of a zone's clocks: an instant and the offsets on its two sides.
type change struct {
	at            int64
	before, after int64
}

// changesIn lists the moves of the clocks in [from, to). Changes of the zone's abbreviation
// alone are left out.
func changesIn(loc *time.Location, from, to int64) []change {
	var out []change
	for p := periodAt(loc, from); ; p = periodAt(loc, p.end) {
		if p.start >= from && p.start < to && p.before != p.offset {
			out = append(out, change{at: p.start, before: p.before, after: p.offset})
		}
		if p.end >= to {
			return out
		}
	}
}

// ClockChange is one move of a zone's clocks: an instant, in UTC, and the offsets east of UTC
// on its two sides.
type ClockChange struct {
	At            time.Time
	Before, After time.Duration
}

// ClockChanges lists the moves of the clocks in the Spec's zone in [from, to), ascending. It is
// what to ask in place of [time.Time.ZoneBounds], which is wrong behind a zone's table.
func (s *Spec) ClockChanges(from, to time.Time) []ClockChange {
	var out []ClockChange
	for _, c := range changesIn(s.loc, from.Unix(), to.Unix()) {
		out = append(out, ClockChange{time.Unix(c.at, 0).UTC(), time.Duration(c.before) * time.Second, time.Duration(c.after) * time.Second})
	}
	return out
}

// unsafeChange is a change with the part of the wall clock around it that a Temporal calendar
// does not get right.
type unsafeChange struct {
	change
	days         []int64 // civil days
	hours        uint64  // hours on any of those days, bit h for hour h
	midnightless int64   // a day whose weekday Temporal misreads because its midnight does not exist; 0 for none
}

// unsafeAround says where Temporal's calendar walk (server
// service/worker/scheduler/calendar.go, compiledCalendar.next) differs from the wall clock:
//
//   - hours that a change skips: it never fires in them, or in the wrong place when less than
//     an hour is skipped
//   - hours that a change repeats: it fires in one pass or in both, depending on the side of
//     UTC and on where it was before
//   - the hour before a repeated one: east of Greenwich it walks that hour again and fires an
//     hour late a second time
//   - a day whose midnight is skipped: west of Greenwich midnight resolves to the day before,
//     and so does its weekday
func unsafeAround(c change) unsafeChange {
	u := unsafeChange{change: c}
	first, last := c.at+c.before, c.at+c.after // skipped: [first, last)
	if c.after < c.before {
		first, last = c.at+c.after-3600, c.at+c.before
	} else if midnight := ceilDiv(first, 86400); midnight*86400 < last {
		u.midnightless = midnight
	}
	for hour := floorDiv(first, 3600); hour*3600 < last; hour++ {
		if day := floorDiv(hour, 24); len(u.days) == 0 || u.days[len(u.days)-1] != day {
			u.days = append(u.days, day)
		}
		u.hours |= 1 << uint(floorMod(hour, 24))
	}
	return u
}

// touches tells whether the entry names a time in the unsafe part.
func (u unsafeChange) touches(e *entry) bool {
	if u.midnightless != 0 && !e.dow.full(dayOfWeekRule) {
		if _, month, _ := civil(u.midnightless); e.month.has(month) {
			return true
		}
	}
	if e.hour.bits&u.hours == 0 {
		return false
	}
	for _, day := range u.days {
		year, month, dom := civil(day)
		if e.days(year, month)>>uint(dom)&1 == 1 {
			return true
		}
	}
	return false
}
