// Package simulate plays cron specs over a window of time on paper: which nominal times would fire, which an outage would
// swallow or a misfire policy make up, which runs would overlap, and how the load is spread. It must not read a clock or
// start anything; it predicts what the schedule, the starter and the ledger do for real.
package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"
)

// MaxSlots bounds the nominal times of one simulation: ten thousand daily definitions over three months.
const MaxSlots = 1_000_000

// Job is one definition to play.
type Job struct {
	Name          string
	Spec          *cronspec.Spec
	Policy        cronspec.Policy // the misfire policy; it also decides what happens to overlapping runs
	CatchupWindow time.Duration   // as in cronspec.Misfire
	Grace         time.Duration   // as in cronspec.Misfire
	RunTime       time.Duration   // how long one run is assumed to take; 0 means no run ever overlaps another
}

// Outage is a stretch [From, To) in which nothing starts. Runs already under way go on.
type Outage struct{ From, To time.Time }

// Input is what to play. The window is [From, To).
type Input struct {
	Jobs     []Job
	From, To time.Time
	Outages  []Outage // in any order, also overlapping
}

// Outcome is what becomes of one nominal time.
type Outcome string

// The outcomes of a nominal time.
const (
	Fired      Outcome = "fired"      // on time, or after waiting for the run before it
	MadeUp     Outcome = "made-up"    // after an outage
	Skipped    Outcome = "skipped"    // lost to an outage by its policy
	Compressed Outcome = "compressed" // lost to an outage, another nominal time runs for it
	Overlapped Outcome = "overlapped" // dropped because an earlier run was still going
)

// Slot is one nominal time and its fate.
type Slot struct {
	Job      string    `json:"name"`
	Nominal  time.Time `json:"nominal_time"`
	Outcome  Outcome   `json:"outcome"`
	Start    time.Time `json:"start,omitzero"`     // when its run starts; zero if it never does
	Overlaps bool      `json:"overlaps,omitempty"` // the run starts while another run of the same job is going
	Reason   string    `json:"reason,omitempty"`   // one line; empty when it simply fires on time
}

// Summary counts the slots of one job. Expected is the sum of the five outcomes.
type Summary struct {
	Job        string `json:"name"`
	Expected   int    `json:"expected"`
	Fired      int    `json:"fired"`
	MadeUp     int    `json:"made_up"`
	Skipped    int    `json:"skipped"`
	Compressed int    `json:"compressed"`
	Overlapped int    `json:"overlapped"`
	Delayed    int    `json:"delayed"`    // of Fired: started later than their nominal time
	Concurrent int    `json:"concurrent"` // of Fired and MadeUp: started beside another run of the job
}

// Result is everything the simulation found. Slots are in order of nominal time, then of job name; Summaries are in the
// order of the input's jobs.
type Result struct {
	From, To  time.Time
	Slots     []Slot
	Summaries []Summary
}

// Run plays the input. It fails on an empty window, on an outage that ends before it begins, and beyond MaxSlots.
func Run(in Input) (*Result, error) {
	if !in.To.After(in.From) {
		return nil, fmt.Errorf("simulate: the window ends at %s, not after its start %s", in.To.Format(time.RFC3339), in.From.Format(time.RFC3339))
	}
	outages, err := merge(in.Outages)
	if err != nil {
		return nil, err
	}
	result := &Result{From: in.From.UTC(), To: in.To.UTC()}
	for _, job := range in.Jobs {
		slots, err := play(job, in.From, in.To, outages, MaxSlots-len(result.Slots))
		if err != nil {
			return nil, err
		}
		result.Slots = append(result.Slots, slots...)
		result.Summaries = append(result.Summaries, summarize(job.Name, slots))
	}
	slices.SortStableFunc(result.Slots, func(a, b Slot) int {
		return cmp.Or(a.Nominal.Compare(b.Nominal), cmp.Compare(a.Job, b.Job))
	})
	return result, nil
}

// merge sorts the outages and joins those that touch.
func merge(outages []Outage) ([]Outage, error) {
	var out []Outage
	for _, o := range slices.SortedFunc(slices.Values(outages), func(a, b Outage) int { return a.From.Compare(b.From) }) {
		if !o.To.After(o.From) {
			return nil, fmt.Errorf("simulate: the outage ends at %s, not after its start %s", o.To.Format(time.RFC3339), o.From.Format(time.RFC3339))
		}
		if n := len(out); n > 0 && !o.From.After(out[n-1].To) {
			if o.To.After(out[n-1].To) {
				out[n-1].To = o.To
			}
			continue
		}
		out = append(out, o)
	}
	return out, nil
}

// outageAt finds the outage in progress at t.
func outageAt(outages []Outage, t time.Time) (Outage, bool) {
	i, _ := slices.BinarySearchFunc(outages, t, func(o Outage, t time.Time) int {
		if o.To.After(t) {
			return 1
		}
		return -1
	})
	if i < len(outages) && !outages[i].From.After(t) {
		return outages[i], true
	}
	return Outage{}, false
}

