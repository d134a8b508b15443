//go:build !slim

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"

	"github.com/activity-core/activity-core/internal/testkit"
)

// publishTo publishes events through the API of a running server.
func publishTo(t *testing.T, api string, ids ...string) {
	t.Helper()
	var list []core.Event
	for _, id := range ids {
		list = append(list, core.Event{EventID: id, Type: "x", Payload: json.RawMessage("{}")})
	}
	body, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api+"/events", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatal(res.Status)
	}
}

func TestTailOutlivesAServerThatIsKilledAndEndsWithCtrlC(t *testing.T) {
	dir := t.TempDir()
	dev := startDev(t, dir, nil)
	at, err := url.Parse(dev.api)
	if err != nil {
		t.Fatal(err)
	}
	tail := startProcess(t, dir, nil, "events", "tail", "-o", "json", "--server", dev.api)
	testkit.Eventually(t, "tail follows", func() error {
		if !strings.Contains(tail.stderr.String(), "following the events after sequence 0") {
			return fmt.Errorf("it said %q", tail.stderr.String())
		}
		return nil
	})
	publishTo(t, dev.api, "one", "two")
	tail.await(`"event_id":"two"`)
	dev.kill()
	dev = startDev(t, dir, nil, "--http-port", at.Port())
	publishTo(t, dev.api, "three", "four") // perhaps before tail is back: that is the point
	tail.await(`"event_id":"four"`)
	if code := tail.interrupt(); code != 0 {
		t.Fatalf("Ctrl-C ends tail with %d", code)
	}
	var ids []string
	for _, line := range strings.Split(strings.TrimSpace(tail.stdout.String()), "\n") {
		var e core.EventListing
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("a line is no JSON: %q", line)
		}
		ids = append(ids, e.EventID)
	}
	if !slices.Equal(ids, []string{"one", "two", "three", "four"}) {
		t.Fatal(ids)
	}
	if said := tail.stderr.String(); !strings.Contains(said, "trying again in") {
		t.Fatalf("tail says nothing of the outage: %q", said)
	}
	if code := dev.interrupt(); code != 0 {
		t.Fatalf("dev ended with %d", code)
	}
}
