package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/simulate"
)

// simulation is what `simulate` prints as JSON.
type simulation struct {
	From         time.Time          `json:"from"`
	To           time.Time          `json:"to"`
	Summaries    []simulate.Summary `json:"definitions"`
	ClockChanges []clockChange      `json:"clock_changes"` // in the window, in the zones of the definitions
	Slots        []simulate.Slot    `json:"slots"`
	SlotsOmitted int                `json:"slots_omitted,omitempty"` // beyond --limit
	Busiest      []simulate.Minute  `json:"busiest"`
	Load         load               `json:"load"`
	// JitterAssumed tells that definitions have jitter and the namespace is not known.
	JitterAssumed bool `json:"jitter_assumed,omitempty"`
	// Left names the definitions that no clock starts, with the reason.
	Left map[string]string `json:"left_out,omitempty"`
}

// load is the load profile.
type load struct {
	Starts        int               `json:"starts"`       // in the window
	After         int               `json:"starts_after"` // runs of the window's nominal times that start after it
	Peak          *simulate.Minute  `json:"peak,omitempty"`
	BucketSeconds int               `json:"bucket_seconds"`
	Buckets       []simulate.Bucket `json:"buckets"`
	// Minutes in which a run starts; left out where they are more than maxMinutes, and then
	// MinutesOmitted says how many.
	Minutes        []simulate.Minute `json:"minutes"`
	MinutesOmitted int               `json:"minutes_omitted,omitempty"`
}

// maxMinutes keeps the load profile in JSON readable: more than two months in which every
// minute has a start.
const maxMinutes = 100_000

func newSimulation(in simulate.Input, result *simulate.Result, busiest, lines int) simulation {
	out := simulation{
		From: result.From, To: result.To, Summaries: result.Summaries, Slots: result.Slots, SlotsOmitted: result.Omitted,
		Busiest: result.Busiest(busiest), ClockChanges: clockChanges(in),
		Load: load{Starts: result.Load.Starts, After: result.Load.After, Minutes: []simulate.Minute{}},
	}
	if out.Slots == nil {
		out.Slots = []simulate.Slot{}
	}
	if result.Load.Starts > 0 {
		out.Load.Peak = &result.Load.Peak
	}
	buckets, width := result.Load.Buckets(lines)
	out.Load.Buckets, out.Load.BucketSeconds = buckets, int(width/time.Second)
	if busy := result.Load.Busy(); busy <= maxMinutes {
		out.Load.Minutes = result.Load.Minutes()
	} else {
		out.Load.MinutesOmitted = busy
	}
	return out
}

// clockChange is a move of a zone's clocks.
type clockChange struct {
	Zone   string    `json:"timezone"`
	At     time.Time `json:"at"`
	Before string    `json:"before"` // local time, RFC 3339, as the clocks would have shown it
	After  string    `json:"after"`  // as they show it
}

// clockChanges lists the moves of the clocks in the window, in every zone that a job uses.
func clockChanges(in simulate.Input) []clockChange {
	zones := map[string]*cronspec.Spec{}
	for _, job := range in.Jobs {
		zones[job.Spec.Zone()] = job.Spec
	}
	changes := []clockChange{}
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		for _, c := range zones[name].ClockChanges(in.From, in.To) {
			if c.At.After(in.From) {
				changes = append(changes, clockChange{Zone: name, At: c.At, Before: showing(c.At, c.Before), After: showing(c.At, c.After)})
			}
		}
	}
	return changes
}

// showing is an instant by clocks so far from UTC.
func showing(at time.Time, offset time.Duration) string {
	return at.In(time.FixedZone("", int(offset.Seconds()))).Format(time.RFC3339)
}

