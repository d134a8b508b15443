package eventstream_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventstream/eventstreamtest"
)

func TestAStreamIsNotMadeSmallerThanWhatItHolds(t *testing.T) {
	t.Parallel()
	w := eventstreamtest.New(t, eventstream.Options{MaxBytes: 1 << 20})
	w.Publish(event("e1", "x", strings.Repeat("x", 10_000)))
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{MaxBytes: 5000}); !activitycore.IsCode(err, activitycore.CodeConflict) {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{MaxBytes: 1 << 20, MaxAge: time.Hour}); !activitycore.IsCode(err, activitycore.CodeConflict) {
		t.Fatal(err)
	}
}

func TestPublishingSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := eventstreamtest.New(t, eventstream.Options{MaxBytes: 1 << 20})
	for name, c := range map[string]struct {
		event activitycore.Event
		code  activitycore.Code
		says  string
	}{
		"no id":       {event("", "x", nil), activitycore.CodeInvalid, "event_id"},
		"no type":     {event("e", "", nil), activitycore.CodeInvalid, "type"},
		"bad type":    {event("e", "a b", nil), activitycore.CodeInvalid, "' '"},
		"wildcard":    {event("e", "a.*", nil), activitycore.CodeInvalid, "'*'"},
		"bad payload": {activitycore.Event{EventID: "e", Type: "x", Payload: []byte(`{`)}, activitycore.CodeMalformed, "payload"},
		"too large":   {event("e", "x", strings.Repeat("x", 1<<20)), activitycore.CodeTooLarge, "max_payload"},
		"hops":        {activitycore.Event{EventID: "e", Type: "x", Hops: activitycore.MaxHops + 1}, activitycore.CodeInvalid, "hops"},
	} {
		_, err := w.Publisher.PublishEvent(t.Context(), c.event)
		if !activitycore.IsCode(err, c.code) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Publisher.PublishEvents(t.Context(), []activitycore.Event{event("e1", "x", nil), event("", "x", nil)}); !activitycore.IsCode(err, activitycore.CodeInvalid) || !strings.Contains(err.Error(), "[1]") {
		t.Error(err)
	}
	if n := w.Stored(); n != 0 {
		t.Fatalf("%d events stored", n)
	}
	// A stream that is full refuses rather than forgets.
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = w.Publisher.PublishEvent(t.Context(), event(fmt.Sprintf("e%d", i), "x", strings.Repeat("x", 100_000)))
	}
	if !activitycore.IsCode(err, activitycore.CodeUnavailable) || !strings.Contains(err.Error(), "nats.max_bytes") {
		t.Fatal(err)
	}
}
