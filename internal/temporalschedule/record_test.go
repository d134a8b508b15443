package temporalschedule_test

import (
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// record is a real record in a temporary file.
type record struct {
	testing.TB
	*sqlstore.Store
}

func newRecord(t testing.TB) record {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return record{TB: t, Store: store}
}

func (r record) apply(changes ...core.DefinitionChange) {
	r.Helper()
	for i := range changes {
		changes[i].ExpectVersion = core.AnyVersion
	}
	if _, err := r.ApplyChanges(r.Context(), changes, "test", time.Now()); err != nil {
		r.Fatal(err)
	}
}

func (r record) put(d core.Definition) {
	r.Helper()
	r.apply(core.DefinitionChange{Definition: d})
}

func (r record) delete(id string) {
	r.Helper()
	r.apply(core.DefinitionChange{Delete: true, Definition: core.Definition{ID: id, Name: "deleted"}})
}
