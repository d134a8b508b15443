package slots_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// plight is how slots came to be missed; the watchdogs come after it. It returns the definition
// as it is then.
type plight struct {
	name   string
	happen func(w *world, d core.Definition) core.Definition
	// runs are the missed slots that run, by policy; skip runs none.
	runs map[core.MisfirePolicy][]string
}

var plights = []plight{
	{"an outage", func(w *world, d core.Definition) core.Definition {
		w.until("10:02:10", d)
		w.nothingUntil("10:06:20")
		w.recover()
		w.native(d.ID, at("10:03")) // by every overlap policy Temporal starts at least the oldest one: admission decides
		return w.living("10:08:30", d)
	}, map[core.MisfirePolicy][]string{
		core.MisfireCatchup: minutesBetween("10:03", "10:06"), core.MisfireCompress: {"10:06"},
	}},
	{"a schedule that was gone", func(w *world, d core.Definition) core.Definition {
		w.until("10:02:10", d)
		w.withoutScheduleUntil("10:06:20")
		return w.living("10:08:30", d)
	}, map[core.MisfirePolicy][]string{
		core.MisfireCatchup: minutesBetween("10:03", "10:06"), core.MisfireCompress: {"10:06"},
	}},
	{"an outage with an edit in it", func(w *world, d core.Definition) core.Definition {
		w.until("10:02:10", d)
		w.nothingUntil("10:04:30")
		d.TriggerConfig.CronExpression = core.StringList{"*/2 * * * *"}
		w.save(d)
		w.nothingUntil("10:06:20")
		w.recover()
		return w.living("10:08:30", d)
	}, map[core.MisfirePolicy][]string{
		core.MisfireCatchup: {"10:03", "10:04", "10:06"}, core.MisfireCompress: {"10:06"},
	}},
	{"two gaps with runs between them", func(w *world, d core.Definition) core.Definition {
		w.until("10:01:10", d)
		w.withoutScheduleUntil("10:03:20")
		w.until("10:04:30", d)
		w.withoutScheduleUntil("10:06:20")
		return w.living("10:08:30", d)
	}, map[core.MisfirePolicy][]string{
		core.MisfireCatchup: {"10:02", "10:03", "10:05", "10:06"}, core.MisfireCompress: {"10:03", "10:06"},
	}},
}

// living lets time pass while all is well and the schedule knows its next slot.
func (w *world) living(clock string, d core.Definition) core.Definition {
	w.Helper()
	w.next = at(clock).Truncate(time.Minute).Add(time.Minute)
	w.until(clock, d)
	return d
}

// encounter is two replicas of which the first stops at one of its calls, where the second
// begins, which stops at one of its calls, where the first goes on or dies; and then the second
// goes on. Others come after them.
type encounter struct {
	first, second int // the calls, from 1; 0 is none
	after         fateAfter
	// later is how much later the second begins.
	later time.Duration
	// ahead are the clocks of the two.
	ahead [2]time.Duration
}

// happen plays it and returns the two; stopped reports whether they came to the calls that they
// were to stop at.
func (e encounter) happen(w *world, d core.Definition) (a, b *replica, stopped bool) {
	w.Helper()
	calls := time.Duration(0)
	clock := func() time.Duration { calls++; return calls }
	a = w.newReplica(fate{stopAt: e.first, clock: clock, offset: e.ahead[0]})
	b = w.newReplica(fate{stopAt: e.second, clock: clock, offset: e.ahead[1]})
	stoppedA := a.begin()
	if e.later > 0 {
		w.living(w.clock.Add(e.later).Format("15:04:05"), d)
	}
	stoppedB := b.begin()
	errA, errB := a.finish(stoppedA, e.after), b.finish(stoppedB, goesOn)
	if stoppedA && e.after != goesOn {
		if !errors.Is(errA, errDied) {
			w.Fatalf("the first replica was to die: %v", errA)
		}
	} else {
		w.must(errA)
	}
	w.must(errB)
	w.comeToRest(d, a, b)
	return a, b, (e.first == 0 || stoppedA) && (e.second == 0 || stoppedB)
}

