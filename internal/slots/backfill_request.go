package slots

import (
	"time"

	core "github.com/activity-core/activity-core"
)

// Bounds of a backfill.
const (
	// MaxBackfill bounds the nominal times of one range.
	MaxBackfill = 100_000
	// DefaultBackfillRate is an eighth of what the whole system was measured to carry from start to
	// result on two cores (80 to 90 runs a second), so that a backfill leaves room for what is due
	// now.
	DefaultBackfillRate = 10
	// MaxBackfillRate lies just above that measurement: a higher rate would start runs that only
	// queue.
	MaxBackfillRate = 100
	// DefaultBackfillParallel keeps the order to the end: a run begins when the one before has
	// ended.
	DefaultBackfillParallel = 1
	// MaxBackfillParallel is the number in flight above which Temporal was measured to gain latency
	// and no throughput.
	MaxBackfillParallel = 16
)

// BackfillPoint is where a backfill begins, or goes on after a part of it.
type BackfillPoint struct {
	From time.Time
	// UnderWay are nominal times before From whose runs had not ended; they take places among
	// Parallel.
	UnderWay []time.Time
	// NotBefore is when the next start is due; zero is now. It carries the rate from one part to
	// the next, and is zero for the first part only.
	NotBefore time.Time
}

// BackfillRequest is a backfill, or a part of one.
type BackfillRequest struct {
	BackfillPoint
	To time.Time
	// Rate bounds the starts of runs, in each second: two of them are at least 1/Rate apart. What
	// has its run or verdict does not count.
	Rate float64
	// Parallel bounds the runs under way at once.
	Parallel int
	// Limit bounds the nominal times handled.
	Limit int
	// Within is after how long the answer comes, with Next where it is not the end; 0 is at the
	// end.
	Within time.Duration
	// Audit is added to the trail in the transaction of the first start, or at the end if nothing
	// had to be started.
	Audit []core.AuditEntry
}

// NewBackfill is a whole backfill with the default bounds.
func NewBackfill(from, to time.Time) BackfillRequest {
	return BackfillRequest{
		BackfillPoint: BackfillPoint{From: from}, To: to,
		Rate: DefaultBackfillRate, Parallel: DefaultBackfillParallel, Limit: MaxBackfill,
	}
}

// interval is the least time between two starts.
func (r BackfillRequest) interval() time.Duration {
	return time.Duration(float64(time.Second) / r.Rate)
}

func (r BackfillRequest) check(now time.Time) error {
	// The last part of a backfill may have nothing left but to wait for its runs.
	waitOnly := len(r.UnderWay) > 0 && r.From.Equal(r.To)
	switch {
	case !r.From.Before(r.To) && !waitOnly:
		return core.InvalidField("from", r.From, "must be before to (%s)", r.To.Format(time.RFC3339))
	case r.To.After(now):
		return core.InvalidField("to", r.To, "must not be in the future (now is %s): a backfill is for nominal times that have passed", now.Format(time.RFC3339))
	case len(r.UnderWay) > MaxBackfillParallel:
		return core.InvalidField("under_way", len(r.UnderWay), "must have at most %d times, those of the answer before", MaxBackfillParallel)
	case r.Limit < 1 || r.Limit > MaxBackfill:
		return core.InvalidField("limit", r.Limit, "must be from 1 to %d nominal times", MaxBackfill)
	case r.Within < 0:
		return core.InvalidField("within", core.Duration(r.Within), "must be longer than 0, such as 1s")
	}
	return CheckBackfillBounds(r.Rate, r.Parallel)
}

// minBackfillRate is one start a day: below it 1/rate is no time that anybody waits for, and in
// the end none that a [time.Duration] holds.
const minBackfillRate = 1.0 / 86400

// CheckBackfillBounds refuses a rate or a number of parallel runs that no backfill takes.
func CheckBackfillBounds(rate float64, parallel int) error {
	if !(rate >= minBackfillRate && rate <= MaxBackfillRate) { // so written, it refuses what is no number as well
		return core.InvalidField("rate", rate, "must be above 0 and at most %d: runs started a second, such as %d, or 0.1 for one in ten seconds (one a day is the slowest)",
			MaxBackfillRate, DefaultBackfillRate)
	}
	if parallel < 1 || parallel > MaxBackfillParallel {
		return core.InvalidField("parallel", parallel, "must be from 1 to %d runs under way at once; 1 keeps their order to the end", MaxBackfillParallel)
	}
	return nil
}

// BackfillResult is what a backfill, or a part of it, has done.
type BackfillResult struct {
	// Total counts the nominal times of [From, To), Done those handled: Started + Existing +
	// Settled, but for a preview.
	Total, Done int
	// Started counts runs started by this call.
	Started int
	// Existing counts nominal times that had their run, or an execution, before.
	Existing int
	// Settled counts nominal times that have another final verdict, which stands: skipped,
	// compressed, paused.
	Settled int
	// WouldStart is what a preview found to have neither.
	WouldStart int
	// First and Last are the first and the last nominal time of the range; zero if it has none.
	First, Last time.Time
	// Next is where to go on; nil at the end.
	Next *BackfillPoint
}
