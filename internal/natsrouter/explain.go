package natsrouter

import (
	"context"
	"fmt"
	"strings"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventmatch"
)

// Explain says for each event definition (or the one that ref names, by ID or name; "" means all) why it does or does not fire for an event. The event need not be
// stored or ever have been published. Those that match come first, then those of the event's type, then the rest, by name; at most limit of them (1 to 1,000).
//
// The conditions are those of the definition as it is now; the verdict is the ledger's, from when the event was routed.
func (l *Log) Explain(ctx context.Context, e activitycore.Event, ref string, limit int) ([]activitycore.EventExplanation, error) {
	if limit < 1 || limit > 1000 {
		return nil, activitycore.InvalidField("limit", limit, "must be from 1 to 1000")
	}
	if ref != "" {
		def, err := l.record.Definition(ctx, ref)
		if err != nil {
			return nil, err
		}
		if def.TriggerType != activitycore.TriggerEvent {
			return nil, activitycore.Errorf(activitycore.CodeInvalid, "%s is fired by the clock (trigger_type: %s); no event starts it", def.Name, def.TriggerType)
		}
		x, err := l.explain(ctx, &e, &def)
		return []activitycore.EventExplanation{x}, err
	}
	var matched, sameType, others []activitycore.EventExplanation
	request := activitycore.PageRequest{Limit: 1000}
	for {
		page, err := l.record.Definitions(ctx, activitycore.DefinitionFilter{TriggerType: activitycore.TriggerEvent}, request)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			x, err := l.explain(ctx, &e, &page.Items[i])
			if err != nil {
				return nil, err
			}
			switch {
			case x.Matched || x.Verdict != "":
				matched = append(matched, x)
			case len(x.Conditions) > 0 && x.Conditions[0].OK:
				sameType = append(sameType, x)
			case len(others) < limit:
				others = append(others, x)
			}
		}
		if page.NextCursor == "" {
			break
		}
		request.Cursor = page.NextCursor
	}
	all := append(append(matched, sameType...), others...)
	return all[:min(limit, len(all))], nil
}

func (l *Log) explain(ctx context.Context, e *activitycore.Event, def *activitycore.StoredDefinition) (activitycore.EventExplanation, error) {
	x, err := explainTrigger(ctx, e, def, l.compile)
	if err != nil {
		return x, err
	}
	if e.EventID != "" {
		entry, err := l.record.LedgerEntry(ctx, def.ID, activitycore.EventCause(e.EventID).Key())
		switch {
		case err == nil:
			x.Verdict, x.RunID = entry.Verdict, entry.RunID
			x.Summary = decided(x, entry)
			return x, nil
		case !activitycore.IsCode(err, activitycore.CodeNotFound):
			return x, err
		}
	}
	x.Summary = undecided(x, def)
	return x, nil
}

// explainTrigger holds one trigger against one event.
func explainTrigger(ctx context.Context, e *activitycore.Event, def *activitycore.StoredDefinition, compile CompileWhen) (activitycore.EventExplanation, error) {
	x := activitycore.EventExplanation{ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version}
	t, pattern, err := newTrigger(def, compile)
	if err != nil {
		return x, err
	}
	found, err := eventmatch.Explain(pattern, matchable(e))
	if err != nil {
		return x, activitycore.Wrap(activitycore.CodeMalformed, err, "payload: %v", err)
	}
	x.Matched = found.Matched
	for _, f := range found.Filters {
		x.Conditions = append(x.Conditions, activitycore.FilterExplanation{
			Path: f.Path, Operator: operator(f), Expected: f.Expected, Actual: f.Actual, Present: f.Present, OK: f.OK, Note: f.Note,
		})
	}
	if t.when == nil || !found.Matched {
		return x, nil
	}
	yes, err := t.when(ctx, &Candidate{Event: e})
	c := activitycore.FilterExplanation{Path: "when", Operator: "cel", Expected: def.TriggerConfig.When, Actual: yes, Present: true, OK: yes && err == nil}
	if err != nil {
		c.Actual = "error: " + activitycore.MessageOf(err)
	}
	x.Conditions = append(x.Conditions, c)
	x.Matched = c.OK
	return x, nil
}

// The operators of conditions about other conditions: they look at no value of the event.
const (
	operatorOr       = "$or"
	operatorTogether = "together" // all filters hold, but for different elements of an array
)

func operator(f eventmatch.FilterResult) string {
	switch {
	case f.Path == "filters":
		return operatorTogether
	case f.Key == "" && f.Path != "event_type":
		return operatorOr
	default:
		return operatorOf(f.Expected)
	}
}

// operatorOf names what the document asks for: the key of an operator object, "any of" for a list, "equals" for a bare value.
func operatorOf(expected any) string {
	switch v := expected.(type) {
	case map[string]any:
		for name := range v {
			if len(v) == 1 {
				return name
			}
		}
		return "pattern"
	case []any:
		if len(v) == 1 {
			return operatorOf(v[0])
		}
		return "any of"
	default:
		return "equals"
	}
}

// decided words what the ledger says.
func decided(x activitycore.EventExplanation, entry activitycore.LedgerEntry) string {
	var s string
	switch entry.Verdict {
	case activitycore.VerdictFired:
		s = "fired: run " + entry.RunID
	case activitycore.VerdictStarted:
		s = "started: run " + entry.RunID + " is not yet taken up by a worker"
	case activitycore.VerdictPending:
		s = "matched: run " + entry.RunID + " is about to be started"
	default:
		s = string(entry.Verdict)
		if entry.Reason != "" {
			s += ": " + entry.Reason
		}
	}
	switch {
	case entry.DefinitionVersion != x.DefinitionVersion:
		s += fmt.Sprintf(" (decided with version %d; the definition is now at version %d)", entry.DefinitionVersion, x.DefinitionVersion)
	case !x.Matched:
		s += " (it would not match now)"
	}
	return s
}

// undecided words what would happen to an event without a ledger row.
func undecided(x activitycore.EventExplanation, def *activitycore.StoredDefinition) string {
	if !x.Matched {
		return "does not match: " + whyNot(x.Conditions)
	}
	switch {
	case !def.Enabled:
		return "matches, but the definition is disabled"
	case def.Paused != nil:
		return "matches, but the definition is " + pauseReason(def.Paused)
	default:
		return "matches; the ledger has no row, so it was never routed, or the definition was saved after it was"
	}
}

// whyNot words the first condition that decided against a match. What stands below an $or does not: one that holds makes its other alternatives
// irrelevant, and one that fails is the reason itself.
func whyNot(conditions []activitycore.FilterExplanation) string {
	below := "" // the place of the last $or, as far as its alternatives go
	for _, c := range conditions {
		if below != "" && strings.HasPrefix(c.Path, below+"[") {
			continue
		}
		if c.Operator == operatorOr {
			below = c.Path
		}
		if !c.OK {
			return because(c)
		}
	}
	return "no condition says why" // cannot happen: what does not match has one that is not OK
}

func because(c activitycore.FilterExplanation) string {
	switch {
	case c.Path == "event_type":
		return fmt.Sprintf("the event's type is %v, not %v", c.Actual, c.Expected)
	case c.Path == "when":
		return fmt.Sprintf("when is %v", c.Actual)
	case c.Operator == operatorOr:
		return c.Path + ": none of the alternatives holds"
	case c.Present:
		return fmt.Sprintf("%s is %v", c.Path, c.Actual)
	case c.Note != "":
		return c.Path + ": " + c.Note
	default:
		return c.Path + ": the event has no such field"
	}
}
