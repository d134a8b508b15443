package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// GET /schedules is answered from the record, in a process that cannot ask Temporal at all.
func TestSchedulesAreListedWithoutTemporal(t *testing.T) {
	store := openSQLite(t)
	at := time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC)
	s := server(t, func(c *httpapi.Config) {
		c.Record, c.Schedules, c.Now = store, nil, func() time.Time { return at.Add(90 * time.Second) }
	})
	ask := func(path string, status int) (out wire.Schedules, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status {
			t.Fatalf("%s: %d %s, %v; want %d", path, resp.StatusCode, raw, err, status)
		}
		if status == http.StatusOK {
			if err := json.Unmarshal(raw, &out); err != nil {
				t.Fatal(err)
			}
		}
		return out, string(raw)
	}
	if out, body := ask("/schedules", 200); out.Observation != nil || !strings.Contains(out.Note, "sync --dry-run") || !strings.Contains(body, `"items":[]`) {
		t.Errorf("an empty record answers %s; want no items, and a note that says what to do", body)
	}
	def := core.Definition{Name: "nightly", Enabled: true, TriggerType: core.TriggerCron, TriggerConfig: core.TriggerConfig{CronExpression: core.StringList{"0 6 * * *"}}}
	def.Normalize()
	saved, err := store.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: def}}, "ann", at)
	if err != nil {
		t.Fatal(err)
	}
	drift := core.ScheduleDrift{ScheduleID: core.ScheduleID(saved[0].ID), ActivityID: saved[0].ID, ActivityName: "nightly", Kind: core.DriftMissing, Detail: "not there", Action: "create"}
	seen := core.ScheduleObservation{At: at, By: "host/1", Wanted: 1, Drift: map[core.DriftKind]int{core.DriftMissing: 1}}
	if err := store.ObserveSchedules(t.Context(), seen, []core.ScheduleDrift{drift}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/schedules", "/schedules?pending=true&prefix=night", "/schedules?drift=missing", "/schedules?prefix=n&limit=1"} {
		out, body := ask(path, 200)
		if len(out.Items) != 1 || out.Items[0].State != core.SchedulePending || out.Items[0].Wanted != core.WantFiring || len(out.Items[0].Drift) != 1 {
			t.Errorf("%s answers %s; want nightly, firing, pending and missing", path, body)
		}
		if o := out.Observation; o == nil || o.AgeSeconds != 90 || o.By != "host/1" || o.Drift[core.DriftMissing] != 1 || out.Note != "" {
			t.Errorf("%s answers %s; want what host/1 saw 90 s ago", path, body)
		}
	}
	for _, path := range []string{"/schedules?prefix=x", "/schedules?drift=extra"} {
		if out, body := ask(path, 200); len(out.Items) != 0 {
			t.Errorf("%s answers %s; want no items", path, body)
		}
	}
	if _, body := ask("/schedules?drift=missing&pending=true", 422); !strings.Contains(body, "query.drift") || !strings.Contains(body, "ask for one of them") {
		t.Errorf("drift and pending together: %s; want what would be right", body)
	}
	if _, body := ask("/schedules?drift=odd", 422); !strings.Contains(body, "query.drift") {
		t.Errorf("an unknown drift: %s; want query.drift named", body)
	}
}
