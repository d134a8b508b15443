package eventstream_test

import (
	"fmt"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventstream/eventstreamtest"
)

func TestReadingAStreamMissesNothingThatIsLostOnItsWay(t *testing.T) {
	t.Parallel()
	const n = 600 // more than two fetches
	w := eventstreamtest.New(t, eventstream.Options{})
	for i := range n {
		w.Publish(event(fmt.Sprintf("e%d", i), "x", nil))
	}
	stream, err := w.JS.Stream(t.Context(), core.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	// lose takes what the server sends next to whoever reads the stream.
	lose := func(messages int) {
		for name := range stream.ConsumerNames(t.Context()).Name() {
			if name == core.RouterDurable {
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
	err = eventstream.Ascend(t.Context(), w.JS, core.EventStream, eventstream.From{}, func(m eventstream.Message) error {
		if m.Sequence != next {
			t.Fatalf("sequence %d where %d is due", m.Sequence, next)
		}
		switch next++; m.Sequence {
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