// comeToRest lets two replicas, or who replaces them, tick in turn until nothing has changed
// for longer than a lost start is left alone.
func (w *world) comeToRest(d core.Definition, a, b *replica) {
	w.Helper()
	turns := []*replica{b, a}
	for i, r := range turns {
		if r.stopAt = 0; r.dead {
			turns[i] = w.newReplica(fate{clock: r.fate.clock})
		}
	}
	quiet := 0
	for i := 0; quiet < 5; i++ {
		if i == 60 {
			w.Fatal("the watchdogs never come to rest")
		}
		w.living(w.clock.Add(10*time.Second).Format("15:04:05"), d)
		report, err := turns[i%2].watchdog.Tick(w.Context())
		w.must(err)
		if quiet++; len(report.Settled) > 0 || report.Started > 0 || report.Waiting > 0 {
			quiet = 0
		}
	}
}

// wantOneVerdictEach checks that every slot until then has one final verdict, no nominal time
// ran twice, and whatever was compressed is in a run.
func (w *world) wantOneVerdictEach(id, until string) {
	w.Helper()
	w.wantComplete("10:01", until)
	page, err := w.store.LedgerEntries(w.Context(), core.LedgerFilter{ActivityID: id, Until: at(until)}, core.PageRequest{Limit: 1000})
	w.must(err)
	rows := make(map[string]core.LedgerEntry)
	for _, e := range page.Items {
		rows[e.CauseKey] = e
	}
	for _, e := range page.Items {
		end := e
		for range len(rows) {
			if end.Verdict != core.VerdictCompressed {
				break
			}
			end = rows[end.Into]
		}
		if e.Verdict == core.VerdictCompressed && end.Verdict != core.VerdictFired {
			w.Errorf("%s is compressed into %s, and that leads to no run but to %q", e.CauseKey, e.Into, end.Verdict)
		}
	}
}

// stride is 1, every case, if the test may take a minute, and otherwise n: every n-th.
func stride(n int) int {
	if os.Getenv("ACTIVITY_CORE_LONG") == "1" {
		return 1
	}
	return n
}

// eachPlight runs test for every policy and way of missing slots, with a function that makes
// the world after it.
func eachPlight(t *testing.T, test func(t *testing.T, p plight, policy core.MisfirePolicy, after func(*testing.T) (*world, core.Definition))) {
	t.Helper()
	for _, p := range plights {
		for _, policy := range policies {
			t.Run(p.name+"/"+string(policy), func(t *testing.T) {
				t.Parallel()
				test(t, p, policy, func(t *testing.T) (*world, core.Definition) {
					t.Helper()
					w := newWorld(t, "10:00:30")
					d := minutely(policy)
					d.TriggerConfig.MisfireGrace = briefGrace
					w.save(d)
					w.must(w.beat.Start(t.Context()))
					w.must(w.beat.Stop(t.Context()))
					return w, p.happen(w, d)
				})
			})
		}
	}
}

// wantOnePolicy plays an encounter and checks that the policy was carried out once. It reports
// whether the replicas came to the calls that they were to stop at.
func (e encounter) wantOnePolicy(t *testing.T, p plight, policy core.MisfirePolicy, after func(*testing.T) (*world, core.Definition)) (stopped bool) {
	t.Helper()
	t.Run(e.String(), func(t *testing.T) {
		w, d := after(t)
		_, _, stopped = e.happen(w, d)
		missed := p.runs[core.MisfireCatchup]
		got := w.firedBetween(missed[0], missed[len(missed)-1])
		got = slices.DeleteFunc(got, func(s string) bool { return !slices.Contains(missed, s) }) // ran on time, between two gaps
		if want := p.runs[policy]; !slices.Equal(got, want) {
			t.Errorf("made up %v, want %v", got, want)
		}
		w.wantOneVerdictEach(d.ID, "10:08:30")
	})
	return stopped
}

func (e encounter) String() string {
	s := fmt.Sprintf("the first %s at call %d", e.after, e.first)
	if e.second > 0 {
		s += fmt.Sprintf(", when the second stops at call %d", e.second)
	}
	if e.later > 0 {
		s += fmt.Sprintf(", %s later", e.later)
	}
	return s
}

