package ruleeval

import (
	"time"

	core "github.com/activity-core/activity-core"
)

// InputOf is what a firing of def is decided on. Runs and previews are made of it alike: of
// run, its IDs, its cause and when it was created are read.
func InputOf(def *core.StoredDefinition, run core.Run, inputs map[string]any, event *core.Event, context map[string]any) Input {
	return Input{
		Event: event, Context: context, Inputs: inputs,
		Activity: ActivityInfo{ID: def.ID, Name: def.Name, Version: def.Version},
		Run:      RunInfo{ID: run.RunID, WorkflowID: run.WorkflowID, Cause: run.Cause, Time: timeOf(run, event)},
	}
}

// timeOf is run.time: the nominal time, the event's time, or when a person asked.
func timeOf(run core.Run, event *core.Event) time.Time {
	switch {
	case run.Cause.NominalTime != nil:
		return *run.Cause.NominalTime
	case event != nil && run.Cause.Kind == core.CauseEvent:
		return event.Time
	}
	return run.CreatedAt
}
