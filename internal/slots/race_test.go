package slots_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/slots"
)

// What [TestSimulateForetellsEveryVerdict] cannot compare, because it depends on who comes
// first, keeps these rules whoever does: each slot one verdict, no nominal time twice, make-ups
// one at a time and of missed slots alone; and those of each policy.
func TestThePolicyIsKeptWhoeverComesFirst(t *testing.T) {
	seeds := uint64(15)
	if os.Getenv("ACTIVITY_CORE_LONG") != "" {
		seeds = 180
	}
	madeUp := 0
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 4))
		p := draw(r, policies[seed%3])
		for p.runTime < p.period || len(p.outages) < 2 { // with fewer nobody waits
			p = draw(r, policies[seed%3])
		}
		p.loose = r
		t.Run(fmt.Sprintf("%02d %s", seed, p), func(t *testing.T) {
			o := observe(t, p)
			o.wantComplete(playedFrom, firesUntil)
			for i, n := range o.slots {
				if o.rows[n].MakeUp {
					madeUp++
				}
				o.wantRightfulMakeUp(n)
				switch p.def.TriggerConfig.MisfirePolicy {
				case core.MisfireSkip:
					o.wantSkip(n)
				case core.MisfireCatchup:
					o.wantCatchup(n)
				case core.MisfireCompress:
					o.wantCompress(i)
				}
			}
			if p.def.TriggerConfig.MisfirePolicy == core.MisfireCatchup && !slices.IsSortedFunc(o.fired, time.Time.Compare) {
				t.Errorf("not oldest first: %v", o.fired)
			}
		})
	}
	if madeUp < int(seeds)/3 {
		t.Errorf("%d runs were made up: the test shows little", madeUp)
	}
}

// observed is what the record says after a definition was played.
type observed struct {
	*world
	p       played
	slots   []time.Time
	rows    map[time.Time]core.LedgerEntry
	runs    map[time.Time]core.Run
	outages []core.Outage
}

func observe(t *testing.T, p played) observed {
	t.Helper()
	o := observed{world: p.play(t), p: p, rows: make(map[time.Time]core.LedgerEntry), runs: make(map[time.Time]core.Run)}
	spec, err := cronspec.Parse(p.def.TriggerConfig.CronExpression, "UTC")
	o.must(err)
	o.slots = slices.Collect(spec.Between(at(playedFrom), at(firesUntil)))
	rows, err := o.store.LedgerEntries(t.Context(), core.LedgerFilter{ActivityID: p.def.ID}, core.PageRequest{Limit: 1000})
	o.must(err)
	for _, e := range rows.Items {
		o.rows[e.Cause.NominalTime.UTC()] = e
	}
	runs, err := o.store.Runs(t.Context(), core.RunFilter{ActivityID: p.def.ID}, core.PageRequest{Limit: 1000})
	o.must(err)
	for _, r := range runs.Items {
		if r.StartedAt != nil {
			o.runs[r.Cause.NominalTime.UTC()] = r
		}
	}
	all, err := o.store.Outages(t.Context(), at("00:00"), at("23:59"))
	o.must(err)
	for _, out := range all {
		if out.What == slots.BeatProcess {
			o.outages = append(o.outages, out)
		}
	}
	return o
}

func (o observed) ran(n time.Time) bool { return o.rows[n].Verdict == core.VerdictFired }

// in is the outage in progress at a time.
func (o observed) in(t time.Time) (core.Outage, bool) {
	for _, out := range o.outages {
		if !out.From.After(t) && out.To.After(t) {
			return out, true
		}
	}
	return core.Outage{}, false
}

// missed: an outage was in progress as the slot's grace ended.
func (o observed) missed(n time.Time) bool {
	_, missed := o.in(n.Add(o.grace()))
	return missed
}

func (o observed) grace() time.Duration { return o.p.def.TriggerConfig.MisfireGrace.Std() }

