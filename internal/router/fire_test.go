package router

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// longEnv turns the long variants on.
const longEnv = "ACTIVITY_CORE_LONG"

// TestEveryMatchRunsExactlyOnceUnderFire kills routers while events come, many of them twice,
// and Temporal forgets what it started: the outside world must see each match once.
func TestEveryMatchRunsExactlyOnceUnderFire(t *testing.T) {
	underFire(t, newWorld(t, fireStreams()))
}

func TestEveryMatchRunsExactlyOnceUnderFireOnPostgreSQL(t *testing.T) {
	url := postgrestest.Database(t)
	w := newWorld(t, fireStreams())
	if err := postgres.Migrate(t.Context(), postgres.Config{URL: url}, func(ctx context.Context, m *sqlstore.Migrator) error {
		_, err := m.Up(ctx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	store, err := openRecord(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w.Store, w.Path = store, url
	underFire(t, w)
}

// fireStreams lets what a dead router held come again soon.
func fireStreams() eventstream.Options { return eventstream.Options{AckWait: 2 * time.Second} }

func underFire(t *testing.T, w *world) {
	atLeast, volley, least := 400, 40, 1
	if os.Getenv(longEnv) != "" {
		atLeast, volley, least = 20_000, 200, 10
	}
	ns := forgetfulTemporal(t)
	c := ns.Client(t)
	starter := temporalrun.NewStarter(c)
	started := runWorker(t, w, c)
	out := newOutside(t)
	w.Apply(
		definition(everyThird, "order.paid", filters(map[string]any{"n": []any{map[string]any{"numeric": []any{">=", 0}}}, "third": true}), out.tells),
		definition(everyTenth, "order.paid", when("payload.n % 10 == 0"), out.tells),
		definition("never", "order.lost", out.tells),
	)

	rng := rand.New(rand.NewPCG(7, 11))
	b := newBrigade(t, 2, rng, childNATS+"="+w.URL, childStore+"="+w.Path, childAddress+"="+ns.HostPort, childNS+"="+ns.Name)
	p := &repeater{world: w}
	published := make(chan struct{})
	go func() {
		defer close(published)
		p.underFire(volley, atLeast, b.deaths, func() bool { return b.missing(least) == "" })
	}()
	b.harass(time.Second, func() bool {
		select {
		case <-published:
			return w.Settled()
		default:
			return false
		}
	})
	if missing := b.missing(least); missing != "" {
		t.Fatalf("that was no fire: %s", missing)
	}
	events := p.events
	if events < atLeast {
		t.Fatalf("%d events were published, want at least %d", events, atLeast)
	}
	if got, want := w.Published(), uint64(events+p.repeats); got != want {
		t.Fatalf("the stream holds %d events, want %d of which %d are repeats", got, want, p.repeats)
	}
	awaitEffects(out, fireRuns(events)) // if some never come, the audit says which
	awaitForgotten(t, c, started)
	out.audit(t, events)
	turned := started.refused.Load()
	if got := started.workflows(); got != fireRuns(events) {
		t.Fatalf("Temporal started %d different workflows, want %d", got, fireRuns(events))
	}
	if got := started.failed.Load(); got != 0 {
		t.Fatalf("%d runs failed", got)
	}
	t.Logf("%d events and %d repeats, %d expected runs; %d processes killed, died at crash points: %v; 0 lost, 0 doubled, %d executions turned away",
		events, p.repeats, fireRuns(events), b.kills, b.hits, turned)

	// Temporal has forgotten every execution: now only the ledger knows them.
	p.again("forgotten", 0, events, 1)
	asked := &countedStarter{Starter: starter}
	seen := &counters{}
	w.start(w.router(asked, func(cfg *Config) { cfg.Metrics = seen.metrics() }))
	w.drainedAtLeisure()
	if got := asked.asked.Load(); got != 0 {
		t.Fatalf("%d runs were to start again after Temporal forgot them", got)
	}
	if got := seen.routed.Load(); got != int64(fireRuns(events)) {
		t.Fatalf("of the repeated events' %d matches %d met their rows in the ledger", fireRuns(events), got)
	}

	// And were one started again all the same, its execution ends at admission. That Temporal
	// accepts it shows that it did forget.
	before, wrong := started.refused.Load(), 0
	for n := 0; n < events && wrong < 20; n++ {
		if !fireWants(everyThird, n) {
			continue
		}
		outcome, err := starter.StartRun(t.Context(), core.DefinitionID(everyThird), core.EventCause(fireID(n)))
		if err != nil || outcome.AlreadyStarted {
			t.Fatalf("a second start of event %d: %+v, %v; want Temporal to have forgotten the first", n, outcome, err)
		}
		wrong++
	}
	eventually(t, "the ledger turns away every execution that was started again", func() bool {
		return started.refused.Load() == before+int64(wrong)
	})
	awaitForgotten(t, c, started)
	out.audit(t, events)
}

// repeater publishes events, and publishes them again on purpose.
type repeater struct {
	*world
	events  int // 0 to events-1 were published
	repeats int // stored once more
}

// underFire publishes events in volleys, and about one in five again as if JetStream's window
// for duplicates were over, until there were so many and the fire was hot enough. A volley
// waits for a death after the one before: the fire lasts as long as there are events.
func (p *repeater) underFire(volley, atLeast int, deaths <-chan struct{}, enough func() bool) {
	for p.events < atLeast || !enough() && p.events < 5*atLeast {
		from, to := p.events, p.events+volley
		var batch []core.Event
		for n := from; n < to; n++ {
			batch = append(batch, fireEvent(n))
		}
		for range 2 { // the second time it is JetStream that knows them
			if _, err := p.Publisher.PublishEvents(p.T.Context(), batch); err != nil {
				p.T.Error(err)
				return
			}
		}
		p.events = to
		if !p.again("under-fire", from, to, 5) || !p.again("under-fire-late", max(0, from-volley), from, 5) {
			return
		}
		select {
		case <-deaths:
		case <-p.T.Context().Done():
			return
		}
	}
}

// again stores every nth of the events once more, under message IDs that JetStream does not know.
func (p *repeater) again(round string, from, to, nth int) bool {
	for n := from; n < to; n++ {
		if n/2%nth != 0 { // pairs, so that every kind of event ID and every definition has its repeats
			continue
		}
		e := fireEvent(n)
		data, err := envelope.Encode(e)
		if err != nil {
			p.T.Error(err)
			return false
		}
		id := fmt.Sprintf("again-%s-%d", round, n)
		if _, err := p.JS.Publish(p.T.Context(), envelope.Subject(e.Type), data, jetstream.WithMsgID(id)); err != nil {
			p.T.Error(err)
			return false
		}
		p.repeats++
	}
	return true
}

// awaitForgotten waits until Temporal has closed and forgotten every execution it started:
// nothing can come of them any more.
func awaitForgotten(t testing.TB, c client.Client, x *executions) {
	t.Helper()
	for _, e := range x.list() {
		eventually(t, "Temporal forgets "+e[0], func() bool { return forgotten(t.Context(), t, c, e[0], e[1]) })
	}
}

// awaitEffects waits while runs go on: the worker may be far behind the routers.
func awaitEffects(out *outside, want int) {
	whileItMoves(out.count, func() bool { return out.count() >= want })
}

// drainedAtLeisure waits while the router goes on until every event is acknowledged.
func (w *world) drainedAtLeisure() {
	w.T.Helper()
	whileItMoves(func() int { return int(w.Consumer().AckFloor.Stream) }, w.Settled)
	if !w.Settled() {
		w.T.Fatalf("the router stands still: %+v", w.Consumer())
	}
}

// whileItMoves waits until done, or until the count has stood still for long: how much there is
// to do decides how long it takes.
func whileItMoves(count func() int, done func() bool) {
	last, moved := count(), time.Now()
	for !done() && time.Since(moved) < 20*time.Second {
		time.Sleep(20 * time.Millisecond)
		if now := count(); now != last {
			last, moved = now, time.Now()
		}
	}
}
