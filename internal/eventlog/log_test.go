package eventlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

func (w *world) log() *Log { return New(w.JS, w.Store) }

func (w *world) list(f Filter, limit int) []core.EventListing {
	w.T.Helper()
	var all []core.EventListing
	p := core.PageRequest{Limit: limit}
	for {
		page, err := w.log().ListEvents(w.T.Context(), f, p)
		if err != nil {
			w.T.Fatal(err)
		}
		if len(page.Items) > limit {
			w.T.Fatalf("a page of %d with limit %d", len(page.Items), limit)
		}
		all = append(all, page.Items...)
		if page.NextCursor == "" {
			return all
		}
		p.Cursor = page.NextCursor
	}
}

func ids(l []core.EventListing) []string {
	out := make([]string, len(l))
	for i, e := range l {
		out[i] = e.EventID
	}
	return out
}

// An event that thousands of definitions want does not make its list thousands of names long.
func TestAListNamesSomeOfWhatAnEventMatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	var defs []core.Definition
	for i := range 130 {
		defs = append(defs, definition(fmt.Sprintf("d%03d", i), "x"))
	}
	w.Apply(defs...)
	w.start(w.router(newStarts()))
	w.Publish(event("wanted", "x", nil))
	w.Drained()
	if got := w.list(Filter{}, 10); len(got) != 1 || len(got[0].MatchedBy) != 100 || got[0].MatchedMore != 30 {
		t.Errorf("the list has %+v; want one event, matched by 100 and 30 more", got)
	}
	e, err := w.log().Event(t.Context(), "wanted")
	if err != nil || len(e.MatchedBy) != 130 || e.MatchedMore != 0 {
		t.Errorf("the event itself is matched by %d and %d more, %v; want 130 and no more", len(e.MatchedBy), e.MatchedMore, err)
	}
}

func TestEventsAreListedNewestFirstWithWhatTheyMatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"), definition("b", "x", filters(map[string]any{"n": 3})))
	w.start(w.router(newStarts()))
	var want []string
	var events []core.Event
	for i := range 700 { // more than one step back through the stream
		kind := "y"
		if i%2 == 1 {
			kind = "x"
		}
		events = append(events, event(fmt.Sprintf("e%d", i), kind, map[string]any{"n": i}))
		want = append(want, fmt.Sprintf("e%d", i))
	}
	w.Publish(events...)
	w.Drained()
	slices.Reverse(want)
	for _, limit := range []int{1000, 100, 7} {
		if got := ids(w.list(Filter{}, limit)); !slices.Equal(got, want) {
			t.Fatalf("limit %d: %d events, wrong or in the wrong order", limit, len(got))
		}
	}
	if got := w.list(Filter{Type: "x"}, 100); len(got) != 350 || got[0].EventID != "e699" {
		t.Fatalf("%d events of type x", len(got))
	}
	e, err := w.log().Event(t.Context(), "e3")
	if err != nil || !slices.Equal(e.MatchedBy, []string{"a", "b"}) || e.Sequence != 4 {
		t.Fatalf("%+v %v", e, err)
	}
	if listed := w.list(Filter{Type: "x"}, 1000); !listed[len(listed)-2].StoredAt.Equal(e.StoredAt) || listed[len(listed)-2].EventID != "e3" {
		t.Fatalf("%s is stored at %v by the list, at %v by itself", listed[len(listed)-2].EventID, listed[len(listed)-2].StoredAt, e.StoredAt)
	}
	if e, err = w.log().Event(t.Context(), "e2"); err != nil || len(e.MatchedBy) != 0 || e.Type != "y" || e.Sequence != 3 {
		t.Fatalf("an event that matched nothing: %+v %v", e, err)
	}
	if _, err := w.log().Event(t.Context(), "nothing"); !core.IsCode(err, core.CodeNotFound) {
		t.Fatal(err)
	}
	middle := e.StoredAt
	later, earlier := w.list(Filter{Since: middle}, 1000), w.list(Filter{Until: middle}, 1000)
	if len(later)+len(earlier) != 700 || len(earlier) > 2 {
		t.Fatalf("%d since, %d until", len(later), len(earlier))
	}
	for _, p := range []core.PageRequest{{Limit: 0}, {Limit: 1001}, {Limit: 10, Cursor: "yesterday"}} {
		if _, err := w.log().ListEvents(t.Context(), Filter{}, p); !core.IsCode(err, core.CodeInvalid) {
			t.Fatalf("%+v: %v", p, err)
		}
	}
}

func TestTailShowsWhatArrivesFromNowOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Publish(event("before", "x", nil))
	last, err := w.log().LastSequence(t.Context())
	if err != nil || last != 1 {
		t.Fatal(last, err)
	}
	w.Publish(event("between", "x", nil)) // after the sequence was read and before the tail begins: it is not lost
	got := make(chan string, 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	enough := errors.New("enough")
	go func() {
		ended <- w.log().Tail(ctx, last, func(e core.EventListing) error {
			got <- e.EventID
			if e.EventID == "last" {
				return enough
			}
			return nil
		})
	}()
	w.Publish(event("one", "x", nil), event("last", "x", nil))
	if err := <-ended; !errors.Is(err, enough) {
		t.Fatal(err)
	}
	if a, b, c := <-got, <-got, <-got; a != "between" || b != "one" || c != "last" {
		t.Fatal(a, b, c)
	}
	go func() { ended <- w.log().Tail(ctx, last, func(core.EventListing) error { return nil }) }()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal("a tail that nobody wants any more:", err)
	}
	s, err := w.JS.Stream(t.Context(), core.EventStream)
	if err != nil || s.CachedInfo().State.Consumers != 1 {
		t.Fatal("an ended tail leaves its consumer behind:", s.CachedInfo().State.Consumers, err)
	}
}

func TestExplainSaysWhyADefinitionDidOrDidNotFire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(
		definition("fires", "github.push", filters(map[string]any{"ref": "refs/heads/main"})),
		definition("other-branch", "github.push", filters(map[string]any{"ref": []any{map[string]any{"prefix": "refs/heads/release-"}}})),
		definition("no-bots", "github.push", when("payload.pusher.name != 'bot'")),
		definition("other-type", "github.release"),
		definition("nightly", "x", func(d *core.Definition) {
			d.TriggerType = core.TriggerCron
			d.TriggerConfig = core.TriggerConfig{CronExpression: core.StringList{"0 0 * * *"}}
		}),
	)
	w.start(w.router(newStarts()))
	e := event("e1", "github.push", map[string]any{"ref": "refs/heads/main", "pusher": map[string]any{"name": "bot"}})
	w.Publish(e)
	w.Drained()
	explain := func(e core.Event, ref string) ([]core.EventExplanation, error) {
		page, err := w.log().Explain(t.Context(), e, ref, core.PageRequest{Limit: 10})
		return page.Items, err
	}
	all, err := explain(e, "")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]core.EventExplanation{}
	var order []string
	for _, x := range all {
		byName[x.ActivityName] = x
		order = append(order, x.ActivityName)
	}
	if !slices.Equal(order, []string{"fires", "no-bots", "other-branch", "other-type"}) {
		t.Fatal(order)
	}
	for name, says := range map[string]string{
		"fires":        "run " + core.RunID(core.WorkflowID(core.DefinitionID("fires"), core.EventCause("e1"))),
		"other-branch": "filters.ref is refs/heads/main",
		"no-bots":      "when is false",
		"other-type":   "type is github.push, not github.release",
	} {
		x := byName[name]
		if x.Matched != (name == "fires") || !strings.Contains(x.Summary, says) {
			t.Errorf("%s: %+v", name, x)
		}
	}
	c := byName["other-branch"].Conditions[1]
	if c.Operator != "prefix" || c.Actual != "refs/heads/main" || !c.Present || c.OK {
		t.Errorf("%+v", c)
	}

	// An event that was never published, and one definition by name.
	never := event("never", "github.push", map[string]any{"ref": "refs/heads/main"})
	one, err := explain(never, "fires")
	if err != nil || len(one) != 1 || !one[0].Matched || one[0].Verdict != "" || !strings.Contains(one[0].Summary, "never routed") {
		t.Fatalf("%+v %v", one, err)
	}
	if one, err = explain(never, "no-bots"); err != nil || one[0].Matched || !strings.Contains(one[0].Summary, "pusher") {
		t.Fatalf("%+v %v", one, err)
	}
	if _, err := explain(e, "nightly"); !core.IsCode(err, core.CodeInvalid) {
		t.Fatal(err)
	}
	if _, err := explain(e, "unknown"); !core.IsCode(err, core.CodeNotFound) {
		t.Fatal(err)
	}
}

