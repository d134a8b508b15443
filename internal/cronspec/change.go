package cronspec

import "time"

// change is one move of a zone's clocks: an instant and the offsets on its two sides.
type change struct {
	at            int64
	before, after int64
}

// changesIn lists the moves of the clocks in [from, to). Changes of the zone's abbreviation alone are left out.
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

// unsafe is the part of the wall clock around one change that a Temporal calendar does not get right.
type unsafe struct {
	days         map[int64]bool // civil days
	hours        uint64         // hours on any of those days, bit h for hour h
	midnightless int64          // a day whose weekday Temporal misreads because its midnight does not exist; 0 for none
}

// unsafeAround says where Temporal's calendar walk (server service/worker/scheduler/calendar.go, compiledCalendar.next)
// differs from the wall clock:
//
//   - hours that a change skips: it never fires in them, or in the wrong place when less than an hour is skipped
//   - hours that a change repeats: it fires in one pass or in both, depending on the side of UTC and on where it was before
//   - the hour before a repeated one: east of Greenwich it walks that hour again and fires an hour late a second time
//   - a day whose midnight is skipped: west of Greenwich midnight resolves to the day before, and so does its weekday
func unsafeAround(c change) unsafe {
	u := unsafe{days: make(map[int64]bool, 2)}
	first, last := c.at+c.before, c.at+c.after // skipped: [first, last)
	if c.after < c.before {
		first, last = c.at+c.after-3600, c.at+c.before
	} else if midnight := ceilDiv(first, 86400); midnight*86400 < last {
		u.midnightless = midnight
	}
	for hour := floorDiv(first, 3600); hour*3600 < last; hour++ {
		u.days[floorDiv(hour, 24)] = true
		u.hours |= 1 << uint(floorMod(hour, 24))
	}
	return u
}

// touches tells whether the entry names a time in the unsafe part.
func (u unsafe) touches(e *entry) bool {
	if u.midnightless != 0 && !e.dow.full(dayOfWeekRule) {
		if _, month, _ := civil(u.midnightless); e.month.has(month) {
			return true
		}
	}
	if e.hour.bits&u.hours == 0 {
		return false
	}
	for day := range u.days {
		year, month, dom := civil(day)
		if e.days(year, month)>>uint(dom)&1 == 1 {
			return true
		}
	}
	return false
}
