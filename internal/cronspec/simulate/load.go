package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Minute is a minute of the window and the runs that start in it.
type Minute struct {
	At     time.Time `json:"at"`
	Starts int       `json:"starts"`
	Jobs   []string  `json:"definitions"` // the jobs that start a run, sorted, each once
}

// Busiest are the n minutes with the most starts, the busiest first, the earlier first among equals.
func (r *Result) Busiest(n int) []Minute {
	starts := make(map[int64]int)
	for _, slot := range r.Slots {
		if !slot.Start.IsZero() {
			starts[slot.Start.Unix()/60]++
		}
	}
	order := slices.SortedFunc(maps.Keys(starts), func(a, b int64) int {
		return cmp.Or(cmp.Compare(starts[b], starts[a]), cmp.Compare(a, b))
	})
	order = order[:min(max(n, 0), len(order))]
	minutes := make([]Minute, len(order))
	index := make(map[int64]int, len(order))
	for i, minute := range order {
		minutes[i] = Minute{At: time.Unix(minute*60, 0).UTC(), Starts: starts[minute]}
		index[minute] = i
	}
	for _, slot := range r.Slots {
		if i, ok := index[slot.Start.Unix()/60]; ok && !slot.Start.IsZero() {
			minutes[i].Jobs = append(minutes[i].Jobs, slot.Job)
		}
	}
	for i := range minutes {
		slices.Sort(minutes[i].Jobs)
		minutes[i].Jobs = slices.Compact(minutes[i].Jobs)
	}
	return minutes
}

// Bucket is an equal part of the window and the runs that start in it.
type Bucket struct {
	From   time.Time
	Starts int
	Peak   int // the most starts in one of its minutes
}

// Profile divides the window into at most n buckets of whole minutes. Runs that start after the window, because they wait
// or are made up late, are not in it.
func (r *Result) Profile(n int) []Bucket {
	minutes := int((r.To.Sub(r.From) + time.Minute - 1) / time.Minute)
	n = min(max(n, 1), minutes)
	width := time.Duration((minutes+n-1)/n) * time.Minute
	buckets := make([]Bucket, 0, n)
	for at := r.From; at.Before(r.To); at = at.Add(width) {
		buckets = append(buckets, Bucket{From: at})
	}
	perMinute := make(map[int64]int)
	for _, slot := range r.Slots {
		if slot.Start.IsZero() || slot.Start.Before(r.From) || !slot.Start.Before(r.To) {
			continue
		}
		b := &buckets[slot.Start.Sub(r.From)/width]
		b.Starts++
		minute := slot.Start.Unix() / 60
		perMinute[minute]++
		b.Peak = max(b.Peak, perMinute[minute])
	}
	return buckets
}

// Chart draws the profile as text, one line a bucket: its time, a bar of at most width characters, its starts and its
// busiest minute.
func (r *Result) Chart(buckets, width int) string {
	profile := r.Profile(buckets)
	most := 1
	for _, b := range profile {
		most = max(most, b.Starts)
	}
	digits := len(fmt.Sprint(most))
	var out strings.Builder
	for _, b := range profile {
		// A bucket with any start shows at least half a block.
		half := (2*b.Starts*max(width, 1) + most - 1) / most
		bar := strings.Repeat("█", half/2) + strings.Repeat("▌", half%2)
		line := fmt.Sprintf("%s %*d %s", b.From.UTC().Format("2006-01-02 15:04"), digits, b.Starts, bar)
		if b.Starts > 0 {
			line += fmt.Sprintf(" (peak %d/min)", b.Peak)
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return out.String()
}
