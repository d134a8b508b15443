package natsrouter

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func TestAPayloadIsDecodedOnceForAllConditionsOfADelivery(t *testing.T) {
	t.Parallel()
	const conditions = 50
	w := newWorld(t, StreamOptions{})
	var defs []activitycore.Definition
	for i := range conditions {
		defs = append(defs, definition(fmt.Sprintf("d%d", i), "x", when(fmt.Sprintf("payload.n > %d", i))))
	}
	w.apply(defs...)
	var seen []*ruleeval.Event
	r := w.router(newStarts(), func(c *Config) {
		c.CompileWhen = func(def activitycore.Definition) (When, error) {
			inner, err := CompileCEL(def)
			return func(ctx context.Context, c *Candidate) (bool, error) {
				ok, err := inner(ctx, c)
				seen = append(seen, c.decoded)
				return ok, err
			}, err
		}
	})
	r.triggers = newTriggers(r.cfg.Catalogue, r.cfg.CompileWhen, slog.New(slog.DiscardHandler))
	if err := r.triggers.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := &delivery{msg: message{data: []byte(`{"event_id":"e1","type":"x","payload":{"n":20}}`)}}
	if err := r.match(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if len(seen) != conditions || len(d.records) != 20 {
		t.Fatalf("%d conditions evaluated, %d matched", len(seen), len(d.records))
	}
	for _, e := range seen {
		if e == nil || e != seen[0] {
			t.Fatal("the payload was decoded more than once")
		}
	}
}

// message is a message of no stream.
type message struct {
	jetstream.Msg
	data []byte
}

func (m message) Data() []byte                     { return m.data }
func (m message) Headers() nats.Header             { return nil }
func (m message) Subject() string                  { return "activity.x" }
func (m message) Nak() error                       { return nil }
func (m message) NakWithDelay(time.Duration) error { return nil }
func (m message) Ack() error                       { return nil }
func (m message) TermWithReason(string) error      { return nil }
