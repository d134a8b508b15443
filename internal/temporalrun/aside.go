package temporalrun

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	core "github.com/activity-core/activity-core"
)

// stayAtMost is how long an activity that has nothing to do but wait keeps its slot.
const stayAtMost = 2 * time.Second

// heldError is the type of the error with which an activity leaves its slot, to come again later.
const heldError = "Held"

// held is what an activity that left its slot knows when it comes again. It travels in the
// details of its heartbeats.
type held struct {
	// Times is how often it left. Those attempts of the activity are no failed ones.
	Times int `json:"times"`
	// Tries are the attempts made at actions that have no result yet, by Seq.
	Tries map[int]try `json:"tries,omitempty"`
}

// try is how far an action without a result has come.
type try struct {
	Attempts int       `json:"attempts"`
	Until    time.Time `json:"until"` // when the next one may be made
	Reason   string    `json:"reason,omitempty"`
}

// heldKey is the context key of how often an activity left its slot.
type heldKey struct{}

// heldBefore reads what an earlier attempt of the activity left behind, and notes in the
// context how often one left.
func heldBefore(ctx context.Context) (context.Context, held) {
	var h held
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &h); err != nil {
			h = held{} // of another version
		}
	}
	return context.WithValue(ctx, heldKey{}, h.Times), h
}

// leaveSlot ends an activity; Temporal starts it again after the wait.
func leaveSlot(ctx context.Context, h held, wait time.Duration) error {
	h.Times++
	activity.RecordHeartbeat(ctx, h)
	return temporal.NewApplicationErrorWithOptions("waits outside of the worker", heldError,
		temporal.ApplicationErrorOptions{NextRetryDelay: wait, Category: temporal.ApplicationErrorCategoryBenign})
}

// later is after which time one comes again that was held back and left its slot so many times
// before. Coming costs Temporal something, so it is less often each time; and those who were
// held back at once do not come at once.
func later(left int) time.Duration {
	wait := heldFor << min(left, 2)
	return wait/2 + rand.N(wait)
}

// asideError takes an item out of the work until a time.
type asideError struct {
	seq   int // the action that waits
	until time.Time
}

func (e *asideError) Error() string {
	return fmt.Sprintf("action %d waits until %s", e.seq, e.until.Format(time.RFC3339))
}

// tries keeps [held.Tries] of a batch at work.
type tries struct {
	mu sync.Mutex
	by map[int]try
}

func newTries(by map[int]try) *tries {
	if by == nil {
		by = map[int]try{}
	}
	return &tries{by: by}
}

func (t *tries) get(seq int) try {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.by[seq]
}

func (t *tries) set(seq int, v try) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[seq] = v
}

func (t *tries) drop(seq int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, seq)
}

func (t *tries) all() map[int]try {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.by)
}

// work is an item on its way.
type work struct {
	records []core.ActionRecord
	seq     int // the action that it waits for
	until   time.Time
}

// turn is how far an item came at once.
type turn struct {
	work
	err error
}

// carryOut works on several items at once. One that must wait is put aside and holds nobody up;
// if only such are left and the wait is long, the activity leaves its slot.
func (b *batch) carryOut(ctx context.Context, items [][]core.ActionRecord) error {
	var ready, aside []work
	for _, item := range items {
		ready = append(ready, work{records: item})
	}
	done := make(chan turn, b.parallel)
	inFlight := 0
	var failed error
	canceled, stopping := ctx.Done(), b.stopping
	for {
		ready, aside = awake(ready, aside, time.Now())
		for failed == nil && inFlight < b.parallel && len(ready) > 0 {
			next := ready[0]
			ready = ready[1:]
			inFlight++
			go func() { done <- turn{next, b.item(ctx, next.records)} }()
		}
		if inFlight == 0 {
			switch wait := time.Until(earliest(aside)); {
			case failed != nil:
				b.giveUp(aside, failed)
				return failed
			case len(aside) == 0:
				return nil
			case wait > stayAtMost:
				return &leaving{wait}
			}
		}
		var timer <-chan time.Time
		if failed == nil && len(aside) > 0 {
			timer = time.After(time.Until(earliest(aside)))
		}
		select {
		case o := <-done:
			inFlight--
			if wait, ok := o.err.(*asideError); ok { //nolint:errorlint // never wrapped
				aside = append(aside, work{o.records, wait.seq, wait.until})
			} else if o.err != nil && failed == nil {
				failed = o.err
			}
		case <-timer:
		case <-canceled:
			canceled = nil
			failed = context.Cause(ctx)
		case <-stopping:
			stopping = nil
			failed = errStopping
		}
	}
}

// awake moves to ready what need not wait any more.
func awake(ready, aside []work, now time.Time) (r, a []work) {
	kept := aside[:0]
	for _, w := range aside {
		if w.until.After(now) {
			kept = append(kept, w)
		} else {
			ready = append(ready, w)
		}
	}
	return ready, kept
}

func earliest(aside []work) time.Time {
	var first time.Time
	for _, w := range aside {
		if first.IsZero() || w.until.Before(first) {
			first = w.until
		}
	}
	return first
}

// leaving is an activity that goes on later; it leaves its slot once its results are in the store.
type leaving struct{ wait time.Duration }

func (l *leaving) Error() string { return "the batch waits " + l.wait.String() }

// giveUp records of items that wait what was tried, if the run was canceled.
func (b *batch) giveUp(aside []work, err error) {
	if !temporal.IsCanceledError(err) {
		return
	}
	for _, w := range aside {
		t := b.tries.get(w.seq)
		if t.Attempts == 0 {
			continue
		}
		for _, rec := range w.records {
			if rec.Seq == w.seq {
				b.recorder.add(rec.Type, core.ActionResult{Seq: w.seq, Attempts: t.Attempts, Status: core.ActionSkipped, FinishedAt: b.clock(),
					Error: fmt.Sprintf("canceled after attempt %d failed: %s", t.Attempts, t.Reason)}, nil)
			}
		}
	}
}
