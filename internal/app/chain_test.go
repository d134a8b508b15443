//go:build !slim

package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/telemetry"
)

// runsOf waits until a definition has n runs that have ended, and returns those it has, newest
// first.
func runsOf(t *testing.T, api *apiclient.Client, name string, n int) []core.Run {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		page, err := api.Runs(t.Context(), apiclient.ListOptions{Limit: 1000, Filter: map[string]string{"activity": name}})
		if err != nil {
			t.Fatal(err)
		}
		ended := 0
		for _, r := range page.Items {
			if r.Status.Final() {
				ended++
			}
		}
		if ended >= n {
			return page.Items
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has %d runs that have ended, of %d wanted", name, ended, n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Both ways in which definitions can trigger each other: by publish_event, and by the
// announcement of a run's outcome.
func TestDefinitionsThatTriggerThemselvesEnd(t *testing.T) {
	cfg, err := config.Load(config.Sources{Flags: map[string]string{"runs.outcome_events": "true"}})
	if err != nil {
		t.Fatal(err)
	}
	var log sharedBuffer
	dev, err := app.StartDev(t.Context(), app.DevOptions{Config: cfg, Logger: telemetry.NewLogger(&log, "warn", "text"), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := dev.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	api, err := apiclient.New(dev.API, "")
	if err != nil {
		t.Fatal(err)
	}
	define := func(name, eventType, filters, action string) {
		t.Helper()
		var def core.Definition
		text := fmt.Sprintf(`{"apiVersion": "activity-core/v1", "kind": "ActivityDefinition", "name": %q, "enabled": true, "trigger_type": "event",
			"trigger_config": {"allow_cycles": true, "event_type": %q %s}, "rules": [{"name": "r", "actions": [%s]}]}`, name, eventType, filters, action)
		if err := json.Unmarshal([]byte(text), &def); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Create(t.Context(), def, ""); err != nil {
			t.Fatal(err)
		}
	}
	publish := func(id, eventType string) {
		t.Helper()
		res, err := http.Post(dev.API+"/events", "application/json", strings.NewReader(fmt.Sprintf(`{"event_id": %q, "type": %q, "payload": {}}`, id, eventType)))
		if err != nil || res.StatusCode != http.StatusAccepted {
			t.Fatalf("publish %s: %+v, %v", id, res, err)
		}
		res.Body.Close()
	}
	task := `{"type": "create_task", "with": {"title": "t"}}`
	define("ouroboros", "loop.ping", "", `{"type": "publish_event", "with": {"type": "loop.ping", "payload": {}}}`)
	define("echo", "activity.run.succeeded", `, "filters": {"activity_name": "echo"}`, task)
	define("last", "loop.over", "", task)

	publish("first", "loop.ping")
	if _, err := api.Trigger(t.Context(), "echo", wire.Trigger{}, "first"); err != nil {
		t.Fatal(err)
	}
	const runs = core.MaxHops + 1 // the first one, and one for each hop
	loop := runsOf(t, api, "ouroboros", runs)
	if loop[0].Status != core.RunFailed {
		t.Errorf("the last run of the loop %s", loop[0].Status)
	}
	runsOf(t, api, "echo", runs)
	// What would come after them is before this event in the stream.
	publish("over", "loop.over")
	runsOf(t, api, "last", 1)
	for _, name := range []string{"ouroboros", "echo"} {
		if n := len(runsOf(t, api, name, runs)); n != runs {
			t.Errorf("%s ran %d times, want %d", name, n, runs)
		}
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(log.text(), "its chain of events is too long"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is said of the end of the chain")
		}
	}
}
