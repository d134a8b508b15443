package eventstream

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack"
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
		if err := Ensure(t.Context(), js, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, subject := range map[string]string{core.EventStream: core.EventSubjects, core.DeadLetterStream: core.DeadLetterSubjects} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		c := s.CachedInfo().Config
		if c.Retention != jetstream.LimitsPolicy || c.Discard != jetstream.DiscardNew || c.Storage != jetstream.FileStorage || c.MaxAge != 0 || c.MaxBytes <= 0 || c.Subjects[0] != subject {
			t.Fatalf("%+v", c)
		}
	}
	c, err := js.Consumer(t.Context(), core.EventStream, core.RouterDurable)
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
	before := eventStream(Options{}.withDefaults())
	before.MaxBytes, before.Discard, before.Compression = 1<<20, jetstream.DiscardOld, jetstream.S2Compression
	before.Metadata = map[string]string{"owner": "ops"}
	if _, err := js.CreateStream(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	consumer := routerConsumer(Options{}.withDefaults())
	consumer.MaxDeliver, consumer.AckWait = 5, time.Second
	if _, err := js.CreateConsumer(t.Context(), core.EventStream, consumer); err != nil {
		t.Fatal(err)
	}
	if err := Ensure(t.Context(), js, Options{MaxBytes: 4 << 20, DuplicateWindow: time.Minute}); err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), core.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	if c.MaxBytes != 4<<20 || c.Discard != jetstream.DiscardNew || c.Duplicates != time.Minute || c.Compression != jetstream.S2Compression || c.Metadata["owner"] != "ops" {
		t.Fatalf("%+v", c)
	}
	d, err := s.Consumer(t.Context(), core.RouterDurable)
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
			cfg := eventStream(Options{MaxBytes: 1 << 20}.withDefaults())
			change(&cfg)
			if _, err := js.CreateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			err := Ensure(t.Context(), js, Options{MaxBytes: 1 << 20})
			if !core.IsCode(err, core.CodeConflict) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "nats stream edit") {
				t.Fatal(err)
			}
		})
	}
}

// The mark relies on it.
func TestAConsumerKeepsItsBirthdayAcrossARestartOfNATS(t *testing.T) {
	t.Parallel()
	cfg := devstack.NATSConfig{Dir: t.TempDir()}
	var born []time.Time
	for range 2 {
		server, err := devstack.StartNATS(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		js, err := jetstream.New(devstacktest.Connect(t, server.URL()))
		if err != nil {
			t.Fatal(err)
		}
		if err := Ensure(t.Context(), js, Options{AckWait: time.Duration(len(born)+1) * time.Minute}); err != nil { // and across an update
			t.Fatal(err)
		}
		c, err := js.Consumer(t.Context(), core.EventStream, core.RouterDurable)
		if err != nil {
			t.Fatal(err)
		}
		born = append(born, c.CachedInfo().Created)
		if err := server.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if !born[0].Equal(born[1]) {
		t.Fatalf("%v became %v", born[0], born[1])
	}
}
