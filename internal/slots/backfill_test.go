package slots_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

// fills is a world in which a backfill's waiting is what moves the clock, and each run it
// starts lasts for a while.
type fills struct {
	*world
	lasts    time.Duration
	starts   []started
	ends     map[string]time.Time // open runs by ID
	mostOpen int
	slept    time.Duration
	// onStart, if not nil, is called before each start.
	onStart func()
}

type started struct{ nominal, at time.Time }

func newFills(t *testing.T) *fills {
	w := newWorld(t, "12:00:00")
	w.slow = true
	return &fills{world: w, ends: make(map[string]time.Time)}
}

// save saves a definition that is older than what is to be filled: a time before it is none
// that Temporal may fire.
func (f *fills) save(doc core.Definition) core.StoredDefinition {
	f.Helper()
	defer func(now time.Time) { f.clock = now }(f.clock)
	f.clock = at("00:00").AddDate(0, 0, -1)
	return f.world.save(doc)
}

func (f *fills) backfiller() *slots.Backfiller {
	return &slots.Backfiller{Record: f.store, Starter: f, Now: func() time.Time { return f.clock }, Sleep: f.sleep}
}

func (f *fills) StartRun(ctx context.Context, id string, cause core.Cause) (core.StartOutcome, error) {
	if f.onStart != nil {
		f.onStart()
	}
	before := len(f.fired)
	outcome, err := f.world.StartRun(ctx, id, cause)
	if err == nil && len(f.fired) > before {
		f.starts = append(f.starts, started{*cause.NominalTime, f.clock})
		f.ends[core.RunID(core.WorkflowID(id, cause))] = f.clock.Add(f.lasts)
		f.mostOpen = max(f.mostOpen, len(f.ends))
		f.endDue()
	}
	return outcome, err
}

func (f *fills) sleep(ctx context.Context, d time.Duration) error {
	f.clock, f.slept = f.clock.Add(d), f.slept+d
	f.endDue()
	return ctx.Err()
}

func (f *fills) endDue() {
	for id, end := range f.ends {
		if !end.After(f.clock) {
			f.must(f.end(f.Context(), id))
			delete(f.ends, id)
		}
	}
}

// parts calls until the end and adds up.
func (f *fills) parts(def core.StoredDefinition, req slots.BackfillRequest) (sum slots.BackfillResult, calls int) {
	f.Helper()
	for {
		r, err := f.backfiller().Backfill(f.Context(), def, req)
		f.must(err)
		calls++
		sum.Total = max(sum.Total, sum.Done+r.Total)
		sum.Done, sum.Started, sum.Existing, sum.Settled = sum.Done+r.Done, sum.Started+r.Started, sum.Existing+r.Existing, sum.Settled+r.Settled
		if r.Next == nil {
			return sum, calls
		}
		req.BackfillPoint = *r.Next
	}
}

func (f *fills) nominals() []string {
	var out []string
	for _, s := range f.starts {
		out = append(out, s.nominal.Format("15:04"))
	}
	return out
}

// wantApart checks that no two starts are closer than the rate allows.
func wantApart(t interface{ Errorf(string, ...any) }, starts []started, rate float64) {
	least := time.Duration(float64(time.Second) / rate)
	for i := 1; i < len(starts); i++ {
		if d := starts[i].at.Sub(starts[i-1].at); d < least {
			t.Errorf("%s starts %s after the one before; at %g a second it must be %s", starts[i].nominal.Format("15:04"), d, rate, least)
		}
	}
}

func TestABackfillKeepsItsRateFromPartToPart(t *testing.T) {
	for _, rate := range []float64{0.05, 4, 100} {
		for _, limit := range []int{1, 7, slots.MaxBackfill} {
			t.Run(fmt.Sprintf("%g a second by %d", rate, limit), func(t *testing.T) {
				f := newFills(t)
				def := f.save(minutely(core.MisfireSkip))
				req := slots.NewBackfill(at("10:00"), at("10:30"))
				req.Rate, req.Limit, req.Parallel = rate, limit, 4
				if limit == slots.MaxBackfill {
					req.Within = time.Second // shorter than the slowest rate's pause
				}
				sum, _ := f.parts(def, req)
				if sum.Started != 30 || len(f.starts) != 30 {
					t.Fatalf("%+v, %d starts", sum, len(f.starts))
				}
				wantApart(t, f.starts, rate)
				if want := time.Duration(29 / rate * float64(time.Second)); f.slept != want {
					t.Errorf("it took %s, and %s are enough", f.slept, want)
				}
			})
		}
	}
}

