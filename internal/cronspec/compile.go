package cronspec

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"time"
)

// MaxPieces bounds the calendars and intervals of one compiled spec. Temporal walks all of them
// for each next time and sends them with every description of the schedule.
const MaxPieces = 400

// minHorizon is the shortest exactness worth compiling for: less would leave reconciliation too
// little time.
const minHorizon = 30 * 24 * time.Hour

// CompileWindow is the window to compile for at a given time: from the last 1 July to three
// years later. It moves once a year, far from the months in which zones change, so that a
// compiled spec keeps its hash in between.
func CompileWindow(now time.Time) (from, until time.Time) {
	year := now.UTC().Year()
	if now.UTC().Month() < time.July {
		year--
	}
	return time.Date(year, time.July, 1, 0, 0, 0, 0, time.UTC), time.Date(year+3, time.July, 1, 0, 0, 0, 0, time.UTC)
}

// CompileAt compiles for the window around now. The result depends on nothing of now but its
// month, and on that only where what was described for the window is about to end: a converged
// schedule is not rewritten, and replicas that remember what they compiled agree with those
// that compile today.
func (s *Spec) CompileAt(now time.Time) (TemporalSpec, error) {
	from, until := CompileWindow(now)
	y, m, _ := now.UTC().Date()
	first := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	ts, err := s.Compile(from, until)
	if err == nil && (ts.ValidUntil.IsZero() || ts.ValidUntil.After(first.AddDate(0, 1, 0).Add(2*minHorizon))) {
		return ts, nil
	}
	// Too many pieces for the whole window: start with the present month instead of last July.
	return s.Compile(first, until)
}

// Compile describes the Spec to Temporal. In [from, ValidUntil) Temporal fires at exactly the
// instants of [Spec.Between], and where ValidUntil is zero, always. ValidUntil is at least
// until, unless that would need more than MaxPieces pieces; then it is earlier, and when not
// even thirty days can be described, Compile fails.
//
// Calendars are read in the Spec's own zone and hold for good wherever Temporal reads them as
// the wall clock does. The months in which a clock change touches an expression get calendars
// of their own, without the hours of the change, and the instants in those hours are listed one
// by one, as intervals whose first occurrence they are.
func (s *Spec) Compile(from, until time.Time) (TemporalSpec, error) {
	if !until.After(from) {
		return TemporalSpec{}, fmt.Errorf("compile %s: until %s is not after from %s", s, until.Format(time.RFC3339), from.Format(time.RFC3339))
	}
	if from.Year() < 2002 || until.Year() > 2060 {
		return TemporalSpec{}, fmt.Errorf("compile %s: the window %s to %s is outside the years 2002 to 2060", s, from.Format(time.RFC3339), until.Format(time.RFC3339))
	}
	changes := s.rules.changesFrom(from.Unix())
	for {
		if ts, fits := s.compile(changes, from, until); fits {
			return ts, nil
		}
		if until = from.Add(until.Sub(from) / 2); until.Sub(from) < minHorizon {
			return TemporalSpec{}, fmt.Errorf("compile %s: %w", s, s.tooDense(from))
		}
	}
}

// tooDense is the refusal of a Spec of which not even the change in the month of at can be
// described.
func (s *Spec) tooDense(at time.Time) error {
	return &ParseError{Field: FieldExpression,
		Reason: fmt.Sprintf("fires so often around the clock change of %s in %s that Temporal would need more than %d calendars and intervals", s.Zone(), at.Format("January 2006"), MaxPieces),
		Hint:   "write fewer expressions or fewer minutes in the hours of the change, split them over several definitions, or use timezone: UTC"}
}

// The years for which [Spec.Compiles] answers. They are fixed, so that whether a definition is
// valid depends on neither clock nor machine.
const (
	judgedFrom  = 1767225600 // 2026-01-01
	judgedUntil = 2208988800 // 2040-01-01
)

// Compiles tells whether [Spec.CompileAt] will always find a description, as far as the year
// 2040; the error is a [*ParseError].
//
// The shortest window that CompileAt falls back to begins with a month and is less than two
// months long. What it needs grows with the changes in it. So it is enough to try, for each
// change, the window from the beginning of its month that is longer than any such window with
// this change as its first, a change of the days just before included.
func (s *Spec) Compiles() error {
	const window = 95 * 24 * time.Hour
	changes := s.rules.changesFrom(judgedFrom)
	for i, c := range changes {
		if c.at >= judgedUntil {
			break
		}
		if !slices.ContainsFunc(s.entries, c.touches) {
			continue
		}
		y, m, _ := time.Unix(c.at, 0).UTC().Date()
		from := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		if _, fits := s.compile(changes[i:], from, from.Add(window)); !fits {
			return s.tooDense(from)
		}
	}
	return nil
}

