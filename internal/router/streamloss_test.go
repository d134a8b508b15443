package router

import (
	"fmt"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

func TestADeletedConsumerIsNotMadeAnewInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	r := w.start(w.router(s))
	for i := range 10 {
		w.Publish(event(fmt.Sprintf("e%d", i), "x", nil))
	}
	w.Drained()
	w.Stop(r) // records how far it came
	if err := w.JS.DeleteConsumer(t.Context(), core.EventStream, core.RouterDurable); err != nil {
		t.Fatal(err)
	}
	err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{})
	if !core.IsCode(err, core.CodeConflict) || !strings.Contains(err.Error(), "sequence 10") || !strings.Contains(err.Error(), "recreate_consumer") {
		t.Fatal(err)
	}
	w.Publish(event("missed", "x", nil))
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{RecreateRouterConsumer: true}); err != nil {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{}); err != nil {
		t.Fatal("the consumer made again is refused:", err)
	}
	consumed := w.seen.consumed.Load()
	w.start(w.router(s))
	w.Drained()
	if got := w.seen.consumed.Load() - consumed; got != 1 {
		t.Fatalf("%d events read again, want only the one that was missed", got)
	}
	if s.Count(core.DefinitionID("a"), "missed") != 1 {
		t.Fatal("the event published meanwhile is lost")
	}
}

func TestALostStreamIsNotReplacedInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	r := w.start(w.router(newStarts()))
	w.Publish(event("e1", "x", nil))
	w.Drained()
	w.Stop(r)
	if err := w.JS.DeleteStream(t.Context(), core.EventStream); err != nil {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{}); !core.IsCode(err, core.CodeConflict) || !strings.Contains(err.Error(), "backup") {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{RecreateRouterConsumer: true}); err != nil {
		t.Fatal(err)
	}
	receipt, err := w.Publisher.PublishEvent(t.Context(), event("e2", "x", nil))
	if err != nil || receipt.Sequence != 2 {
		t.Fatalf("sequences do not go on: %+v %v", receipt, err)
	}
	w.start(r)
	w.Drained()
}

func TestARunningRouterSurvivesTheLossOfItsConsumerOnceItIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	r := w.start(w.router(s))
	w.Publish(event("e1", "x", nil))
	w.Drained()
	if err := w.JS.DeleteConsumer(t.Context(), core.EventStream, core.RouterDurable); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the router says that its consumer is gone", func() bool { return r.Problem() != nil })
	w.Publish(event("e2", "x", nil))
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{RecreateRouterConsumer: true}); err != nil {
		t.Fatal(err)
	}
	w.Drained()
	if s.Count(core.DefinitionID("a"), "e2") != 1 || s.Count(core.DefinitionID("a"), "e1") != 1 {
		t.Fatal("an event is lost or doubled")
	}
	eventually(t, "the problem is gone", func() bool { return r.Problem() == nil })
}
