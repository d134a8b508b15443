package slots_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/simulate"
)

// Definitions whose runs take longer than the time between two of them, so that make-ups have
// to wait for a moment without a run while time goes on. Each case is the smallest of a kind
// that the preview and the engine once told differently.

func outage(from, to string) simulate.Outage { return simulate.Outage{From: at(from), To: at(to)} }

func TestMakeUpsOfAnOverloadedDefinitionThatHaveToWait(t *testing.T) {
	for name, c := range map[string]struct {
		policy  core.MisfirePolicy
		cron    string
		grace   time.Duration
		runTime time.Duration
		outages []simulate.Outage
		want    []string
	}{
		// At 10:42:40 the run of 10:20 begins, and 10:30 waits in the schedule. 10:50 meets that
		// run: the make-up of 10:40 follows it.
		"compress: a slot that meets the run which a make-up waits for joins the make-up": {
			core.MisfireCompress, "*/10 10 * * *", time.Minute, 11 * time.Minute, []simulate.Outage{outage("10:21:10", "10:42:40")},
			[]string{"10:00 fired", "10:10 fired", "10:20 fired", "10:30 compressed into 10:40", "10:40 fired", "10:50 compressed into 10:40"},
		},
		// 10:25 to 10:27 meet the run of 10:11; at 10:39:40 the make-up of 10:09, of an outage
		// before, is the first to follow it.
		"compress: the make-up of an earlier outage is one to join": {
			core.MisfireCompress, "0-30 10 * * *", time.Minute, 11 * time.Minute,
			[]simulate.Outage{outage("10:05:10", "10:09:40"), outage("10:22:10", "10:24:40"), outage("10:28:10", "10:39:40")},
			slices.Concat([]string{"10:00 fired", "10:01 fired"}, each("10:02", "10:04", "compressed into 10:01"), each("10:05", "10:08", "compressed into 10:09"),
				[]string{"10:09 fired", "10:10 compressed into 10:01", "10:11 fired"}, each("10:12", "10:21", "compressed into 10:11"),
				each("10:22", "10:23", "compressed into 10:24"), []string{"10:24 fired"}, each("10:25", "10:27", "compressed into 10:09"), each("10:28", "10:29", "compressed into 10:30"), []string{"10:30 fired"}),
		},
		// The make-up of 10:25 waits for the run of 10:15 as a second outage goes on where the
		// first ended, but for 10:27:40 to 10:29:10.
		"compress: outages without a slot between them get one run, also if the make-up of the first waits as the second begins": {
			core.MisfireCompress, "*/5 10 * * *", time.Minute, 11 * time.Minute,
			[]simulate.Outage{outage("10:19:10", "10:26:40"), outage("10:29:10", "10:56:40")},
			slices.Concat([]string{"10:00 fired", "10:05 fired", "10:10 compressed into 10:05", "10:15 fired"},
				[]string{"10:20 compressed into 10:55", "10:25 compressed into 10:55", "10:30 compressed into 10:55", "10:35 compressed into 10:55",
					"10:40 compressed into 10:55", "10:45 compressed into 10:55", "10:50 compressed into 10:55", "10:55 fired"}),
		},
		// 10:30 could fire between the two. The make-up of 10:25 waits for the run of 10:16, and
		// the second outage begins within its grace.
		"compress: outages with a slot between them get two runs, however long the grace": {
			core.MisfireCompress, "16,20-40/5 10 * * *", 20 * time.Minute, 25 * time.Minute,
			[]simulate.Outage{outage("10:19:10", "10:26:40"), outage("10:33:10", "10:41:40")},
			[]string{"10:16 fired", "10:20 compressed into 10:25", "10:25 fired", "10:30 compressed into 10:40", "10:35 compressed into 10:40", "10:40 fired"},
		},
		// 10:02 to 10:04 are within their grace at 10:04:40 and run one after the other; 10:04
		// waits as the second outage begins.
		"skip: a slot within its grace runs, though another outage begins before its turn": {
			core.MisfireSkip, "1-9 10 * * *", 3 * time.Minute, 11 * time.Minute,
			[]simulate.Outage{outage("10:00:40", "10:04:40"), outage("10:20:10", "10:40:40")},
			slices.Concat([]string{"10:01 skipped"}, each("10:02", "10:05", "fired"), each("10:06", "10:09", "skipped")),
		},
		// The grace of 10:03 ends before the second outage, that of 10:04 in it.
		"skip: a slot is missed whose grace ends in a second outage before its turn": {
			core.MisfireSkip, "1-9 10 * * *", 3 * time.Minute, 11 * time.Minute,
			[]simulate.Outage{outage("10:00:40", "10:04:40"), outage("10:06:10", "10:40:40")},
			slices.Concat([]string{"10:01 skipped", "10:02 fired", "10:03 fired", "10:04 skipped", "10:05 fired"}, each("10:06", "10:09", "skipped")),
		},
		// Both wait in the schedule as the second outage begins, which pushes 10:01 out of the
		// window. 10:04 was late only.
		"catchup: a slot within its grace runs, though another outage pushes it out of the window": {
			core.MisfireCatchup, "0-4 10 * * *", time.Minute, 11 * time.Minute,
			[]simulate.Outage{outage("10:00:40", "10:04:40"), outage("10:08:10", "10:40:40")},
			slices.Concat([]string{"10:00 fired"}, each("10:01", "10:03", "skipped"), []string{"10:04 fired"}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := played{def: minutely(c.policy), runTime: c.runTime, outages: c.outages}
			trigger := &p.def.TriggerConfig
			trigger.CronExpression, trigger.MisfireGrace = core.StringList{c.cron}, core.Duration(c.grace)
			trigger.CatchupWindow = core.Duration(20 * time.Minute)
			if got := p.happened(t); !slices.Equal(got, c.want) {
				t.Errorf("the engine\n got %s\nwant %s", strings.Join(got, ", "), strings.Join(c.want, ", "))
			}
			if got := p.foretold(t); !slices.Equal(got, c.want) {
				t.Errorf("simulate\n got %s\nwant %s", strings.Join(got, ", "), strings.Join(c.want, ", "))
			}
		})
	}
}

// each is the same verdict for each minute from..to.
func each(from, to, verdict string) []string {
	out := minutesBetween(from, to)
	for i := range out {
		out[i] += " " + verdict
	}
	return out
}
