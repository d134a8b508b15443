package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// schedulesSeen holds a list of schedules, all pages of two of it, against "name wanted state",
// with the error and each kind of drift behind it.
func schedulesSeen(t testing.TB, s core.Store, f core.ScheduleFilter, want ...string) {
	t.Helper()
	got := []string{}
	for p := (core.PageRequest{Limit: 2}); ; {
		page, err := s.Schedules(t.Context(), f, p)
		must(t, err)
		for _, x := range page.Items {
			line := fmt.Sprintf("%s %s %s", x.ActivityName, x.Wanted, x.State)
			if x.Error != "" {
				line += ": " + x.Error
			}
			for _, d := range x.Drift {
				line += fmt.Sprintf(", %s %s", d.Kind, d.Detail)
			}
			if x.ScheduleID != core.ScheduleID(x.ActivityID) {
				t.Errorf("%s has the schedule %q, want %q", x.ActivityName, x.ScheduleID, core.ScheduleID(x.ActivityID))
			}
			got = append(got, line)
		}
		if p.Cursor = page.NextCursor; p.Cursor == "" {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(append([]string{}, want...)) {
		t.Errorf("schedules of %+v are\n%q, want\n%q", f, got, want)
	}
}

// schedulesAreListed: what was seen of schedules is kept, in place of what was seen before, and
// listed with what the record knows.
func schedulesAreListed(t *testing.T, s core.Store) {
	ctx := t.Context()
	if last, err := s.LastObservation(ctx); err != nil || !last.At.IsZero() || last.Failed != nil {
		t.Fatalf("nothing was observed, and the last observation is %+v, %v", last, err)
	}
	schedulesSeen(t, s, core.ScheduleFilter{})
	event := core.Definition{Name: "b-event", Enabled: true, TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{EventType: core.StringList{"x"}}}
	event.Normalize()
	off := cronDefinition("b-off")
	off.Enabled = false
	_, err := s.ApplyChanges(ctx, []core.DefinitionChange{{Definition: event}, {Definition: off}}, "ann", epoch)
	must(t, err)
	a, b, paused := create(t, s, "a"), create(t, s, "b"), create(t, s, "b-paused")
	paused, err = s.SetPaused(ctx, paused.ID, &core.Pause{By: "ann", At: epoch}, "ann", epoch)
	must(t, err)
	must(t, s.MarkSchedules(ctx, []core.ScheduleMark{
		{ActivityID: a.ID, Revision: a.Revision}, {ActivityID: b.ID, Error: "too long", Code: core.CodeInvalid},
		{ActivityID: paused.ID, Error: "no answer", Code: core.CodeUnavailable}, {ActivityID: off.ID, Revision: 1000},
	}))
	schedulesSeen(t, s, core.ScheduleFilter{}, "a firing follows", "b firing refused: too long", "b-off disabled follows", "b-paused paused pending: no answer")
	schedulesSeen(t, s, core.ScheduleFilter{NamePrefix: "b-"}, "b-off disabled follows", "b-paused paused pending: no answer")
	schedulesSeen(t, s, core.ScheduleFilter{Only: core.OnlyPending}, "b-paused paused pending: no answer", "b firing refused: too long")
	schedulesSeen(t, s, core.ScheduleFilter{Only: core.OnlyPending, NamePrefix: "b-"}, "b-paused paused pending: no answer")

	drift := func(kind core.DriftKind, id, name, detail string) core.ScheduleDrift {
		return core.ScheduleDrift{ScheduleID: core.ScheduleID(id), ActivityID: id, ActivityName: name, Kind: kind, Detail: detail, Action: "update", Mended: kind == core.DriftState}
	}
	stranger := core.DefinitionID("stranger")
	seen := core.ScheduleObservation{At: epoch.Add(time.Hour), By: "host/1", Wanted: 3, Observed: 4, InSync: 1, Mended: 1,
		Drift: map[core.DriftKind]int{core.DriftChanged: 2, core.DriftExtra: 1, core.DriftState: 1}, Writes: 1, Seconds: 0.5}
	must(t, s.ObserveSchedules(ctx, seen, []core.ScheduleDrift{
		drift(core.DriftChanged, b.ID, "b", "spec"), drift(core.DriftState, b.ID, "b", "held"),
		drift(core.DriftChanged, paused.ID, "b-paused", "zone"), drift(core.DriftExtra, stranger, "", "unknown"),
	}))
	last, err := s.LastObservation(ctx)
	must(t, err)
	if !reflect.DeepEqual(last, seen) {
		t.Fatalf("the observation is kept as\n%+v, want\n%+v", last, seen)
	}
	schedulesSeen(t, s, core.ScheduleFilter{}, "a firing follows", "b firing refused: too long, changed spec, state held", "b-off disabled follows", "b-paused paused pending: no answer, changed zone")
	changed := core.ScheduleSelection(core.DriftChanged)
	schedulesSeen(t, s, core.ScheduleFilter{Only: changed}, "b firing refused: too long, changed spec", "b-paused paused pending: no answer, changed zone")
	schedulesSeen(t, s, core.ScheduleFilter{Only: changed, NamePrefix: "b-"}, "b-paused paused pending: no answer, changed zone")
	schedulesSeen(t, s, core.ScheduleFilter{Only: core.ScheduleSelection(core.DriftExtra)}, " none follows, extra unknown")
	schedulesSeen(t, s, core.ScheduleFilter{Only: core.ScheduleSelection(core.DriftMissing)})
	if _, err := s.Schedules(ctx, core.ScheduleFilter{Only: "odd"}, core.PageRequest{Limit: 2}); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("an unknown kind of drift: %v, want %s", err, core.CodeInvalid)
	}
	page, err := s.Schedules(ctx, core.ScheduleFilter{}, core.PageRequest{Limit: 2})
	must(t, err)
	if _, err := s.Schedules(ctx, core.ScheduleFilter{Only: core.OnlyPending}, core.PageRequest{Limit: 2, Cursor: page.NextCursor}); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("a cursor of another list: %v, want %s", err, core.CodeInvalid)
	}
	schedulesSeenLater(t, s, seen)
}

