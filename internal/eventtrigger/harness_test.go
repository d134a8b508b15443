package eventtrigger

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

func definition(name, eventType string) activitycore.Definition {
	return activitycore.Definition{
		APIVersion: activitycore.APIVersion, Kind: activitycore.Kind, ID: activitycore.DefinitionID(name), Name: name, Enabled: true,
		TriggerType:   activitycore.TriggerEvent,
		TriggerConfig: activitycore.TriggerConfig{EventType: activitycore.StringList{eventType}},
		Rules:         []activitycore.Rule{{Name: "r", Actions: []activitycore.Action{{Type: activitycore.ActionCreateTask, With: map[string]any{"title": "t"}}}}},
	}
}

func event(id, eventType string, payload any) activitycore.Event {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return activitycore.Event{EventID: id, Type: eventType, Source: "test", Payload: data}
}

// openRecordOf is a record that holds these definitions.
func openRecordOf(t *testing.T, definitions ...activitycore.Definition) *sqlstore.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "record.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, d := range definitions {
		d.Normalize()
		if _, err := store.ApplyChanges(t.Context(), []activitycore.DefinitionChange{{Definition: d}}, "test", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return store
}
