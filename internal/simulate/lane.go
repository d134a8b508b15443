package simulate

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/misfire"
)

// maxBuffered is how many starts a Temporal schedule lets wait; it drops what overflows (server
// service/worker/scheduler/workflow.go, MaxBufferSize).
const maxBuffered = 1000

// watchdogGrace is how old a slot is at least when the watchdog looks at it (internal/slots,
// Config.Grace).
const watchdogGrace = time.Minute

// lane plays one job as the two that start its runs do for real.
//
// The schedule starts what is due by its overlap policy: skip drops a time that meets a run of
// the schedule, compress lets one wait, catchup lets all wait. After an outage it works through
// what fell due in it as if it came all at once, and admission refuses what the misfire policy
// says is not to run.
//
// The watchdog judges what the schedule dropped once the schedule has nothing waiting, and
// starts what the policy wants of it, one at a time, oldest first, when no run is open. The
// schedule knows nothing of these runs, so its own may start beside them.
type lane struct {
	job      Job
	outages  []Outage
	from, to time.Time // the window
	total    *atomic.Int64

	now        time.Time   // when something happened last to what waits
	waiting    []time.Time // the schedule's buffer: nominal times, ascending
	busy       time.Time   // end of the schedule's last run
	busySlot   time.Time   // its nominal time
	queue      []dropped   // the watchdog's: what the schedule has let go and has no verdict yet, ascending
	owed       []dropped   // what of it is to run, ascending
	owedBy     int         // how many outages were recorded when that was found
	making     time.Time   // end of the watchdog's last run
	makingSlot time.Time   // its nominal time

	began    bool     // the window has
	idle     int      // how many nominal times found nothing open or waiting
	election struct { // the last one
		outage Outage
		known  int
		winner time.Time
	}

	changes []cronspec.ClockChange // of the zone, as far as the slots go
	zoneEnd time.Time              // its clocks change next here
	zoneNew time.Time              // and changed last here

	summary Summary
	counts  []int32
	after   int // runs that start after the window
	list    list
	// started is told every start in the window, if set.
	started func(time.Time)
}

// lead is when to begin so that everything which reaches into the window is known: make-ups of
// earlier outages, and runs that are open at its start. With runs longer than the time between
// two of them it matters which came first, for ever; counting from an absolute time, windows
// that lie side by side agree on it. A job that falls further and further behind (see hopeless)
// begins with the window: how far it is behind depends on its age.
func (l *lane) lead() time.Time {
	first := l.from
	if len(l.outages) > 0 && l.outages[0].From.Before(first) {
		first = l.outages[0].From.Add(-l.job.Allowed())
	}
	first = first.Add(-l.job.RunTime - l.job.Jitter)
	if l.job.RunTime == 0 {
		return first
	}
	day := 24 * time.Hour
	for day < 4*l.job.RunTime {
		day *= 2
	}
	return first.Truncate(day)
}

// countEvery is how many nominal times a lane plays before it adds them to the total.
const countEvery = 4096

func (l *lane) play() error {
	var batch []time.Time // fell due in the outage that ends at over
	var over time.Time
	n := 0
	next := 0 // the first outage that has not ended
	first := l.lead()
	l.changes = l.job.Spec.ClockChanges(first.Add(-unsettled), l.to.Add(unsettled))
	for nominal := range l.job.Spec.Between(first, l.to) {
		if n++; n%countEvery == 0 && l.total.Add(countEvery) > MaxSlots {
			return fmt.Errorf("simulate: more than %d nominal times; choose a shorter window or fewer definitions", MaxSlots)
		}
		if n > 1 && !l.began && !nominal.Before(l.from) {
			l.began = true
			if l.advance(l.from); l.hopeless(n - 1) {
				l.waiting, l.queue, l.owed, l.busy, l.making = nil, nil, nil, time.Time{}, time.Time{}
			}
		}
		due := nominal
		if l.job.Jitter > 0 {
			due = due.Add(l.job.Offset(nominal))
		}
		if len(batch) > 0 && !due.Before(over) {
			l.fall(batch, over)
			batch = batch[:0]
		}
		for next < len(l.outages) && !l.outages[next].To.After(due) {
			next++
		}
		if next < len(l.outages) && !l.outages[next].From.After(due) {
			batch, over = append(batch, nominal), l.outages[next].To
			continue
		}
		if len(l.waiting)+len(l.queue)+len(l.owed) == 0 && !l.busy.After(due) { // the usual case
			l.idle++
			l.start(Slot{Nominal: nominal, Outcome: Fired}, due, &l.busy)
			continue
		}
		l.fall(append(batch[:0], nominal), due)
		batch = batch[:0]
	}
	if len(batch) > 0 {
		l.fall(batch, over)
	}
	l.advance(time.Time{})
	l.total.Add(int64(n % countEvery))
	return nil
}

// hopeless reports whether the job has lagged behind from the first of the nominal times before
// the window, for no outage.
func (l *lane) hopeless(played int) bool {
	outage := len(l.outages) > 0 && l.outages[0].From.Before(l.from)
	return l.job.WaitsAll() && !outage && played > 1 && l.idle == 1 && l.busy.After(l.from)
}

// fall lets nominal times fall due at once.
func (l *lane) fall(due []time.Time, at time.Time) {
	l.advance(at)
	l.now = at
	for _, nominal := range due {
		if len(l.waiting) >= maxBuffered {
			l.drop(nominal, at)
			continue
		}
		l.waiting = append(l.waiting, nominal)
	}
	l.process(at)
}

