package cronspec

import (
	"fmt"
	"slices"
	"time"
)

// Policy says what becomes of nominal times that passed while nothing could run.
type Policy string

// The misfire policies.
const (
	PolicySkip     Policy = "skip"     // no make-up run
	PolicyCatchup  Policy = "catchup"  // one make-up run for each, oldest first, within the catch-up window
	PolicyCompress Policy = "compress" // exactly one make-up run, for the latest
)

// ParsePolicy reads a misfire_policy. The error names the three values.
func ParsePolicy(text string) (Policy, error) {
	switch p := Policy(text); p {
	case PolicySkip, PolicyCatchup, PolicyCompress:
		return p, nil
	}
	return "", fmt.Errorf("misfire_policy %q is unknown: write skip, catchup or compress", text)
}

// Verdict is what becomes of one missed nominal time.
type Verdict string

// The verdicts on a missed nominal time.
const (
	VerdictFire     Verdict = "fire"       // start it now, under its own nominal time
	VerdictSkip     Verdict = "skipped"    // it never runs; the decision's Reason says why
	VerdictCompress Verdict = "compressed" // the run of the decision's Into stands for it
)

// Misfire is everything that decides about missed nominal times.
type Misfire struct {
	Policy        Policy
	Now           time.Time     // when service resumed, which lateness is measured at; later nominal times are not missed
	CatchupWindow time.Duration // how far back from Now catchup reaches, both ends included; 0 or less means without limit
	Grace         time.Duration // a time at most this late is not missed at all, it only starts late; 0 or less means none
}

// Decision is the verdict on one missed nominal time.
type Decision struct {
	Slot    time.Time // the nominal time
	Verdict Verdict
	Into    time.Time // with VerdictCompress: the nominal time that runs for this one; otherwise zero
	Reason  string    // one line for the ledger; never empty
}

// Decide gives each missed nominal time its verdict, in ascending order. Order and repetitions of the input do not matter,
// and nominal times after Now are left out, for they are not due. The promise is:
//
//   - skip: none runs, except within Grace, where a time is late rather than missed
//   - compress: exactly one runs, the latest missed; neither CatchupWindow nor Grace changes that
//   - catchup: each runs once, oldest first; those older than CatchupWindow are skipped
//
// An unknown policy is treated as skip, which starts nothing.
func Decide(missed []time.Time, m Misfire) []Decision {
	due := make([]time.Time, 0, len(missed))
	for _, t := range missed {
		if !t.After(m.Now) {
			due = append(due, t)
		}
	}
	slices.SortFunc(due, time.Time.Compare)
	due = slices.CompactFunc(due, time.Time.Equal)
	decisions := make([]Decision, len(due))
	for i, slot := range due {
		decisions[i] = m.decide(slot, due[len(due)-1])
	}
	return decisions
}

func (m Misfire) decide(slot, latest time.Time) Decision {
	late := m.Now.Sub(slot)
	switch m.Policy {
	case PolicyCatchup:
		if m.CatchupWindow > 0 && late > m.CatchupWindow {
			return Decision{Slot: slot, Verdict: VerdictSkip,
				Reason: fmt.Sprintf("missed by %s, outside the catch-up window of %s", late, m.CatchupWindow)}
		}
		return Decision{Slot: slot, Verdict: VerdictFire, Reason: fmt.Sprintf("missed by %s, made up (catchup)", late)}
	case PolicyCompress:
		if slot.Equal(latest) {
			return Decision{Slot: slot, Verdict: VerdictFire, Reason: fmt.Sprintf("missed by %s, made up as the latest (compress)", late)}
		}
		return Decision{Slot: slot, Verdict: VerdictCompress, Into: latest,
			Reason: fmt.Sprintf("missed by %s, compressed into %s", late, latest.UTC().Format(time.RFC3339))}
	}
	if late <= m.Grace {
		return Decision{Slot: slot, Verdict: VerdictFire, Reason: fmt.Sprintf("late by %s, within the misfire grace of %s", late, m.Grace)}
	}
	return Decision{Slot: slot, Verdict: VerdictSkip, Reason: fmt.Sprintf("missed by %s (skip)", late)}
}
