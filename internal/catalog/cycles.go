package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventmatch"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// outcomePrefix begins the types of the events that announce runs, where runs.outcome_events is on.
const outcomePrefix = "activity.run."

// reach is what the definitions that are given together can start by the events that their runs
// cause.
type reach struct {
	defs []core.Definition
	// on has the definitions that fire on a type, announced those that fire on announcements of
	// runs.
	on        map[string][]int
	announced []int
	// caused has the types that some definition publishes.
	caused map[string]bool
	// left bounds the work: definitions looked at, over all ways.
	left int
}

// maxReach is how many definitions are looked at for one answer; beyond it further ways stay
// untold.
const maxReach = 1_000_000

func newReach(defs []core.Definition) *reach {
	r := &reach{defs: defs, on: map[string][]int{}, caused: map[string]bool{}, left: maxReach}
	for i := range defs {
		if defs[i].TriggerType == core.TriggerEvent {
			announced := false
			for _, t := range defs[i].TriggerConfig.EventType {
				r.on[t] = append(r.on[t], i)
				announced = announced || strings.HasPrefix(t, outcomePrefix)
			}
			if announced {
				r.announced = append(r.announced, i)
			}
		}
		for _, t := range published(&defs[i]) {
			r.caused[t] = true
		}
	}
	return r
}

// cycle is the shortest way on which runs of a definition can cause an event that it fires on,
// as names from it to it; nil if there is none. Only types that definitions name as they are
// count: what an expression makes is known when it runs. Of filters, those on the activity's
// name and ID are held against events that announce runs; others may let an event through.
func (r *reach) cycle(of int) []string {
	def := &r.defs[of]
	possible := slices.Contains(r.announced, of)
	for _, t := range def.TriggerConfig.EventType {
		possible = possible || r.caused[t]
	}
	if def.TriggerType != core.TriggerEvent || !possible {
		return nil
	}
	from := map[int]int{of: -1}
	for queue := []int{of}; len(queue) > 0 && r.left > 0; queue = queue[1:] {
		for _, next := range r.after(queue[0]) {
			r.left--
			if next == of {
				names := []string{def.Name}
				for at := queue[0]; at >= 0; at = from[at] {
					names = append(names, r.defs[at].Name)
				}
				slices.Reverse(names)
				return names
			}
			if _, seen := from[next]; !seen {
				from[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// after are the definitions that an event which a run of from causes can start.
func (r *reach) after(from int) (all []int) {
	for _, t := range published(&r.defs[from]) {
		all = append(all, r.on[t]...)
	}
	for _, i := range r.announced {
		for _, t := range r.defs[i].TriggerConfig.EventType {
			if strings.HasPrefix(t, outcomePrefix) && announcesTo(&r.defs[from], &r.defs[i], t) {
				all = append(all, i)
				break
			}
		}
	}
	return all
}

// cycleTraps warns of definitions that can reach themselves.
func cycleTraps(defs []core.Definition, tell func(i int) tell) {
	r := newReach(defs)
	for i := range defs {
		way := r.cycle(i)
		if way == nil {
			continue
		}
		c := &defs[i].TriggerConfig
		location, names := "trigger_config.event_type", told(way)
		if c.AllowCycles {
			tell(i)(location, nil, "its own runs can start it again ("+names+"), and allow_cycles lets them: up to "+strconv.Itoa(core.MaxHops)+" times for one event",
				"leave allow_cycles out, or filter on what ends the cycle")
			continue
		}
		tell(i)(location, nil, "its own runs cause events that it fires on ("+names+"); for those it does not run, only for events of others",
			"if that is meant, leave it, or say so by a filter on activity_name; allow_cycles: true lets it run for its own, too")
	}
}

// published lists the event types that a definition's actions name.
func published(def *core.Definition) []string {
	var types []string
	for _, r := range def.Rules {
		for _, a := range r.Actions {
			spec, _ := ruleeval.SpecOf(a.Type)
			if t, ok := a.With[spec.Publishes].(string); ok && spec.Publishes != "" && !strings.Contains(t, "${") {
				types = append(types, t)
			}
		}
	}
	return types
}

// announcesTo reports whether the announcement of a run of from passes the filters that def has
// on whose run it is.
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

// told writes a way, its middle left out where it is long.
func told(way []string) string {
	const most = 8
	if len(way) > most {
		way = slices.Concat(way[:most/2], []string{fmt.Sprintf("… %d more …", len(way)-most+1)}, way[len(way)-most/2+1:])
	}
	return strings.Join(way, " -> ")
}
