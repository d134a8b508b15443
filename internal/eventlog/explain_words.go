package eventlog

import (
	"fmt"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventmatch"
	"github.com/activity-core/activity-core/internal/eventtrigger"
)

// verdict words what the ledger says.
func verdict(entry core.LedgerEntry) string {
	switch entry.Verdict {
	case core.VerdictFired:
		return "fired: run " + entry.RunID
	case core.VerdictStarted:
		return "started: run " + entry.RunID + " is not yet taken up by a worker"
	case core.VerdictPending:
		return "matched: run " + entry.RunID + " is about to be started"
	case core.VerdictSkipped, core.VerdictCompressed, core.VerdictPaused,
		core.VerdictDeduplicated, core.VerdictThrottled, core.VerdictLost:
	}
	if entry.Reason == "" {
		return string(entry.Verdict)
	}
	return string(entry.Verdict) + ": " + entry.Reason
}

// decided words what the ledger says, and how it stands to the definition as it is now.
func decided(x core.EventExplanation, entry core.LedgerEntry) string {
	s := verdict(entry)
	switch {
	case x.Error != "":
		s += " (it cannot be used now: " + x.Error + ")"
	case entry.DefinitionVersion != x.DefinitionVersion:
		s += fmt.Sprintf(" (decided with version %d; the definition is now at version %d)", entry.DefinitionVersion, x.DefinitionVersion)
	case !x.Matched:
		s += " (it would not match now)"
	}
	return s
}

// undecided words what would happen to an event without a ledger row.
func undecided(x core.EventExplanation, live bool, d eventtrigger.Decision) string {
	if !x.Matched {
		if !live {
			return "does not match, and the definition is deleted: " + whyNot(x.Conditions)
		}
		return "does not match: " + whyNot(x.Conditions)
	}
	switch d.Outcome {
	case eventtrigger.Deleted:
		return "matches, but the definition is deleted"
	case eventtrigger.Cycle:
		return "matches, but starts nothing: " + d.Reason
	case eventtrigger.Disabled:
		return "matches, but the definition is disabled"
	case eventtrigger.Paused:
		return "matches, but the definition is " + d.Reason
	case eventtrigger.Runs, eventtrigger.NoMatch, eventtrigger.Failed: // the last two do not match
	}
	return "matches; the ledger has no row, so it was never routed, or the definition was saved after it was"
}

// whyNot words the first condition that decided against a match. What stands below an $or does
// not: one that holds makes its other alternatives irrelevant, and one that fails is the reason
// itself.
func whyNot(conditions []core.FilterExplanation) string {
	below := "" // the place of the last $or, as far as its alternatives go
	for _, c := range conditions {
		if below != "" && strings.HasPrefix(c.Path, below+"[") {
			continue
		}
		if c.Operator == eventmatch.OperatorOr {
			below = c.Path
		}
		if !c.OK {
			return because(c)
		}
	}
	return "no condition says why" // cannot happen: what does not match has one that is not OK
}

func because(c core.FilterExplanation) string {
	switch {
	case c.Path == "event_type":
		return fmt.Sprintf("the event's type is %v, not %v", c.Actual, c.Expected)
	case c.Path == "when":
		return fmt.Sprintf("when is %v", c.Actual)
	case c.Operator == eventmatch.OperatorOr:
		return c.Path + ": none of the alternatives holds"
	case c.Present:
		return fmt.Sprintf("%s is %v", c.Path, c.Actual)
	case c.Note != "":
		return c.Path + ": " + c.Note
	default:
		return c.Path + ": the event has no such field"
	}
}
