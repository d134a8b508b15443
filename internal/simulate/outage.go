package simulate

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// unnoticed is the longest silence that the heartbeat does not record as an outage
// (internal/slots, Heartbeat): what such a silence kept from starting is late, and never
// missed.
const unnoticed = 15 * time.Second

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

// firstAfter is the index of the first of the outages, which ascend and do not touch, that ends
// after t.
func firstAfter(outages []Outage, t time.Time) int {
	return sort.Search(len(outages), func(i int) bool { return outages[i].To.After(t) })
}

// outageAt finds the outage in progress at t.
func outageAt(outages []Outage, t time.Time) (Outage, bool) {
	if i := firstAfter(outages, t); i < len(outages) && !outages[i].From.After(t) {
		return outages[i], true
	}
	return Outage{}, false
}

// afterOutage is t, or the end of the outage in progress at t.
func afterOutage(outages []Outage, t time.Time) time.Time {
	if o, down := outageAt(outages, t); down {
		return o.To
	}
	return t
}

// nextRecorded is the index of the first of the outages that ends after t and is one for the
// heartbeat.
func nextRecorded(outages []Outage, t time.Time) int {
	i := firstAfter(outages, t)
	for i < len(outages) && outages[i].To.Sub(outages[i].From) <= unnoticed {
		i++
	}
	return i
}

// recorded are those that the record has when t has come.
func recorded(outages []Outage, t time.Time) []Outage { return outages[:firstAfter(outages, t)] }

// keptFrom finds the outage that kept a nominal time from starting within its grace: one that
// lasted at some moment between the two. The one that ends last explains most.
func keptFrom(outages []Outage, nominal time.Time, grace time.Duration) (out Outage, ok bool) {
	for i := firstAfter(outages, nominal); i < len(outages) && !outages[i].From.After(nominal.Add(grace)); i++ {
		if o := outages[i]; o.To.Sub(o.From) > unnoticed {
			out, ok = o, true
		}
	}
	return out, ok
}
