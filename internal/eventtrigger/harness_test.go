package eventtrigger

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

func definition(name, eventType string) core.Definition {
	return core.Definition{
		APIVersion: core.APIVersion, Kind: core.Kind, ID: core.DefinitionID(name), Name: name, Enabled: true,
		TriggerType:   core.TriggerEvent,
		TriggerConfig: core.TriggerConfig{EventType: core.StringList{eventType}},
		Rules:         []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}},
	}
}

func event(id, eventType string, payload any) core.Event {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return core.Event{EventID: id, Type: eventType, Source: "test", Payload: data}
}

// openRecordOf is a record that holds these definitions.
func openRecordOf(t *testing.T, definitions ...core.Definition) *sqlstore.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "record.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, d := range definitions {
		d.Normalize()
		if _, err := store.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: d}}, "test", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return store
}
