package misfire

import (
	"time"

	core "github.com/activity-core/activity-core"
)

// Terms are what a definition says about its slots that do not run on time.
type Terms struct {
	Rule
	// Grace is misfire_grace: how long after a slot an outage may begin and still have kept it from
	// starting.
	Grace time.Duration
	// Jitter comes on top of the grace where it is asked how late a slot may start.
	Jitter time.Duration
	// Window is catchup_window; 0 or less is without limit.
	Window time.Duration
	// gone: the definition is deleted, and nothing is merely late.
	gone bool
}

// TermsOf reads them from a trigger, defaults included.
func TermsOf(t core.TriggerConfig) Terms {
	terms := Terms{Rule: RuleOf(t.MisfirePolicy), Grace: t.MisfireGrace.Std(), Jitter: t.Jitter.Std(), Window: t.CatchupWindow.Std()}
	if terms.Grace <= 0 {
		terms.Grace = core.DefaultMisfireGrace.Std()
	}
	if terms.Window <= 0 {
		terms.Window = core.DefaultCatchupWindow.Std()
	}
	return terms
}

// Gone are the terms of a definition that was deleted: nothing is made up for it, and what its
// outage kept from starting is not late but missed.
func (t Terms) Gone() Terms {
	t.Rule, t.gone = rules[0], true
	return t
}

// Allowed is how late a slot may start without being missed.
func (t Terms) Allowed() time.Duration { return t.Grace + t.Jitter }

// InGrace reports whether a slot that was late by so much when its outage ended is late only,
// and not missed. What happens after its grace does not change that: another outage, while it
// waits for its turn, does not make it missed.
func (t Terms) InGrace(late time.Duration) bool { return !t.gone && late <= t.Allowed() }