// A repeat beyond JetStream's window is stored twice, and starts one run.
func TestADryReplayCountsARepeatedEventOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	for _, id := range []string{"first", "later"} {
		if _, err := w.JS.Publish(t.Context(), "activity.x", []byte(`{"event_id":"twice","type":"x","payload":1}`), jetstream.WithMsgID(id)); err != nil {
			t.Fatal(err)
		}
	}
	var repeated []bool
	report, err := NewReplayer(w.JS, w.Store, newStarts(), time.Now).Replay(t.Context(), core.ReplayRequest{Definition: definition("a", "x"), From: time.Now().Add(-time.Hour), DryRun: true}, func(m core.ReplayMatch) error {
		repeated = append(repeated, m.Repeated)
		return nil
	})
	if err != nil || report.Matched != 2 || report.WouldRun != 1 || report.Repeated != 1 || !slices.Equal(repeated, []bool{false, true}) {
		t.Fatalf("%+v %v %v", report, repeated, err)
	}
}

func TestReplayHoldsStoredEventsAgainstAChangedDefinition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	old := definition("a", "x", filters(map[string]any{"n": []any{map[string]any{"numeric": []any{"<", 3}}}}))
	w.Apply(old)
	s := newStarts()
	w.start(w.router(s))
	var events []core.Event
	for i := range 10 {
		events = append(events, event(fmt.Sprintf("e%d", i), "x", map[string]any{"n": i}))
	}
	w.Publish(events...)
	w.Drained()
	changed := definition("a", "x", filters(map[string]any{"n": []any{map[string]any{"numeric": []any{"<", 7}}}}), when("payload.n != 5"))
	replayer := NewReplayer(w.JS, w.Store, s, time.Now)
	from := time.Now().Add(-time.Hour)

	var seen []string
	report, err := replayer.Replay(t.Context(), core.ReplayRequest{Definition: changed, From: from, DryRun: true}, func(m core.ReplayMatch) error {
		seen = append(seen, m.EventID)
		return nil
	})
	if err != nil || !slices.Equal(seen, []string{"e0", "e1", "e2", "e3", "e4", "e6"}) {
		t.Fatalf("%v %v", seen, err)
	}
	if report.Events != 10 || report.Matched != 6 || report.InLedger != 3 || report.WouldRun != 3 || report.Started != 0 {
		t.Fatalf("%+v", report)
	}
	for i := 3; i < 10; i++ {
		w.NoEntry("a", fmt.Sprintf("e%d", i))
	}
	if _, err := replayer.Replay(t.Context(), core.ReplayRequest{Definition: changed, From: from}, nil); !core.IsCode(err, core.CodeConflict) || !strings.Contains(err.Error(), "apply it first") {
		t.Fatal(err)
	}
	w.Apply(changed)
	if report, err = replayer.Replay(t.Context(), core.ReplayRequest{Definition: changed, From: from, Limit: 4}, nil); err != nil || report.Started != 1 || report.NextSequence != 5 {
		t.Fatalf("%+v %v", report, err)
	}
	if report, err = replayer.Replay(t.Context(), core.ReplayRequest{Definition: changed, FromSequence: report.NextSequence, MaxEvents: 2, DryRun: true}, nil); err != nil ||
		report.Events != 2 || report.Matched != 1 || report.WouldRun != 1 || report.NextSequence != 7 {
		t.Fatalf("going on: %+v %v", report, err)
	}
	for range 2 { // the second time there is nothing left to do
		if report, err = replayer.Replay(t.Context(), core.ReplayRequest{Definition: changed, From: from}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if report.Started != 0 || report.InLedger != 6 {
		t.Fatalf("%+v", report)
	}
	for i := range 10 {
		want := 1
		if i == 5 || i > 6 {
			want = 0
		}
		if got := s.Count(core.DefinitionID("a"), fmt.Sprintf("e%d", i)); got != want {
			t.Fatalf("e%d started %d times", i, got)
		}
	}
	if report, err = replayer.Replay(t.Context(), core.ReplayRequest{Definition: changed, From: time.Now().Add(time.Hour), Until: time.Now().Add(2 * time.Hour), DryRun: true}, nil); err != nil || report.Events != 0 {
		t.Fatalf("%+v %v", report, err)
	}
}

// TestListsOfALongStream prints what a page of 100 costs at the size that is promised.
func TestListsOfALongStream(t *testing.T) {
	if os.Getenv("ACTIVITY_CORE_LONG") == "" {
		t.Skip("fills a stream with a million events; set ACTIVITY_CORE_LONG=1")
	}
	const n, definitions = 1_000_000, 10_000
	w := newWorld(t, eventstream.Options{})
	var defs []core.Definition
	for i := range definitions {
		kind := "common"
		if i%2 == 0 {
			kind = "other"
		}
		defs = append(defs, definition(fmt.Sprintf("d%05d", i), kind, filters(map[string]any{"n": i})))
	}
	w.Apply(defs...)
	text := strings.Repeat("some text ", 50)
	for i := range n {
		kind := "common"
		if i%100_000 == 7 {
			kind = "rare"
		}
		body := fmt.Appendf(nil, `{"event_id":"e%d","type":%q,"source":"s","payload":{"n":%d,"text":%q}}`, i, kind, i, text)
		if _, err := w.JS.PublishAsync("activity."+kind, body); err != nil {
			t.Fatal(err)
		}
		if i%2000 == 0 {
			<-w.JS.PublishAsyncComplete()
		}
	}
	<-w.JS.PublishAsyncComplete()
	l := w.log()
	middle, err := w.JS.Stream(t.Context(), core.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	half, err := middle.GetMsg(t.Context(), n/2)
	if err != nil {
		t.Fatal(err)
	}
	events := func(f Filter) func(p core.PageRequest) (int, error) {
		return func(p core.PageRequest) (int, error) {
			page, err := l.ListEvents(t.Context(), f, p)
			return len(page.Items), err
		}
	}
	explain := func(e core.Event) func(p core.PageRequest) (int, error) {
		return func(p core.PageRequest) (int, error) {
			page, err := l.Explain(t.Context(), e, "", p)
			return len(page.Items), err
		}
	}
	deep := strconv.Itoa(n / 2)
	for _, c := range []struct {
		name, cursor string
		list         func(core.PageRequest) (int, error)
	}{
		{"events", "", events(Filter{})},
		{"events, deep", deep, events(Filter{})},
		{"events type=common", "", events(Filter{Type: "common"})},
		{"events type=rare", "", events(Filter{Type: "rare"})},
		{"events until the middle", "", events(Filter{Until: half.Time})},
		{"events since the middle", "", events(Filter{Since: half.Time})},
		{"explain, of a type that half want", "", explain(event("x", "common", map[string]any{"n": 5}))},
		{"explain, of a type that none wants", "", explain(event("x", "none", map[string]any{"n": 5}))},
		{"explain, deep", "3" + core.DefinitionID("d05000") + "d05000", explain(event("x", "common", map[string]any{"n": 5}))},
	} {
		var took []time.Duration
		items := 0
		for range 7 {
			start := time.Now()
			got, err := c.list(core.PageRequest{Limit: 100, Cursor: c.cursor})
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			took, items = append(took, time.Since(start)), got
		}
		slices.Sort(took)
		t.Logf("%8.2f ms  %s (%d)", float64(took[3].Microseconds())/1000, c.name, items)
	}
}

func TestAReplayPassesOverAnEventWithTheIDOfAnotherOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	r := w.start(w.router(newStarts()))
	w.Publish(event("e1", "x", 1))
	w.Drained() // else either may be the first to be recorded
	w.Raw("late", `{"event_id":"e1","type":"x","source":"test","payload":2}`)
	w.Drained()
	w.Stop(r)
	w.Publish(event("e2", "x", 3))
	w.Apply(definition("b", "x"))
	for _, dry := range []bool{true, false} {
		var failed []core.ReplayMatch
		report, err := NewReplayer(w.JS, w.Store, newStarts(), time.Now).Replay(t.Context(), core.ReplayRequest{
			Definition: definition("b", "x"), From: time.Now().Add(-time.Hour), DryRun: dry}, func(m core.ReplayMatch) error {
			if m.Error != "" {
				failed = append(failed, m)
			}
			return nil
		})
		if err != nil || report.WouldRun+report.Started != 2 || report.Failed != 1 {
			t.Errorf("dry run %v: %+v %v, want two runs and one conflict", dry, report, err)
		}
		if len(failed) != 1 || failed[0].Sequence != 2 || failed[0].RunID != "" || !strings.Contains(failed[0].Error, "another payload") {
			t.Errorf("dry run %v: failed %+v, want the event of sequence 2 and what differs", dry, failed)
		}
	}
}
