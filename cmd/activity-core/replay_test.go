package main

import (
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

func TestARepeatInALaterPartOfADryReplayIsNoFurtherRun(t *testing.T) {
	would := map[string]bool{}
	first := wire.EventReplayed{ReplayReport: core.ReplayReport{Matched: 2, WouldRun: 1, Failed: 1}, Matches: []core.ReplayMatch{{RunID: "r1"}, {Error: "no such field"}}}
	later := wire.EventReplayed{ReplayReport: core.ReplayReport{Matched: 4, WouldRun: 2, InLedger: 1, Failed: 1},
		Matches: []core.ReplayMatch{{RunID: "r1"}, {RunID: "r2"}, {RunID: "r0", Verdict: core.VerdictFired}, {Error: "no such field"}}}
	for _, part := range []*wire.EventReplayed{&first, &later} {
		markRepeated(part, would)
	}
	if first.WouldRun != 1 || first.Repeated != 0 || later.WouldRun != 1 || later.Repeated != 1 || !later.Matches[0].Repeated || later.Matches[1].Repeated {
		t.Fatalf("%+v\n%+v", first, later)
	}
}
