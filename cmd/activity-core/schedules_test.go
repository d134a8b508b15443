package main

import (
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// seen is an observation of long enough ago to be told as minutes.
func seen(edit func(*wire.Observation)) *wire.Observation {
	o := &wire.Observation{ScheduleObservation: core.ScheduleObservation{At: time.Now().Add(-90 * time.Second), By: "host/1", Wanted: 5, Observed: 5, InSync: 2,
		Drift: map[core.DriftKind]int{core.DriftChanged: 2, core.DriftMissing: 1}, Mended: 1}}
	if edit != nil {
		edit(o)
	}
	return o
}

func TestDoctorJudgesWhatWasObservedOfSchedules(t *testing.T) {
	for name, c := range map[string]struct {
		found   wire.Schedules
		err     error
		pending wire.SchedulesPending
		status  string
		detail  string
	}{
		"not observed yet":  {found: wire.Schedules{Note: "not observed yet: do this"}, status: app.FindingWarning, detail: "not observed yet: do this"},
		"some differ":       {found: wire.Schedules{Observation: seen(nil)}, status: app.FindingWarning, detail: "5 wanted, 2 in sync, 1 mended, 0 follow now, 2 differ; seen 1m ago"},
		"they follow now":   {found: wire.Schedules{Observation: seen(nil)}, pending: wire.SchedulesPending{Pending: 3}, status: app.FindingOK, detail: "2 follow now, 0 differ"},
		"all were mended":   {found: wire.Schedules{Observation: seen(func(o *wire.Observation) { o.Mended = 3 })}, status: app.FindingOK, detail: "3 mended, 0 follow now, 0 differ"},
		"some are refused":  {found: wire.Schedules{Observation: seen(func(o *wire.Observation) { o.Mended = 3 })}, pending: wire.SchedulesPending{Pending: 1, Failing: 1, Refused: 1}, status: app.FindingWarning, detail: "; 1 refused"},
		"an attempt failed": {found: wire.Schedules{Observation: seen(func(o *wire.Observation) { o.Mended = 3 }), Failed: &core.FailedObservation{Error: "no answer"}}, status: app.FindingWarning, detail: "failed: no answer"},
		"no answer":         {err: core.Errorf(core.CodeUnavailable, "away"), status: app.FindingFailed, detail: "away"},
	} {
		got := schedulesFinding(c.found, c.err, c.pending)
		if got.Status != c.status || !strings.Contains(got.Detail, c.detail) || (c.status == app.FindingOK) != (got.Remedy == "") {
			t.Errorf("%s: %s, %q, remedy %q; want %s, with %q, and a remedy unless it is ok", name, got.Status, got.Detail, got.Remedy, c.status, c.detail)
		}
	}
}

// Who never looked does not say that nothing differs.
func TestSchedulesThatNobodyLookedAtAreShownSo(t *testing.T) {
	item := core.ScheduleState{ActivityName: "a", ScheduleID: "s", Wanted: core.WantFiring, State: core.ScheduleFollows}
	found := wire.Schedules{Items: []core.ScheduleState{item}, Note: "not observed yet: do this"}
	if row := scheduleRows(found)[1]; row[4] != "?" {
		t.Errorf("the row is %q, want ? for the drift", row)
	}
	if lines := observationText(found); len(lines) != 1 || lines[0] != found.Note {
		t.Errorf("the list says %q, want %q", lines, found.Note)
	}
	found.Observation, found.Note = seen(nil), ""
	if row := scheduleRows(found)[1]; row[4] != "-" {
		t.Errorf("the row is %q, want - for the drift", row)
	}
	found.Failed = &core.FailedObservation{At: time.Now(), By: "host/2", Error: "no answer"}
	lines := observationText(found)
	if len(lines) != 2 || !strings.Contains(lines[0], "5 wanted, 5 in Temporal, 2 in sync, 2 changed, 1 missing (1 mended)") || !strings.Contains(lines[1], "host/2 could not compare them: no answer") {
		t.Errorf("the list says %q; want what host/1 saw, and that host/2 failed", lines)
	}
}