// callsOfOne returns the calls that a replica makes in one tick if nothing befalls it, and
// whether each changes anything.
func callsOfOne(t *testing.T, after func(*testing.T) (*world, core.Definition)) (calls []bool) {
	t.Helper()
	t.Run("undisturbed", func(t *testing.T) {
		w, _ := after(t)
		a := w.newReplica(fate{clock: func() time.Duration { return 1 }})
		a.begin()
		w.must(a.finish(false, goesOn))
		calls = a.calls
	})
	if !slices.Contains(calls, true) {
		t.Fatal("the replica had nothing to do")
	}
	return calls
}

func TestAReplicaThatDiesAtAnyCallLeavesThePolicyToBeCarriedOutOnce(t *testing.T) {
	eachPlight(t, func(t *testing.T, p plight, policy core.MisfirePolicy, after func(*testing.T) (*world, core.Definition)) {
		for i, acts := range callsOfOne(t, after) {
			for _, how := range []fateAfter{diesBefore, diesAfter} {
				if acts { // to die between calls that only read is to die at the next that does not
					encounter{first: i + 1, after: how}.wantOnePolicy(t, p, policy, after)
				}
			}
		}
	})
}

func TestAReplicaThatStallsAtAnyCallWhileAnotherWorksLeavesThePolicyToBeCarriedOutOnce(t *testing.T) {
	eachPlight(t, func(t *testing.T, p plight, policy core.MisfirePolicy, after func(*testing.T) (*world, core.Definition)) {
		step := 1
		if policy != core.MisfireCompress { // which alone has something to agree on
			step = stride(3)
		}
		for i, calls := 0, len(callsOfOne(t, after)); i < calls; i += step {
			for k := i % stride(2); k < 2; k += stride(2) {
				encounter{first: i + 1, after: goesOn, later: time.Duration(k) * 2 * time.Minute}.wantOnePolicy(t, p, policy, after)
			}
		}
	})
}

// TestTwoReplicasThatSeeDifferentGapsElectOneRunWhereverTheyStall lets both stop once, at each
// pair of calls, and the first also die: what the one sees missing is a slot more than what the
// other does, and no outage is recorded that would say which is right.
func TestTwoReplicasThatSeeDifferentGapsElectOneRunWhereverTheyStall(t *testing.T) {
	for name, ahead := range map[string][2]time.Duration{"the second sees more": {0, 2 * time.Minute}, "the first sees more": {2 * time.Minute, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := func(t *testing.T) (*world, core.Definition) {
				t.Helper()
				w := newWorld(t, "10:00:30")
				d := minutely(core.MisfireCompress)
				d.TriggerConfig.CronExpression = core.StringList{"*/2 * * * *"}
				w.save(d)
				w.until("10:03:10", d)
				w.nothingUntil("10:09:10")
				w.next = at("10:12") // the schedule is there, so the gap is over
				return w, d
			}
			calls := callsOfOne(t, after)
			for i, acts := range calls {
				for _, how := range []fateAfter{goesOn, diesBefore, diesAfter} {
					for m := 1 + i%stride(15); (how == goesOn || acts) && (encounter{first: i + 1, second: m, after: how, ahead: ahead}).wantOneElection(t, after); m += stride(15) {
					}
				}
			}
		})
	}
}

// wantOneElection plays an encounter of replicas with different views and checks that one slot
// runs for all that was missed. Who sees more and looks only after the other has recorded or
// started its run finds a slot missing after it, a gap of its own.
func (e encounter) wantOneElection(t *testing.T, after func(*testing.T) (*world, core.Definition)) (stopped bool) {
	t.Helper()
	t.Run(e.String(), func(t *testing.T) {
		w, d := after(t)
		a, b, ok := e.happen(w, d)
		stopped = ok
		early, late := a, b
		if e.ahead[0] > 0 {
			early, late = b, a
		}
		most := 1
		if early.acted > 0 && late.looked > early.acted || early.started > 0 && late.asked > early.started || late.dead {
			most = 2
		}
		if got := w.firedBetween("10:04", "10:10"); len(got) < 1 || len(got) > most {
			t.Errorf("ran %v, want one for all, or at most %d", got, most)
		}
		w.wantOneVerdictEach(d.ID, "10:10:30")
	})
	return stopped
}
