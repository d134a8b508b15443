package misfire_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/misfire"
)

func TestPoliciesDecideAsPromised(t *testing.T) {
	base := time.Date(2026, time.May, 4, 6, 0, 0, 0, time.UTC)
	var ticks []time.Time
	for i := range 12 {
		ticks = append(ticks, base.Add(time.Duration(i)*10*time.Minute))
	}
	end := base.Add(115 * time.Minute) // 5 minutes after the last tick, 115 after the first
	terms := func(p core.MisfirePolicy, grace, window time.Duration) misfire.Terms {
		return misfire.Terms{Rule: misfire.RuleOf(p), Grace: grace, Window: window}
	}
	cases := []struct {
		name  string
		terms misfire.Terms
		since time.Duration
		want  string // one letter a tick: M made up, F fired late, s skipped, c compressed
	}{
		{"skip makes nothing up", terms("skip", 0, 0), 0, "ssssssssssss"},
		{"skip still runs what is only late, grace included", terms("skip", 15*time.Minute, 0), 0, "ssssssssssFF"},
		{"skip still runs what is only late, whatever was out since", terms("skip", 15*time.Minute, 0), time.Hour, "ssssssssssFF"},
		{"compress runs the latest", terms("compress", 0, 0), 0, "cccccccccccM"},
		{"compress runs one, whatever the grace", terms("compress", time.Hour, 0), 0, "cccccccccccF"},
		{"compress runs one, whatever the window", terms("compress", 0, time.Minute), 0, "cccccccccccM"},
		{"catchup runs all", terms("catchup", 0, 0), 0, "MMMMMMMMMMMM"},
		{"catchup stops at its window, both ends included", terms("catchup", 0, 25*time.Minute), 0, "sssssssssMMM"},
		{"catchup's window is the nearer the more was out since", terms("catchup", 0, 25*time.Minute), 10 * time.Minute, "ssssssssssMM"},
		{"catchup leaves nothing when all is too old", terms("catchup", 0, time.Minute), 0, "ssssssssssss"},
		{"catchup runs what is only late, whatever the window", terms("catchup", 5*time.Minute, time.Minute), 0, "sssssssssssF"},
		{"an unknown policy makes nothing up", terms("later", 0, 0), 0, "ssssssssssss"},
		{"a deleted definition makes nothing up", terms("catchup", time.Hour, 0).Gone(), 0, "ssssssssssss"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, tick := range ticks {
				d := misfire.Decide(c.terms, misfire.Facts{Slot: tick, Kept: true, Late: end.Sub(tick), Since: c.since, Elected: ticks[11]})
				letter := map[misfire.Verdict]string{misfire.Run: "M", misfire.Skip: "s", misfire.Compress: "c"}[d.Verdict]
				if d.Verdict == misfire.Run && d.Late {
					letter = "F"
				}
				got += letter
				if d.Reason() == "" {
					t.Errorf("%s: want a reason, got none", tick)
				}
				if (d.Verdict == misfire.Compress) != d.Into.Equal(ticks[11]) {
					t.Errorf("%s: want it compressed into %s or into nothing, got %s", tick, ticks[11], d.Into)
				}
			}
			if got != c.want {
				t.Errorf("want %s, got %s", c.want, got)
			}
		})
	}
}

