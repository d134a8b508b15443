package natsrouter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// large fills the stream with more than the 64 MiB that a server holds for one connection before it gives it up.
func (w *world) large(n int) {
	w.t.Helper()
	text := strings.Repeat("x", 900_000)
	for i := range n {
		if _, err := w.js.Publish(w.t.Context(), "activity.x", fmt.Appendf(nil, `{"event_id":"e%d","type":"x","payload":%q}`, i, text)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestLargeEventsAreReadAndRoutedWithoutLoss(t *testing.T) {
	t.Parallel()
	const n = 160
	w := newWorld(t, StreamOptions{})
	w.large(n)
	report, err := NewReplayer(w.js, w.store, newStarts(), time.Now).Replay(t.Context(), activitycore.ReplayRequest{Definition: definition("a", "x"), From: time.Now().Add(-time.Hour), DryRun: true}, nil)
	if err != nil || report.Events != n || report.WouldRun != n {
		t.Errorf("replay: %+v %v", report, err)
	}
	if found, err := w.log().Event(t.Context(), "e0"); err != nil || found.Sequence != 1 {
		t.Errorf("the oldest event: sequence %d, %v", found.Sequence, err)
	}
	page, err := w.log().ListEvents(t.Context(), EventFilter{}, activitycore.PageRequest{Limit: 1000})
	if err != nil || len(page.Items) != 38 || page.NextCursor == "" { // 38 × 900 kB are the first to exceed 32 MiB
		t.Errorf("a page of %d events, cursor %q, %v", len(page.Items), page.NextCursor, err)
	}
	if all := w.list(EventFilter{}, 1000); len(all) != n {
		t.Errorf("%d events in all pages", len(all))
	}
	w.apply(definition("a", "x"))
	s := newStarts()
	w.start(w.router(s))
	w.drained()
	for i := range n {
		if got := s.count(activitycore.DefinitionID("a"), fmt.Sprintf("e%d", i)); got != 1 {
			t.Errorf("e%d started %d times", i, got)
		}
	}
	if lost := w.nc.Stats().Reconnects; lost != 0 {
		t.Errorf("the server gave the connection up %d times", lost)
	}
}

func TestReadingAStreamMissesNothingThatIsLostOnItsWay(t *testing.T) {
	t.Parallel()
	const n = 600 // more than two fetches
	w := newWorld(t, StreamOptions{})
	for i := range n {
		w.publish(event(fmt.Sprintf("e%d", i), "x", nil))
	}
	stream, err := w.js.Stream(t.Context(), activitycore.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	// lose takes what the server sends next to whoever reads the stream.
	lose := func(messages int) {
		for name := range stream.ConsumerNames(t.Context()).Name() {
			if name == activitycore.RouterDurable {
				continue
			}
			consumer, err := stream.Consumer(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			batch, err := consumer.FetchNoWait(messages)
			if err != nil {
				t.Fatal(err)
			}
			for range batch.Messages() { // until all have come
			}
		}
	}
	next := uint64(1)
	err = ascend(t.Context(), w.js, activitycore.EventStream, from{}, func(m stored) error {
		if m.seq != next {
			t.Fatalf("sequence %d where %d is due", m.seq, next)
		}
		switch next++; m.seq {
		case 100: // in the midst
			lose(7)
		case 500: // and to the end
			lose(n)
		}
		return nil
	})
	if err != nil || next != n+1 {
		t.Fatalf("read to %d of %d: %v", next-1, n, err)
	}
}
