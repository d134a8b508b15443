package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventmatch"
)

// Seen is what warnings ask of the events that are kept in the store.
type Seen interface {
	// EventTypes returns different types of stored events, in any order, at most limit.
	EventTypes(ctx context.Context, limit int) ([]string, error)
	// EventList lists events of a type, newest first.
	EventList(ctx context.Context, eventType string, p core.PageRequest) (core.Page[core.EventRecord], error)
}

// How much of the record is looked at for one answer: so many types, newest events of a type,
// and types of which events are read.
const (
	maxSeenTypes = 1000
	maxSamples   = 20
	maxSampled   = 50
)

// seen asks the record once for each thing. After a failure it is asked no more.
type seen struct {
	Seen
	failed  error
	types   []string
	asked   bool
	samples map[string][]*eventmatch.Explainer
}

func (s *seen) eventTypes(ctx context.Context) []string {
	if !s.asked && s.failed == nil {
		s.asked = true
		s.types, s.failed = s.EventTypes(ctx, maxSeenTypes)
	}
	return s.types
}

// events are the newest events of a type, decoded.
func (s *seen) events(ctx context.Context, eventType string) []*eventmatch.Explainer {
	if found, ok := s.samples[eventType]; ok || s.failed != nil || len(s.samples) >= maxSampled {
		return found
	}
	page, err := s.EventList(ctx, eventType, core.PageRequest{Limit: maxSamples})
	if err != nil {
		s.failed = err
		return nil
	}
	found := []*eventmatch.Explainer{}
	for i := range page.Items {
		e := &page.Items[i].Event
		x, err := eventmatch.NewExplainer(&eventmatch.Event{Type: e.Type, Types: e.AlsoTypes, Source: e.Source, Subject: e.Subject, Payload: e.Payload})
		if err == nil {
			found = append(found, x)
		}
	}
	if s.samples == nil {
		s.samples = map[string][]*eventmatch.Explainer{}
	}
	s.samples[eventType] = found
	return found
}

// unseenType is about an event type that no stored event has, where another that was seen is
// hardly different.
func unseenType(ctx context.Context, s *seen, def *core.Definition, tell tell) {
	if def.TriggerType != core.TriggerEvent {
		return
	}
	known := s.eventTypes(ctx)
	if len(known) >= maxSeenTypes {
		return // more than can be told
	}
	types := def.TriggerConfig.EventType
	for i, t := range types {
		near := core.SuggestWithin(t, known, len(t)/12+1)
		if near == "" || slices.Contains(known, t) || slices.Contains(types, near) {
			continue
		}
		at := "trigger_config.event_type"
		if len(types) > 1 {
			at = fmt.Sprintf("%s[%d]", at, i)
		}
		tell(at, t, "no stored event has this type", fmt.Sprintf("did you mean %q, which was seen?", near))
	}
}

// unseenPath is about a filter on a path that none of the newest events of its types has.
func unseenPath(ctx context.Context, s *seen, def *core.Definition, tell tell) {
	if def.TriggerType != core.TriggerEvent || len(def.TriggerConfig.Filters) == 0 {
		return
	}
	pattern, err := eventmatch.ParsePattern(def.TriggerConfig.EventType, def.TriggerConfig.Filters)
	if err != nil {
		return
	}
	absent := map[string]*eventmatch.FilterResult{}
	var order []string
	looked := 0
	for _, t := range def.TriggerConfig.EventType {
		for _, x := range s.events(ctx, t) {
			if s.failed = ctx.Err(); s.failed != nil {
				return
			}
			looked++
			filters := x.Explain(pattern).Filters
			for i := range filters {
				f := &filters[i]
				if f.Key == "" {
					continue
				}
				if _, known := absent[f.Path]; !known {
					absent[f.Path] = f
					order = append(order, f.Path)
				}
				if f.Present || f.OK {
					absent[f.Path] = nil
				}
			}
		}
	}
	for _, path := range order {
		if f := absent[path]; f != nil {
			tell("trigger_config."+path, nil, fmt.Sprintf("the filter can hardly match: none of the %d newest stored events of %s has %s (%s)",
				looked, strings.Join(def.TriggerConfig.EventType, ", "), f.Key, f.Note),
				"compare the path with a real payload: activity-core events show EVENT_ID")
		}
	}
}
