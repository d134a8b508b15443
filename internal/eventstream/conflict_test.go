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

func TestAnEventIDWithOtherContentIsAConflictAtIngest(t *testing.T) {
	t.Parallel()
	w := eventstreamtest.New(t, eventstream.Options{})
	base := func() core.Event {
		e := event("e1", "a.b", map[string]any{"n": 1})
		e.Source, e.Subject, e.Extensions = "s", "x", core.Extensions{"k": "v", "traceparent": "one"}
		return e
	}
	w.Publish(base())
	for name, c := range map[string]struct {
		edit func(*core.Event)
		want string
	}{
		"a repeat":                {func(*core.Event) {}, ""},
		"at another time":         {func(e *core.Event) { e.Time = e.Time.Add(time.Hour) }, ""},
		"in another attempt":      {func(e *core.Event) { e.Extensions["traceparent"] = "two" }, ""},
		"with other white space":  {func(e *core.Event) { e.Payload = []byte(` { "n" : 1 } `) }, ""},
		"another type":            {func(e *core.Event) { e.Type = "a.c" }, "another type"},
		"another source":          {func(e *core.Event) { e.Source = "t" }, "another source"},
		"another subject":         {func(e *core.Event) { e.Subject = "y" }, "another subject"},
		"another payload":         {func(e *core.Event) { e.Payload = []byte(`{"n":2}`) }, "another payload"},
		"another extension":       {func(e *core.Event) { e.Extensions["k"] = "w" }, "another extensions"},
		"two fields of it differ": {func(e *core.Event) { e.Type, e.Payload = "a.c", []byte(`2`) }, "another type, payload"},
	} {
		e := base()
		c.edit(&e)
		receipt, err := w.Publisher.PublishEvent(t.Context(), e)
		if c.want == "" && (err != nil || !receipt.Duplicate || receipt.Sequence != 1) {
			t.Errorf("%s: %+v, %v; want a duplicate of sequence 1", name, receipt, err)
		}
		if c.want != "" && (!core.IsCode(err, core.CodeConflict) || !strings.Contains(err.Error(), c.want+";")) {
			t.Errorf("%s: %+v, %v; want a conflict with %s", name, receipt, err, c.want)
		}
	}
	var batch []core.Event
	for n := range 100 {
		batch = append(batch, event(fmt.Sprintf("b%d", n), "a.b", n))
	}
	batch[7] = event("e1", "a.b", "other")
	_, err := w.Publisher.PublishEvents(t.Context(), batch)
	if !core.IsCode(err, core.CodeConflict) || !strings.HasPrefix(core.MessageOf(err), "[7] event_id") {
		t.Errorf("a batch: %v; want a conflict at [7]", err)
	}
	batch[7] = event("b7", "a.b", 7)
	receipts, err := w.Publisher.PublishEvents(t.Context(), batch)
	if err != nil || !receipts[99].Duplicate || receipts[7].Duplicate {
		t.Errorf("the batch again, mended: %+v, %v; want all but [7] to be repeats", receipts, err)
	}
}
