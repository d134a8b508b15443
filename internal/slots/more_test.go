package slots_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

func TestTheHeartbeatRecordsEachOutageOnceItIsOver(t *testing.T) {
	w := newWorld(t, "10:00:00")
	down := false
	beat := slots.NewHeartbeat(slots.HeartbeatConfig{
		Book: w.store, Instance: "one", Now: func() time.Time { return w.clock },
		Signs: map[string]func(context.Context) error{
			slots.BeatProcess: nil,
			slots.BeatTemporal: func(context.Context) error {
				if down {
					return errors.New("no answer")
				}
				return nil
			},
		},
	})
	outages := func() []core.Outage {
		o, err := w.store.Outages(t.Context(), at("00:00"), at("23:59"))
		w.must(err)
		return o
	}
	go1 := func(d time.Duration) {
		w.clock = w.clock.Add(d)
		w.must(beat.Beat(t.Context()))
	}
	for range 10 {
		go1(5 * time.Second)
	}
	if o := outages(); len(o) != 0 {
		t.Fatalf("outages without any: %v", o)
	}
	down = true
	for range 24 {
		go1(5 * time.Second) // two minutes without Temporal
	}
	if o := outages(); len(o) != 0 {
		t.Fatalf("an outage is recorded before it is over: %v", o)
	}
	down = false
	go1(5 * time.Second)
	want := []core.Outage{{From: at("10:00:50"), To: at("10:02:55"), What: slots.BeatTemporal}}
	if got := outages(); !slices.EqualFunc(got, want, func(a, b core.Outage) bool {
		return a.From.Equal(b.From) && a.To.Equal(b.To) && a.What == b.What
	}) {
		t.Errorf("outages %v, want %v", got, want)
	}
	go1(5 * time.Second)
	w.clock = w.clock.Add(time.Hour) // the process sleeps
	go1(0)
	if got := outages(); len(got) != 3 {
		t.Errorf("after an hour's sleep: %v, want one more of process and of temporal", got)
	}
}

func TestAnotherReplicaKeepsTheHeartbeatAlive(t *testing.T) {
	w := newWorld(t, "10:00:00")
	replica := func(name string) *slots.Heartbeat {
		return slots.NewHeartbeat(slots.HeartbeatConfig{
			Book: w.store, Instance: name, Now: func() time.Time { return w.clock }, Signs: map[string]func(context.Context) error{slots.BeatProcess: nil},
		})
	}
	one, two := replica("one"), replica("two")
	w.must(one.Beat(t.Context()))
	for range 20 { // one is gone
		w.clock = w.clock.Add(5 * time.Second)
		w.must(two.Beat(t.Context()))
	}
	w.must(one.Beat(t.Context())) // and back
	o, err := w.store.Outages(t.Context(), at("00:00"), at("23:59"))
	w.must(err)
	if len(o) != 0 {
		t.Errorf("outages %v, want none", o)
	}
}

func TestTheCheckNamesASlotWithoutAVerdict(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireSkip)
	w.save(d)
	w.until("10:03:10", d)
	w.nothingUntil("10:05:10")
	check := func() slots.CheckReport {
		r, err := slots.NewChecker(w.store).Check(t.Context(), d.ID, at("10:00"), at("10:05"))
		w.must(err)
		return r
	}
	r := check()
	if r.OK() || r.Expected != 4 || r.Accounted != 3 || len(r.Missing) != 1 || !r.Missing[0].NominalTime.Equal(at("10:04")) {
		t.Fatalf("report %+v, want 10:04 missing", r)
	}
	w.settle()
	if r = check(); !r.OK() || r.Accounted != 4 || r.Verdicts[core.VerdictFired] != 3 || r.Verdicts[core.VerdictSkipped] != 1 {
		t.Errorf("report %+v, want all accounted for", r)
	}
	// A cause that is recorded and never came to a run is open.
	_, err := w.store.RecordCauses(t.Context(), []core.CauseRecord{{ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: 1, Cause: core.CronCause(at("10:05")), MakeUp: true}}, w.clock)
	w.must(err)
	r, err = slots.NewChecker(w.store).Check(t.Context(), "", at("10:00"), at("10:06"))
	w.must(err)
	if r.OK() || r.OpenCount != 1 {
		t.Errorf("report %+v, want one open cause", r)
	}
	if _, err := slots.NewChecker(w.store).Check(t.Context(), "", at("10:06"), at("10:00")); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("a range that runs backwards: %v", err)
	}
}

func TestTheCheckMissesNoVerdictBeforeItIsDue(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireSkip)
	d.TriggerConfig.Jitter = core.Duration(5 * time.Minute)
	w.save(d)
	w.until("10:03:10", d)
	_, err := w.store.RecordCauses(t.Context(), []core.CauseRecord{{ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: 1, Cause: core.ManualCause("one")}}, w.clock)
	w.must(err)
	for _, c := range []struct {
		now, until                      string
		expected, waiting, missed, open int
	}{
		{"10:03:30", "10:03:30", 3, 1, 0, 0}, // the cause
		{"10:10:00", "10:10:00", 3, 6, 0, 1}, // 10:04 to 10:09: jitter, grace, and time to judge
		{"10:10:31", "10:10:31", 4, 6, 1, 1}, // 10:04 is overdue, 10:10 waits
		{"10:10:31", "11:00:00", 4, 6, 1, 1}, // what is not due yet is not on its way
	} {
		checker := slots.NewChecker(w.store)
		checker.Now = func() time.Time { return at(c.now) }
		r, err := checker.Check(t.Context(), "", at("10:00"), at(c.until))
		w.must(err)
		if r.Expected != c.expected || r.Waiting != c.waiting || r.MissingCount != c.missed || r.OpenCount != c.open || r.OK() != (c.missed+c.open == 0) {
			t.Errorf("at %s: %+v, want %+v", c.now, r, c)
		}
	}
}
