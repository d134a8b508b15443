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
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/simulate"
	"github.com/activity-core/activity-core/internal/slots"
)

// played is one definition with runs that take time, and the outages it goes through.
type played struct {
	def     core.Definition
	period  time.Duration
	runTime time.Duration
	outages []simulate.Outage
	// loose decides how far apart things happen, and who comes first, the schedule or the watchdog;
	// nil: every ten seconds, the schedule.
	loose *rand.Rand
}

func (p played) String() string {
	c := p.def.TriggerConfig
	text := fmt.Sprintf("%s %s window %s grace %s run %s", c.CronExpression[0], c.MisfirePolicy, c.CatchupWindow, c.MisfireGrace, p.runTime)
	for _, o := range p.outages {
		text += fmt.Sprintf(", outage %s to %s", o.From.Format("15:04:05"), o.To.Format("15:04:05"))
	}
	return text
}

// The preview and the engine are two implementations of docs/misfire.md: random definitions of
// every policy, many of them with runs that take longer than the time between two, go through
// random outages in both, and every slot gets the same verdict. Each hour lasts milliseconds
// here; Temporal is the one of [temporal].
//
// Not compared is what simulate cannot know: (a) who is first where a make-up and the schedule
// wait for the same moment. Here all happens in steps of ten seconds, the schedule first; a
// real watchdog comes up to ten seconds after the end of a run, and a slot that falls due in
// between begins before the make-up. Either is right, and
// [TestThePolicyIsKeptWhoeverComesFirst] holds the engine to what is true in any order. (b) a
// slot at the very second in which an outage begins or ends. (c) a catchup definition that
// never catches up: it fires for an hour here, and its backlog comes to an end. (d) jitter, and
// whatever has no place in a preview: edits, holds, schedules that are lost, outages too short
// to be recorded.
func TestSimulateForetellsEveryVerdict(t *testing.T) {
	verdicts := map[string]int{}
	seeds := uint64(27)
	if os.Getenv("ACTIVITY_CORE_LONG") != "" {
		seeds = 240
	}
	for seed := range seeds {
		p := draw(rand.New(rand.NewPCG(seed, 3)), policies[seed%3])
		t.Run(fmt.Sprintf("%02d %s", seed, p), func(t *testing.T) {
			want, got := p.foretold(t), p.happened(t)
			if len(want) == 0 {
				t.Fatal("no slots")
			}
			for i, line := range want {
				verdicts[strings.Fields(line)[1]]++
				if i >= len(got) || got[i] != line {
					t.Fatalf("slot %d differs\nsimulate %v\n  engine %v", i, want[i:], got[min(i, len(got)):])
				}
			}
			if len(got) != len(want) {
				t.Errorf("the engine has %d slots, and simulate %d", len(got), len(want))
			}
		})
	}
	t.Log(verdicts)
	for _, v := range []string{"fired", "skipped", "compressed"} {
		if verdicts[v] < 25 {
			t.Errorf("%d slots are %s: the test shows little", verdicts[v], v)
		}
	}
}

// What is compared are the slots of ninety minutes. The definition fires for longer; then its
// runs, and the make-ups that have waited for a moment without one, come to an end.
const (
	playedFrom     = "09:59:30"
	comparedUntil  = "11:30"
	firesUntil     = "13:00"
	restFrom       = "13:25" // every slot is beyond its grace
	playedUntil    = "23:00"
	lastOutageFrom = 60 // minutes after 10:00
)

func draw(r *rand.Rand, policy core.MisfirePolicy) played {
	pick := func(from ...time.Duration) time.Duration { return from[r.IntN(len(from))] }
	seconds := func() time.Duration { return time.Duration(1+r.IntN(5)) * 10 * time.Second }
	before := 5 * time.Second // the step at which something may still happen
	p := played{def: minutely(policy), runTime: pick(0, 0, 40*time.Second, 100*time.Second, 3*time.Minute, 5*time.Minute, 11*time.Minute, 25*time.Minute)}
	period := []int{1, 2, 5, 7, 10, 15}[r.IntN(6)]
	hours := "10-12"
	for minute := 3 + r.IntN(20); minute < lastOutageFrom; minute += 3 + r.IntN(30) {
		from := at("10:00").Add(time.Duration(minute)*time.Minute + seconds() + before)
		length := r.IntN(19)
		p.outages = append(p.outages, simulate.Outage{From: from, To: from.Add(time.Duration(length) * time.Minute).Truncate(time.Minute).Add(time.Minute + seconds())})
		minute += length + 1
	}
	p.period = time.Duration(period) * time.Minute
	if policy == core.MisfireCatchup && p.runTime > p.period*2/3 { // else it does not catch up while it fires
		hours, p.runTime = "10", min(p.runTime, p.period*4)
	}
	c := &p.def.TriggerConfig
	c.CronExpression = core.StringList{fmt.Sprintf("*/%d %s * * *", period, hours)}
	grace := pick(time.Minute, 2*time.Minute, 3*time.Minute, 8*time.Minute, 20*time.Minute)
	for grace > time.Minute && time.Duration(len(p.outages))*p.runTime*(grace/p.period+1) > 4*time.Hour {
		grace /= 2 // else make-ups take all day
	}
	c.MisfireGrace = core.Duration(max(grace, time.Minute))
	c.CatchupWindow = core.Duration(pick(5*time.Minute, 10*time.Minute, 40*time.Minute, 24*time.Hour))
	return p
}

