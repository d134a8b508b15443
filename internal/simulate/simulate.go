// Package simulate plays cron specs over a window of time on paper: which nominal times would
// fire, which an outage would swallow or a misfire policy make up, which runs would overlap,
// and how the load is spread. It must not read a clock or start anything; it predicts what the
// schedule, the starter and the ledger do for real, in docs/misfire.md's terms, and
// internal/slots/simulate_test.go holds it to the engine verdict by verdict.
package simulate

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/misfire"
)

// MaxSlots bounds the nominal times of one simulation: two hundred minutely definitions over
// almost a year, which take some ten seconds. Memory does not grow with them.
const MaxSlots = 100_000_000

// MaxWindow bounds the window: the load is counted by the minute.
const MaxWindow = 10 * 366 * 24 * time.Hour

// Job is one definition to play.
type Job struct {
	Name string
	Spec *cronspec.Spec
	misfire.Terms
	RunTime time.Duration // how long one run is assumed to take; 0 means no run ever overlaps another
	Seed    string        // of the jitter: see [JitterSeed]
}

// Outage is a stretch [From, To) in which nothing starts. Runs already under way go on.
type Outage struct{ From, To time.Time }

// Input is what to play. The window is [From, To).
type Input struct {
	Jobs     []Job
	From, To time.Time
	Outages  []Outage // in any order, also overlapping, also before the window
	All      bool     // list every slot, and not only those that have a reason or a note
	Limit    int      // how many slots to list at most, the earliest; 0 lists none
}

// Outcome is what becomes of one nominal time: the ledger's verdict, in which a made-up run is
// fired.
type Outcome string

// The outcomes of a nominal time.
const (
	Fired      Outcome = "fired"      // on time, or late
	MadeUp     Outcome = "made-up"    // an outage kept it from firing, and its run was made up
	Skipped    Outcome = "skipped"    // missed in an outage, or the run before it was still open
	Compressed Outcome = "compressed" // the run of another nominal time stands for it
)

// Slot is one nominal time and its fate.
type Slot struct {
	Job      string    `json:"name"`
	Nominal  time.Time `json:"nominal_time"`
	Local    string    `json:"local"` // the nominal time in the job's zone, RFC 3339
	Outcome  Outcome   `json:"outcome"`
	Start    time.Time `json:"start,omitzero"`     // when its run starts; zero if it never does
	Into     time.Time `json:"into,omitzero"`      // with Compressed: the nominal time whose run stands for it
	Overlaps bool      `json:"overlaps,omitempty"` // the run starts while another run of the same job is going
	Cause    Cause     `json:"cause,omitempty"`    // why it does not simply fire on time
	Reason   string    `json:"reason,omitempty"`   // the cause in one line
	Note     string    `json:"note,omitempty"`     // what a clock change does to the nominal time
	Moved    bool      `json:"-"`                  // the note is about a fixed time, not about hours that repeat

	// Outage is the end of the outage that kept it from starting; zero if none did.
	Outage time.Time `json:"-"`
}

// Cause is why a nominal time does not simply fire on time.
type Cause string

// The causes.
const (
	Misfire  Cause = "misfire"  // an outage, and what the policy says about it
	Window   Cause = "window"   // an outage, which ended more than the catchup_window after the time
	Grace    Cause = "grace"    // an outage, which ended within misfire_grace
	Overlap  Cause = "overlap"  // a run was open
	Waited   Cause = "waited"   // for the run before it
	Overflow Cause = "overflow" // so many were waiting that the schedule dropped it
)

// Summary counts the slots of one job: Expected + Carried = Fired + MadeUp + Skipped + Compressed.
type Summary struct {
	Job        string `json:"name"`
	Expected   int    `json:"expected"` // nominal times in the window
	Carried    int    `json:"carried"`  // earlier nominal times whose runs start in the window
	Fired      int    `json:"fired"`
	MadeUp     int    `json:"made_up"`
	Skipped    int    `json:"skipped"`
	Compressed int    `json:"compressed"`
	Overlapped int    `json:"overlapped"` // of Skipped and Compressed: an open run was the cause
	Delayed    int    `json:"delayed"`    // of Fired: started later than nominal time and jitter
	Concurrent int    `json:"concurrent"` // of Fired and MadeUp: started beside another run of the job
}

