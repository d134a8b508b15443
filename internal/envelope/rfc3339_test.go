package envelope

import (
	"testing"
	"time"
)

// rfc3339: every time of RFC 3339 is taken at ingest.
func TestEveryRFC3339TimeIsTakenAtIngest(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z", "2026-01-02t03:04:05z": "2026-01-02T03:04:05Z", "2026-01-02 03:04:05+01:00": "2026-01-02T02:04:05Z",
		"2016-12-31T23:59:60Z": "2017-01-01T00:00:00Z",
	} {
		e, err := Decode(nil, []byte(`{"event_id":"1","type":"x","payload":1,"time":"`+text+`"}`))
		if err != nil || e.Time.Format(time.RFC3339) != want {
			t.Errorf("%s is taken as %s (%v), want %s", text, e.Time, err, want)
		}
	}
}
