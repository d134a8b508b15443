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
