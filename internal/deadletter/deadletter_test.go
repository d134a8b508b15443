package deadletter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/eventstream"
)

func TestALetterOfWhatIsNoEventIsFoundByWhatItSaysOfItself(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		subject  string
		header   nats.Header
		data     string
		id, kind string
	}{
		"an envelope with a wrong field":   {"activity.whatever", nil, `{"event_id":"e1","type":"bad type","payload":1}`, "e1", "bad type"},
		"a field of a wrong kind":          {"activity.push", nil, `{"event_id":7,"type":"push"}`, "", "push"},
		"a structured CloudEvent":          {"activity.whatever", nil, `{"specversion":"1.0","id":"1","source":"/s","type":"com.x","data_base64":"!"}`, envelope.CloudEventID("1", "/s"), "com.x"},
		"a binary CloudEvent":              {"activity.whatever", nats.Header{"Ce-Id": {"1"}, "ce-source": {"/s"}, "ce-type": {"com%2Ex"}}, `{`, envelope.CloudEventID("1", "/s"), "com.x"},
		"a message ID and a subject":       {envelope.Subject("a:b/c"), nats.Header{"Nats-Msg-Id": {"m1"}}, `{"event_id":`, "m1", "a:b/c"},
		"a subject that is no type":        {"activity.a b", nil, `[]`, "", ""},
		"an id that is not a CloudEvent's": {"activity.x", nil, `{"id":"1","source":"/s"}`, "", "x"},
		"nothing":                          {"activity", nil, ``, "", ""},
	} {
		if id, kind := identify(c.subject, c.header, []byte(c.data)); id != c.id || kind != c.kind {
			t.Errorf("%s: %q of type %q, want %q of type %q", name, id, kind, c.id, c.kind)
		}
	}
	w := newWorld(t, eventstream.Options{})
	w.start(w.router(newStarts()))
	if err := w.Conn.Publish("activity.push", []byte(`{"event_id":"e1","type":"push","time":"yesterday","payload":1}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is a dead letter", func() bool { return w.seen.dead.Load() == 1 })
	page, err := New(w.JS, time.Now).List(t.Context(), Filter{Type: "push"}, core.PageRequest{Limit: 10})
	if err != nil || len(page.Items) != 1 || page.Items[0].EventID != "e1" {
		t.Fatalf("%+v %v", page.Items, err)
	}
}

func TestALetterThatIsReplayedInVainKeepsItsEventID(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.start(w.router(newStarts()))
	for _, id := range []string{"m1", ""} {
		msg := nats.NewMsg("activity.push")
		if id != "" {
			msg.Header.Set(nats.MsgIdHdr, id)
		}
		msg.Data = []byte(`{"event_id":`)
		if err := w.Conn.PublishMsg(msg); err != nil {
			t.Fatal(err)
		}
	}
	letters := New(w.JS, time.Now)
	for round := range int64(3) {
		eventually(t, "both are dead letters", func() bool { return w.seen.dead.Load() == 2*(round+1) })
		page, err := letters.List(t.Context(), Filter{Type: "push"}, core.PageRequest{Limit: 10})
		if err != nil || len(page.Items) != 2 || page.Items[0].EventID+page.Items[1].EventID != "m1" {
			t.Fatalf("round %d: %+v %v", round, page.Items, err)
		}
		if n, err := letters.ReplayAll(t.Context(), Filter{}); err != nil || n != 2 {
			t.Fatal(n, err)
		}
	}
}

func TestAFullDeadLetterStreamIsSaidAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{DeadLetterMaxBytes: 4096})
	w.Apply(definition("a", "x"))
	r := w.start(w.router(newStarts()))
	for i := range 3 {
		if err := w.Conn.Publish("activity.x", []byte(fmt.Sprintf("no event %d %s", i, strings.Repeat("x", 1500)))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the router says that letters have no room", func() bool {
		return r.Problem() != nil && strings.Contains(r.Problem().Error(), "stream ACTIVITY_DEAD_LETTERS is full")
	})
	w.Publish(event("e1", "x", nil)) // others go on
	eventually(t, "others go on", func() bool { return w.seen.started.Load() == 1 })

	stream, err := w.JS.Stream(t.Context(), core.DeadLetterStream)
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes = 1 << 20
	if _, err := w.JS.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	w.Drained()
	if w.seen.dead.Load() != 3 || r.Problem() != nil {
		t.Fatalf("%d dead letters, problem %v", w.seen.dead.Load(), r.Problem())
	}
	if err := eventstream.Ensure(t.Context(), w.JS, eventstream.Options{DeadLetterMaxBytes: 4096}); err != nil {
		t.Fatal("the room that an operator gave is refused:", err)
	}
	var after *jetstream.StreamInfo
	if after, err = stream.Info(t.Context()); err != nil || after.Config.MaxBytes != 1<<20 {
		t.Fatalf("the room that an operator gave was taken back: %v", err)
	}
}
