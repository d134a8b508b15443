package misfire_test

import (
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/misfire"
)

// after is a time of the hour after ten, as 04:05.
func after(clock string) time.Time {
	t, err := time.Parse("04:05", clock)
	if err != nil {
		panic(err)
	}
	return at("10:00").Add(time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second)
}

func outage(from, to string) core.Outage {
	return core.Outage{From: after(from), To: after(to), What: "process"}
}

func TestWhichOutageKeptASlotFromStarting(t *testing.T) {
	several := []core.Outage{outage("05:00", "07:00"), outage("05:30", "09:00"), outage("05:40", "08:00")}
	for _, c := range []struct {
		name    string
		policy  core.MisfirePolicy
		outages []core.Outage
		want    string // the end of the one found; "" is none
	}{
		{"that began before it and ended after it", "skip", []core.Outage{outage("05:30", "08:00")}, "08:00"},
		{"that began at the slot", "skip", []core.Outage{outage("06:00", "08:00")}, "08:00"},
		{"that began at the end of its grace", "skip", []core.Outage{outage("07:00", "08:00")}, "08:00"},
		{"not one that began after its grace", "skip", []core.Outage{outage("07:01", "08:00")}, ""},
		{"not one that ended at the slot", "skip", []core.Outage{outage("05:00", "06:00")}, ""},
		{"one that ended right after it", "skip", []core.Outage{outage("05:00", "06:01")}, "06:01"},
		{"of several the one that ended last", "catchup", several, "09:00"},
		{"of several the one that began first, where one slot runs for all", "compress", several, "07:00"},
		{"not one that began after its grace, where one runs for all", "compress", []core.Outage{outage("07:01", "08:00")}, ""},
	} {
		got := misfire.TermsOf(core.TriggerConfig{MisfirePolicy: c.policy}).KeptBy(c.outages, after("06:00"))
		if (got == nil) != (c.want == "") || got != nil && !got.To.Equal(after(c.want)) {
			t.Errorf("%s: want the one until %q, got %v", c.name, c.want, got)
		}
	}
}

func TestHowLongOutagesLastedSinceCountsNoMomentTwice(t *testing.T) {
	outages := []core.Outage{outage("01:00", "05:00"), outage("04:00", "06:00"), outage("04:30", "05:30"), outage("10:00", "12:00")}
	for end, want := range map[string]time.Duration{"05:00": 3 * time.Minute, "05:30": 2*time.Minute + 30*time.Second, "06:00": 2 * time.Minute, "12:00": 0} {
		if got := misfire.Since(outages, after(end)); got != want {
			t.Errorf("since %s: want %s, got %s", end, want, got)
		}
	}
}

func TestTheMisfireSettingsAndTheirDefaults(t *testing.T) {
	unset := misfire.TermsOf(core.TriggerConfig{})
	if unset.Policy != core.MisfireSkip || unset.Grace != time.Minute || unset.Window != 72*time.Hour {
		t.Errorf("unset: want skip, 1m, 72h, got %s, %s, %s", unset.Policy, unset.Grace, unset.Window)
	}
	set := misfire.TermsOf(core.TriggerConfig{MisfirePolicy: core.MisfireCompress, MisfireGrace: core.Duration(time.Second),
		CatchupWindow: core.Duration(time.Minute), Jitter: core.Duration(time.Second)})
	if set.Policy != core.MisfireCompress || set.Grace != time.Second || set.Window != time.Minute || set.Allowed() != 2*time.Second {
		t.Errorf("set: want compress, 1s, 1m, 2s, got %s, %s, %s, %s", set.Policy, set.Grace, set.Window, set.Allowed())
	}
	if gone := set.Gone(); gone.InGrace(0) || gone.MakeUp != misfire.MakeUpNone {
		t.Errorf("deleted: want nothing made up or merely late, got %+v", gone)
	}
}
