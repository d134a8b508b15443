package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/telemetry"
)

func TestMetricsAppearUnderTheirDocumentedNames(t *testing.T) {
	m, err := telemetry.NewMetrics()
	if err != nil {
		t.Fatal(err)
	}
	m.EventDuplicate("router")
	m.RunFinished(core.CauseEvent, core.RunSucceeded, time.Second)
	m.SchedulesObserved(3, map[core.DriftKind]int{core.DriftMissing: 2})
	m.APIRequest("/runs", "GET", 200, time.Millisecond)
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	body, _ := io.ReadAll(rec.Body)
	for _, want := range []string{
		`activity_core_events_duplicate_total{where="router"} 1`,
		`activity_core_runs_finished_total{outcome="succeeded",trigger="event"} 1`,
		`activity_core_schedules_drifted{kind="missing"} 2`,
		`activity_core_schedules_drifted{kind="extra"} 0`,
		`activity_core_api_requests_total{method="GET",route="/runs",status="200"} 1`,
		"go_goroutines",
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s is missing in\n%s", want, body)
		}
	}
	if err := m.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestReadyOnlyWhenEveryCheckIsGood(t *testing.T) {
	h := telemetry.NewHealth()
	h.Add("store", func(context.Context) error { return nil })
	if ready, _ := h.Ready(t.Context()); !ready {
		t.Fatal("not ready although every check is good")
	}
	h.Add("temporal", func(context.Context) error { return errors.New("no answer") })
	ready, report := h.Ready(t.Context())
	if ready || report["store"] != "ok" || report["temporal"] != "no answer" {
		t.Fatalf("ready %v, report %v", ready, report)
	}
}

// Work that goes on behind does not keep a process from being ready; what it says is told.
func TestBackgroundWorkIsToldAndDoesNotDecide(t *testing.T) {
	h := telemetry.NewHealth()
	h.Add("store", func(context.Context) error { return nil })
	h.Tell("schedules", func(context.Context) string { return "2 have still to follow" })
	ready, report := h.Ready(t.Context())
	if !ready || len(report) != 1 {
		t.Errorf("ready %v, report %v; want ready by the store alone", ready, report)
	}
	if got := h.Background(t.Context()); len(got) != 1 || got["schedules"] != "2 have still to follow" {
		t.Errorf("background %v, want what it says", got)
	}
}
