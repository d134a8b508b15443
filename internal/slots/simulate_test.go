package slots_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/simulate"
	"github.com/activity-core/activity-core/internal/slots"
)

// played is one definition with runs that take time, and the outages it goes through.
type played struct {
	def     activitycore.Definition
	runTime time.Duration
	outages []simulate.Outage
}

func (p played) String() string {
	c := p.def.TriggerConfig
	text := fmt.Sprintf("%s %s window %s grace %s run %s", c.CronExpression[0], c.MisfirePolicy, c.CatchupWindow, c.MisfireGrace, p.runTime)
	for _, o := range p.outages {
		text += fmt.Sprintf(", outage %s to %s", o.From.Format("15:04:05"), o.To.Format("15:04:05"))
	}
	return text
}

// The preview and the engine are two implementations of docs/misfire.md: random definitions of every policy go through random
// outages in both, and every slot gets the same verdict. Each hour lasts milliseconds here; Temporal is the one of [temporal].
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

// What is compared are the slots of ninety minutes; the definition fires for longer, and then its runs come to an end.
const (
	playedFrom     = "09:59:30"
	comparedUntil  = "11:30"
	firesUntil     = "13:00"
	playedUntil    = "13:40"
	lastOutageFrom = 60 // minutes after 10:00
)

func draw(r *rand.Rand, policy activitycore.MisfirePolicy) played {
	pick := func(from ...time.Duration) time.Duration { return from[r.IntN(len(from))] }
	p := played{def: minutely(policy), runTime: pick(0, 0, 40*time.Second, 3*time.Minute, 11*time.Minute)}
	period := []int{1, 2, 5, 7, 10, 15}[r.IntN(6)]
	if limit := time.Duration(period) * 40 * time.Second; policy == activitycore.MisfireCatchup {
		p.runTime = min(p.runTime, limit) // else it never catches up
	}
	c := &p.def.TriggerConfig
	c.CronExpression = activitycore.StringList{fmt.Sprintf("*/%d 10-12 * * *", period)}
	c.MisfireGrace = activitycore.Duration(pick(time.Minute, 3*time.Minute, 8*time.Minute))
	if period < 5 {
		c.MisfireGrace = min(c.MisfireGrace, activitycore.Duration(3*time.Minute)) // else make-ups take all day
	}
	c.CatchupWindow = activitycore.Duration(pick(5*time.Minute, 10*time.Minute, 24*time.Hour))
	for minute := 3 + r.IntN(20); minute < lastOutageFrom; minute += 3 + r.IntN(30) {
		from := at("10:00").Add(time.Duration(minute)*time.Minute + 10*time.Second)
		length := r.IntN(19)
		p.outages = append(p.outages, simulate.Outage{From: from, To: from.Add(time.Duration(length)*time.Minute + 30*time.Second)})
		minute += length
	}
	if p.runTime > time.Duration(period)*3*time.Minute || p.runTime > 10*time.Minute {
		// A definition that is overloaded for good: whether a make-up or the schedule gets the next free moment is a race, and
		// some of its make-ups wait until the load ends. Overlaps alone are compared.
		p.outages = nil
	}
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
		Jobs: []simulate.Job{{Name: p.def.Name, Spec: spec, Policy: cronspec.Policy(c.MisfirePolicy), CatchupWindow: c.CatchupWindow.Std(),
			Grace: c.MisfireGrace.Std(), RunTime: p.runTime}}})
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
	w := newWorld(t, playedFrom)
	w.save(p.def)
	w.slow = p.runTime > 0
	w.must(w.beat.Start(t.Context()))
	w.must(w.beat.Stop(t.Context()))
	temporal := newTemporal(w, p)
	outages := p.outages
	for w.clock.Before(at(playedUntil)) {
		next := w.clock.Add(10 * time.Second)
		if len(outages) > 0 && next.After(outages[0].From) {
			w.clock = outages[0].To
			outages = outages[1:]
			w.recover()
			temporal.watch()
		} else {
			w.clock = next
			w.must(w.beat.Beat(t.Context()))
		}
		temporal.work()
		w.tick()
		temporal.know()
	}
	return w.verdicts(p.def.ID, playedFrom, comparedUntil)
}

// temporal is a schedule of Temporal with its overlap policy (server service/worker/scheduler, ProcessBuffer): it fires what fell
// due since it last worked, and lets runs end.
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

// watch puts a watchdog into the world that does not wait for runs: they last for minutes of a clock that stands still.
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
			case policy == activitycore.MisfireCatchup, policy == activitycore.MisfireCompress && len(kept) == 0:
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
		s.executions[activitycore.WorkflowID(s.p.def.ID, activitycore.CronCause(s.fired[i]))] = activitycore.SlotClosed
		if s.running == id {
			s.running = ""
		}
	}
}