func TestNominalTimesWithAVerdictCostNoTime(t *testing.T) {
	f := newFills(t)
	def := f.save(minutely(core.MisfireSkip))
	for minute := range 50 {
		f.ran(def.ID, at("10:00").Add(time.Duration(minute)*time.Minute))
	}
	sum, _ := f.parts(def, slots.NewBackfill(at("10:00"), at("10:51")))
	if sum.Started != 1 || sum.Existing != 50 || f.slept != 0 {
		t.Errorf("%+v, slept %s: want the one start at once", sum, f.slept)
	}
}

// ran gives a nominal time a run that has ended, before the backfill.
func (f *fills) ran(id string, nominal time.Time) {
	f.Helper()
	f.slow = false
	f.native(id, nominal)
	f.slow = true
}

func TestABackfillKeepsTheOrderToTheEndOfEachRun(t *testing.T) {
	f := newFills(t)
	f.lasts = 3 * time.Second
	def := f.save(minutely(core.MisfireSkip))
	req := slots.NewBackfill(at("10:00"), at("10:10"))
	req.Within = time.Second // a part ends while a run goes on
	sum, calls := f.parts(def, req)
	if got, want := f.nominals(), minutesBetween("10:00", "10:09"); !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
	if f.mostOpen != 1 || len(f.ends) != 0 {
		t.Errorf("%d runs under way at once, %d left open; want 1 and 0", f.mostOpen, len(f.ends))
	}
	if sum.Done != 10 || calls < 20 {
		t.Errorf("%+v in %d calls", sum, calls)
	}
	wantApart(t, f.starts, 1/f.lasts.Seconds())
}

func TestARepeatedBackfillWaitsForTheRunThatTheInterruptedOneLeftOpen(t *testing.T) {
	f := newFills(t)
	f.lasts = time.Minute
	def := f.save(minutely(core.MisfireSkip))
	req := slots.NewBackfill(at("10:00"), at("10:03"))
	ctx, interrupt := context.WithCancel(t.Context())
	f.onStart = interrupt // Ctrl-C while the first run is started
	if _, err := f.backfiller().Backfill(ctx, def, req); err == nil {
		t.Fatal("the interruption went unnoticed")
	}
	entry, err := f.store.LedgerEntry(t.Context(), def.ID, core.CronCause(at("10:00")).Key())
	if err != nil || entry.Verdict != core.VerdictFired || len(f.starts) != 1 {
		t.Fatalf("the start that was under way is left at %s, %v", entry.Verdict, err)
	}
	f.onStart = nil
	sum, _ := f.parts(def, req)
	if sum.Existing != 1 || sum.Started != 2 || f.mostOpen != 1 {
		t.Errorf("%+v, %d at once; want the first waited for", sum, f.mostOpen)
	}
}

func TestAStartIsRecordedOnlyWhenItIsDue(t *testing.T) {
	f := newFills(t)
	def := f.save(minutely(core.MisfireSkip))
	req := slots.NewBackfill(at("10:00"), at("10:05"))
	req.Rate, req.Within = 0.001, time.Minute
	r, err := f.backfiller().Backfill(t.Context(), def, req)
	f.must(err)
	if r.Started != 1 || r.Next == nil || !r.Next.From.Equal(at("10:01")) || r.Next.NotBefore.IsZero() {
		t.Errorf("%+v", r)
	}
	// The sweeper starts whatever is recorded and has not begun: it must find nothing here.
	pending, err := f.store.PendingCauses(t.Context(), f.clock.Add(time.Hour), 10)
	if f.must(err); len(pending) != 0 {
		t.Errorf("recorded ahead: %v", pending)
	}
}

