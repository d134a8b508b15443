package catalog

import (
	"encoding/json"
	"slices"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventmatch"
)

// outcomePrefix begins the types of the events that announce runs, where runs.outcome_events is on.
const outcomePrefix = "activity.run."

// CycleOf is the shortest way on which runs of def can cause an event that def fires on, as names from def to def; nil if
// there is none. Only types that definitions name as they are count: what an expression makes is known when it runs. Of filters,
// those on the activity's name and ID are held against events that announce runs; others may let an event through.
func CycleOf(def *core.Definition, others []core.Definition) []string {
	if def.TriggerType != core.TriggerEvent {
		return nil
	}
	way := map[string][]string{def.Name: {def.Name}}
	for queue := []*core.Definition{def}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		if firesAfter(from, def) {
			return append(slices.Clone(way[from.Name]), def.Name)
		}
		for i := range others {
			next := &others[i]
			if way[next.Name] == nil && firesAfter(from, next) {
				way[next.Name] = append(slices.Clone(way[from.Name]), next.Name)
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// firesAfter reports whether an event that a run of from causes can start a run of def.
func firesAfter(from, def *core.Definition) bool {
	if def.TriggerType != core.TriggerEvent {
		return false
	}
	for _, t := range def.TriggerConfig.EventType {
		if strings.HasPrefix(t, outcomePrefix) && announcesTo(from, def, t) || slices.Contains(published(from), t) {
			return true
		}
	}
	return false
}

// published lists the event types that a definition's actions name.
func published(def *core.Definition) []string {
	var types []string
	for _, r := range def.Rules {
		for _, a := range r.Actions {
			if t, ok := a.With["type"].(string); ok && a.Type == core.ActionPublishEvent && !strings.Contains(t, "${") {
				types = append(types, t)
			}
		}
	}
	return types
}

// announcesTo reports whether the announcement of a run of from passes the filters that def has on whose run it is.
func announcesTo(from, def *core.Definition, eventType string) bool {
	whose := map[string]any{}
	for _, key := range []string{"activity_name", "activity_id"} {
		if f, ok := def.TriggerConfig.Filters[key]; ok {
			whose[key] = f
		}
	}
	pattern, err := eventmatch.ParsePattern([]string{eventType}, whose)
	if err != nil {
		return false // it is refused elsewhere
	}
	payload, err := json.Marshal(map[string]string{"activity_name": from.Name, "activity_id": from.ID})
	if err != nil {
		return false
	}
	explained, err := eventmatch.Explain(pattern, &eventmatch.Event{Type: eventType, Payload: payload})
	return err == nil && explained.Matched
}