// compile describes the window, if MaxPieces pieces are enough. It stops as soon as it knows
// that they are not.
func (s *Spec) compile(changes []unsafeChange, from, until time.Time) (ts TemporalSpec, fits bool) {
	ts.TimeZone = s.Zone()
	if ts.TimeZone != "UTC" {
		ts.ZoneData = s.rules.data()
	}
	validUntil := int64(math.MaxInt64)
	var everyHour uint64 // minutes past every hour of UTC
	var planned []*entry
	var plans []repairPlan
	for _, e := range s.entries {
		if minutes, ok := e.everyHour(s.loc, changes, from.Unix()); ok {
			everyHour |= minutes
			continue
		}
		r := e.repairs(changes, until.Unix()+unsettled)
		ts.Calendars = append(ts.Calendars, r.calendars(e)...)
		validUntil = min(validUntil, r.validUntil)
		planned, plans = append(planned, e), append(plans, r)
		if len(ts.Calendars) > MaxPieces {
			return ts, false
		}
	}
	ts.Intervals = intervals(everyHour)
	instants := make(map[int64]bool)
	for i, r := range plans {
		r.addInstants(planned[i], s.loc, instants)
		if len(ts.Calendars)+len(ts.Intervals)+len(instants) > MaxPieces {
			return ts, false
		}
	}
	for _, unix := range slices.Sorted(maps.Keys(instants)) {
		ts.Intervals = append(ts.Intervals, once(unix))
		validUntil = min(validUntil, repeatsAt(unix))
	}
	if validUntil != math.MaxInt64 {
		ts.ValidUntil = time.Unix(validUntil, 0).UTC()
	}
	return ts, true
}

// everyHour gives the minutes, as UTC clocks show them, at which an entry fires in every hour
// of every day by elapsed time alone. ok is false when it does not, or when the zone's minutes
// move against UTC's in a way that matters to it.
func (e *entry) everyHour(loc *time.Location, changes []unsafeChange, from int64) (minutes uint64, ok bool) {
	if !e.hour.full(hourRule) || !e.dom.full(dayOfMonthRule) || !e.dow.full(dayOfWeekRule) || !e.month.full(monthRule) {
		return 0, false
	}
	minutes, ok = e.minutesUTC(periodAt(loc, from).offset)
	for _, c := range changes {
		for _, offset := range []int64{c.before, c.after} {
			if m, aligned := e.minutesUTC(offset); !aligned || m != minutes {
				return 0, false
			}
		}
	}
	return minutes, ok
}

// intervals are the fewest intervals of equal length that fire at the given minutes of every hour.
func intervals(minutes uint64) []Interval {
	step := 60
	for _, divisor := range []int{1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30} {
		turned := (minutes<<uint(divisor) | minutes>>uint(60-divisor)) & minuteRule.all()
		if turned == minutes {
			step = divisor
			break
		}
	}
	var out []Interval
	for m := range step {
		if minutes>>uint(m)&1 == 1 {
			out = append(out, Interval{Every: time.Duration(step) * time.Minute, Offset: time.Duration(m) * time.Minute})
		}
	}
	return out
}

// minutesUTC is the minute set as UTC clocks show it; aligned is false when the offset is not a
// whole number of minutes.
func (e *entry) minutesUTC(offset int64) (minutes uint64, aligned bool) {
	if offset%60 != 0 {
		return 0, false
	}
	turn := uint(floorMod(offset/60, 60))
	return (e.minute.bits>>turn | e.minute.bits<<(60-turn)) & minuteRule.all(), true
}

// month is one month of one year.
type month struct{ year, month int }

// repair is a month in which a clock change touches an entry: on these days these hours are
// left out of its calendars.
type repair struct{ days, hours uint64 }

// repairPlan is what one entry needs beside its plain calendars.
type repairPlan struct {
	months     map[month]repair
	changes    []unsafeChange
	validUntil int64 // before the first change that touches the entry and is not repaired
}

func (e *entry) repairs(changes []unsafeChange, until int64) repairPlan {
	plan := repairPlan{months: make(map[month]repair), validUntil: math.MaxInt64}
	for _, c := range changes {
		if !c.touches(e) {
			continue
		}
		if c.at >= until {
			plan.validUntil = c.at - unsettled
			break
		}
		plan.changes = append(plan.changes, c)
		for _, day := range c.days {
			y, m, dom := civil(day)
			r := plan.months[month{y, m}]
			r.days |= 1 << uint(dom)
			r.hours |= c.hours
			plan.months[month{y, m}] = r
		}
	}
	return plan
}

