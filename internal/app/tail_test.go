//go:build !slim

package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
)

// within waits for a condition; the time it may take is only there so that a failure ends.
func within(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never happened: " + what)
		}
	}
}

// follower is a client that follows the feed in the background.
type follower struct {
	mu        sync.Mutex
	ids       []string
	connected chan string
	hold      chan struct{} // if not nil, the first event is held until it is closed
	ended     chan error
	stop      context.CancelFunc
}

func follow(t *testing.T, url string, o apiclient.TailOptions, hold chan struct{}) *follower {
	t.Helper()
	api, err := apiclient.New(url, apiToken)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{connected: make(chan string, 100), hold: hold, ended: make(chan error, 1), stop: cancel}
	o.Connected = func(after string) { f.connected <- after }
	go func() {
		f.ended <- api.Tail(ctx, o, func(e core.EventListing) error {
			if f.hold != nil {
				<-f.hold
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.ids = append(f.ids, e.EventID)
			return nil
		})
	}()
	t.Cleanup(cancel)
	return f
}

func (f *follower) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ids)
}

// sees waits until exactly these arrived, in this order.
func (f *follower) sees(t *testing.T, want []string) {
	t.Helper()
	within(t, fmt.Sprintf("%d events arrive", len(want)), func() bool { return len(f.seen()) >= len(want) })
	if got := f.seen(); !slices.Equal(got, want) {
		t.Fatalf("%d events arrived, want %d; others, or in another order: %.500v", len(got), len(want), got)
	}
}

func some(name, eventType string, n int) (events []core.Event, ids []string) {
	for i := range n {
		id := fmt.Sprintf("%s%d", name, i)
		events, ids = append(events, core.Event{EventID: id, Type: eventType, Payload: []byte("{}")}), append(ids, id)
	}
	return events, ids
}

