package cronspec

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// TemporalSpec describes a Temporal schedule spec without importing Temporal: the adapter
// copies it field by field. The schedule fires at the union of Calendars and Intervals, each
// instant once.
type TemporalSpec struct {
	TimeZone string // the zone in which Calendars are read
	// ZoneData are the zone's rules as in a TZif file (RFC 8536): Temporal reads Calendars by these
	// rather than by its own machine's. None for UTC, which has no rules. The bytes are shared and
	// must not be changed.
	ZoneData  []byte
	Calendars []Calendar // recurring wall-clock times
	Intervals []Interval // elapsed time, and single instants around clock changes
	// ValidUntil is when the description ends being exact: a converging loop must compile again
	// before it. Zero means it stays exact to the end of MaxYear, as far as today's zone data
	// knows.
	ValidUntil time.Time
}

// Calendar matches an instant whose wall-clock parts all lie in the ranges. Every field but
// Year has at least one range; no Year means every year.
type Calendar struct {
	Second, Minute, Hour, DayOfMonth, Month, Year, DayOfWeek []Range // DayOfWeek 0 is Sunday
	Comment                                                  string
}

// Range is the values Start, Start+Step, … up to End, inclusive; Step is at least 1.
type Range struct{ Start, End, Step int }

// Interval matches the instants Offset + n×Every after the Unix epoch, n ≥ 0. Offset is less
// than Every.
type Interval struct{ Every, Offset time.Duration }

// once is the interval that stands for one instant: its period is the instant's own age since
// the epoch, so it fires there for the first time and again only when twice as much time has
// passed, which for 2026 is 2082. A long period with the instant as its offset would not do:
// Temporal's arithmetic (server service/worker/scheduler/spec.go, nextIntervalTime) passes over
// the first occurrence when it is asked from before the offset.
func once(unix int64) Interval { return Interval{Every: time.Duration(unix) * time.Second} }

// repeatsAt is when the interval of once fires again, which the compiled spec must not live to see.
func repeatsAt(unix int64) int64 { return 2 * unix }

// Once reports the single instant the interval stands for, if it is of that kind.
func (iv Interval) Once() (t time.Time, ok bool) {
	const longestRegular = 24 * time.Hour
	if iv.Every <= longestRegular {
		return time.Time{}, false
	}
	return time.Unix(int64(iv.Every/time.Second), 0).UTC(), true
}

// Hash is the hexadecimal SHA-256 of what Temporal would be given: two equal hashes need no update.
func (ts TemporalSpec) Hash() string {
	var b strings.Builder
	fmt.Fprintf(&b, "temporalspec/1\n%s\n", ts.TimeZone)
	if len(ts.ZoneData) > 0 {
		fmt.Fprintf(&b, "z %x\n", sha256.Sum256(ts.ZoneData))
	}
	for _, c := range ts.Calendars {
		fmt.Fprintf(&b, "c %v %v %v %v %v %v %v %q\n", c.Second, c.Minute, c.Hour, c.DayOfMonth, c.Month, c.Year, c.DayOfWeek, c.Comment)
	}
	for _, iv := range ts.Intervals {
		fmt.Fprintf(&b, "i %d %d\n", iv.Every, iv.Offset)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}