// What met an open run, and what nobody started, by policy.
func TestOverlapAndGapsWithoutAnOutage(t *testing.T) {
	slot, open, next := at("10:10"), at("10:05"), at("10:15")
	for _, c := range []struct {
		name   string
		policy core.MisfirePolicy
		facts  misfire.Facts
		want   misfire.Verdict
		cause  misfire.Cause
		into   time.Time
	}{
		{"skip drops what meets a run", "skip", misfire.Facts{Open: open}, misfire.Skip, misfire.CauseOverlap, time.Time{}},
		{"skip drops it also within its grace", "skip", misfire.Facts{Open: open, Kept: true, Down: true}, misfire.Skip, misfire.CauseOverlap, time.Time{}},
		{"an outage of its own explains more", "skip", misfire.Facts{Open: open, Kept: true, Down: true, Late: time.Hour}, misfire.Skip, misfire.CauseMisfire, time.Time{}},
		{"one that began later does not", "skip", misfire.Facts{Open: open, Kept: true, Late: time.Hour}, misfire.Skip, misfire.CauseOverlap, time.Time{}},
		{"compress sends it into the run that follows", "compress", misfire.Facts{Open: open, Next: next}, misfire.Compress, misfire.CauseOverlap, next},
		{"compress, in an outage, into the latest", "compress", misfire.Facts{Open: open, Next: next, Kept: true, Elected: at("10:20")}, misfire.Compress, misfire.CauseMisfire, at("10:20")},
		{"catchup waits", "catchup", misfire.Facts{Open: open}, misfire.Run, misfire.CauseMisfire, time.Time{}},
		{"nobody started it: skip", "skip", misfire.Facts{Late: time.Minute}, misfire.Skip, misfire.CauseMisfire, time.Time{}},
		{"nobody started it: catchup", "catchup", misfire.Facts{Late: time.Minute}, misfire.Run, misfire.CauseMisfire, time.Time{}},
		{"nobody started it: the latest of the gap", "compress", misfire.Facts{Elected: slot}, misfire.Run, misfire.CauseMisfire, time.Time{}},
		{"nobody started it: an earlier one has begun", "compress", misfire.Facts{Elected: open}, misfire.Compress, misfire.CauseMisfire, open},
		{"nobody started it: before the latest of the gap", "compress", misfire.Facts{Elected: next}, misfire.Compress, misfire.CauseMisfire, next},
	} {
		c.facts.Slot = slot
		d := misfire.Decide(misfire.TermsOf(core.TriggerConfig{MisfirePolicy: c.policy}), c.facts)
		if d.Verdict != c.want || d.Cause != c.cause || !d.Into.Equal(c.into) || d.Late && !c.facts.Kept {
			t.Errorf("%s: want %s (%s) into %s, got %s (%s) into %s: %s", c.name, c.want, c.cause, c.into, d.Verdict, d.Cause, d.Into, d.Reason())
		}
	}
}

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", "2026-03-02 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func TestPolicyNamesAreRead(t *testing.T) {
	for _, p := range misfire.Policies() {
		if err := misfire.Check(p); err != nil || misfire.RuleOf(p).Policy != p {
			t.Errorf("%s: want its row, got %q, %v", p, misfire.RuleOf(p).Policy, err)
		}
	}
	err := misfire.Check("Catchup")
	if err == nil || !strings.Contains(err.Error(), "must be skip, catchup") || !strings.HasSuffix(err.Error(), `did you mean "catchup"?`) {
		t.Errorf("Catchup: want the names and the nearest, got %v", err)
	}
	if misfire.RuleOf("").Policy != core.DefaultMisfirePolicy || misfire.Check("") != nil {
		t.Errorf("no policy: want %s, got %s", core.DefaultMisfirePolicy, misfire.RuleOf("").Policy)
	}
}

func ExampleDecide() {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	terms := misfire.TermsOf(core.TriggerConfig{MisfirePolicy: core.MisfireCompress})
	for _, slot := range []time.Time{noon.Add(-2 * time.Hour), noon.Add(-time.Hour)} {
		d := misfire.Decide(terms, misfire.Facts{Slot: slot, Kept: true, Late: noon.Sub(slot), Elected: noon.Add(-time.Hour)})
		fmt.Println(slot.Format("15:04"), d.Verdict, d.Reason())
	}
	// Output:
	// 10:00 compressed misfire: 2h late, compressed into 2026-05-04T11:00:00Z
	// 11:00 run missed by 1h, made up as the latest (compress)
}
