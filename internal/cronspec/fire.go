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

// Describe gives the local time of an instant at which the Spec fires, and the reason when a clock change moved it.
func (s *Spec) Describe(t time.Time) Fire {
	return Fire{UTC: t.UTC(), Local: t.In(s.loc).Format(time.RFC3339), Note: s.note(t.Unix())}
}

func (s *Spec) note(unix int64) string {
	p := periodAt(s.loc, unix)
	wall := unix + p.offset
	for _, e := range s.entries {
		if !e.followsElapsedTime() && e.nextIn(s.loc, p, unix-1) == unix && e.matchesWall(wall) && s.shownTwice(p, wall) {
			return fmt.Sprintf("%s happens twice (clocks go back); runs once, the first time", clock(wall))
		}
		if e.followsElapsedTime() && e.matchesWall(wall) {
			switch {
			case unix < p.start+p.repeat():
				return fmt.Sprintf("second %s of the day (clocks went back %s); the hours repeat and so does the run", clock(wall), span(p.repeat()))
			case s.shownTwice(p, wall):
				return fmt.Sprintf("first %s of the day (clocks are about to go back); runs again in the repeat", clock(wall))
			}
		}
	}
	if unix < p.start+p.gap() && !s.namesWall(wall) {
		return fmt.Sprintf("%s does not exist (clocks go forward %s); runs at %s", clock(unix+p.before), span(p.gap()), clock(wall))
	}
	return ""
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