// foretold is what simulate says, as "15:04 verdict into 15:04".
func (p played) foretold(t *testing.T) []string {
	t.Helper()
	c := p.def.TriggerConfig
	spec, err := cronspec.Parse(c.CronExpression, c.Timezone)
	if err != nil {
		t.Fatal(err)
	}
	result, err := simulate.Run(simulate.Input{From: at(playedFrom), To: at(firesUntil), Outages: p.outages, All: true, Limit: 10_000,
		Jobs: []simulate.Job{{Name: p.def.Name, Spec: spec, Terms: misfire.TermsOf(c), RunTime: p.runTime}}})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range result.Slots {
		if s.Nominal.Before(at(playedFrom)) || !s.Nominal.Before(at(comparedUntil)) {
			continue
		}
		line := s.Nominal.Format("15:04") + " " + strings.Replace(string(s.Outcome), string(simulate.MadeUp), "fired", 1)
		if !s.Into.IsZero() {
			line += " into " + s.Into.Format("15:04")
		}
		out = append(out, line)
	}
	return out
}

// happened is what the engine makes of it.
func (p played) happened(t *testing.T) []string {
	t.Helper()
	return p.play(t).verdicts(p.def.ID, playedFrom, comparedUntil)
}

// play lets the definition go through its outages until nothing waits any more.
func (p played) play(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, playedFrom)
	w.save(p.def)
	w.slow = p.runTime > 0
	w.must(w.beat.Start(t.Context()))
	w.must(w.beat.Stop(t.Context()))
	temporal := newTemporal(w, p)
	outages := p.outages
	for waiting := 1; waiting > 0 || len(temporal.buffer) > 0 || w.clock.Before(at(restFrom)); {
		if w.clock.After(at(playedUntil)) {
			t.Fatalf("%d slots wait for ever", waiting)
		}
		next := w.clock.Add(p.step())
		if len(outages) > 0 && next.After(outages[0].From) {
			w.clock = outages[0].To
			outages = outages[1:]
			w.recover()
			temporal.watch()
		} else {
			w.clock = next
			w.must(w.beat.Beat(t.Context()))
		}
		first := p.loose == nil || p.loose.IntN(2) == 0
		if first {
			temporal.work()
		}
		if p.loose == nil || p.loose.IntN(2) == 0 {
			waiting = w.tick().Waiting
			temporal.know()
		}
		if !first {
			temporal.work()
		}
	}
	return w
}

// step is the time between two beats; fifteen seconds would be an outage.
func (p played) step() time.Duration {
	if p.loose == nil {
		return 10 * time.Second
	}
	return time.Duration(1+p.loose.IntN(14)) * time.Second
}

// temporal is a schedule of Temporal with its overlap policy (server service/worker/scheduler,
// ProcessBuffer): it fires what fell due since it last worked, and lets runs end.
type temporal struct {
	*world
	p       played
	spec    *cronspec.Spec
	worked  time.Time
	buffer  []time.Time
	running string // the run that the schedule started last, if it is open
	ends    map[string]time.Time
	known   int // runs of the world that ends knows
}

func newTemporal(w *world, p played) *temporal {
	spec, err := cronspec.Parse(p.def.TriggerConfig.CronExpression, p.def.TriggerConfig.Timezone)
	w.must(err)
	s := &temporal{world: w, p: p, spec: spec, worked: w.clock, ends: map[string]time.Time{}}
	s.watch()
	return s
}

// watch puts a watchdog into the world that does not wait for runs: they last for minutes of a
// clock that stands still.
func (s *temporal) watch() {
	s.watchdog = slots.NewWatchdog(slots.Config{
		Record: s.store, Starter: s.world, Scheduler: s.world, Now: func() time.Time { return s.clock }, MakeUpTime: time.Millisecond,
	})
}

// know notes when runs end that have begun.
func (s *temporal) know() {
	for ; s.known < len(s.open); s.known++ {
		s.ends[s.open[s.known]] = s.clock.Add(s.p.runTime)
	}
}

func (s *temporal) work() {
	s.end()
	s.buffer = slices.AppendSeq(s.buffer, s.spec.Between(s.worked.Add(time.Nanosecond), s.clock.Add(time.Nanosecond)))
	s.worked = s.clock
	for started := true; started && len(s.buffer) > 0; {
		var first time.Time
		var kept []time.Time
		for _, nominal := range s.buffer {
			switch policy := s.p.def.TriggerConfig.MisfirePolicy; {
			case s.running == "" && first.IsZero():
				first = nominal
			case policy == core.MisfireCatchup, policy == core.MisfireCompress && len(kept) == 0:
				kept = append(kept, nominal)
			}
		}
		s.buffer = kept
		if started = !first.IsZero(); started {
			s.fire(first)
		}
	}
	s.buffered = int64(len(s.buffer))
	s.next, _ = s.spec.Next(s.clock)
}

// fire starts a slot and remembers its run if it stays open.
func (s *temporal) fire(nominal time.Time) {
	before := len(s.open)
	s.native(s.p.def.ID, nominal)
	if len(s.open) > before {
		s.running = s.open[before]
	}
	s.know()
}

// end ends the runs whose time has come, each at its time.
func (s *temporal) end() {
	s.know()
	now := s.clock
	for i, id := range s.open {
		end, open := s.ends[id]
		if !open || end.After(now) || end.IsZero() {
			continue
		}
		s.clock = end
		s.must(s.world.end(s.Context(), id))
		s.clock = now
		s.ends[id] = time.Time{}
		s.executions[core.WorkflowID(s.p.def.ID, core.CronCause(s.fired[i]))] = core.SlotClosed
		if s.running == id {
			s.running = ""
		}
	}
}
