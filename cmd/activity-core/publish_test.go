package main

import (
	"encoding/json"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

// The sample bom-events.
func TestAPayloadsFileIsReadPastItsByteOrderMark(t *testing.T) {
	for given, want := range map[string]string{
		"\ufeff{\"a\":1}": `{"a":1}`,
		`{"a":1}`:         `{"a":1}`,
	} {
		c := &cli{environment: environment{stdin: strings.NewReader(given)}}
		body, err := c.eventBody("", "-", core.Event{Type: "x"})
		var e core.Event
		if err != nil || json.Unmarshal(body, &e) != nil || string(e.Payload) != want {
			t.Errorf("%q: body %s, %v; want the payload %s", given, body, err, want)
		}
	}
}

func TestAPayloadThatIsNoJSONIsToldItsByte(t *testing.T) {
	for given, want := range map[string]string{
		`{"a":1,}`:           "--payload -: payload: is not valid JSON at byte 8",
		"\ufeff{\"a\":NaN}":  "--payload -: payload: is not valid JSON at byte 6",
		"\xff\xfe{\x00}\x00": "UTF-16",
		"":                   "at byte 1: it ends too early",
	} {
		c := &cli{environment: environment{stdin: strings.NewReader(given)}}
		if _, err := c.eventBody("", "-", core.Event{Type: "x"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", given, err, want)
		}
	}
}

func TestAPayloadOnTheCommandLineIsToldThatAFileIsTaken(t *testing.T) {
	const want = "--payload takes a file, or - for standard input"
	if _, err := (&cli{}).eventBody("", `{"a":1}`, core.Event{Type: "x"}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
