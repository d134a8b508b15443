package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Load counts the starts of the window by the minute.
type Load struct {
	Starts int    // in the window
	After  int    // runs of the window's nominal times that start after it, because they wait or are made up late
	Peak   Minute // the minute with the most starts, the first among equals; without its definitions

	first  time.Time // the first minute of the window
	to     time.Time
	counts []int32
}

// Minute is a minute of the window and the runs that start in it.
type Minute struct {
	At     time.Time `json:"at"`
	Starts int       `json:"starts"`
	Jobs   []string  `json:"definitions,omitempty"` // the jobs that start a run, sorted, each once
}

func newLoad(from, to time.Time) Load {
	first := from.Truncate(time.Minute)
	return Load{first: first, to: to, counts: make([]int32, (to.Sub(first)+time.Minute-1)/time.Minute)}
}

// minuteOf is the index of t's minute in a window that begins at from.
func minuteOf(from, t time.Time) int64 { return t.Unix()/60 - from.Unix()/60 }

func (l *Load) add(counts []int32) {
	for i, n := range counts {
		l.counts[i] += n
	}
}

func (l *Load) sum() {
	most := -1
	for i, n := range l.counts {
		l.Starts += int(n)
		if n > 0 && (most < 0 || n > l.counts[most]) {
			most = i
		}
	}
	if most >= 0 {
		l.Peak = l.minute(most)
	}
}

func (l *Load) minute(i int) Minute {
	return Minute{At: l.first.Add(time.Duration(i) * time.Minute), Starts: int(l.counts[i])}
}

// Busy is the number of minutes in which a run starts.
func (l *Load) Busy() int {
	busy := 0
	for _, n := range l.counts {
		if n > 0 {
			busy++
		}
	}
	return busy
}

// Minutes lists, ascending, the minutes in which a run starts, without their definitions.
func (l *Load) Minutes() []Minute {
	minutes := make([]Minute, 0, l.Busy())
	for i, n := range l.counts {
		if n > 0 {
			minutes = append(minutes, l.minute(i))
		}
	}
	return minutes
}

// Busiest are the n minutes with the most starts, the busiest first, the earlier first among
// equals. It plays again, to find out which jobs they belong to.
func (r *Result) Busiest(n int) []Minute {
	top := r.Load.top(n)
	if len(top) == 0 {
		return []Minute{}
	}
	index := make(map[int64]int, len(top))
	minutes := make([]Minute, len(top))
	for i, m := range top {
		minutes[i], index[int64(m)] = r.Load.minute(m), i
	}
	_, _ = eachJob(Input{Jobs: r.in.Jobs, From: r.From, To: r.From.Add(1)}, func(i int, _ []int32, _ *atomic.Int64) (func(*Load), error) {
		var hits []int
		r.starts(r.in.Jobs[i], top, func(t time.Time) {
			if m, ok := index[minuteOf(r.From, t)]; ok && !slices.Contains(hits, m) {
				hits = append(hits, m)
			}
		})
		return func(*Load) {
			for _, m := range hits {
				minutes[m].Jobs = append(minutes[m].Jobs, r.in.Jobs[i].Name)
			}
		}, nil
	})
	for i := range minutes {
		slices.Sort(minutes[i].Jobs)
		minutes[i].Jobs = slices.Compact(minutes[i].Jobs)
	}
	return minutes
}

// starts tells the starts of a job in some minutes, and maybe others.
func (r *Result) starts(job Job, minutes []int, tell func(time.Time)) {
	if job.RunTime == 0 && len(r.outages) == 0 { // nothing depends on what was before
		for _, m := range minutes {
			at := r.Load.minute(m).At
			for nominal := range job.Spec.Between(at.Add(-job.Jitter), at.Add(time.Minute)) {
				if due := nominal.Add(job.Offset(nominal)); !due.Before(r.From) && due.Before(r.To) {
					tell(due)
				}
			}
		}
		return
	}
	lane := r.lane(job)
	lane.total, lane.started = new(atomic.Int64), tell
	_ = lane.play() // what was not too much the first time is not now
}

// top are the indexes of the n fullest minutes.
func (l *Load) top(n int) []int {
	less := func(a, b int) int { return cmp.Or(cmp.Compare(l.counts[b], l.counts[a]), cmp.Compare(a, b)) }
	var order []int
	for i, c := range l.counts {
		if c == 0 || n <= 0 || len(order) >= n && l.counts[order[len(order)-1]] >= c {
			continue
		}
		at, _ := slices.BinarySearchFunc(order, i, less)
		if order = slices.Insert(order, at, i); len(order) > n {
			order = order[:n]
		}
	}
	return order
}

// Bucket is an equal part of the window and the runs that start in it.
type Bucket struct {
	From   time.Time `json:"from"`
	Starts int       `json:"starts"`
	Peak   int       `json:"peak"` // the most starts in one of its minutes
}

// bucketMinutes are the lengths that buckets may have.
var bucketMinutes = []int{1, 2, 5, 10, 15, 20, 30, 60, 2 * 60, 3 * 60, 4 * 60, 6 * 60, 8 * 60, 12 * 60}

// Buckets divides the window into at most n parts of a handy length, from its first minute on,
// and returns that length.
func (l *Load) Buckets(n int) ([]Bucket, time.Duration) {
	n = max(n, 1)
	width := 0
	for _, m := range bucketMinutes {
		if width = m; m*n >= len(l.counts) {
			break
		}
	}
	const day = 24 * 60
	if width*n < len(l.counts) {
		width = (len(l.counts) + n*day - 1) / (n * day) * day
	}
	var buckets []Bucket
	for i, c := range l.counts {
		if i%width == 0 {
			buckets = append(buckets, Bucket{From: l.first.Add(time.Duration(i) * time.Minute)})
		}
		b := &buckets[len(buckets)-1]
		b.Starts += int(c)
		b.Peak = max(b.Peak, int(c))
	}
	return buckets, time.Duration(width) * time.Minute
}

// Chart draws the load as text, at most columns wide: a line for each bucket with its time, its
// starts, a bar and, where the starts do not fall into one minute each, the most of one minute.
func (l *Load) Chart(lines, columns int) string {
	buckets, _ := l.Buckets(lines)
	most, peak := 1, 0
	for _, b := range buckets {
		most, peak = max(most, b.Starts), max(peak, b.Peak)
	}
	digits := len(fmt.Sprint(most))
	tail := func(n int) string { return fmt.Sprintf(" %d/min", n) }
	const layout = "2006-01-02 15:04Z"
	width := max(columns-len(layout)-1-digits-1-len(tail(peak)), 10)
	var out strings.Builder
	for _, b := range buckets {
		// A bucket with any start shows at least half a block.
		half := (2*b.Starts*width + most - 1) / most
		line := fmt.Sprintf("%s %*d %s", b.From.Format(layout), digits, b.Starts, strings.Repeat("█", half/2)+strings.Repeat("▌", half%2))
		if b.Peak > 1 {
			line += strings.Repeat(" ", len(layout)+2+digits+width-utf8.RuneCountInString(line)) + tail(b.Peak)
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return out.String()
}
