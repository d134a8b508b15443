package cronspec_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
)

func TestPoliciesDecideAsPromised(t *testing.T) {
	base := at(t, "2026-05-04T06:00:00Z")
	var ticks []time.Time
	for i := range 12 {
		ticks = append(ticks, base.Add(time.Duration(i)*10*time.Minute))
	}
	now := base.Add(115 * time.Minute) // 5 minutes after the last tick, 115 after the first
	cases := []struct {
		name string
		m    cronspec.Misfire
		want string // one letter a tick: F fire, s skipped, c compressed
	}{
		{"skip makes nothing up", cronspec.Misfire{Policy: cronspec.PolicySkip}, "ssssssssssss"},
		{"skip still runs what is only late", cronspec.Misfire{Policy: cronspec.PolicySkip, Grace: 15 * time.Minute}, "ssssssssssFF"},
		{"compress runs the latest", cronspec.Misfire{Policy: cronspec.PolicyCompress}, "cccccccccccF"},
		{"compress runs one, whatever the grace", cronspec.Misfire{Policy: cronspec.PolicyCompress, Grace: time.Hour}, "cccccccccccF"},
		{"compress runs one, whatever the window", cronspec.Misfire{Policy: cronspec.PolicyCompress, CatchupWindow: time.Minute}, "cccccccccccF"},
		{"catchup runs all", cronspec.Misfire{Policy: cronspec.PolicyCatchup}, "FFFFFFFFFFFF"},
		{"catchup stops at its window, both ends included", cronspec.Misfire{Policy: cronspec.PolicyCatchup, CatchupWindow: 25 * time.Minute}, "sssssssssFFF"},
		{"catchup leaves nothing when all is too old", cronspec.Misfire{Policy: cronspec.PolicyCatchup, CatchupWindow: time.Minute}, "ssssssssssss"},
		{"an unknown policy starts nothing", cronspec.Misfire{Policy: "later"}, "ssssssssssss"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.m.Now = now
			got := ""
			for i, d := range cronspec.Decide(ticks, c.m) {
				got += map[cronspec.Verdict]string{cronspec.VerdictFire: "F", cronspec.VerdictSkip: "s", cronspec.VerdictCompress: "c"}[d.Verdict]
				if !d.Slot.Equal(ticks[i]) || d.Reason == "" {
					t.Errorf("decision %d is for %s with the reason %q", i, d.Slot, d.Reason)
				}
				if (d.Verdict == cronspec.VerdictCompress) != d.Into.Equal(ticks[11]) {
					t.Errorf("%s is compressed into %s", d.Slot, d.Into)
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDecisionsCoverEachDueTimeOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := at(t, "2026-05-04T06:00:00Z")
		offsets := rapid.SliceOf(rapid.IntRange(-500, 20)).Draw(rt, "minutes")
		var missed []time.Time
		due := map[int64]bool{}
		for _, o := range offsets {
			slot := now.Add(time.Duration(o) * time.Minute)
			missed = append(missed, slot)
			if o <= 0 {
				due[slot.Unix()] = true
			}
		}
		before := slices.Clone(missed)
		m := cronspec.Misfire{Now: now,
			Policy:        rapid.SampledFrom([]cronspec.Policy{cronspec.PolicySkip, cronspec.PolicyCatchup, cronspec.PolicyCompress}).Draw(rt, "policy"),
			CatchupWindow: time.Duration(rapid.IntRange(0, 600).Draw(rt, "window")) * time.Minute,
			Grace:         time.Duration(rapid.IntRange(0, 10).Draw(rt, "grace")) * time.Minute}
		decisions := cronspec.Decide(missed, m)
		if !slices.Equal(missed, before) {
			rt.Fatal("the input was changed")
		}
		fires := 0
		for i, d := range decisions {
			if i > 0 && !decisions[i-1].Slot.Before(d.Slot) {
				rt.Fatalf("%s comes after %s", d.Slot, decisions[i-1].Slot)
			}
			if !due[d.Slot.Unix()] {
				rt.Fatalf("%s is not due", d.Slot)
			}
			late := now.Sub(d.Slot)
			if d.Verdict == cronspec.VerdictFire {
				fires++
				if m.Policy == cronspec.PolicySkip && late > m.Grace {
					rt.Fatalf("skip makes up %s", d.Slot)
				}
			} else if m.Policy == cronspec.PolicyCatchup && (m.CatchupWindow == 0 || late <= m.CatchupWindow) {
				rt.Fatalf("catchup drops %s", d.Slot)
			}
		}
		if len(decisions) != len(due) {
			rt.Fatalf("%d decisions on %d due times", len(decisions), len(due))
		}
		if m.Policy == cronspec.PolicyCompress && fires != min(1, len(due)) {
			rt.Fatalf("compress runs %d", fires)
		}
	})
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

func ExampleDecide() {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for _, d := range cronspec.Decide([]time.Time{noon.Add(-2 * time.Hour), noon.Add(-time.Hour)}, cronspec.Misfire{Policy: cronspec.PolicyCompress, Now: noon}) {
		fmt.Println(d.Slot.Format("15:04"), d.Verdict, d.Reason)
	}
	// Output:
	// 10:00 compressed missed by 2h0m0s, compressed into 2026-05-04T11:00:00Z
	// 11:00 fire missed by 1h0m0s, made up as the latest (compress)
}
