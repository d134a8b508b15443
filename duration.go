package activitycore

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// Duration is a length of time that is written as text: decimal numbers with units, in Go's
// notation ("1h30m", "250ms") with the additional units w (7 d) and d (24 h), which stand in
// front: "7d", "1w", "1d12h". It has at most 106751 days, a bit over 292 years.
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

const (
	durationNumber = `([0-9]+(?:\.[0-9]*)?|\.[0-9]+)`
	// maxDurationText is far more than a duration needs, and little enough to calculate with.
	maxDurationText = 100
)

// durationPattern finds the weeks, the days and what Go's notation says.
var durationPattern = regexp.MustCompile(`^(?:` + durationNumber + `w)?(?:` + durationNumber + `d)?((?:` + durationNumber + `(?:ns|us|µs|μs|ms|s|m|h))*)$`)

// ParseDuration reads the notation described at [Duration], and "0". It takes nothing else: no
// blanks, exponents, underscores, "nan" or "+", and a "-" only in front of the whole. The empty
// string is an error; negative durations are accepted here and refused where they make no
// sense. What is finer than a nanosecond is cut off.
func ParseDuration(s string) (Duration, error) {
	text, negative := strings.CutPrefix(s, "-")
	if text == "0" {
		return 0, nil
	}
	found := durationPattern.FindStringSubmatch(text)
	if text == "" || len(text) > maxDurationText || found == nil {
		return 0, fmt.Errorf("%q is not a duration; write for example 30s, 15m, 72h or 7d", shortened(s))
	}
	weeks, fit := multiple(found[1], 7*24*time.Hour)
	days, fitToo := multiple(found[2], 24*time.Hour)
	var rest time.Duration
	var err error
	if found[3] != "" {
		rest, err = time.ParseDuration(found[3])
	}
	total := weeks + days
	if !fit || !fitToo || err != nil || total < 0 || total+rest < 0 {
		return 0, fmt.Errorf("%q is longer than a duration can be, 106751d (292 years)", shortened(s))
	}
	if total += rest; negative {
		total = -total
	}
	return Duration(total), nil
}

// multiple is a decimal number of units, 0 for none, and whether it fits. It calculates
// exactly: 0.1 d is 2 h 24 min.
func multiple(number string, unit time.Duration) (time.Duration, bool) {
	if number == "" {
		return 0, true
	}
	n, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, false
	}
	n.Mul(n, new(big.Rat).SetInt64(int64(unit)))
	whole := new(big.Int).Quo(n.Num(), n.Denom())
	return time.Duration(whole.Int64()), whole.IsInt64()
}

func shortened(s string) string {
	if len(s) > maxDurationText {
		return strings.ToValidUTF8(s[:maxDurationText], "") + "…"
	}
	return s
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
