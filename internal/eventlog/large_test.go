package eventlog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// large fills the stream with more than the 64 MiB that a server holds for one connection
// before it gives it up.
func (w *world) large(n int) {
	w.T.Helper()
	text := strings.Repeat("x", 900_000)
	for i := range n {
		if _, err := w.JS.Publish(w.T.Context(), "activity.x", fmt.Appendf(nil, `{"event_id":"e%d","type":"x","payload":%q}`, i, text)); err != nil {
			w.T.Fatal(err)
		}
	}
}

func TestLargeEventsAreReadAndRoutedWithoutLoss(t *testing.T) {
	t.Parallel()
	const n = 160
	w := newWorld(t, eventstream.Options{})
	w.large(n)
	report, err := NewReplayer(w.JS, w.Store, newStarts(), time.Now).Replay(t.Context(), core.ReplayRequest{Definition: definition("a", "x"), From: time.Now().Add(-time.Hour), DryRun: true}, nil)
	if err != nil || report.Events != n || report.WouldRun != n {
		t.Errorf("replay: %+v %v", report, err)
	}
	if found, err := w.log().Event(t.Context(), "e0"); err != nil || found.Sequence != 1 {
		t.Errorf("the oldest event: sequence %d, %v", found.Sequence, err)
	}
	page, err := w.log().ListEvents(t.Context(), Filter{}, core.PageRequest{Limit: 1000})
	if err != nil || len(page.Items) != 38 || page.NextCursor == "" { // 38 × 900 kB are the first to exceed 32 MiB
		t.Errorf("a page of %d events, cursor %q, %v", len(page.Items), page.NextCursor, err)
	}
	if all := w.list(Filter{}, 1000); len(all) != n {
		t.Errorf("%d events in all pages", len(all))
	}
	w.Apply(definition("a", "x"))
	s := newStarts()
	w.start(w.router(s))
	w.Drained()
	for i := range n {
		if got := s.Count(core.DefinitionID("a"), fmt.Sprintf("e%d", i)); got != 1 {
			t.Errorf("e%d started %d times", i, got)
		}
	}
	if lost := w.Conn.Stats().Reconnects; lost != 0 {
		t.Errorf("the server gave the connection up %d times", lost)
	}
}
