package router

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventstream/eventstreamtest"
	"github.com/activity-core/activity-core/internal/sqlite"
)

func TestARouterGoesOnAfterNATSWasRestarted(t *testing.T) {
	t.Parallel()
	cfg := devstack.NATSConfig{Dir: t.TempDir(), SyncAlways: true}
	boot := func() *devstack.NATS {
		t.Helper()
		server, err := devstack.StartNATS(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return server
	}
	server := boot()
	defer func() { _ = server.Stop(context.Background()) }()
	cfg.Addr = server.URL()[len("nats://"):]
	nc, err := nats.Connect(server.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := eventstream.Ensure(t.Context(), js, eventstream.Options{AckWait: 2 * time.Second}); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	w := &world{World: &eventstreamtest.World{T: t, URL: server.URL(), Conn: nc, JS: js, Store: store}, seen: &counters{}}
	w.Publisher = eventstream.NewPublisher(js, time.Now, w.seen.publisher())
	w.Apply(definition("a", "x"))
	s := newStarts()
	r := w.router(s)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer w.Stop(r)
	for _, id := range []string{"e1", "e2", "e3"} {
		eventually(t, "the event is stored", func() bool {
			_, err := w.Publisher.PublishEvent(t.Context(), event(id, "x", nil)) // again under the same ID until it is
			return err == nil
		})
		w.Drained()
		if err := server.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		server = boot()
		eventually(t, "the client is back", nc.IsConnected)
	}
	for _, id := range []string{"e1", "e2", "e3"} {
		if got := s.Count(core.DefinitionID("a"), id); got != 1 {
			t.Fatalf("%s started %d times", id, got)
		}
	}
	eventually(t, "the router has no problem left", func() bool { return r.Problem() == nil })
}
