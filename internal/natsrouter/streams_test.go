package natsrouter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
)

func jetStream(t *testing.T) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(devstacktest.Connect(t, devstacktest.OwnNATS(t).URL()))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestStreamsAreMadeAsDesigned(t *testing.T) {
	t.Parallel()
	js := jetStream(t)
	for range 2 { // the second time nothing differs
		if err := EnsureStreams(t.Context(), js, StreamOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, subject := range map[string]string{activitycore.EventStream: activitycore.EventSubjects, activitycore.DeadLetterStream: activitycore.DeadLetterSubjects} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		c := s.CachedInfo().Config
		if c.Retention != jetstream.LimitsPolicy || c.Discard != jetstream.DiscardNew || c.Storage != jetstream.FileStorage || c.MaxAge != 0 || c.MaxBytes <= 0 || c.Subjects[0] != subject {
			t.Fatalf("%+v", c)
		}
	}
	c, err := js.Consumer(t.Context(), activitycore.EventStream, activitycore.RouterDurable)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.CachedInfo().Config; got.MaxDeliver != -1 || got.AckPolicy != jetstream.AckExplicitPolicy || got.DeliverPolicy != jetstream.DeliverAllPolicy || got.AckWait != DefaultAckWait || got.MaxAckPending != DefaultMaxAckPending {
		t.Fatalf("%+v", got)
	}
}

func TestADifferenceThatLosesNothingIsUpdatedAndTheRestIsKept(t *testing.T) {
	t.Parallel()
	js := jetStream(t)
	before := eventStream(StreamOptions{}.withDefaults())
	before.MaxBytes, before.Discard, before.Compression = 1<<20, jetstream.DiscardOld, jetstream.S2Compression
	before.Metadata = map[string]string{"owner": "ops"}
	if _, err := js.CreateStream(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	consumer := routerConsumer(StreamOptions{}.withDefaults())
	consumer.MaxDeliver, consumer.AckWait = 5, time.Second
	if _, err := js.CreateConsumer(t.Context(), activitycore.EventStream, consumer); err != nil {
		t.Fatal(err)
	}
	if err := EnsureStreams(t.Context(), js, StreamOptions{MaxBytes: 4 << 20, DuplicateWindow: time.Minute}); err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), activitycore.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	if c.MaxBytes != 4<<20 || c.Discard != jetstream.DiscardNew || c.Duplicates != time.Minute || c.Compression != jetstream.S2Compression || c.Metadata["owner"] != "ops" {
		t.Fatalf("%+v", c)
	}
	d, err := s.Consumer(t.Context(), activitycore.RouterDurable)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.CachedInfo().Config; got.MaxDeliver != -1 || got.AckWait != DefaultAckWait {
		t.Fatalf("%+v", got)
	}
}

func TestAStreamThatWouldLoseEventsIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*jetstream.StreamConfig){
		"retention": func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy },
		"storage":   func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"no_ack":    func(c *jetstream.StreamConfig) { c.NoAck = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js := jetStream(t)
			cfg := eventStream(StreamOptions{MaxBytes: 1 << 20}.withDefaults())
			change(&cfg)
			if _, err := js.CreateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			err := EnsureStreams(t.Context(), js, StreamOptions{MaxBytes: 1 << 20})
			if !activitycore.IsCode(err, activitycore.CodeConflict) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "nats stream edit") {
				t.Fatal(err)
			}
		})
	}
}

func TestAStreamIsNotMadeSmallerThanWhatItHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{MaxBytes: 1 << 20})
	w.publish(event("e1", "x", strings.Repeat("x", 10_000)))
	if err := EnsureStreams(t.Context(), w.js, StreamOptions{MaxBytes: 5000}); !activitycore.IsCode(err, activitycore.CodeConflict) {
		t.Fatal(err)
	}
	if err := EnsureStreams(t.Context(), w.js, StreamOptions{MaxBytes: 1 << 20, MaxAge: time.Hour}); !activitycore.IsCode(err, activitycore.CodeConflict) {
		t.Fatal(err)
	}
}