// utc is an instant for a table, with seconds where it has them.
func utc(t time.Time) string {
	if t.Truncate(time.Minute).Equal(t) {
		return t.UTC().Format("2006-01-02 15:04Z")
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func (c *cli) showSimulation(in simulate.Input, result *simulate.Result, out simulation, all bool, lines int) {
	fmt.Fprintf(c.stdout, "%s to %s", utc(out.From), utc(out.To))
	if run := in.Jobs[0].RunTime; run > 0 {
		fmt.Fprintf(c.stdout, ", each run taking %s", misfire.Brief(run))
	}
	fmt.Fprintln(c.stdout)
	for _, o := range in.Outages {
		fmt.Fprintf(c.stdout, "outage %s to %s (%s)\n", utc(o.From), utc(o.To), misfire.Brief(o.To.Sub(o.From)))
	}
	for _, ch := range out.ClockChanges {
		fmt.Fprintf(c.stdout, "clocks of %s change at %s: %s becomes %s\n", ch.Zone, utc(ch.At), localTime(ch.Before), localTime(ch.After))
	}
	fmt.Fprintln(c.stdout)
	c.showSummaries(out.Summaries)
	c.showSlots(out, all)
	if len(out.Busiest) > 0 {
		fmt.Fprintln(c.stdout)
		rows := [][]string{{"BUSIEST MINUTE", "STARTS", "DEFINITIONS"}}
		for _, m := range out.Busiest {
			rows = append(rows, []string{utc(m.At), strconv.Itoa(m.Starts), names(m.Jobs)})
		}
		c.table(rows)
	}
	_, width := result.Load.Buckets(lines)
	fmt.Fprintf(c.stdout, "\nload: starts each %s, and the most in one minute where that is more than one\n%s", wide(width), result.Load.Chart(lines, 80))
	if out.Load.After > 0 {
		fmt.Fprintf(c.stdout, "%d more start after the window\n", out.Load.After)
	}
	if out.JitterAssumed {
		fmt.Fprintln(c.stderr, "jitter: starts are spread as widely as Temporal will, not to the second where it will; see --namespace-id")
	}
	for _, name := range slices.Sorted(maps.Keys(out.Left)) {
		fmt.Fprintf(c.stderr, "left out: %s (%s)\n", name, out.Left[name])
	}
}

// showSummaries leaves out columns of nothing but zeros.
func (c *cli) showSummaries(summaries []simulate.Summary) {
	columns := []struct {
		title  string
		always bool
		count  func(simulate.Summary) int
	}{
		{"EXPECTED", true, func(s simulate.Summary) int { return s.Expected }},
		{"CARRIED", false, func(s simulate.Summary) int { return s.Carried }},
		{"FIRED", true, func(s simulate.Summary) int { return s.Fired }},
		{"LATE", false, func(s simulate.Summary) int { return s.Delayed }},
		{"MADE UP", true, func(s simulate.Summary) int { return s.MadeUp }},
		{"SKIPPED", true, func(s simulate.Summary) int { return s.Skipped }},
		{"COMPRESSED", true, func(s simulate.Summary) int { return s.Compressed }},
		{"OVERLAPPED", false, func(s simulate.Summary) int { return s.Overlapped }},
		{"CONCURRENT", false, func(s simulate.Summary) int { return s.Concurrent }},
	}
	rows := [][]string{{"DEFINITION"}}
	for _, s := range summaries {
		rows = append(rows, []string{s.Job})
	}
	for _, col := range columns {
		show := col.always
		for _, s := range summaries {
			show = show || col.count(s) > 0
		}
		if !show {
			continue
		}
		rows[0] = append(rows[0], col.title)
		for i, s := range summaries {
			rows[i+1] = append(rows[i+1], strconv.Itoa(col.count(s)))
		}
	}
	c.table(rows)
}

// showSlots lists the slots; unless all are asked for, those of a definition that share their
// fate for the same cause take one row.
func (c *cli) showSlots(out simulation, all bool) {
	type fate struct {
		job      string
		outcome  simulate.Outcome
		cause    simulate.Cause
		outage   time.Time
		overlaps bool
		moved    time.Time
	}
	type group struct {
		first, last simulate.Slot
		slots       int
	}
	var groups []*group
	index := map[fate]*group{}
	for _, s := range out.Slots {
		key := fate{job: s.Job, outcome: s.Outcome, cause: s.Cause, outage: s.Outage, overlaps: s.Overlaps}
		if all || s.Moved {
			key.moved = s.Nominal
		}
		g := index[key]
		if g == nil {
			g = &group{first: s}
			index[key] = g
			groups = append(groups, g)
		}
		g.last, g.slots = s, g.slots+1
	}
	if len(groups) == 0 {
		return
	}
	rows := [][]string{{"NOMINAL", "LOCAL", "DEFINITION", "OUTCOME", "START", "WHY"}}
	for _, g := range groups {
		why := reason(g.first, all)
		if g.slots > 1 {
			why = fmt.Sprintf("%d slots to %s: %s", g.slots, utc(g.last.Nominal), why)
		}
		start := ""
		if !g.first.Start.IsZero() {
			start = utc(g.first.Start)
		}
		rows = append(rows, []string{utc(g.first.Nominal), localTime(g.first.Local), g.first.Job, string(g.first.Outcome), start, why})
	}
	fmt.Fprintln(c.stdout)
	c.table(rows)
	if out.SlotsOmitted > 0 {
		fmt.Fprintf(c.stdout, "and %d slots after these: see --limit\n", out.SlotsOmitted)
	}
}

// reason is everything that is to be said about a slot.
func reason(s simulate.Slot, all bool) string {
	var why []string
	if s.Note != "" && (all || s.Moved) {
		why = append(why, s.Note)
	}
	if s.Reason != "" {
		why = append(why, s.Reason)
	}
	if s.Outcome == simulate.Compressed && s.Cause == simulate.Overlap && !s.Into.IsZero() {
		why = append(why, "compressed into "+s.Into.UTC().Format(time.RFC3339))
	}
	if s.Overlaps {
		why = append(why, "runs beside another run")
	}
	return strings.Join(why, "; ")
}

// localTime is the wall clock of an RFC 3339 time, with its day and offset.
func localTime(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.Format("Mon 15:04 -07:00")
}

// names lists the first few.
func names(all []string) string {
	const most = 5
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}

// wide is a length of minutes, hours or days.
func wide(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}
