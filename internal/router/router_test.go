package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/deadletter"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/eventstream"
)

func TestAnEventStartsTheDefinitionsThatMatchAndNoOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(
		definition("all-pushes", "github.push"),
		definition("main-only", "github.push", filters(map[string]any{"ref": "refs/heads/main"})),
		definition("no-bots", "github.push", when("payload.pusher.name != 'bot'")),
		definition("releases", "github.release"),
		definition("off", "github.push", func(d *core.Definition) { d.Enabled = false }),
	)
	s := newStarts()
	w.start(w.router(s))
	w.Publish(event("e1", "github.push", map[string]any{"ref": "refs/heads/dev", "pusher": map[string]any{"name": "bot"}}))
	w.Drained()
	if w.Entry("all-pushes", "e1").Verdict != core.VerdictStarted || s.Count(core.DefinitionID("all-pushes"), "e1") != 1 {
		t.Fatal("all-pushes was not started")
	}
	for _, name := range []string{"main-only", "no-bots", "releases", "off"} {
		w.NoEntry(name, "e1")
	}
	w.Publish(event("e2", "github.push", map[string]any{"ref": "refs/heads/main", "pusher": map[string]any{"name": "jane"}}))
	w.Drained()
	for _, name := range []string{"all-pushes", "main-only", "no-bots"} {
		if got := s.Count(core.DefinitionID(name), "e2"); got != 1 {
			t.Fatalf("%s started %d times", name, got)
		}
	}
	if got := w.seen.started.Load(); got != 4 {
		t.Fatalf("%d starts counted, want 4", got)
	}
}