func TestADeletedConsumerIsNotMadeAnewInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{})
	w.apply(definition("a", "x"))
	s := newStarts()
	r := w.start(w.router(s))
	for i := range 10 {
		w.publish(event(fmt.Sprintf("e%d", i), "x", nil))
	}
	w.drained()
	w.stop(r) // records how far it came
	if err := w.js.DeleteConsumer(t.Context(), activitycore.EventStream, activitycore.RouterDurable); err != nil {
		t.Fatal(err)
	}
	err := EnsureStreams(t.Context(), w.js, StreamOptions{})
	if !activitycore.IsCode(err, activitycore.CodeConflict) || !strings.Contains(err.Error(), "sequence 10") || !strings.Contains(err.Error(), "recreate_consumer") {
		t.Fatal(err)
	}
	w.publish(event("missed", "x", nil))
	if err := EnsureStreams(t.Context(), w.js, StreamOptions{RecreateRouterConsumer: true}); err != nil {
		t.Fatal(err)
	}
	if err := EnsureStreams(t.Context(), w.js, StreamOptions{}); err != nil {
		t.Fatal("the consumer made again is refused:", err)
	}
	consumed := w.seen.consumed.Load()
	w.start(w.router(s))
	w.drained()
	if got := w.seen.consumed.Load() - consumed; got != 1 {
		t.Fatalf("%d events read again, want only the one that was missed", got)
	}
	if s.count(activitycore.DefinitionID("a"), "missed") != 1 {
		t.Fatal("the event published meanwhile is lost")
	}
}

func TestALostStreamIsNotReplacedInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{})
	r := w.start(w.router(newStarts()))
	w.publish(event("e1", "x", nil))
	w.drained()
	w.stop(r)
	if err := w.js.DeleteStream(t.Context(), activitycore.EventStream); err != nil {
		t.Fatal(err)
	}
	if err := EnsureStreams(t.Context(), w.js, StreamOptions{}); !activitycore.IsCode(err, activitycore.CodeConflict) || !strings.Contains(err.Error(), "backup") {
		t.Fatal(err)
	}
	if err := EnsureStreams(t.Context(), w.js, StreamOptions{RecreateRouterConsumer: true}); err != nil {
		t.Fatal(err)
	}
	receipt, err := w.pub.PublishEvent(t.Context(), event("e2", "x", nil))
	if err != nil || receipt.Sequence != 2 {
		t.Fatalf("sequences do not go on: %+v %v", receipt, err)
	}
	w.start(r)
	w.drained()
}

func TestARunningRouterSurvivesTheLossOfItsConsumerOnceItIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{})
	w.apply(definition("a", "x"))
	s := newStarts()
	r := w.start(w.router(s))
	w.publish(event("e1", "x", nil))
	w.drained()
	if err := w.js.DeleteConsumer(t.Context(), activitycore.EventStream, activitycore.RouterDurable); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the router says that its consumer is gone", func() bool { return r.Problem() != nil })
	w.publish(event("e2", "x", nil))
	if err := EnsureStreams(t.Context(), w.js, StreamOptions{RecreateRouterConsumer: true}); err != nil {
		t.Fatal(err)
	}
	w.drained()
	if s.count(activitycore.DefinitionID("a"), "e2") != 1 || s.count(activitycore.DefinitionID("a"), "e1") != 1 {
		t.Fatal("an event is lost or doubled")
	}
	eventually(t, "the problem is gone", func() bool { return r.Problem() == nil })
}

func TestPublishingSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, StreamOptions{MaxBytes: 1 << 20})
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
		_, err := w.pub.PublishEvent(t.Context(), c.event)
		if !activitycore.IsCode(err, c.code) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.pub.PublishEvents(t.Context(), []activitycore.Event{event("e1", "x", nil), event("", "x", nil)}); !activitycore.IsCode(err, activitycore.CodeInvalid) || !strings.Contains(err.Error(), "[1]") {
		t.Error(err)
	}
	if n := w.count(); n != 0 {
		t.Fatalf("%d events stored", n)
	}
	// A stream that is full refuses rather than forgets.
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = w.pub.PublishEvent(t.Context(), event(fmt.Sprintf("e%d", i), "x", strings.Repeat("x", 100_000)))
	}
	if !activitycore.IsCode(err, activitycore.CodeUnavailable) || !strings.Contains(err.Error(), "nats.max_bytes") {
		t.Fatal(err)
	}
}

func (w *world) count() uint64 {
	w.t.Helper()
	s, err := w.js.Stream(w.t.Context(), activitycore.EventStream)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}