// play gives the nominal times of one job in [from, to) their outcomes. An outage that reaches beyond the window is
// decided as a whole, since the latest missed time may lie beyond it too.
func play(job Job, from, to time.Time, outages []Outage, most int) ([]Slot, error) {
	horizon := to
	if o, down := outageAt(outages, to); down {
		horizon = o.To
	}
	lane := lane{job: job, outages: outages}
	var missed []time.Time
	var current Outage
	n := 0
	for nominal := range job.Spec.Between(from, horizon) {
		if n++; n > most {
			return nil, fmt.Errorf("simulate: more than %d nominal times; choose a shorter window or fewer definitions", MaxSlots)
		}
		if len(missed) > 0 && !nominal.Before(current.To) {
			lane.recover(missed, current.To)
			missed = nil
		}
		if o, down := outageAt(outages, nominal); down {
			missed, current = append(missed, nominal), o
			continue
		}
		lane.due(nominal)
	}
	if len(missed) > 0 {
		lane.recover(missed, current.To)
	}
	markConcurrent(lane.slots, job.RunTime)
	return slices.DeleteFunc(lane.slots, func(s Slot) bool { return !s.Nominal.Before(to) }), nil
}

// lane is one job's runs in progress. The overlap rules are those its schedule has in Temporal: skip drops a time that
// meets a running one, compress lets one wait, catchup lets all wait. Make-up runs come one at a time and are not bound
// by them, because the starter and not the schedule starts them.
type lane struct {
	job       Job
	outages   []Outage
	slots     []Slot
	busyUntil time.Time // end of the last run that the schedule started or lets wait
	lastStart time.Time // its start
}

func (l *lane) due(nominal time.Time) {
	slot := Slot{Job: l.job.Name, Nominal: nominal, Outcome: Fired, Start: nominal}
	if nominal.Before(l.busyUntil) {
		waiting := l.lastStart.After(nominal)
		switch {
		case l.job.Policy == cronspec.PolicyCatchup || l.job.Policy == cronspec.PolicyCompress && !waiting:
			slot.Start = l.afterOutage(l.busyUntil)
			slot.Reason = fmt.Sprintf("waits for the run before it, %s late", slot.Start.Sub(nominal))
		case l.job.Policy == cronspec.PolicyCompress:
			slot.Outcome, slot.Start, slot.Reason = Overlapped, time.Time{}, "a run is going and another one waits already"
		default:
			slot.Outcome, slot.Start, slot.Reason = Overlapped, time.Time{}, "the run before it is still going"
		}
	}
	if slot.Outcome == Fired {
		l.lastStart, l.busyUntil = slot.Start, slot.Start.Add(l.job.RunTime)
	}
	l.slots = append(l.slots, slot)
}

func (l *lane) afterOutage(t time.Time) time.Time {
	if o, down := outageAt(l.outages, t); down {
		return o.To
	}
	return t
}

// recover decides about the times missed in an outage that ends at now.
func (l *lane) recover(missed []time.Time, now time.Time) {
	start := now
	for _, d := range cronspec.Decide(missed, cronspec.Misfire{Policy: l.job.Policy, Now: now, CatchupWindow: l.job.CatchupWindow, Grace: l.job.Grace}) {
		slot := Slot{Job: l.job.Name, Nominal: d.Slot, Reason: d.Reason}
		switch d.Verdict {
		case cronspec.VerdictFire:
			slot.Outcome, slot.Start = MadeUp, l.afterOutage(start)
			start = slot.Start.Add(l.job.RunTime)
		case cronspec.VerdictCompress:
			slot.Outcome = Compressed
		default:
			slot.Outcome = Skipped
		}
		l.slots = append(l.slots, slot)
	}
}

// markConcurrent marks the runs of one job that start while another of its runs is going.
func markConcurrent(slots []Slot, runTime time.Duration) {
	var started []*Slot
	for i := range slots {
		if !slots[i].Start.IsZero() {
			started = append(started, &slots[i])
		}
	}
	slices.SortStableFunc(started, func(a, b *Slot) int { return a.Start.Compare(b.Start) })
	for i := 1; i < len(started); i++ {
		// All runs take equally long, so the one that started last before this one also ends last.
		started[i].Overlaps = started[i].Start.Before(started[i-1].Start.Add(runTime))
	}
}

func summarize(name string, slots []Slot) Summary {
	s := Summary{Job: name, Expected: len(slots)}
	for _, slot := range slots {
		switch slot.Outcome {
		case Fired:
			s.Fired++
			if slot.Start.After(slot.Nominal) {
				s.Delayed++
			}
		case MadeUp:
			s.MadeUp++
		case Skipped:
			s.Skipped++
		case Compressed:
			s.Compressed++
		case Overlapped:
			s.Overlapped++
		}
		if slot.Overlaps {
			s.Concurrent++
		}
	}
	return s
}
