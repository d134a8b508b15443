package eventstream_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventstream/eventstreamtest"
)

func TestAStreamIsNotMadeSmallerThanWhatItHolds(t *testing.T) {
	t.Parallel()
	w := eventstreamtest.New(t, eventstream.Options{MaxBytes: 1 << 20})
	w.Publish(event("e1", "x", strings.Repeat("x", 10_000)))
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{MaxBytes: 5000}); !core.IsCode(err, core.CodeConflict) {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{MaxBytes: 1 << 20, MaxAge: time.Hour}); !core.IsCode(err, core.CodeConflict) {
		t.Fatal(err)
	}
}

func TestPublishingSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := eventstreamtest.New(t, eventstream.Options{MaxBytes: 1 << 20})
	for name, c := range map[string]struct {
		event core.Event
		code  core.Code
		says  string
	}{
		"no id":       {event("", "x", nil), core.CodeInvalid, "event_id"},
		"no type":     {event("e", "", nil), core.CodeInvalid, "type"},
		"bad type":    {event("e", "a b", nil), core.CodeInvalid, "' '"},
		"wildcard":    {event("e", "a.*", nil), core.CodeInvalid, "'*'"},
		"bad payload": {core.Event{EventID: "e", Type: "x", Payload: []byte(`{`)}, core.CodeMalformed, "payload"},
		"too large":   {event("e", "x", strings.Repeat("x", 1<<20)), core.CodeTooLarge, "max_payload"},
		"hops":        {core.Event{EventID: "e", Type: "x", Hops: core.MaxHops + 1}, core.CodeInvalid, "hops"},
	} {
		_, err := w.Publisher.PublishEvent(t.Context(), c.event)
		if !core.IsCode(err, c.code) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Publisher.PublishEvents(t.Context(), []core.Event{event("e1", "x", nil), event("", "x", nil)}); !core.IsCode(err, core.CodeInvalid) || !strings.Contains(err.Error(), "[1]") {
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
	if !core.IsCode(err, core.CodeUnavailable) || !strings.Contains(err.Error(), "nats.max_bytes") {
		t.Fatal(err)
	}
}
