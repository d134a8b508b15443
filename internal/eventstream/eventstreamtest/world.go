// Package eventstreamtest is the test support of the event half: a NATS server with the
// streams, a record, and what tests put into them.
package eventstreamtest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// World is one NATS server and one SQLite record of a test's own.
type World struct {
	T         testing.TB
	URL       string
	Conn      *nats.Conn
	JS        jetstream.JetStream
	Store     *sqlstore.Store
	Path      string // of the record
	Publisher *eventstream.Publisher
}

// New makes the streams; they end with the test.
func New(t testing.TB, opts eventstream.Options) *World {
	t.Helper()
	server := devstacktest.OwnNATS(t)
	w := &World{T: t, URL: server.URL(), Conn: devstacktest.Connect(t, server.URL())}
	var err error
	if w.JS, err = jetstream.New(w.Conn); err != nil {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), w.JS, opts); err != nil {
		t.Fatal(err)
	}
	w.Path = filepath.Join(t.TempDir(), "record.db")
	if w.Store, err = sqlite.Open(t.Context(), sqlite.Config{Path: w.Path}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Store.Close() })
	w.Publisher = eventstream.NewPublisher(w.JS, time.Now, eventstream.Metrics{})
	return w
}

// Apply saves definitions, whatever their version.
func (w *World) Apply(defs ...core.Definition) {
	w.T.Helper()
	var changes []core.DefinitionChange
	for _, d := range defs {
		changes = append(changes, core.DefinitionChange{Definition: d, ExpectVersion: core.AnyVersion})
	}
	if _, err := w.Store.ApplyChanges(w.T.Context(), changes, "test", time.Now()); err != nil {
		w.T.Fatal(err)
	}
}

// Publish stores events in one batch.
func (w *World) Publish(events ...core.Event) {
	w.T.Helper()
	if _, err := w.Publisher.PublishEvents(w.T.Context(), events); err != nil {
		w.T.Fatal(err)
	}
}

// Drained waits until the stream's consumer has nothing left to do.
func (w *World) Drained() {
	w.T.Helper()
	Eventually(w.T, "every event is acknowledged", w.Settled)
}

// Consumer is what the server says of the routers' consumer.
func (w *World) Consumer() *jetstream.ConsumerInfo {
	w.T.Helper()
	c, err := w.JS.Consumer(w.T.Context(), core.EventStream, core.RouterDurable)
	if err != nil {
		w.T.Fatal(err)
	}
	return c.CachedInfo()
}

// Entry is the ledger row of a definition for an event.
func (w *World) Entry(name, eventID string) core.LedgerEntry {
	w.T.Helper()
	e, err := w.Store.LedgerEntry(w.T.Context(), core.DefinitionID(name), core.EventCause(eventID).Key())
	if err != nil {
		w.T.Fatal(fmt.Errorf("ledger row of %s for %s: %w", name, eventID, err))
	}
	return e
}

// NoEntry fails if there is one.
func (w *World) NoEntry(name, eventID string) {
	w.T.Helper()
	if e, err := w.Store.LedgerEntry(w.T.Context(), core.DefinitionID(name), core.EventCause(eventID).Key()); !core.IsCode(err, core.CodeNotFound) {
		w.T.Fatalf("%s has a ledger row for %s: %+v %v", name, eventID, e, err)
	}
}

// Published is how many events the stream took.
func (w *World) Published() uint64 {
	w.T.Helper()
	stream, err := w.JS.Stream(w.T.Context(), core.EventStream)
	if err != nil {
		w.T.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// Settled tells whether every event that was published is acknowledged. NumPending lags behind
// what was published; the floor cannot.
func (w *World) Settled() bool {
	w.T.Helper()
	info := w.Consumer()
	return info.AckFloor.Stream == w.Published() && info.NumAckPending == 0
}

// Stored is how many messages the event stream has.
func (w *World) Stored() uint64 {
	w.T.Helper()
	s, err := w.JS.Stream(w.T.Context(), core.EventStream)
	if err != nil {
		w.T.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// Runner is what a test starts, and stops at its end.
type Runner interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

// Start starts r; it stops with the test, if not before.
func (w *World) Start(r Runner) {
	w.T.Helper()
	if err := r.Start(w.T.Context()); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { w.Stop(r) })
}

// Stop gives r 20 seconds to finish.
func (w *World) Stop(r Runner) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		w.T.Error(err)
	}
}

// Raw publishes straight to NATS under another Nats-Msg-Id, as after the stream's window.
func (w *World) Raw(msgID, data string, headers ...string) {
	w.T.Helper()
	msg := nats.NewMsg("activity.x")
	msg.Header.Set(nats.MsgIdHdr, msgID)
	for i := 0; i < len(headers); i += 2 {
		msg.Header[headers[i]] = []string{headers[i+1]}
	}
	msg.Data = []byte(data)
	if _, err := w.JS.PublishMsg(w.T.Context(), msg); err != nil {
		w.T.Fatal(err)
	}
}
