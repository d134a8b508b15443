package activitycore

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Times are read in three places that strangers or people fill, and each has one reader:
// [ParseRFC3339] for what programs send, [ParseInstant] for flags and query parameters,
// [ReadTime] for whatever a payload may hold.

// rfc3339 is a whole time of RFC 3339, section 5.6, with what Go takes besides: a comma before
// the fraction.
var rfc3339 = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})([Tt ])([0-9]{2}:[0-9]{2}:)([0-9]{2})([.,][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$`)

// ParseRFC3339 reads every time of RFC 3339, also with lower case t and z, a blank in place of
// T, and the leap second 23:59:60Z, which becomes the second after it. The answer is in UTC.
// Years reach from 0000 to 9999.
func ParseRFC3339(text string) (time.Time, error) {
	m := rfc3339.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, fmt.Errorf("is not an RFC 3339 time such as 2026-03-01T09:30:00Z")
	}
	second, leap := m[4], m[4] == "60"
	if leap {
		second = "59"
	}
	t, err := time.Parse(time.RFC3339Nano, m[1]+"T"+m[3]+second+m[5]+strings.ToUpper(m[6]))
	if err != nil {
		return time.Time{}, fmt.Errorf("has no such date, time of day or offset; write an RFC 3339 time such as 2026-03-01T09:30:00Z")
	}
	t = t.UTC()
	if leap {
		if t.Hour() != 23 || t.Minute() != 59 || t.AddDate(0, 0, 1).Day() != 1 {
			return time.Time{}, fmt.Errorf("has the second 60, which only the last minute of a month has in UTC; write 59")
		}
		t = t.Truncate(time.Second).Add(time.Second)
	}
	return t, nil
}

// InstantForms says what [ParseInstant] takes.
const InstantForms = "RFC 3339, 2026-10-25T03:00 (UTC), 2026-10-25 (midnight UTC), or a duration back from now such as 2h or 7d"

// ParseInstant reads a time as people write it, in a flag or a query parameter: see
// [InstantForms]. A time without a zone is UTC.
func ParseInstant(text string, now time.Time) (time.Time, error) {
	if t, err := ParseRFC3339(text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if d, err := ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d.Std()).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("must be %s", InstantForms)
}

// TimeForms says what [ReadTime] takes.
const TimeForms = "RFC 3339 with or without T and colon, such as 2026-11-27 10:00:00 +0100 or … UTC; RFC 1123, 850 and 822; Unix time"

var (
	isoTime = regexp.MustCompile(`^([0-9]{4})[-/]?([0-9]{2})[-/]?([0-9]{2})(?:[Tt ]([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})([.,][0-9]+)?)?)? ?([Zz]|UTC|GMT|UT|[+-][0-9]{2}(?::?[0-9]{2})?)?$`)
	unix    = regexp.MustCompile(`^-?[0-9]{1,19}(?:\.[0-9]{1,9})?$`)
	// otherTimes are the forms with names of months. Names of zones other than UTC and GMT mean
	// different zones in different places.
	otherTimes = []string{
		"Mon, _2 Jan 2006 15:04:05 -0700", "_2 Jan 2006 15:04:05 -0700", "Mon, _2 Jan 06 15:04:05 -0700", "_2 Jan 06 15:04 -0700", "Monday, 02-Jan-06 15:04:05 -0700",
		"Mon, 02-Jan-2006 15:04:05 -0700", "Mon Jan _2 15:04:05 -0700 2006", "Mon Jan _2 15:04:05 2006 -0700", "Mon, _2 Jan 2006 15:04 -0700",
	}
	utcNames = regexp.MustCompile(`\b(?:UTC|GMT|UT|Z)\b`)
	asctime  = regexp.MustCompile(`^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}$`)
)

// NoZoneError is a time that does not say in which zone it is.
type NoZoneError struct{ Text string }

// Error implements error.
func (e *NoZoneError) Error() string { return "says no zone" }

// ReadTime reads the usual forms of times: see [TimeForms]. zone is where a time without one is
// read; nil refuses it with a [*NoZoneError]. Unix time counts seconds, and from
// 100,000,000,000 on milliseconds, microseconds or nanoseconds.
func ReadTime(text string, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if len(text) > 64 {
		return time.Time{}, fmt.Errorf("is longer than a time")
	}
	if t, err := ParseRFC3339(text); err == nil {
		return t, nil
	}
	if unix.MatchString(text) && len(text) != len("20060102") {
		return readUnix(text)
	}
	if m := isoTime.FindStringSubmatch(text); m != nil {
		return readISO(m, text, zone)
	}
	if asctime.MatchString(text) { // HTTP's third form is UTC
		text += " +0000"
	}
	text = utcNames.ReplaceAllString(text, "+0000")
	for _, layout := range otherTimes {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("is no time that can be read; what can: %s", TimeForms)
}

// readISO reads what [isoTime] found.
func readISO(m []string, text string, zone *time.Location) (time.Time, error) {
	offset := strings.ReplaceAll(m[8], ":", "")
	switch {
	case offset == "" && zone == nil:
		return time.Time{}, &NoZoneError{text}
	case len(offset) == len("+01"):
		if offset != "UTC" && offset != "GMT" {
			offset += "00"
		}
	}
	if offset != "" && offset[0] != '+' && offset[0] != '-' {
		offset = "+0000"
	}
	for i := range 3 {
		if m[4+i] == "" {
			m[4+i] = "00"
		}
	}
	if m[6] == "60" && offset != "" {
		return ParseRFC3339(fmt.Sprintf("%s-%s-%sT%s:%s:60%s%s:%s", m[1], m[2], m[3], m[4], m[5], m[7], offset[:3], offset[3:]))
	}
	layout, written := "2006-01-02 15:04:05", fmt.Sprintf("%s-%s-%s %s:%s:%s%s", m[1], m[2], m[3], m[4], m[5], m[6], m[7])
	var t time.Time
	var err error
	if offset == "" {
		t, err = time.ParseInLocation(layout, written, zone)
	} else {
		t, err = time.Parse(layout+" -0700", written+" "+offset)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("has no such date, time of day or offset")
	}
	return t.UTC(), nil
}

// readUnix reads a count since 1970, whose unit its size tells.
func readUnix(text string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("is too large for Unix time")
	}
	nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if strings.HasPrefix(whole, "-") {
		nanos = -nanos
	}
	t := UnixTime(n)
	if size := max(n, -n); size < unixMilliseconds {
		t = t.Add(time.Duration(nanos))
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("lies outside the years 1 to 9999")
	}
	return t, nil
}

const unixMilliseconds = 100_000_000_000

// UnixTime is the time of a count since 1970: seconds below 100,000,000,000, then milliseconds,
// microseconds (from a thousand times that) or nanoseconds (from a million times that).
func UnixTime(n int64) time.Time {
	switch size := max(n, -n); {
	case size < 0 || size >= unixMilliseconds*1_000_000:
		return time.Unix(0, n).UTC()
	case size >= unixMilliseconds*1000:
		return time.UnixMicro(n).UTC()
	case size >= unixMilliseconds:
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}
