package cronspec

import (
	"fmt"
	"time"
)

// Fire is one instant as a person wants to read it.
type Fire struct {
	UTC   time.Time // the instant, in UTC
	Local string    // the same in the Spec's zone, RFC 3339
	Note  string    // what a clock change does to this instant; empty on ordinary days
	// Moved is true where the note is about a fixed time, which runs at another instant than usual
	// or once of two times; false where hours that an expression follows repeat or are passed over.
	Moved bool
}

// Fires lists the first n instants strictly after the given one, fewer when MaxYear ends first.
func (s *Spec) Fires(after time.Time, n int) []Fire {
	var fires []Fire
	c := s.cursorAfter(after.Unix())
	for len(fires) < n {
		unix, ok := c.next()
		if !ok {
			break
		}
		fires = append(fires, s.Describe(time.Unix(unix, 0)))
	}
	return fires
}

// Describe gives the local time of an instant at which the Spec fires, and the reason when a
// clock change moved it.
func (s *Spec) Describe(t time.Time) Fire {
	note, moved := s.note(t.Unix())
	return Fire{UTC: t.UTC(), Local: t.In(s.loc).Format(time.RFC3339), Note: note, Moved: moved}
}

func (s *Spec) note(unix int64) (note string, moved bool) {
	p := periodAt(s.loc, unix)
	for _, e := range s.entries {
		if note := s.repeatNote(e, p, unix); note != "" {
			return note, !e.followsElapsedTime()
		}
	}
	if note := s.movedNote(p, unix); note != "" {
		return note, true
	}
	for _, e := range s.entries {
		if note := s.passedOverNote(e, p, unix); note != "" {
			return note, false
		}
	}
	return "", false
}

// repeatNote is about a time that the clock shows twice.
func (s *Spec) repeatNote(e *entry, p period, unix int64) string {
	wall := unix + p.offset
	switch {
	case !e.matchesWall(wall):
	case !e.followsElapsedTime():
		if e.nextIn(s.loc, p, unix-1) == unix && s.shownTwice(p, wall) {
			return fmt.Sprintf("%s happens twice (clocks go back); runs once, the first time", clock(wall))
		}
	case unix < p.start+p.repeat():
		return fmt.Sprintf("second %s of the day (clocks went back %s); the hours repeat and so does the run", clock(wall), span(p.repeat()))
	case s.shownTwice(p, wall):
		return fmt.Sprintf("first %s of the day (clocks are about to go back); runs again in the repeat", clock(wall))
	}
	return ""
}

// movedNote is about a fixed time that a forward change skipped and that runs here instead, for
// some perhaps together with a time that is due here anyway.
func (s *Spec) movedNote(p period, unix int64) string {
	if unix >= p.start+p.gap() {
		return ""
	}
	wall, skipped := unix+p.offset, unix+p.before
	moved := false
	for _, e := range s.entries {
		moved = moved || !e.followsElapsedTime() && e.matchesWall(skipped)
	}
	switch {
	case !moved:
		return ""
	case s.namesWall(wall):
		return fmt.Sprintf("%s does not exist (clocks go forward %s); falls on %s, due anyway: runs once for both", clock(skipped), span(p.gap()), clock(wall))
	}
	return fmt.Sprintf("%s does not exist (clocks go forward %s); runs at %s", clock(skipped), span(p.gap()), clock(wall))
}

// passedOverNote is about times that a forward change skipped and that nothing stands in for,
// because the entry follows elapsed time. It stands at the entry's first run after the change,
// if that is not so late that nobody would ask.
func (s *Spec) passedOverNote(e *entry, p period, unix int64) string {
	if !e.followsElapsedTime() || p.gap() == 0 || unix >= p.start+unsettled || e.nextIn(s.loc, p, p.start-1) != unix {
		return ""
	}
	first, ok := e.nextWall(p.start + p.before)
	if !ok || first >= p.start+p.offset {
		return ""
	}
	last, times := first, clock(first)
	for next, ok := e.nextWall(last + 60); ok && next < p.start+p.offset; next, ok = e.nextWall(last + 60) {
		last = next
	}
	if last != first {
		times += " to " + clock(last)
	}
	return fmt.Sprintf("%s did not exist (clocks went forward %s); with * as hour nothing replaces it", times, span(p.gap()))
}

// namesWall tells whether any expression names the wall-clock time itself.
func (s *Spec) namesWall(wall int64) bool {
	for _, e := range s.entries {
		if e.matchesWall(wall) {
			return true
		}
	}
	return false
}

// shownTwice tells whether the change that ends the period shows the wall-clock time again.
func (s *Spec) shownTwice(p period, wall int64) bool {
	if p.end > lastUnix {
		return false
	}
	following := periodAt(s.loc, p.end)
	return wall >= p.end+following.offset
}

func clock(wall int64) string { return time.Unix(wall, 0).UTC().Format("15:04") }

func span(seconds int64) string {
	if seconds%3600 == 0 {
		return fmt.Sprintf("%d h", seconds/3600)
	}
	return fmt.Sprintf("%d min", seconds/60)
}