// advance lets happen what happens before a time; all that still will if it is zero.
func (l *lane) advance(until time.Time) {
	for {
		at := l.moment()
		if at.IsZero() || !until.IsZero() && !at.Before(until) {
			return
		}
		l.now = at
		if len(l.waiting) > 0 {
			l.process(at)
			continue
		}
		l.watch(at, until.IsZero())
	}
}

// moment is when the next thing happens that no new nominal time causes; zero if none does.
func (l *lane) moment() time.Time {
	switch {
	case len(l.waiting) > 0:
		return afterOutage(l.outages, latest(l.now, l.busy))
	case len(l.queue)+len(l.owed) > 0:
		return l.nextWatch()
	}
	return time.Time{}
}

// process is the schedule going through its buffer (server service/worker/scheduler/buffer.go,
// ProcessBuffer).
func (l *lane) process(at time.Time) {
	for len(l.waiting) > 0 {
		if l.job.WaitsAll() { // in order: no need to look at each for every run
			if l.busy.After(at) {
				return
			}
			first := l.waiting[0]
			l.waiting = l.waiting[1:]
			l.admit(first, at)
			continue
		}
		var first time.Time
		kept := l.waiting[:0]
		for _, nominal := range l.waiting {
			switch {
			case first.IsZero() && !l.busy.After(at):
				first = nominal
			case l.job.Waits() && len(kept) == 0:
				kept = append(kept, nominal)
			default:
				l.drop(nominal, at)
			}
		}
		l.waiting = kept
		if first.IsZero() {
			return
		}
		l.admit(first, at)
	}
}

// admit is a run of the schedule asking whether it may begin.
func (l *lane) admit(nominal, at time.Time) {
	slot := Slot{Nominal: nominal, Outcome: Fired}
	if late := at.Sub(nominal) - l.job.Offset(nominal); late > 0 {
		known := recorded(l.outages, at)
		out, ok := keptFrom(known, nominal, l.job.Grace)
		switch {
		case l.job.Elects() && at.Sub(nominal) <= l.job.Jitter: // not late for admission
			slot.Cause, slot.Reason = Grace, l.why(nominal, "%s late, within the jitter", late)
		case ok:
			l.decide(&slot, out, known, time.Time{})
		case l.busy.After(nominal):
			slot.Cause, slot.Reason = Waited, l.why(nominal, "%s late, waited for the run before it", late)
		default:
			slot.Cause, slot.Reason = Grace, l.why(nominal, "%s late, after an outage that it was not missed in", late)
		}
	}
	if slot.Outcome == Fired || slot.Outcome == MadeUp {
		l.start(slot, at, &l.busy)
		return
	}
	l.settle(slot)
}

// since is for how long the recorded outages after out have lasted.
func since(known []Outage, out Outage) (lasted time.Duration) {
	for _, o := range known[firstAfter(known, out.To):] {
		if o.To.Sub(o.From) > unnoticed {
			lasted += o.To.Sub(o.From)
		}
	}
	return lasted
}

// decide applies the misfire policy to a time that an outage kept from starting; open is the
// time whose run was open at it.
func (l *lane) decide(slot *Slot, out Outage, known []Outage, open time.Time) {
	_, down := keptFrom(known, slot.Nominal, 0)
	facts := misfire.Facts{Slot: slot.Nominal, Kept: true, Late: out.To.Sub(slot.Nominal), Since: since(known, out), Down: down, Open: open}
	if l.job.Elects() {
		facts.Elected = l.elected(known[nextRecorded(known, slot.Nominal)], known) // what begins later does not change it
	}
	l.carryOut(slot, misfire.Decide(l.job.Terms, facts))
	if slot.Cause != Overlap {
		slot.Outage = out.To
	}
}

// carryOut turns a decision into a slot's fate.
func (l *lane) carryOut(slot *Slot, d misfire.Decision) {
	slot.Cause, slot.Into = Cause(d.Cause), d.Into
	if !l.list.past(slot.Nominal) { // else nobody reads it
		slot.Reason = d.Reason()
	}
	switch d.Verdict {
	case misfire.Run:
		if slot.Outcome = MadeUp; d.Late {
			slot.Outcome = Fired
		}
	case misfire.Compress:
		slot.Outcome = Compressed
	case misfire.Skip:
		slot.Outcome = Skipped
	}
}

// elected is the latest time that the outage kept from starting. Outages that follow on each
// other without a time between them count as one.
func (l *lane) elected(out Outage, known []Outage) time.Time {
	if l.election.outage == out && l.election.known == len(known) {
		return l.election.winner
	}
	l.election.outage, l.election.known = out, len(known)
	for {
		following, ok := l.job.Spec.Next(out.To.Add(-time.Nanosecond))
		if !ok {
			break
		}
		next, ok := keptFrom(known, following, 0)
		if !ok {
			break
		}
		out = next
	}
	l.election.winner, _ = l.job.Spec.Prev(out.To)
	return l.election.winner
}

// start is a run beginning; end is that of its starter's last run.
func (l *lane) start(slot Slot, at time.Time, end *time.Time) {
	other := l.making
	if end == &l.making {
		other, l.makingSlot = l.busy, slot.Nominal
	} else {
		l.busySlot = slot.Nominal
	}
	slot.Start, slot.Overlaps = at, other.After(at)
	*end = at.Add(l.job.RunTime)
	for i := len(l.queue) - 1; i >= 0 && l.queue[i].next.IsZero(); i-- {
		l.queue[i].next, l.queue[i].judged = slot.Nominal, false
	}
	l.settle(slot)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
