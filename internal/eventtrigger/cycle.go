package eventtrigger

import (
	"fmt"

	core "github.com/activity-core/activity-core"
)

// cycle says why a definition does not run for an event that a run of its own caused, directly
// or through others; empty if it does.
func cycle(e *core.Event, activityID string, allowed bool) string {
	if allowed || !e.CausedBy(activityID) {
		return ""
	}
	how := "a run of this definition published the event"
	if e.Chain[len(e.Chain)-1] != activityID {
		how = "a run of this definition led to the event, through runs of others"
	}
	return fmt.Sprintf("cycle: %s (%d hops from its origin); trigger_config.allow_cycles: true lets it run all the same", how, e.Hops)
}