func TestAPointFromAnotherClockStallsNothing(t *testing.T) {
	f := newFills(t)
	def := f.save(minutely(core.MisfireSkip))
	req := slots.NewBackfill(at("10:00"), at("10:01"))
	req.NotBefore = f.clock.Add(time.Hour)
	if sum, _ := f.parts(def, req); sum.Started != 1 || f.slept > time.Second/slots.DefaultBackfillRate {
		t.Errorf("%+v after %s", sum, f.slept)
	}
}

// A backfill in parts, some of them cut off after a part of their work and asked for again,
// handles each nominal time once.
func TestABackfillInPartsHandlesEveryNominalTimeOnce(t *testing.T) {
	f := newFills(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		doc := minutely(core.MisfireSkip)
		doc.Name = fmt.Sprintf("property-%d", n)
		doc.ID = core.DefinitionID(doc.Name)
		def := f.save(doc)
		f.fired, f.starts, f.mostOpen = nil, nil, 0

		total := rapid.IntRange(1, 40).Draw(t, "slots")
		from := at("10:00")
		to := from.Add(time.Duration(total) * time.Minute)
		existing, settled := 0, 0
		for i := range total {
			nominal := from.Add(time.Duration(i) * time.Minute)
			switch rapid.IntRange(0, 4).Draw(t, "before") {
			case 0:
				f.ran(def.ID, nominal)
				existing++
			case 1:
				_, err := f.store.Settle(f.Context(), []core.Settlement{{
					ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: 1, Cause: core.CronCause(nominal), Verdict: core.VerdictPaused,
				}}, f.clock)
				f.must(err)
				settled++
			}
		}
		want := slots.BackfillResult{Total: total, Done: total, Started: total - existing - settled, Existing: existing, Settled: settled}
		f.fired, f.starts = nil, nil

		req := slots.NewBackfill(from, to)
		req.Rate = rapid.SampledFrom([]float64{0.5, 3, 100}).Draw(t, "rate")
		req.Parallel = rapid.IntRange(1, 4).Draw(t, "parallel")
		f.lasts = time.Duration(rapid.IntRange(0, 5000).Draw(t, "lasts")) * time.Millisecond
		sum, lost := slots.BackfillResult{}, 0
		for {
			req.Limit = rapid.IntRange(1, 9).Draw(t, "limit")
			req.Within = time.Duration(rapid.IntRange(0, 3000).Draw(t, "within")) * time.Millisecond
			r, err := f.backfiller().Backfill(f.Context(), def, req)
			f.must(err)
			if rapid.IntRange(0, 5).Draw(t, "cut") == 0 { // the answer never arrives; a client asks again after a while
				lost += r.Started
				f.must(f.sleep(f.Context(), time.Duration(float64(time.Second)/req.Rate)))
				continue
			}
			sum.Total = max(sum.Total, sum.Done+r.Total)
			sum.Done, sum.Started, sum.Existing, sum.Settled = sum.Done+r.Done, sum.Started+r.Started, sum.Existing+r.Existing, sum.Settled+r.Settled
			if r.Done > req.Limit {
				t.Fatalf("handled %d of at most %d", r.Done, req.Limit)
			}
			if r.Next == nil {
				break
			}
			req.BackfillPoint = *r.Next
		}
		sum.Started, sum.Existing = sum.Started+lost, sum.Existing-lost // what a lost answer started is found there
		if sum != want {
			t.Errorf("counted %+v, want %+v", sum, want)
		}
		if !slices.IsSortedFunc(f.fired, time.Time.Compare) || len(slices.Compact(slices.Clone(f.fired))) != total-existing-settled {
			t.Errorf("ran %v", f.nominals())
		}
		if f.mostOpen > req.Parallel || len(f.ends) > 0 {
			t.Errorf("%d runs at once with parallel %d, %d open after the end", f.mostOpen, req.Parallel, len(f.ends))
		}
		wantApart(t, f.starts, req.Rate)

		ran, clock := len(f.fired), f.clock
		again, err := f.backfiller().Backfill(f.Context(), def, slots.NewBackfill(from, to))
		f.must(err)
		if again.Started != 0 || again.Existing != total-settled || again.Settled != settled || again.Next != nil || len(f.fired) != ran || !f.clock.Equal(clock) {
			t.Errorf("the repeat: %+v", again)
		}
	})
}

