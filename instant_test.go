package activitycore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// rfc3339: every time of RFC 3339 is read.
func TestEveryRFC3339TimeIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z", "2026-01-02t03:04:05z": "2026-01-02T03:04:05Z", "2026-01-02 03:04:05Z": "2026-01-02T03:04:05Z",
		"2026-01-02T03:04:05.123456789123+05:30": "2026-01-01T21:34:05.123456789Z", "2016-12-31T23:59:60Z": "2017-01-01T00:00:00Z",
		"2017-01-01T05:29:60+05:30": "2017-01-01T00:00:00Z", "2016-12-31t23:59:60.9z": "2017-01-01T00:00:00Z", "2026-01-02T03:04:05-00:00": "2026-01-02T03:04:05Z",
		"2026-01-02T03:04:05,5Z": "2026-01-02T03:04:05.5Z",
	} {
		got, err := core.ParseRFC3339(text)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s is %v (%v), want %s", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"2026-01-02T03:04:05": "is not an RFC 3339 time", "2026-02-30T03:04:05Z": "no such date", "2026-01-02T25:04:05Z": "no such date", "2026-01-02T03:04:60Z": "second 60",
		"2026-01-02T03:04:05+0100": "is not an RFC 3339 time", "": "is not an RFC 3339 time", "2026-01-02T23:59:60Z": "second 60",
	} {
		if got, err := core.ParseRFC3339(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %v (%v), want an error with %q", text, got, err, says)
		}
	}
}

func TestAnInstantIsReadAsPeopleWriteIt(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2027-03-27": "2027-03-27T00:00:00Z", "2027-03-27T03:00": "2027-03-27T03:00:00Z", "2027-03-27 03:00": "2027-03-27T03:00:00Z", "2027-03-27T03:00:01": "2027-03-27T03:00:01Z",
		"2027-03-27T03:00+01:00": "2027-03-27T02:00:00Z", "2027-03-27t03:00:00z": "2027-03-27T03:00:00Z", "2h": "2026-11-27T10:00:00Z", "7d": "2026-11-20T12:00:00Z",
	} {
		got, err := core.ParseInstant(text, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %v (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-2h", "0", "2027-13-01", "27.03.2027"} {
		if got, err := core.ParseInstant(text, now); err == nil || !strings.Contains(err.Error(), "midnight UTC") {
			t.Errorf("%q is %v (%v), want an error that says what is read", text, got, err)
		}
	}
}

// gitlab-times: the usual forms of times.
func TestTheUsualFormsOfTimesAreRead(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for text, want := range map[string]string{
		"2026-11-27 10:00:00 UTC": "2026-11-27T10:00:00Z", "2026-11-27 10:00:00 +0100": "2026-11-27T09:00:00Z", "2026-11-27T10:00:00+0100": "2026-11-27T09:00:00Z",
		"2026-11-27T10:00:00.25+01": "2026-11-27T09:00:00.25Z", "2026-11-27 10:00 GMT": "2026-11-27T10:00:00Z", "2026/11/27 10:00:00 -0530": "2026-11-27T15:30:00Z",
		"20261127T100000Z": "2026-11-27T10:00:00Z", "2026-11-27t10:00:00z": "2026-11-27T10:00:00Z", "2016-12-31 23:59:60 UTC": "2017-01-01T00:00:00Z",
		"Fri, 27 Nov 2026 10:00:00 GMT": "2026-11-27T10:00:00Z", "Fri, 27 Nov 2026 10:00:00 +0100": "2026-11-27T09:00:00Z", "27 Nov 26 10:00 UTC": "2026-11-27T10:00:00Z",
		"Friday, 27-Nov-26 10:00:00 GMT": "2026-11-27T10:00:00Z", "Fri Nov 27 10:00:00 2026": "2026-11-27T10:00:00Z", "Fri Nov 27 10:00:00 UTC 2026": "2026-11-27T10:00:00Z",
		"Fri Nov 27 10:00:00 +0100 2026": "2026-11-27T09:00:00Z", "Fri Nov 27 10:00:00 2026 +0100": "2026-11-27T09:00:00Z", "Fri, 6 Nov 2026 10:00:00 GMT": "2026-11-06T10:00:00Z",
		"1700000000": "2023-11-14T22:13:20Z", "1700000000.5": "2023-11-14T22:13:20.5Z", "1700000000123": "2023-11-14T22:13:20.123Z", "-1": "1969-12-31T23:59:59Z",
		"-0.5": "1969-12-31T23:59:59.5Z", "1700000000123456": "2023-11-14T22:13:20.123456Z", " 1700000000 ": "2023-11-14T22:13:20Z",
	} {
		got, err := core.ReadTime(text, nil)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s is %v (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"2026-11-27 10:00:00", "2026-11-27", "2026-11-27T10:00", "20261127"} {
		var none *core.NoZoneError
		if got, err := core.ReadTime(text, nil); !errors.As(err, &none) {
			t.Errorf("%s is %v (%v), want an error that it says no zone", text, got, err)
		}
		if got, err := core.ReadTime(text, berlin); err != nil || got.Day() != 26 && got.Hour() != 9 {
			t.Errorf("%s in a zone is %v (%v)", text, got, err)
		}
	}
	for _, text := range []string{"", "tomorrow", "2026-11-27 10:00:00 EST", "2026-13-27 10:00:00 UTC", "2026-11-27 25:00:00 UTC", "27/11/2026", "11/27/2026 10:00", "99999999999999999999",
		"Fri, 27 Nov 2026 10:00:00 PST", strings.Repeat("1", 100)} {
		if got, err := core.ReadTime(text, nil); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}
