package cronspec_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"
)

func TestPoliciesDecideAsPromised(t *testing.T) {
	base := at(t, "2026-05-04T06:00:00Z")
	var ticks []time.Time
	for i := range 12 {
		ticks = append(ticks, base.Add(time.Duration(i)*10*time.Minute))
	}
	end := base.Add(115 * time.Minute) // 5 minutes after the last tick, 115 after the first
	cases := []struct {
		name string
		m    cronspec.Misfire
		want string // one letter a tick: M made up, F fired late, s skipped, c compressed
	}{
		{"skip makes nothing up", cronspec.Misfire{Policy: cronspec.PolicySkip}, "ssssssssssss"},
		{"skip still runs what is only late, grace included", cronspec.Misfire{Policy: cronspec.PolicySkip, Grace: 15 * time.Minute}, "ssssssssssFF"},
		{"skip still runs what is only late, whatever was out since", cronspec.Misfire{Policy: cronspec.PolicySkip, Grace: 15 * time.Minute, Since: time.Hour}, "ssssssssssFF"},
		{"compress runs the latest", cronspec.Misfire{Policy: cronspec.PolicyCompress}, "cccccccccccM"},
		{"compress runs one, whatever the grace", cronspec.Misfire{Policy: cronspec.PolicyCompress, Grace: time.Hour}, "cccccccccccF"},
		{"compress runs one, whatever the window", cronspec.Misfire{Policy: cronspec.PolicyCompress, CatchupWindow: time.Minute}, "cccccccccccM"},
		{"catchup runs all", cronspec.Misfire{Policy: cronspec.PolicyCatchup}, "MMMMMMMMMMMM"},
		{"catchup stops at its window, both ends included", cronspec.Misfire{Policy: cronspec.PolicyCatchup, CatchupWindow: 25 * time.Minute}, "sssssssssMMM"},
		{"catchup's window is the nearer the more was out since", cronspec.Misfire{Policy: cronspec.PolicyCatchup, CatchupWindow: 25 * time.Minute, Since: 10 * time.Minute}, "ssssssssssMM"},
		{"catchup leaves nothing when all is too old", cronspec.Misfire{Policy: cronspec.PolicyCatchup, CatchupWindow: time.Minute}, "ssssssssssss"},
		{"catchup runs what is only late, whatever the window", cronspec.Misfire{Policy: cronspec.PolicyCatchup, CatchupWindow: time.Minute, Grace: 5 * time.Minute}, "sssssssssssF"},
		{"an unknown policy makes nothing up", cronspec.Misfire{Policy: "later"}, "ssssssssssss"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.m.Latest = ticks[11]
			got := ""
			for _, tick := range ticks {
				c.m.Late = end.Sub(tick)
				d := c.m.Decide(tick)
				letter := map[cronspec.Verdict]string{cronspec.VerdictFire: "M", cronspec.VerdictSkip: "s", cronspec.VerdictCompress: "c"}[d.Verdict]
				if d.Verdict == cronspec.VerdictFire && d.Late {
					letter = "F"
				}
				got += letter
				if d.Reason == "" {
					t.Errorf("the decision on %s has no reason", tick)
				}
				if (d.Verdict == cronspec.VerdictCompress) != d.Into.Equal(ticks[11]) {
					t.Errorf("%s is compressed into %s", tick, d.Into)
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestPolicyNamesAreRead(t *testing.T) {
	for _, name := range []string{"skip", "catchup", "compress"} {
		if p, err := cronspec.ParsePolicy(name); err != nil || string(p) != name {
			t.Errorf("%s is read as %q, %v", name, p, err)
		}
	}
	if _, err := cronspec.ParsePolicy("Catchup"); err == nil {
		t.Error("an unknown policy was accepted")
	}
}

func ExampleMisfire_Decide() {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	m := cronspec.Misfire{Policy: cronspec.PolicyCompress, Latest: noon.Add(-time.Hour)}
	for _, slot := range []time.Time{noon.Add(-2 * time.Hour), noon.Add(-time.Hour)} {
		m.Late = noon.Sub(slot)
		d := m.Decide(slot)
		fmt.Println(slot.Format("15:04"), d.Verdict, d.Reason)
	}
	// Output:
	// 10:00 compressed misfire: 2h late, compressed into 2026-05-04T11:00:00Z
	// 11:00 fire missed by 1h, made up as the latest (compress)
}