// leavesOut tells whether the plan's calendars omit a wall-clock time that the entry names.
func (plan repairPlan) leavesOut(wall int64) bool {
	y, m, dom := civil(floorDiv(wall, 86400))
	r := plan.months[month{y, m}]
	return r.days>>uint(dom)&1 == 1 && r.hours>>uint(floorMod(wall, 86400)/3600)&1 == 1
}

// addInstants lists the instants around the repaired changes that no calendar of the plan produces.
func (plan repairPlan) addInstants(e *entry, loc *time.Location, instants map[int64]bool) {
	alone := &Spec{entries: []*entry{e}, loc: loc}
	for _, c := range plan.changes {
		p := periodAt(loc, c.at-unsettled-1)
		cur := alone.cursorAfter(c.at - unsettled - 1)
		for unix, ok := cur.next(); ok && unix < c.at+unsettled; unix, ok = cur.next() {
			for unix >= p.end {
				p = periodAt(loc, p.end)
			}
			if wall := unix + p.offset; plan.leavesOut(wall) || !e.matchesWall(wall) {
				instants[unix] = true
			}
		}
	}
}

// calendars are the entry's plain calendars without the repaired months, and those months
// without the unsafe hours.
func (plan repairPlan) calendars(e *entry) []Calendar {
	var out []Calendar
	repaired := make(map[int][]int) // month → years
	for m := range plan.months {
		if e.month.has(m.month) {
			repaired[m.month] = append(repaired[m.month], m.year)
		}
	}
	groups := make(map[string]uint64) // years left out → months
	for m := 1; m <= 12; m++ {
		if e.month.has(m) {
			slices.Sort(repaired[m])
			groups[fmt.Sprint(repaired[m])] |= 1 << uint(m)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		months := groups[key]
		out = append(out, e.plainCalendars(months, yearsWithout(repaired[bits.TrailingZeros64(months)]))...)
	}
	return append(out, plan.monthCalendars(e)...)
}

func (plan repairPlan) monthCalendars(e *entry) []Calendar {
	var out []Calendar
	order := slices.SortedFunc(maps.Keys(plan.months), func(a, b month) int { return (a.year-b.year)*12 + a.month - b.month })
	for _, m := range order {
		days, r := e.days(m.year, m.month), plan.months[m]
		note := fmt.Sprintf("%s; clock change %d-%02d", e, m.year, m.month)
		for _, part := range []struct{ days, hours uint64 }{
			{days, e.hour.bits &^ r.hours},
			{days &^ r.days, e.hour.bits & r.hours},
		} {
			if part.days != 0 && part.hours != 0 {
				out = append(out, calendar(e.minute.bits, part.hours, part.days, 1<<uint(m.month), dayOfWeekRule.all(),
					[]Range{{Start: m.year, End: m.year, Step: 1}}, note))
			}
		}
	}
	return out
}

// plainCalendars are the entry's days in the given months: two calendars where either day field
// suffices, because Temporal requires both.
func (e *entry) plainCalendars(months uint64, years []Range) []Calendar {
	of := func(dom, dow uint64) Calendar {
		return calendar(e.minute.bits, e.hour.bits, dom, months, dow, years, e.String())
	}
	if e.eitherDay() {
		return []Calendar{of(e.dom.bits, dayOfWeekRule.all()), of(dayOfMonthRule.all(), e.dow.bits)}
	}
	return []Calendar{of(e.dom.bits, e.dow.bits)}
}

func calendar(minutes, hours, days, months, weekdays uint64, years []Range, comment string) Calendar {
	const longestComment = 200 // bytes; server calendar.go, maxCommentLen
	if len(comment) > longestComment {
		comment = comment[:longestComment]
	}
	return Calendar{Second: []Range{{Step: 1}}, Minute: ranges(minutes), Hour: ranges(hours), DayOfMonth: ranges(days),
		Month: ranges(months), Year: years, DayOfWeek: ranges(weekdays), Comment: comment}
}

// yearsWithout is every calendar year but the given ones, ascending; nil, which means every
// year, when none is given.
func yearsWithout(left []int) []Range {
	if len(left) == 0 {
		return nil
	}
	const firstYear = 2000 // server calendar.go, minCalendarYear
	var out []Range
	next := firstYear
	for _, y := range append(slices.Clone(left), MaxYear+1) {
		if y > next {
			out = append(out, Range{Start: next, End: y - 1, Step: 1})
		}
		next = y + 1
	}
	return out
}