func publishAll(t *testing.T, p *eventstream.Publisher, events []core.Event) {
	t.Helper()
	if _, err := p.PublishEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func consumers(t *testing.T, js jetstream.JetStream) int {
	t.Helper()
	s, err := js.Stream(t.Context(), core.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Consumers
}

func TestTailLosesNothingWhenManyEventsArriveBetweenTwoReads(t *testing.T) {
	a := startWithoutTemporal(t)
	url := "http://" + a.APIListener.Addr().String()
	old, oldIDs := some("old", "x", 3)
	publishAll(t, a.publisher, old)
	hold := make(chan struct{})
	all := follow(t, url, apiclient.TailOptions{}, hold)
	rare := follow(t, url, apiclient.TailOptions{Type: "rare"}, nil)
	fromStart := follow(t, url, apiclient.TailOptions{After: "0"}, nil)
	if after := <-all.connected; after != "3" {
		t.Fatalf("begins after sequence %s, want 3", after)
	}
	<-rare.connected
	events, ids := some("e", "x", 500)
	publishAll(t, a.publisher, events)
	publishAll(t, a.publisher, []core.Event{{EventID: "r", Type: "common", AlsoTypes: []string{"rare"}, Payload: []byte("{}")}})
	ids = append(ids, "r")
	close(hold)
	all.sees(t, ids)
	rare.sees(t, []string{"r"})
	fromStart.sees(t, append(oldIDs, ids...))
	if n := consumers(t, a.js); n != 4 {
		t.Fatalf("%d consumers, want the router's and three", n)
	}
	for _, f := range []*follower{all, rare, fromStart} {
		f.stop()
		if err := <-f.ended; err != nil {
			t.Fatal(err)
		}
	}
	within(t, "readers that went leave no consumer", func() bool { return consumers(t, a.js) == 1 })
}

func TestTailGoesOnAfterARestartOfTheServer(t *testing.T) {
	nats, record := devstacktest.OwnNATS(t).URL(), filepath.Join(t.TempDir(), "record.db")
	js, err := jetstream.New(devstacktest.Connect(t, nats))
	if err != nil {
		t.Fatal(err)
	}
	publisher := eventstream.NewPublisher(js, time.Now, eventstream.Metrics{})
	a := startAt(t, nats, record, "127.0.0.1:0")
	addr := a.APIListener.Addr().String()
	f := follow(t, "http://"+addr, apiclient.TailOptions{}, nil)
	nothingYet := follow(t, "http://"+addr, apiclient.TailOptions{Type: "y"}, nil)
	<-f.connected
	<-nothingYet.connected
	before, ids := some("before", "x", 10)
	publishAll(t, publisher, before)
	f.sees(t, ids)
	for round := range 2 {
		began := time.Now()
		if err := a.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*time.Second { // the server gives requests 3 seconds before it cuts them off
			t.Fatalf("open feeds hold the server's stop up for %s", took)
		}
		while, more := some(fmt.Sprintf("while%d-", round), "x", 300)
		publishAll(t, publisher, while)
		publishAll(t, publisher, []core.Event{{EventID: fmt.Sprint("y", round), Type: "y", Payload: []byte("{}")}})
		a = startAt(t, nats, record, addr)
		after, rest := some(fmt.Sprintf("after%d-", round), "x", 10)
		<-f.connected
		publishAll(t, publisher, after)
		ids = append(append(append(ids, more...), fmt.Sprint("y", round)), rest...)
		f.sees(t, ids)
	}
	nothingYet.sees(t, []string{"y0", "y1"})
	f.stop()
	if err := <-f.ended; err != nil {
		t.Fatal("an interrupted tail:", err)
	}
}

func TestTailRefusesWhatItCannotFollow(t *testing.T) {
	a := startWithoutTemporal(t)
	url := "http://" + a.APIListener.Addr().String()
	for _, c := range []struct {
		after, token string
		code         core.Code
	}{{"7", apiToken, core.CodeConflict}, {"yesterday", apiToken, core.CodeInvalid}, {"", "wrong", core.CodeUnauthorized}} {
		api, err := apiclient.New(url, c.token)
		if err != nil {
			t.Fatal(err)
		}
		if err := api.Tail(t.Context(), apiclient.TailOptions{After: c.after}, nil); !core.IsCode(err, c.code) {
			t.Errorf("after %q with token %q: %v, want %s", c.after, c.token, err, c.code)
		}
	}
	api, err := apiclient.New("http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Tail(t.Context(), apiclient.TailOptions{}, nil); !core.IsCode(err, core.CodeUnavailable) {
		t.Errorf("a server that was never there: %v", err)
	}
	enough := errors.New("enough")
	publishAll(t, a.publisher, []core.Event{{EventID: "e", Type: "x", Payload: []byte("{}")}})
	if api, err = apiclient.New(url, apiToken); err != nil {
		t.Fatal(err)
	}
	if err := api.Tail(t.Context(), apiclient.TailOptions{After: "0"}, func(core.EventListing) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the caller's own error: %v", err)
	}
}

func TestTheFeedIsServerSentEvents(t *testing.T) {
	a := startWithoutTemporal(t)
	publishAll(t, a.publisher, []core.Event{{EventID: "one", Type: "x", Payload: []byte("{\n\"n\": 123456789012345678901234567890}")}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.APIListener.Addr().String()+"/events/tail?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apiToken)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	lines := bufio.NewScanner(res.Body)
	var got []string
	for range 6 {
		lines.Scan()
		got = append(got, lines.Text())
	}
	if !slices.Equal(got[:4], []string{"retry: 1000", "id: 0", "", "id: 1"}) || got[5] != "" ||
		!strings.HasPrefix(got[4], `data: {"event_id":"one","type":"x"`) || !strings.Contains(got[4], `"payload":{"n":123456789012345678901234567890}`) {
		t.Fatalf("%q", got)
	}
}

func TestTailLivesThroughARestartOfNATS(t *testing.T) {
	dir := t.TempDir()
	start := func(addr string) *devstack.NATS {
		t.Helper()
		n, err := devstack.StartNATS(t.Context(), devstack.NATSConfig{Dir: dir, Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	server := start("")
	t.Cleanup(func() { _ = server.Stop(context.Background()) }) // after the app, which is started later
	a := startAt(t, server.URL(), filepath.Join(t.TempDir(), "record.db"), "127.0.0.1:0")
	f := follow(t, "http://"+a.APIListener.Addr().String(), apiclient.TailOptions{}, nil)
	<-f.connected
	var want []string
	for round := range 2 {
		events, ids := some(fmt.Sprintf("r%d-", round), "x", 20)
		within(t, "NATS takes events", func() bool {
			_, err := a.publisher.PublishEvents(t.Context(), events)
			return err == nil
		})
		want = append(want, ids...)
		if round == 0 {
			f.sees(t, want)
			if err := server.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}
			server = start(strings.TrimPrefix(server.URL(), "nats://"))
		}
	}
	f.sees(t, want)
}
