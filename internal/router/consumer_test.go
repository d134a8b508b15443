package router

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// routed is a world in which n events were routed, with no router running.
func routed(t *testing.T, n int) (*world, *starts) {
	t.Helper()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	r := w.start(w.router(s))
	for i := range n {
		w.Publish(event(fmt.Sprintf("e%d", i), "x", nil))
	}
	w.Drained()
	w.Stop(r) // records how far it came
	return w, s
}

// replace puts another consumer under the router's name.
func (w *world) replace(change func(*jetstream.ConsumerConfig)) {
	w.T.Helper()
	cfg := w.Consumer().Config
	if err := w.JS.DeleteConsumer(w.T.Context(), core.EventStream, core.RouterDurable); err != nil {
		w.T.Fatal(err)
	}
	change(&cfg)
	if _, err := w.JS.CreateConsumer(w.T.Context(), core.EventStream, cfg); err != nil {
		w.T.Fatal(err)
	}
}

func startsAt(seq uint64) func(*jetstream.ConsumerConfig) {
	return func(c *jetstream.ConsumerConfig) {
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, seq
	}
}

func TestAConsumerMadeInThePlaceOfTheRoutersMustGoOnWhereItWas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*jetstream.ConsumerConfig)
		says   string // "": it is accepted
	}{
		"from the beginning": {func(*jetstream.ConsumerConfig) {}, "has read up to sequence 0 only, the router had come to 10"},
		"too early":          {startsAt(4), "has read up to sequence 3 only, the router had come to 10"},
		"too late":           {startsAt(20), "begins at sequence 20, but the router had come to 10"},
		"one too late":       {startsAt(12), "begins at sequence 12"},
		"right behind":       {startsAt(11), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := routed(t, 10)
			w.Apply(definition("newer", "x"))
			w.replace(c.change)
			w.Publish(event("next", "x", nil))
			r := w.router(s)
			errs := []error{eventstream.Ensure(t.Context(), w.JS, eventstream.Options{}), r.Start(t.Context())}
			t.Cleanup(func() { w.Stop(r) })
			for i, err := range errs {
				switch {
				case c.says == "" && err != nil:
					t.Fatalf("%d: refused: %v", i, err)
				case c.says != "" && (!core.IsCode(err, core.CodeConflict) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "from sequence 11")):
					t.Fatalf("%d: %v", i, err)
				}
			}
			if c.says != "" { // and the remedy that the message names is one
				w.replaceBy(eventstream.Ensure(t.Context(), w.JS, eventstream.Options{RecreateRouterConsumer: true}))
				w.start(r)
			}
			w.Drained()
			w.NoEntry("newer", "e9")
			if w.Entry("newer", "next").Verdict != core.VerdictStarted {
				t.Fatal("the next event was not routed")
			}
		})
	}
}

// replaceBy deletes the consumer that a second attempt refused as well, and lets it be made again.
func (w *world) replaceBy(refused error) {
	w.T.Helper()
	if !core.IsCode(refused, core.CodeConflict) {
		w.T.Fatal("a consumer that is there was replaced:", refused)
	}
	if err := w.JS.DeleteConsumer(w.T.Context(), core.EventStream, core.RouterDurable); err != nil {
		w.T.Fatal(err)
	}
	if err := eventstream.Ensure(w.T.Context(), w.JS, eventstream.Options{RecreateRouterConsumer: true}); err != nil {
		w.T.Fatal(err)
	}
}

func TestARunningRouterDoesNotReadFromAConsumerThatWouldRepeatOrSkipEvents(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*jetstream.ConsumerConfig){"repeat": func(*jetstream.ConsumerConfig) {}, "skip": startsAt(30)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := routed(t, 10)
			r := w.start(w.router(s))
			w.Apply(definition("newer", "x"))
			w.replace(change)
			eventually(t, "the router says what is wrong", func() bool {
				return r.Problem() != nil && strings.Contains(r.Problem().Error(), "the router had come to 10")
			})
			w.Publish(event("next", "x", nil))
			if err := w.JS.DeleteConsumer(t.Context(), core.EventStream, core.RouterDurable); err != nil {
				t.Fatal(err)
			}
			if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{RecreateRouterConsumer: true}); err != nil {
				t.Fatal(err)
			}
			w.Drained()
			w.NoEntry("newer", "e9")
			if w.Entry("newer", "next").Verdict != core.VerdictStarted {
				t.Fatal("the next event was not routed")
			}
		})
	}
}

func TestTheSameConsumerMayLieBehindWhatIsRecordedOfIt(t *testing.T) {
	t.Parallel()
	w, s := routed(t, 10)
	state, err := eventstream.OpenState(t.Context(), w.JS, 1)
	if err != nil {
		t.Fatal(err)
	}
	// As after a power cut, which took acknowledgements back.
	ahead := *w.Consumer()
	ahead.AckFloor.Stream = 15
	if err := state.Follow(t.Context(), &ahead); err != nil {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{}); err != nil {
		t.Fatal(err)
	}
	w.Publish(event("next", "x", nil))
	w.start(w.router(s))
	w.Drained()
	if mark, err := state.Read(t.Context()); err != nil || mark.AckFloor != 15 {
		t.Fatalf("the mark went back: %+v %v", mark, err)
	}
	// Made again from the mark it would pass over what the shorter stream stores next.
	if err := w.JS.DeleteConsumer(t.Context(), core.EventStream, core.RouterDurable); err != nil {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{RecreateRouterConsumer: true}); !core.IsCode(err, core.CodeConflict) || !strings.Contains(err.Error(), "ends at 11") {
		t.Fatal(err)
	}
}

func TestAMarkOfAnEarlierVersionIsTakenOver(t *testing.T) {
	t.Parallel()
	w, _ := routed(t, 10)
	state, err := eventstream.OpenState(t.Context(), w.JS, 1)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := w.JS.KeyValue(t.Context(), "ACTIVITY_ROUTER_STATE")
	if err != nil {
		t.Fatal(err)
	}
	for mark, good := range map[string]bool{`{"ack_floor":9}`: true, `{"ack_floor":10}`: true, `{"ack_floor":11}`: false} {
		if _, err := bucket.Put(t.Context(), core.RouterDurable, []byte(mark)); err != nil {
			t.Fatal(err)
		}
		if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{}); (err == nil) != good {
			t.Errorf("%s: %v", mark, err)
		}
		if now, err := state.Read(t.Context()); err != nil || good && (now.AckFloor != 10 || !now.ConsumerCreated.Equal(w.Consumer().Created)) {
			t.Errorf("%s became %+v %v", mark, now, err)
		}
	}
}
