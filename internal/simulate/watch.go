package simulate

import (
	"fmt"
	"time"

	"github.com/activity-core/activity-core/internal/misfire"
)

// dropped is a nominal time that the schedule has let go, and that has no verdict yet.
type dropped struct {
	nominal time.Time
	ready   time.Time // when the watchdog looks at it first; ascends in the queue
	over    time.Time // the time whose run was open at it; zero if none was
	next    time.Time // the time whose run began first after it; zero if none has
	judged  bool      // it waits for the run that stands for it
}

// drop is the schedule letting a nominal time go, at some time.
func (l *lane) drop(nominal, at time.Time) {
	d := dropped{nominal: nominal, ready: l.ready(nominal, at)}
	switch {
	case l.busy.After(nominal):
		d.over = l.busySlot
	case l.making.After(nominal):
		d.over = l.makingSlot
	}
	if !l.job.Waits() && !d.over.IsZero() {
		if _, missed := keptFrom(l.outages, nominal, l.job.Grace); !missed { // the usual case: nothing can change it
			l.settle(l.overlap(d))
			return
		}
	}
	l.queue = append(l.queue, d)
}

// ready is when the watchdog first looks at a nominal time that the schedule lets go: as soon
// as an outage that it was due before the end of has ended, or else at the end of its grace.
func (l *lane) ready(nominal, at time.Time) time.Time {
	before := nominal.Add(l.job.Jitter)
	if i := firstAfter(l.outages, at); i > 0 && l.outages[i-1].To.After(before) {
		return at
	}
	end := afterOutage(l.outages, latest(at, nominal.Add(max(watchdogGrace, l.job.Grace)+l.job.Jitter)))
	if i := nextRecorded(l.outages, latest(at, before)); i < len(l.outages) && l.outages[i].To.Before(end) {
		return l.outages[i].To
	}
	return end
}

// nextWatch is when the watchdog next has something to do: a time to look at, a run to start,
// or an outage that has ended, which may change what is to become of the runs that wait.
func (l *lane) nextWatch() (at time.Time) {
	earliest := func(t time.Time) {
		if t = afterOutage(l.outages, latest(l.now, t)); at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for i := range l.queue {
		if !l.queue[i].judged {
			earliest(l.queue[i].ready)
			break // the others are ready later
		}
	}
	if len(l.owed) > 0 {
		earliest(latest(l.busy, l.making))
		if i := nextRecorded(l.outages, l.now); i < len(l.outages) {
			earliest(l.outages[i].To)
		}
	}
	return at
}

// watch is the watchdog at work: it judges what is ready, by the outages recorded so far, and
// starts the first of what is to run if no run is open. over says that the window is.
func (l *lane) watch(at time.Time, over bool) {
	known := recorded(l.outages, at)
	if len(known) != l.owedBy { // what waits to run may be missed by now, or the next outage's latest stands for it
		l.owed, _ = l.sort(l.owed, known, l.owed[:0])
		l.owedBy = len(known)
	}
	ready := 0
	for ready < len(l.queue) && !l.queue[ready].ready.After(at) {
		ready++
	}
	var wait []dropped
	l.owed, wait = l.sort(l.queue[:ready], known, l.owed)
	l.queue = l.queue[ready-len(wait):]
	copy(l.queue, wait)
	if len(l.owed) == 0 || latest(l.busy, l.making).After(at) {
		return
	}
	run, _ := l.judge(l.owed[0], known)
	l.owed = l.owed[1:]
	if over && (!l.busy.Before(l.to) || !l.making.Before(l.to)) { // what comes after the window is not played
		run.Reason += ", at the earliest"
	}
	l.start(run, at, &l.making)
}

// sort settles those of the nominal times that are not to run, and appends the others to owed.
// Some wait for the run that stands for them to begin.
func (l *lane) sort(judge []dropped, known []Outage, owed []dropped) (runs, wait []dropped) {
	runs = owed
	for _, d := range judge {
		slot, settled := l.judge(d, known)
		switch {
		case !settled:
			runs = append(runs, d)
		case slot.Outcome == Compressed && slot.Into.IsZero() && len(runs) > 0: // by a make-up that waits for the same run to end
			slot.Into = runs[0].nominal
			l.settle(slot)
		case slot.Outcome == Compressed && slot.Into.IsZero():
			d.judged = true
			wait = append(wait, d)
		default:
			l.settle(slot)
		}
	}
	return runs, wait
}

// judge finds what becomes of a nominal time; settled says that it does not run. One that is
// compressed into no other yet waits for the run that stands for it.
func (l *lane) judge(d dropped, known []Outage) (slot Slot, settled bool) {
	out, missed := keptFrom(known, d.nominal, l.job.Grace)
	slot = Slot{Nominal: d.nominal, Outcome: Fired}
	switch {
	case missed:
		l.decide(&slot, out, known, d.over)
	case l.job.WaitsAll():
		slot.Outcome, slot.Cause = MadeUp, Overflow
		slot.Reason = fmt.Sprintf("more than %d were waiting already, made up (%s)", maxBuffered, l.job.Policy)
	default:
		slot = l.overlap(d)
	}
	return slot, slot.Outcome != Fired && slot.Outcome != MadeUp
}

// overlap is the verdict on a nominal time that met an open run.
func (l *lane) overlap(d dropped) Slot {
	slot := Slot{Nominal: d.nominal}
	l.carryOut(&slot, misfire.Overlapped(l.job.Terms, misfire.Facts{Slot: d.nominal, Open: d.over, Next: d.next}))
	return slot
}