func TestAPreviewOfABackfillStartsNothing(t *testing.T) {
	f := newFills(t)
	def := f.save(minutely(core.MisfireSkip))
	f.ran(def.ID, at("10:02"))
	_, err := f.store.Settle(t.Context(), []core.Settlement{{
		ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: 1, Cause: core.CronCause(at("10:03")), Verdict: core.VerdictSkipped,
	}}, f.clock)
	f.must(err)
	// More nominal times than the ledger is asked for at once.
	preview := func() slots.BackfillResult {
		r, err := f.backfiller().Preview(t.Context(), def, slots.NewBackfill(at("00:00"), at("11:00")))
		f.must(err)
		return r
	}
	want := slots.BackfillResult{Total: 660, WouldStart: 658, Existing: 1, Settled: 1, First: at("00:00"), Last: at("10:59")}
	if got := preview(); got != want || len(f.fired) != 1 || f.slept != 0 {
		t.Errorf("%+v, want %+v; ran %v", got, want, f.fired)
	}
	sum, _ := f.parts(def, slots.NewBackfill(at("00:00"), at("11:00")))
	if sum.Started != want.WouldStart || sum.Existing != want.Existing || sum.Settled != want.Settled {
		t.Errorf("it did %+v", sum)
	}
}

func TestABackfillRefusesWhatItCannotDo(t *testing.T) {
	f := newFills(t)
	cron := f.save(minutely(core.MisfireSkip))
	event := cron
	event.TriggerType = core.TriggerEvent
	for _, c := range []struct {
		field, says string
		def         core.StoredDefinition
		change      func(r *slots.BackfillRequest)
	}{
		{"trigger_type", "only a cron definition", event, func(*slots.BackfillRequest) {}},
		{"from", "must be before to (2026-03-03T10:05:00Z)", cron, func(r *slots.BackfillRequest) { r.From = at("10:06") }},
		{"from", "must be before to", cron, func(r *slots.BackfillRequest) { r.From = r.To }},
		{"to", "must not be in the future (now is 2026-03-03T12:00:00Z)", cron, func(r *slots.BackfillRequest) { r.To = at("13:00") }},
		{"from", "more than 100000 nominal times", cron, func(r *slots.BackfillRequest) { r.From = r.From.AddDate(-1, 0, 0) }},
		{"rate", "above 0 and at most 100", cron, func(r *slots.BackfillRequest) { r.Rate = 0 }},
		{"rate", "above 0 and at most 100", cron, func(r *slots.BackfillRequest) { r.Rate = -1 }},
		{"rate", "above 0 and at most 100", cron, func(r *slots.BackfillRequest) { r.Rate = 100.5 }},
		{"rate", "one a day is the slowest", cron, func(r *slots.BackfillRequest) { r.Rate = 1e-12 }},
		{"rate", "above 0 and at most 100", cron, func(r *slots.BackfillRequest) { r.Rate = math.NaN() }},
		{"parallel", "from 1 to 16", cron, func(r *slots.BackfillRequest) { r.Parallel = 0 }},
		{"parallel", "from 1 to 16", cron, func(r *slots.BackfillRequest) { r.Parallel = 17 }},
		{"limit", "from 1 to 100000", cron, func(r *slots.BackfillRequest) { r.Limit = 0 }},
		{"within", "longer than 0", cron, func(r *slots.BackfillRequest) { r.Within = -time.Second }},
		{"under_way", "at most 16", cron, func(r *slots.BackfillRequest) { r.UnderWay = make([]time.Time, 17) }},
	} {
		req := slots.NewBackfill(at("10:00"), at("10:05"))
		c.change(&req)
		for name, call := range map[string]func(context.Context, core.StoredDefinition, slots.BackfillRequest) (slots.BackfillResult, error){
			"backfill": f.backfiller().Backfill, "preview": f.backfiller().Preview,
		} {
			_, err := call(t.Context(), c.def, req)
			if !core.IsCode(err, core.CodeInvalid) || !strings.HasPrefix(core.MessageOf(err), c.field+": ") || !strings.Contains(core.MessageOf(err), c.says) {
				t.Errorf("%s: %v; want %s: … %s", name, err, c.field, c.says)
			}
		}
	}
	if len(f.fired) != 0 {
		t.Errorf("ran %v", f.fired)
	}
}