// late says that the run of a slot began after its grace.
func (o observed) late(n time.Time) bool { return o.runs[n].StartedAt.After(n.Add(o.grace())) }

func (o observed) errorf(n time.Time, format string, args ...any) {
	o.Helper()
	o.Errorf("%s is %s (%s): %s", n.Format("15:04"), o.rows[n].Verdict, o.rows[n].Reason, fmt.Sprintf(format, args...))
}

// wantRightfulMakeUp: what the watchdog starts fell due in an outage, or one came within its
// grace; and no other run is open then.
func (o observed) wantRightfulMakeUp(n time.Time) {
	o.Helper()
	if !o.rows[n].MakeUp || !o.ran(n) {
		return
	}
	if !slices.ContainsFunc(o.outages, func(out core.Outage) bool { return out.To.After(n) && !out.From.After(n.Add(o.grace())) }) {
		o.errorf(n, "it was made up, and no outage kept it from starting")
	}
	start := *o.runs[n].StartedAt
	for other, r := range o.runs {
		if r.StartedAt.Before(start) && (r.FinishedAt == nil || r.FinishedAt.After(start)) {
			o.errorf(n, "it was made up at %s beside the run of %s", start.Format("15:04:05"), other.Format("15:04"))
		}
	}
}

// wantSkip: no run is made up, but for slots within their grace, and each of these runs unless
// it met an open run.
func (o observed) wantSkip(n time.Time) {
	o.Helper()
	switch {
	case o.ran(n):
		if o.missed(n) && o.late(n) {
			o.errorf(n, "it was missed, and ran at %s", o.runs[n].StartedAt.Format("15:04:05"))
		}
	case !o.missed(n) && !strings.HasPrefix(o.rows[n].Reason, "overlap: "):
		o.errorf(n, "it was not missed, nor did it meet an open run")
	}
}

// wantCatchup: each slot runs, but for missed ones outside the window.
func (o observed) wantCatchup(n time.Time) {
	o.Helper()
	window := o.p.def.TriggerConfig.CatchupWindow.Std()
	var least, most time.Duration // how late it was when its outage ended, and when the last one did
	if out, missed := o.in(n.Add(o.grace())); missed {
		least = out.To.Sub(n)
		most = least
		for _, later := range o.outages {
			if later.From.After(out.From) {
				most += later.To.Sub(later.From)
			}
		}
	}
	switch {
	case o.ran(n):
		if least > window && o.late(n) {
			o.errorf(n, "it was %s late as its outage ended, outside the window of %s", least, window)
		}
	case most <= window:
		o.errorf(n, "it was at most %s late, within the window of %s", most, window)
	}
}

// wantCompress: of the slots of an outage the latest runs, unless another outage follows before
// the next slot, and no other; every other slot has a run that stands for it.
func (o observed) wantCompress(i int) {
	o.Helper()
	n := o.slots[i]
	stands := n
	for range o.slots {
		if o.rows[stands].Verdict != core.VerdictCompressed {
			break
		}
		into, err := time.Parse(time.RFC3339, strings.TrimPrefix(o.rows[stands].Into, "cron-"))
		o.must(err)
		stands = into.UTC()
	}
	if !o.ran(stands) {
		o.errorf(n, "%s stands for it, which did not run", stands.Format("15:04"))
	}
	out, down := o.in(n)
	if !down || i+1 == len(o.slots) {
		return
	}
	if why := o.rows[n].Reason; why != "" && !strings.Contains(why, out.From.UTC().Format(time.RFC3339)) {
		o.errorf(n, "it lies in the outage from %s", out.From.Format("15:04:05"))
	}
	following := o.slots[i+1]
	if following.Before(out.To) {
		if o.ran(n) {
			o.errorf(n, "it ran, and was not the latest of its outage")
		}
		return
	}
	if _, goesOn := o.in(following); !goesOn && !o.ran(n) {
		o.errorf(n, "it did not run, and was the latest of its outage")
	}
}