// Result is everything the simulation found.
type Result struct {
	From, To time.Time
	// Slots are those listed, in order of nominal time, then of job name; Omitted is how many more
	// there are.
	Slots     []Slot
	Omitted   int
	Summaries []Summary // in the order of the input's jobs
	Load      Load

	in      Input
	outages []Outage
}

// Run plays the input. It fails on an empty or overlong window, on an outage that ends before
// it begins, and beyond MaxSlots.
func Run(in Input) (*Result, error) {
	switch length := in.To.Sub(in.From); {
	case length <= 0:
		return nil, fmt.Errorf("simulate: the window ends at %s, not after its start %s", in.To.Format(time.RFC3339), in.From.Format(time.RFC3339))
	case length > MaxWindow:
		return nil, fmt.Errorf("simulate: the window from %s to %s is longer than ten years; choose a shorter one", in.From.Format(time.RFC3339), in.To.Format(time.RFC3339))
	}
	outages, err := merge(in.Outages)
	if err != nil {
		return nil, err
	}
	in.From, in.To = in.From.UTC(), in.To.UTC()
	result := &Result{From: in.From, To: in.To, Summaries: make([]Summary, len(in.Jobs)), in: in, outages: outages}
	found := list{all: in.All, limit: in.Limit}
	result.Load, err = eachJob(in, func(i int, counts []int32, total *atomic.Int64) (done func(*Load), err error) {
		lane := result.lane(in.Jobs[i])
		lane.total, lane.counts, lane.list = total, counts, list{all: in.All, limit: in.Limit}
		if err := lane.play(); err != nil {
			return nil, err
		}
		return func(load *Load) {
			result.Summaries[i] = lane.summary
			load.After += lane.after
			found.join(&lane.list)
		}, nil
	})
	if err != nil {
		return nil, err
	}
	found.trim()
	result.Slots, result.Omitted = found.slots, found.omitted
	return result, nil
}

func (r *Result) lane(job Job) *lane {
	return &lane{job: job, outages: r.outages, from: r.From, to: r.To, summary: Summary{Job: job.Name}}
}

// eachJob plays every job, on all processors, each of which counts starts for itself. What play
// returns is called one at a time.
func eachJob(in Input, play func(i int, counts []int32, total *atomic.Int64) (func(*Load), error)) (Load, error) {
	load := newLoad(in.From, in.To)
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	var next, total atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(in.Jobs)) {
		wg.Go(func() {
			counts := make([]int32, len(load.counts))
			for i := int(next.Add(1)) - 1; i < len(in.Jobs); i = int(next.Add(1)) - 1 {
				done, err := play(i, counts, &total)
				mu.Lock()
				if err != nil {
					failed = err
				} else {
					done(&load)
				}
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			load.add(counts)
		})
	}
	wg.Wait()
	load.sum()
	return load, failed
}

func byTime(a, b Slot) int {
	return cmp.Or(a.Nominal.Compare(b.Nominal), cmp.Compare(a.Job, b.Job))
}

// list keeps the earliest of the slots worth telling.
type list struct {
	all     bool
	limit   int
	slots   []Slot
	omitted int
	full    bool
	last    time.Time // of the slots, once full
}

func (l *list) add(s Slot) {
	if !l.all && s.Cause == "" && !s.Overlaps && !s.Moved {
		return
	}
	l.slots = append(l.slots, s)
	if len(l.slots) >= 2*l.limit+100 {
		l.trim()
	}
}

// past reports whether a slot comes after all that can be listed, so that nothing need be found
// out to tell of it.
func (l *list) past(nominal time.Time) bool {
	return l.full && nominal.After(l.last)
}

func (l *list) trim() {
	slices.SortStableFunc(l.slots, byTime)
	if cut := len(l.slots) - l.limit; cut > 0 {
		l.omitted += cut
		l.slots = l.slots[:l.limit]
		if l.full = true; l.limit > 0 {
			l.last = l.slots[l.limit-1].Nominal
		}
	}
}

func (l *list) join(other *list) {
	l.slots, l.omitted = append(l.slots, other.slots...), l.omitted+other.omitted
	if len(l.slots) >= 2*l.limit+100 {
		l.trim()
	}
}