func TestADuplicateIsCountedWhereItIsCaught(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	w.start(w.router(s))
	w.Publish(event("e1", "x", nil))
	w.Drained()
	receipt, err := w.Publisher.PublishEvent(t.Context(), event("e1", "x", nil))
	if err != nil || !receipt.Duplicate || receipt.Sequence != 1 {
		t.Fatalf("%+v %v", receipt, err)
	}
	if w.seen.ingested.Load() != 1 {
		t.Fatal("the duplicate was not counted at ingest")
	}
	// Another message with the same event_id, as after the window: the ledger knows it.
	if err := w.Conn.Publish("activity.x", []byte(`{"payload":null,"type":"x","source":"test","event_id":"e1"}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the router meets the duplicate", func() bool { return w.seen.routed.Load() == 1 })
	w.Drained()
	if got := s.Count(core.DefinitionID("a"), "e1"); got != 1 {
		t.Fatalf("started %d times", got)
	}
}

func TestAnEventPublishedAfterASaveIsMatchedWithWhatWasSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "t0"))
	s := newStarts()
	w.start(w.router(s))
	for i := range 40 { // each save is followed by its event at once
		w.Apply(definition("a", fmt.Sprintf("t%d", i)))
		w.Publish(event(fmt.Sprintf("new%d", i), fmt.Sprintf("t%d", i), nil), event(fmt.Sprintf("old%d", i), fmt.Sprintf("t%d", i-1), nil))
		w.Drained()
		if s.Count(core.DefinitionID("a"), fmt.Sprintf("new%d", i)) != 1 {
			t.Fatalf("save %d was not in force", i)
		}
		w.NoEntry("a", fmt.Sprintf("old%d", i))
	}
}

func TestAMatchOfAPausedDefinitionIsAccountedForAndNotStarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	pause := &core.Pause{By: "jane", Reason: "release freeze", At: time.Now()}
	if _, err := w.Store.SetPaused(t.Context(), core.DefinitionID("a"), pause, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	s := newStarts()
	w.start(w.router(s))
	w.Publish(event("e1", "x", nil))
	w.Drained()
	e := w.Entry("a", "e1")
	if e.Verdict != core.VerdictPaused || !strings.Contains(e.Reason, "jane") || !strings.Contains(e.Reason, "release freeze") {
		t.Fatalf("%+v", e)
	}
	if s.Count(core.DefinitionID("a"), "e1") != 0 {
		t.Fatal("a paused definition was started")
	}
	if _, err := w.Store.SetPaused(t.Context(), core.DefinitionID("a"), nil, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	w.Publish(event("e2", "x", nil))
	w.Drained()
	if s.Count(core.DefinitionID("a"), "e2") != 1 {
		t.Fatal("a resumed definition was not started")
	}
}

func TestAConditionThatCannotBeEvaluatedIsSaidInTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x", when("payload.pusher.name != 'bot'")))
	w.start(w.router(newStarts()))
	w.Publish(event("e1", "x", map[string]any{"no": "pusher"}))
	w.Drained()
	if e := w.Entry("a", "e1"); e.Verdict != core.VerdictSkipped || !strings.Contains(e.Reason, "pusher") {
		t.Fatalf("%+v", e)
	}
}

func TestCloudEventsAndForeignEnvelopesAreRouted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "com.example.order", filters(map[string]any{"id": 7})))
	s := newStarts()
	w.start(w.router(s))
	structured := nats.NewMsg("activity.whatever")
	structured.Data = []byte(`{"specversion":"1.0","id":"1","source":"/orders","type":"com.example.order","data":{"id":7}}`)
	binary := nats.NewMsg("activity.whatever")
	binary.Header = nats.Header{"ce-specversion": {"1.0"}, "ce-id": {"2"}, "ce-source": {"/orders"}, "ce-type": {"com.example.order"}}
	binary.Data = []byte(`{"id":7.0}`)
	for _, m := range []*nats.Msg{structured, binary} {
		if err := w.Conn.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both are started", func() bool { return w.seen.started.Load() == 2 })
	w.Drained()
	for _, id := range []string{"1", "2"} {
		if s.Count(core.DefinitionID("a"), envelope.CloudEventID(id, "/orders")) != 1 {
			t.Fatalf("event %s has another identity", id)
		}
	}
}

func TestAStartThatFailsForNowIsTriedAgainUntilItSucceeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("good", "x"), definition("shaky", "x"))
	s := newStarts()
	shaky := core.WorkflowID(core.DefinitionID("shaky"), core.EventCause("e1"))
	s.Fail = func(id string, attempt int) error {
		if id == shaky && attempt == 1 {
			return core.Errorf(core.CodeUnavailable, "Temporal is away")
		}
		return nil
	}
	w.start(w.router(s))
	w.Publish(event("e1", "x", nil))
	eventually(t, "the delivery was handed back", func() bool { return w.seen.retried.Load() == 1 })
	if w.Entry("shaky", "e1").Verdict != core.VerdictPending {
		t.Fatal("a start that failed is confirmed")
	}
	w.Drained()
	if got := s.Count(core.DefinitionID("good"), "e1"); got != 1 {
		t.Fatalf("the start that succeeded was done %d times", got)
	}
	if s.Count(core.DefinitionID("shaky"), "e1") != 1 || w.Entry("shaky", "e1").Verdict != core.VerdictStarted {
		t.Fatal("the start that failed was not done")
	}
}

func TestPoisonBecomesADeadLetterThatCanBeReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	var broken atomic.Bool
	broken.Store(true)
	s.Fail = func(string, int) error {
		if broken.Load() {
			return core.Errorf(core.CodeInvalid, "Temporal refuses it")
		}
		return nil
	}
	w.start(w.router(s, func(c *Config) { c.MaxFailures = 1 }))
	garbage := nats.NewMsg("activity.x")
	garbage.Header = nats.Header{"X-Trace": {"7"}, "Nats-Msg-Id": {"m1"}}
	garbage.Data = []byte(`{"event_id":`)
	if err := w.Conn.PublishMsg(garbage); err != nil {
		t.Fatal(err)
	}
	w.Publish(event("e1", "x", nil))
	if err := w.Conn.Publish("activity.x", []byte(`{"event_id":"e2","type":"bad type","payload":1}`)); err != nil {
		t.Fatal(err)
	}
	w.Drained()
	letters := deadletter.New(w.JS, time.Now)
	list := func() []core.DeadLetter {
		t.Helper()
		page, err := letters.List(t.Context(), deadletter.Filter{}, core.PageRequest{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return page.Items
	}
	all := list()
	if len(all) != 3 || w.seen.dead.Load() != 3 {
		t.Fatalf("%d dead letters: %+v", len(all), all)
	}
	byReason := map[string]core.DeadLetter{}
	for _, l := range all {
		byReason[l.Reason] = l
	}
	l, err := letters.Show(t.Context(), byReason[ReasonMalformed].ID)
	if err != nil {
		t.Fatal(err)
	}
	if string(l.Data) != `{"event_id":` || l.Subject != "activity.x" || l.Sequence != 1 || string(l.Headers) != `{"Nats-Msg-Id":["m1"],"X-Trace":["7"]}` {
		t.Fatalf("%+v headers %s", l, l.Headers)
	}
	if d := byReason[ReasonInvalid]; !strings.Contains(d.Detail, "type") || !strings.Contains(d.Detail, "' '") {
		t.Fatalf("the reason does not say what is wrong: %q", d.Detail)
	}
	if l := byReason[ReasonStartFailed]; l.EventID != "e1" || l.Type != "x" || !strings.Contains(l.Detail, "refuses") {
		t.Fatalf("%+v", l)
	}

	broken.Store(false)
	n, err := letters.ReplayAll(t.Context(), deadletter.Filter{Reason: ReasonStartFailed})
	if err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	w.Drained()
	if s.Count(core.DefinitionID("a"), "e1") != 1 {
		t.Fatal("the replayed event was not started")
	}
	if err := letters.Drop(t.Context(), byReason[ReasonInvalid].ID); err != nil {
		t.Fatal(err)
	}
	if err := letters.Drop(t.Context(), byReason[ReasonInvalid].ID); !core.IsCode(err, core.CodeNotFound) {
		t.Fatal(err)
	}
	if left := list(); len(left) != 1 || left[0].Reason != ReasonMalformed {
		t.Fatalf("%+v", left)
	}
}

func TestOneEventTheLedgerCannotHoldDoesNotTakeItsBatchAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	var events []core.Event
	for i := range 20 {
		events = append(events, event(fmt.Sprintf("e%d", i), "x", nil))
	}
	w.Publish(events...)
	r := w.router(s, func(c *Config) {
		c.MaxFailures = 1
		c.Ledger = pickyLedger{w.Store, "e7"}
	})
	w.start(r)
	w.Drained()
	for i := range 20 {
		want := 1
		if i == 7 {
			want = 0
		}
		if got := s.Count(core.DefinitionID("a"), fmt.Sprintf("e%d", i)); got != want {
			t.Fatalf("e%d started %d times", i, got)
		}
	}
	if w.seen.dead.Load() != 1 {
		t.Fatal("the refused event is not a dead letter")
	}
}

// pickyLedger refuses one event for good, as a database refuses a value.
type pickyLedger struct {
	Ledger
	refused string
}

func (l pickyLedger) RecordMatches(ctx context.Context, recs []core.CauseRecord, settled []core.Settlement, at time.Time) ([]core.CauseState, error) {
	for _, r := range recs {
		if r.Cause.EventID == l.refused {
			return nil, core.Errorf(core.CodeInvalid, "cannot be stored")
		}
	}
	return l.Ledger.RecordMatches(ctx, recs, settled, at)
}

func TestWhileTheStoreIsAwayEventsWaitAndAreNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{AckWait: 2 * time.Second})
	w.Apply(definition("a", "x"))
	away := &absentLedger{Ledger: w.Store, back: make(chan struct{})}
	r := w.start(w.router(newStarts(), func(c *Config) { c.Ledger = away }))
	w.Publish(event("e1", "x", nil))
	eventually(t, "the router says what it waits for", func() bool { return r.Problem() != nil })
	if !strings.Contains(r.Problem().Error(), "write the ledger") {
		t.Fatal(r.Problem())
	}
	// Longer than AckWait: signs of life keep the event from being delivered again.
	deadline := time.Now().Add(3 * time.Second)
	eventually(t, "AckWait is over", func() bool { return time.Now().After(deadline) })
	if info := w.Consumer(); info.NumRedelivered != 0 || info.NumAckPending != 1 {
		t.Fatalf("redelivered %d, pending %d", info.NumRedelivered, info.NumAckPending)
	}
	close(away.back)
	w.Drained()
	if w.Entry("a", "e1").Verdict != core.VerdictStarted || r.Problem() != nil {
		t.Fatal("the router did not go on")
	}
}

type absentLedger struct {
	Ledger
	back chan struct{}
}

func (l *absentLedger) RecordMatches(ctx context.Context, recs []core.CauseRecord, settled []core.Settlement, at time.Time) ([]core.CauseState, error) {
	select {
	case <-l.back:
		return l.Ledger.RecordMatches(ctx, recs, settled, at)
	default:
		return nil, core.Errorf(core.CodeUnavailable, "no database")
	}
}

func TestStopFinishesStartsUnderWayAndHandsBackTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := &crowded{starts: newStarts()}
	s.Gate = make(chan struct{})
	r := w.router(s, func(c *Config) { c.Parallel = 2 })
	w.start(r)
	var events []core.Event
	for i := range 10 {
		events = append(events, event(fmt.Sprintf("e%d", i), "x", nil))
	}
	w.Publish(events...)
	eventually(t, "all are taken and two are being started", func() bool { return r.InFlight() == 10 && s.now.Load() == 2 })
	stopped := make(chan error, 1)
	go func() { stopped <- r.Stop(context.Background()) }()
	eventually(t, "the router stops", r.isStopping)
	close(s.Gate)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if r.InFlight() != 0 {
		t.Fatalf("%d left in flight", r.InFlight())
	}
	// Which two is chance: two fetches are under way at a time.
	if info := w.Consumer(); len(s.IDs) != 2 || info.NumAckPending != 8 {
		t.Fatalf("starts under way were not the only ones finished: %+v", info)
	}
	if err := r.Stop(context.Background()); err != nil {
		t.Fatal("a second Stop:", err)
	}
	w.start(r) // and it can run again
	w.Drained()
	for i := range 10 {
		if got := s.Count(core.DefinitionID("a"), fmt.Sprintf("e%d", i)); got != 1 {
			t.Fatalf("e%d started %d times", i, got)
		}
	}
}

// A stop waits for the fetch under way, which lasts as long as it has asked the server to wait.
func TestAFetchWaitsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	asked := make(chan *nats.Msg, 100)
	if _, err := w.Conn.ChanSubscribe("$JS.API.CONSUMER.MSG.NEXT."+core.EventStream+"."+core.RouterDurable, asked); err != nil {
		t.Fatal(err)
	}
	w.start(w.router(newStarts(), func(c *Config) { c.FetchWait = 20 * time.Millisecond }))
	var request struct {
		Expires time.Duration `json:"expires"`
	}
	if err := json.Unmarshal((<-asked).Data, &request); err != nil || request.Expires <= 0 || request.Expires > 20*time.Millisecond {
		t.Errorf("a fetch asks the server to wait for %s (%v), want 20ms at most", request.Expires, err)
	}
}

func TestAStopThatMayNotWaitInterruptsStartsAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	s.Gate = make(chan struct{}) // never opened for the first router
	r := w.start(w.router(s))
	w.Publish(event("e1", "x", nil))
	eventually(t, "it is taken", func() bool { return r.InFlight() == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(s.Gate)
	w.start(w.router(s))
	w.Drained()
	if s.Count(core.DefinitionID("a"), "e1") != 1 {
		t.Fatal("the event is lost")
	}
}

func TestRoutersShareTheWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	for range 3 {
		w.start(w.router(s, func(c *Config) { c.Batch, c.MaxInFlight = 16, 32 }))
	}
	var events []core.Event
	for i := range 500 {
		events = append(events, event(fmt.Sprintf("e%d", i), "x", nil))
	}
	w.Publish(events...)
	eventually(t, "all are started", func() bool { return w.seen.started.Load() == 500 })
	w.Drained()
	for i := range 500 {
		if got := s.Count(core.DefinitionID("a"), fmt.Sprintf("e%d", i)); got != 1 {
			t.Fatalf("e%d started %d times", i, got)
		}
	}
}

func TestARouterWithoutItsConsumerRefusesToStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	if err := w.JS.DeleteConsumer(t.Context(), core.EventStream, core.RouterDurable); err != nil {
		t.Fatal(err)
	}
	if err := w.router(newStarts()).Start(t.Context()); err == nil || !strings.Contains(err.Error(), core.RouterDurable) {
		t.Fatal(err)
	}
}
