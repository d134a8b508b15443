package storetest

import (
	"fmt"
	"slices"
	"testing"

	core "github.com/activity-core/activity-core"
)

func eventTypes(t *testing.T, s core.Store) {
	types, err := s.EventTypes(t.Context(), 10)
	if must(t, err); len(types) > 0 {
		t.Errorf("an empty record has the types %q, want none", types)
	}
	var recs []core.CauseRecord
	for i, eventType := range []string{"b", "a", "Z.9", "b", "a-b"} {
		id := fmt.Sprintf("e%d", i)
		recs = append(recs, core.CauseRecord{
			ActivityID: core.DefinitionID("d"), ActivityName: "d", DefinitionVersion: 1, Cause: core.EventCause(id),
			Event: &core.Event{EventID: id, Type: eventType, Source: "test", Time: epoch},
		})
	}
	_, err = s.RecordCauses(t.Context(), recs, epoch)
	must(t, err)
	types, err = s.EventTypes(t.Context(), 10)
	must(t, err)
	slices.Sort(types)
	if want := []string{"Z.9", "a", "a-b", "b"}; !slices.Equal(types, want) {
		t.Errorf("got the types %q, want %q", types, want)
	}
	types, err = s.EventTypes(t.Context(), 2)
	if must(t, err); len(types) != 2 {
		t.Errorf("got the types %q, want 2 of them", types)
	}
}

// eventMatches: of each event as many definitions are named as was asked for, and the others
// are counted; what somebody ran by hand with the event is none of them.
func eventMatches(t *testing.T, s core.Store) {
	var recs []core.CauseRecord
	record := func(event string, definitions ...string) {
		for _, name := range definitions {
			recs = append(recs, core.CauseRecord{ActivityID: core.DefinitionID(name), ActivityName: name, DefinitionVersion: 1, Cause: core.EventCause(event),
				Event: &core.Event{EventID: event, Type: "t", Source: "test", Time: epoch}})
		}
	}
	create(t, s, "b")
	create(t, s, "a")
	record("two", "b", "a")
	record("odd/\u00fc", "a")
	var all []string
	for i := range 120 {
		all = append(all, fmt.Sprintf("d-%03d", i))
	}
	record("many", all...)
	byHand := core.CauseRecord{ActivityID: core.DefinitionID("c"), ActivityName: "c", DefinitionVersion: 1, Cause: core.ManualCause("again")}
	byHand.Cause.EventID, byHand.Event = "two", &core.Event{EventID: "two", Type: "t", Source: "test", Time: epoch}
	_, err := s.RecordCauses(t.Context(), append(recs, byHand), epoch)
	must(t, err)
	found, err := s.EventMatches(t.Context(), []string{"two", "many", "odd/\u00fc", "none"}, 100)
	must(t, err)
	for event, want := range map[string]core.EventMatches{"two": {Names: []string{"a", "b"}}, "odd/\u00fc": {Names: []string{"a"}}, "none": {}} {
		if got := found[event]; !slices.Equal(got.Names, want.Names) || got.More != 0 {
			t.Errorf("event %s matched %+v, want %+v", event, got, want)
		}
	}
	if got := found["many"]; len(got.Names) != 100 || got.More != 20 || !slices.IsSorted(got.Names) {
		t.Errorf("event many matched %d and %d more, sorted %v; want 100, sorted, and 20 more", len(got.Names), got.More, slices.IsSorted(got.Names))
	}
	if found, err = s.EventMatches(t.Context(), []string{"many"}, 120); err != nil || len(found["many"].Names) != 120 || found["many"].More != 0 {
		t.Errorf("event many matched %d and %d more, %v; want 120 and no more", len(found["many"].Names), found["many"].More, err)
	}
}
