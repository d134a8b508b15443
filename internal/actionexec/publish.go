package actionexec

import (
	"context"
	"encoding/json"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
	"github.com/activity-core/activity-core/internal/telemetry"
)

var publishEvent = row[ruleeval.PublishEventParams]{attempt: (*Executor).publishEvent}

// publishEvent publishes an event whose ID is the action's key unless the definition gives one,
// so that a repeat is a duplicate. A chain of runs that trigger each other ends at
// [core.MaxHops].
func (e *Executor) publishEvent(ctx context.Context, j job, p *ruleeval.PublishEventParams) (core.ActionResult, error) {
	if e.cfg.Publisher == nil {
		return core.ActionResult{}, core.Errorf(core.CodeInvalid, "publish_event: no event stream is configured")
	}
	payload, err := json.Marshal(p.Payload)
	if err != nil {
		return core.ActionResult{}, core.Wrap(core.CodeInvalid, err, "publish_event: the payload has no JSON form")
	}
	event := core.Event{
		EventID: p.EventID,
		Type:    p.Type,
		Source:  p.Source,
		Subject: p.Subject,
		Time:    e.cfg.Now().UTC(),
		Payload: payload,

		Extensions: telemetry.WithTrace(ctx, p.Extensions),
	}
	if !event.Follow(j.cause, j.run.ActivityID) {
		return core.ActionResult{}, core.Errorf(core.CodeInvalid,
			"publish_event: %d runs lie between this one and the event that began the chain, and at most %d are allowed; the definitions trigger each other in a loop", j.cause.Hops, core.MaxHops)
	}
	if event.EventID == "" {
		event.EventID = core.EncodeKey(j.action.Key)
	}
	if event.Source == "" {
		event.Source = "activity-core/" + j.run.ActivityName
	}
	receipt, err := e.cfg.Publisher.PublishEvent(ctx, event)
	if err != nil {
		return core.ActionResult{}, err
	}
	outcome := "published"
	if receipt.Duplicate {
		outcome = "duplicate"
	}
	return result(outcome, receipt)
}
