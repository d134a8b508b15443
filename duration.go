package activitycore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time that is written as text: Go's notation
// ("1h30m", "250ms") with the additional units d (24 h) and w (7 d), which only
// whole or decimal numbers of may lead: "7d", "1w", "1d12h".
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// ParseDuration reads the notation described at [Duration]. The empty string is
// an error; negative durations are accepted here and refused where they make no sense.
func ParseDuration(s string) (Duration, error) {
	bad := func() (Duration, error) {
		return 0, fmt.Errorf("%q is not a duration; write for example 30s, 15m, 72h or 7d", s)
	}
	rest, total := s, time.Duration(0)
	neg := strings.HasPrefix(rest, "-")
	rest = strings.TrimPrefix(rest, "-")
	for _, u := range []struct {
		suffix string
		unit   time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		i := strings.Index(rest, u.suffix)
		if i < 0 {
			continue
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || n < 0 || n > 36500 {
			return bad()
		}
		total += time.Duration(n * float64(u.unit))
		rest = rest[i+1:]
		if rest == "" {
			if neg {
				total = -total
			}
			return Duration(total), nil
		}
	}
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return bad()
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return bad()
	}
	total += d
	if neg {
		total = -total
	}
	return Duration(total), nil
}

// String returns the shortest notation that [ParseDuration] reads back: "72h"
// rather than "72h0m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalJSON writes the notation of [Duration.String].
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a string in the notation of [ParseDuration].
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a duration is written as text, for example \"72h\": %w", err)
	}
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = v
	return nil
}
