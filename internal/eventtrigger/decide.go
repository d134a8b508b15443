package eventtrigger

import (
	"context"
	"fmt"

	core "github.com/activity-core/activity-core"
)

// Outcome is what a definition does with an event that passes its types and filters.
type Outcome int

// The outcomes, in the order in which they are asked for: the first that applies is the one.
const (
	NoMatch  Outcome = iota // when is false
	Failed                  // when cannot be evaluated for this event, and never will be
	Deleted                 // the definition is
	Cycle                   // a run of the definition itself led to the event
	Disabled                // the definition is
	Paused                  // the definition is
	Runs                    // a run is due
)

// Decision is what one definition does with one event.
type Decision struct {
	*Trigger
	Outcome Outcome
	// Reason words Failed, Cycle and Paused; otherwise it is empty.
	Reason string
}

// Decide says what the definition does with an event that passes its types and filters. Routing,
// replay and explanation all go by it. An error is ctx's.
func (t *Trigger) Decide(ctx context.Context, c *Candidate) (Decision, error) {
	if t.when != nil {
		yes, err := t.when(ctx, c)
		switch {
		case err != nil && ctx.Err() != nil:
			return Decision{}, context.Cause(ctx)
		case err != nil:
			return Decision{t, Failed, core.MessageOf(err)}, nil
		case !yes:
			return Decision{t, NoMatch, ""}, nil
		}
	}
	if t.deleted {
		return Decision{t, Deleted, ""}, nil
	}
	if reason := cycle(c.Event, t.ID, t.allowCycles); reason != "" {
		return Decision{t, Cycle, reason}, nil
	}
	if t.disabled {
		return Decision{t, Disabled, ""}, nil
	}
	if t.paused != nil {
		return Decision{t, Paused, pauseReason(t.paused)}, nil
	}
	return Decision{t, Runs, ""}, nil
}

// Decide says what each definition does whose types and filters an event passes; the slice is good
// until the next call. Errors: CodeMalformed if the payload is no JSON, or ctx's.
func (t *Triggers) Decide(ctx context.Context, c *Candidate) ([]Decision, error) {
	var err error
	if t.ids, err = Match(t.index, c.Event, t.ids[:0]); err != nil {
		return nil, err
	}
	t.decisions = t.decisions[:0]
	for _, id := range t.ids {
		d, err := t.byID[id].Decide(ctx, c)
		if err != nil {
			return nil, err
		}
		t.decisions = append(t.decisions, d)
	}
	return t.decisions, nil
}

func pauseReason(p *core.Pause) string {
	if p.Reason == "" {
		return "paused by " + p.By
	}
	return fmt.Sprintf("paused by %s: %s", p.By, p.Reason)
}
