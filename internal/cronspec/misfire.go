package cronspec

import (
	"fmt"
	"strings"
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

// Verdict is what becomes of one nominal time that an outage kept from starting.
type Verdict string

// The verdicts on such a nominal time.
const (
	VerdictFire     Verdict = "fire"       // start it now, under its own nominal time
	VerdictSkip     Verdict = "skipped"    // it never runs; the decision's Reason says why
	VerdictCompress Verdict = "compressed" // the run of the decision's Into stands for it
)

// Misfire is everything that decides about a nominal time that an outage kept from starting. It is the table of
// docs/misfire.md as a function: a preview asks it, and a test in internal/slots holds the engine to it.
type Misfire struct {
	Policy        Policy
	Late          time.Duration // how late the time was when the outage ended: not when its run begins, or a backlog would push itself out
	Since         time.Duration // how long the outages after it have lasted; it counts for CatchupWindow, not for Grace
	Latest        time.Time     // the latest nominal time of the outage; compress elects it
	CatchupWindow time.Duration // how late catchup makes up, itself included; 0 or less means without limit
	Grace         time.Duration // a time at most this late is not missed, it only starts late; 0 or less means none
}

// Decision is the verdict on one nominal time.
type Decision struct {
	Verdict Verdict
	Into    time.Time // with VerdictCompress: the nominal time that runs for this one; otherwise zero
	Late    bool      // within Grace: with VerdictFire the run is merely late, and otherwise it is a make-up
	Reason  string    // one line; never empty
}

// Decide gives the nominal time its verdict. The promise is:
//
//   - a time within Grace runs, whatever the policy; under compress it is compressed like any other unless it is the latest
//   - skip: no other runs
//   - compress: exactly one runs, the latest; neither CatchupWindow nor Grace changes that
//   - catchup: each runs once; those later than CatchupWindow are skipped
//
// An unknown policy is treated as skip, which makes nothing up.
func (m Misfire) Decide(slot time.Time) Decision {
	late, inGrace := m.Late+m.Since, m.Late <= m.Grace
	switch {
	case m.Policy == PolicyCompress && slot.Before(m.Latest):
		return Decision{Verdict: VerdictCompress, Into: m.Latest, Late: inGrace,
			Reason: fmt.Sprintf("misfire: %s late, compressed into %s", Brief(late), m.Latest.UTC().Format(time.RFC3339))}
	case inGrace:
		return Decision{Verdict: VerdictFire, Late: true, Reason: fmt.Sprintf("%s late, within the misfire_grace of %s", Brief(late), Brief(m.Grace))}
	case m.Policy == PolicyCompress:
		return Decision{Verdict: VerdictFire, Reason: fmt.Sprintf("missed by %s, made up as the latest (compress)", Brief(late))}
	case m.Policy == PolicyCatchup && (m.CatchupWindow <= 0 || late <= m.CatchupWindow):
		return Decision{Verdict: VerdictFire, Reason: fmt.Sprintf("missed by %s, made up (catchup)", Brief(late))}
	case m.Policy == PolicyCatchup:
		return Decision{Verdict: VerdictSkip, Reason: fmt.Sprintf("window: %s late, outside the catchup_window of %s", Brief(late), Brief(m.CatchupWindow))}
	}
	return Decision{Verdict: VerdictSkip, Reason: fmt.Sprintf("misfire: missed by %s (skip)", Brief(late))}
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
