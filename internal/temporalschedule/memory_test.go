package temporalschedule_test

import (
	"context"
	"slices"
	"sync"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// memory is a record in memory.
type memory struct {
	mu       sync.Mutex
	rows     map[string]activitycore.StoredDefinition
	revision int64
}

func newMemory() *memory { return &memory{rows: make(map[string]activitycore.StoredDefinition)} }

func (m *memory) put(d activitycore.Definition) activitycore.StoredDefinition {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	row := m.rows[d.ID]
	row.Definition, row.Version, row.Revision, row.DeletedAt = d, row.Version+1, m.revision, nil
	row.UpdatedAt = time.Now().UTC()
	m.rows[d.ID] = row
	return row
}

func (m *memory) delete(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	row, at := m.rows[id], time.Now().UTC()
	row.Revision, row.DeletedAt = m.revision, &at
	m.rows[id] = row
}

func (m *memory) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, id)
}

func (m *memory) DefinitionAny(_ context.Context, id string) (activitycore.StoredDefinition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.rows[id]
	if !ok {
		return row, activitycore.NotFound("activity definition", id)
	}
	return row, nil
}

func (m *memory) ChangesSince(_ context.Context, since int64, limit int) ([]activitycore.StoredDefinition, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []activitycore.StoredDefinition
	for _, row := range m.rows {
		if row.Revision > since {
			out = append(out, row)
		}
	}
	slices.SortFunc(out, func(a, b activitycore.StoredDefinition) int { return int(a.Revision - b.Revision) })
	if len(out) > limit {
		out = out[:limit]
		return out, out[limit-1].Revision, nil
	}
	return out, m.revision, nil
}

func (m *memory) SetPaused(_ context.Context, id string, p *activitycore.Pause, _ time.Time) (activitycore.StoredDefinition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.rows[id]
	if !ok {
		return row, activitycore.NotFound("activity definition", id)
	}
	if (row.Paused == nil) != (p == nil) {
		m.revision++
		row.Paused, row.Revision = p, m.revision
		m.rows[id] = row
	}
	return row, nil
}

func (m *memory) PurgeTombstone(_ context.Context, id string, version int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if row := m.rows[id]; row.DeletedAt != nil && row.Version == version {
		delete(m.rows, id)
	}
	return nil
}