// schedulesSeenLater: an observation replaces an older one, and not the reverse; an attempt
// that failed is kept beside it.
func schedulesSeenLater(t *testing.T, s core.Store, seen core.ScheduleObservation) {
	t.Helper()
	ctx := t.Context()
	older := seen
	older.At, older.By = seen.At.Add(-time.Minute), "host/2"
	must(t, s.ObserveSchedules(ctx, older, nil))
	failed := core.FailedObservation{At: seen.At.Add(-time.Second), By: "host/2", Error: "no answer", Code: core.CodeUnavailable}
	must(t, s.ObservationFailed(ctx, failed))
	if last, err := s.LastObservation(ctx); err != nil || last.By != seen.By || last.Failed != nil {
		t.Fatalf("after what is older the observation is %+v, %v; want that of %s", last, err, seen.By)
	}
	failed.At = seen.At.Add(time.Second)
	must(t, s.ObservationFailed(ctx, failed))
	if last, err := s.LastObservation(ctx); err != nil || last.By != seen.By || last.Failed == nil || *last.Failed != failed {
		t.Fatalf("after a failure the observation is %+v, %v; want that of %s with %+v", last, err, seen.By, failed)
	}
	newer := seen
	newer.At, newer.By, newer.Drift, newer.Mended = seen.At.Add(time.Minute), "host/3", map[core.DriftKind]int{}, 0
	must(t, s.ObserveSchedules(ctx, newer, nil))
	if last, err := s.LastObservation(ctx); err != nil || last.By != "host/3" || last.Failed != nil {
		t.Fatalf("after a newer one the observation is %+v, %v; want that of host/3", last, err)
	}
	for _, kind := range core.DriftKinds() {
		schedulesSeen(t, s, core.ScheduleFilter{Only: core.ScheduleSelection(kind)})
	}
}
