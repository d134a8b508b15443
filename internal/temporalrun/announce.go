package temporalrun

import (
	"context"
	"encoding/json"

	core "github.com/activity-core/activity-core"
)

// OutcomeEventPrefix is followed by the run's status in the type of the event that announces
// its end.
const OutcomeEventPrefix = "activity.run."

// outcomeSource is the source of the events that announce runs.
const outcomeSource = "activity-core"

type announceArgs struct {
	RunID string `json:"run_id"`
}

// Announce publishes how a run ended, as an event that other definitions can be triggered by. A
// chain of runs that trigger each other ends at [core.MaxHops].
func (a *activities) Announce(ctx context.Context, args announceArgs) error {
	if a.outcomes == nil {
		return nil
	}
	run, err := a.record.Run(ctx, args.RunID)
	if core.IsCode(err, core.CodeNotFound) {
		return nil // pruned, or never recorded
	}
	if err != nil {
		return transient(ctx, "read run", err)
	}
	_, cause, err := a.record.RunRequest(ctx, args.RunID)
	if err != nil {
		return transient(ctx, "read run", err)
	}
	event, ok, err := OutcomeEvent(run, cause)
	if err != nil || !ok {
		a.log.WarnContext(ctx, "the run's outcome is not announced: its chain of events is too long", "run_id", run.RunID, "max_hops", core.MaxHops)
		return err
	}
	if _, err := a.outcomes.PublishEvent(ctx, event); err != nil {
		if !mayPass(ctx, err) {
			a.log.ErrorContext(ctx, "the run's outcome is not announced", "run_id", run.RunID, "error", err)
			return nil
		}
		return transient(ctx, "publish outcome", err)
	}
	return nil
}

// OutcomeEvent is the event that announces a finished run. Its ID is derived from the run's, so
// that announcing twice is announcing once. ok is false if cause, the event that the run came
// from, is at the end of the longest chain allowed.
func OutcomeEvent(run core.Run, cause *core.Event) (e core.Event, ok bool, err error) {
	payload, err := json.Marshal(run)
	if err != nil {
		return core.Event{}, false, err
	}
	e = core.Event{
		EventID: "run-" + run.RunID + "-" + string(run.Status),
		Type:    OutcomeEventPrefix + string(run.Status),
		Source:  outcomeSource,
		Subject: run.ActivityName,
		Payload: payload,
	}
	if !e.Follow(cause, run.ActivityID) {
		return core.Event{}, false, nil
	}
	if run.FinishedAt != nil {
		e.Time = *run.FinishedAt
	}
	return e, true, nil
}
