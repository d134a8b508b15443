package misfire

import (
	"fmt"
	"strings"
	"time"
)

// Facts are what is known of a slot that did not start on time. Times of slots are nominal times.
type Facts struct {
	Slot time.Time
	// Kept: a recorded outage kept it from starting. Otherwise nobody started it, and it counts as
	// missed since the end of its grace.
	Kept bool
	// Late is how late it was when that outage ended. Not when its run begins, or a backlog that is
	// worked off one run at a time would push its own end out of the window.
	Late time.Duration
	// Since is how long the recorded outages after it have lasted. It counts for the window, not
	// for the grace.
	Since time.Duration
	// Down: an outage was in progress at the slot itself.
	Down bool
	// Elected is the one that runs for all of those that were missed together: the latest, unless
	// an earlier one has begun already. Needed where one runs for all; zero is the slot itself.
	Elected time.Time
	// Open is the slot whose run was open at this one; zero if none was, or nobody knows.
	Open time.Time
	// Next is the slot whose run follows the open one; zero if it is not known yet.
	Next time.Time
	// Why says what kept the slot from starting, for people; the decision's reason ends with it.
	Why string
}

// Verdict is what becomes of a slot.
type Verdict string

// The verdicts.
const (
	Run      Verdict = "run"        // start it, under its own nominal time
	Skip     Verdict = "skipped"    // it never runs
	Compress Verdict = "compressed" // the run of the decision's Into stands for it
)

// Cause is the rule that gave the verdict.
type Cause string

// The causes.
const (
	CauseMisfire Cause = "misfire" // an outage, and what the policy says about it
	CauseWindow  Cause = "window"  // an outage, and it is later than catchup_window
	CauseGrace   Cause = "grace"   // an outage, which ended within misfire_grace: late only
	CauseOverlap Cause = "overlap" // a run was open
)

// Decision is the verdict on one slot.
type Decision struct {
	Verdict Verdict
	// Into is the slot that runs for this one, with Compress. Zero: the run that stands for it is
	// not known yet.
	Into  time.Time
	Cause Cause
	// Late: within the grace when its outage ended. Such a run is late only, and no make-up.
	Late bool

	terms Terms
	facts Facts
}

// Decide gives a slot its verdict:
//
//   - where one slot runs for all, every other is compressed into it, however little late
//   - a slot that met an open run does not run, unless all wait or the outage alone was too much
//   - a slot within its grace runs
//   - of the others run as many as the rule makes up, within the window if it has one
func Decide(t Terms, f Facts) Decision {
	d := Decision{Verdict: Run, Cause: CauseMisfire, Late: f.Kept && t.InGrace(f.Late), terms: t, facts: f}
	switch {
	case t.Elects() && !f.Open.IsZero() && !f.Kept:
		return d.overlapped()
	case t.Elects() && !f.Elected.IsZero() && !f.Elected.Equal(f.Slot):
		d.Verdict, d.Into = Compress, f.Elected
	case !t.Waits() && !f.Open.IsZero() && (d.Late || !f.Down):
		return d.overlapped()
	case d.Late:
		d.Cause = CauseGrace
	case !t.Elects() && t.MakeUp != MakeUpEach:
		d.Verdict = Skip
	case t.Windowed && t.Window > 0 && f.Late+f.Since > t.Window:
		d.Verdict, d.Cause = Skip, CauseWindow
	}
	return d
}

// Overlapped is the verdict on a slot that met an open run, or fell due at once with another, while
// nothing was out, and that the schedule let go.
func Overlapped(t Terms, f Facts) Decision {
	return Decision{terms: t, facts: f}.overlapped()
}

func (d Decision) overlapped() Decision {
	d.Verdict, d.Cause = Skip, CauseOverlap
	if d.terms.Waits() {
		d.Verdict, d.Into = Compress, d.facts.Next
	}
	return d
}

// Reason says why in one line; it is never empty.
func (d Decision) Reason() string {
	t, f := d.terms, d.facts
	late := Brief(f.Late + f.Since)
	switch {
	case d.Cause == CauseOverlap && f.Open.IsZero():
		return "overlap: another fell due at once with it"
	case d.Cause == CauseOverlap:
		return "overlap: the run of " + f.Open.UTC().Format(time.RFC3339) + " was still open"
	case d.Cause == CauseGrace:
		return fmt.Sprintf("%s late, within the misfire_grace of %s", late, Brief(t.Allowed()))
	case d.Cause == CauseWindow:
		return f.because(fmt.Sprintf("window: %s late, outside the catchup_window of %s", late, Brief(t.Window)), ", ")
	case d.Verdict == Compress && f.Why != "":
		return f.Why
	case d.Verdict == Compress:
		return fmt.Sprintf("misfire: %s late, compressed into %s", late, d.Into.UTC().Format(time.RFC3339))
	case d.Verdict == Skip && f.Why != "":
		return "misfire: " + f.Why
	case d.Verdict == Skip:
		return fmt.Sprintf("misfire: missed by %s (%s)", late, t.Policy)
	case t.Elects():
		return fmt.Sprintf("missed by %s, made up as the latest (%s)", late, t.Policy)
	}
	return fmt.Sprintf("missed by %s, made up (%s)", late, t.Policy)
}

func (f Facts) because(text, joint string) string {
	if f.Why == "" {
		return text
	}
	return text + joint + f.Why
}

// Brief writes a duration in whole seconds, without the zeros at its end: 3h30m for 3h30m0s.
func Brief(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
