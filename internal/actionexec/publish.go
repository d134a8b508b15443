package actionexec

import (
	"context"
	"encoding/json"

	activitycore "github.com/activity-core/activity-core"
)

// publishEvent publishes an event whose ID is the action's key unless the definition gives one, so that a repeat is a
// duplicate. A chain of runs that trigger each other ends at [activitycore.MaxHops].
func (e *Executor) publishEvent(ctx context.Context, run activitycore.Run, hops int, a activitycore.PlannedAction) (activitycore.ActionResult, error) {
	var p struct {
		Type    string          `json:"type"`
		Source  string          `json:"source"`
		Subject string          `json:"subject"`
		Payload json.RawMessage `json:"payload"`
		EventID string          `json:"event_id"`
	}
	if err := decode(a, &p); err != nil {
		return activitycore.ActionResult{}, err
	}
	if e.cfg.Publisher == nil {
		return activitycore.ActionResult{}, activitycore.Errorf(activitycore.CodeInvalid, "publish_event: no event stream is configured")
	}
	if hops+1 > activitycore.MaxHops {
		return activitycore.ActionResult{}, activitycore.Errorf(activitycore.CodeInvalid,
			"publish_event: %d runs lie between this one and the event that began the chain, and at most %d are allowed; the definitions trigger each other in a loop", hops, activitycore.MaxHops)
	}
	event := activitycore.Event{
		EventID: p.EventID,
		Type:    p.Type,
		Source:  p.Source,
		Subject: p.Subject,
		// Whole seconds of the run's own time would make repeats equal to the byte; the ID alone does that job.
		Time:    e.cfg.Now().UTC(),
		Payload: p.Payload,
		Hops:    hops + 1,
	}
	if event.EventID == "" {
		event.EventID = activitycore.EncodeKey(a.Key)
	}
	if event.Source == "" {
		event.Source = "activity-core/" + run.ActivityName
	}
	if len(event.Payload) == 0 || string(event.Payload) == "null" {
		event.Payload = json.RawMessage("{}")
	}
	receipt, err := e.cfg.Publisher.PublishEvent(ctx, event)
	if err != nil {
		return activitycore.ActionResult{}, err
	}
	outcome := "published"
	if receipt.Duplicate {
		outcome = "duplicate"
	}
	return result(outcome, receipt)
}
