package cronspec

import (
	"math"
	"time"
)

// period is a stretch of time during which a zone keeps one offset. Times are Unix seconds,
// offsets seconds east of UTC.
type period struct {
	start, end int64 // [start, end)
	offset     int64 // wall clock minus UTC
	before     int64 // the offset that held until start; equal to offset when nothing is known before
}

// periodAt is the period that contains the instant.
func periodAt(loc *time.Location, unix int64) period {
	t := time.Unix(unix, 0).In(loc)
	_, offset := t.Zone()
	p := period{start: math.MinInt64, end: math.MaxInt64, offset: int64(offset), before: int64(offset)}
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		p.start = trueStart(start, unix)
		_, before := time.Unix(p.start-1, 0).In(loc).Zone()
		p.before = int64(before)
	}
	if !end.IsZero() {
		p.end = end.Unix()
	}
	if p.end <= unix {
		// Beyond a zone's table package time bounds a period by the year and takes every year for
		// 365 days, so on 31 December of a leap year it names an end that has passed. The offset
		// holds until the day is over.
		p.end += 86400
	}
	return p
}

// trueStart is the start of the period that contains the instant, of which package time says
// that it began at start. Behind the last change of a zone's table package time goes by the
// zone's rule alone, also where the rule says that the clocks had changed before that last
// change: Ciudad Juárez left the time of Chicago for that of Denver on 30 November 2022, and
// the rule of Denver begins on the 6th.
func trueStart(start time.Time, unix int64) int64 {
	for {
		_, end := start.ZoneBounds()
		if end.IsZero() || end.Unix() > unix || !end.After(start) {
			return start.Unix()
		}
		start = end
	}
}

// gap is the length of wall-clock time that the change at the period's start skipped, or 0.
func (p period) gap() int64 { return max(0, p.offset-p.before) }

// repeat is the length of wall-clock time that the change at the period's start shows a second
// time, or 0.
func (p period) repeat() int64 { return max(0, p.before-p.offset) }

// unsettled is how long after a change a wall-clock time may need resolveWall: no zone has
// moved by more than a day, and two changes close together stay within two.
const unsettled = 48 * 3600

// resolveWall is the instant at which a fixed wall-clock time fires: the first instant that
// shows it or, when a change skipped it, the instant that would have shown it without the
// change. The latter is the rule of RFC 5545 section 3.3.5.
func resolveWall(loc *time.Location, wall int64) int64 {
	skipped := wall
	for at := wall - unsettled; ; {
		p := periodAt(loc, at)
		if t := wall - p.offset; t >= p.start && t < p.end {
			return t
		}
		if p.start != math.MinInt64 && wall >= p.start+p.before && wall < p.start+p.offset {
			skipped = wall - p.before
		}
		if p.end > wall+unsettled {
			return skipped
		}
		at = p.end
	}
}
