package sqlstore

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
)

// applyWrites is what an apply comes to, kept until all of it is known: many rows go in one
// statement.
type applyWrites struct {
	deleted []string         // IDs
	revived []*definitionRow // as they were before
	saved   []*definitionRow
	enabled []string // IDs of those that were disabled
	opened  []openedHold
	entries []core.AuditEntry
}

// openedHold is a hold that begins with the apply.
type openedHold struct{ id, kind string }

// trail notes who did what.
func (a *apply) trail(verb, name string) {
	a.entries = append(a.entries, core.AuditEntry{At: a.at, By: a.by, Action: "definition." + verb, Object: name})
}

// putHolds notes the holds that go with a document's enabled field.
func (a *apply) putHolds(before, after *definitionRow) {
	wasDisabled := before != nil && !before.Enabled
	switch {
	case !after.Enabled && !wasDisabled:
		a.opened = append(a.opened, openedHold{after.ID, holdDisabled})
	case after.Enabled && wasDisabled:
		a.enabled = append(a.enabled, after.ID)
	}
}

// writeApply writes rows, versions, holds and audit entries. Deletions go first, so that a name
// that one frees can be taken.
func (s *Store) writeApply(ctx context.Context, q Querier, a *apply) error {
	if err := a.writeDeleted(ctx, q); err != nil {
		return err
	}
	if err := s.writeRevived(ctx, q, a); err != nil {
		return err
	}
	if err := closeHolds(ctx, q, a.enabled, a.at, holdDisabled); err != nil {
		return err
	}
	if err := s.writeSaved(ctx, q, a.saved); err != nil {
		return err
	}
	if err := s.openHolds(ctx, q, a.opened, a.at, string(a.by), ""); err != nil {
		return err
	}
	return s.appendAudit(ctx, q, a.entries...)
}

func (a *apply) writeDeleted(ctx context.Context, q Querier) error {
	for ids := a.deleted; len(ids) > 0; {
		part := ids[:min(len(ids), inChunk)]
		ids = ids[len(part):]
		var b statement
		b.add(`UPDATE definitions SET revision = ?, followed = `+followedAfter(`?`)+`, updated_at = ?, updated_by = ?, deleted_at = ?,
			schedule_error = '', schedule_error_code = '', paused_at = NULL, paused_by = '', pause_reason = '' WHERE id IN `, a.revision, a.revision, a.at, clean(string(a.by)), a.at)
		in(&b, part)
		if _, err := exec(ctx, q, b.String(), b.args...); err != nil {
			return err
		}
	}
	// A deleted definition is neither paused nor disabled: one hold says it all.
	return closeHolds(ctx, q, a.deleted, a.at, holdPaused, holdDisabled)
}

// writeRevived ends the deletion of definitions that are created again, and marks where their
// slots begin, unless their mark is past that: the row forgets its first creation, and the
// slots between that and the deletion may be without a verdict.
func (s *Store) writeRevived(ctx context.Context, q Querier, a *apply) error {
	ids := make([]string, len(a.revived))
	for i, old := range a.revived {
		ids[i] = old.ID
	}
	if err := closeHolds(ctx, q, ids, a.at, holdDeleted); err != nil {
		return err
	}
	return s.insert(ctx, q, `INSERT INTO slot_marks (activity_id, accounted_until)`, `ON CONFLICT (activity_id) DO NOTHING`, len(a.revived),
		func(i int) []any { return []any{a.revived[i].ID, a.revived[i].CreatedAt} }, nil)
}

// writeSaved writes the rows of definitions, new, changed or revived, and their versions.
func (s *Store) writeSaved(ctx context.Context, q Querier, rows []*definitionRow) error {
	err := s.insert(ctx, q, `INSERT INTO definitions
		(id, name, version, revision, document, enabled, trigger_type, created_at, updated_at, updated_by, followed)`,
		`ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, revision = excluded.revision,
		document = excluded.document, enabled = excluded.enabled, trigger_type = excluded.trigger_type,
		created_at = excluded.created_at, updated_at = excluded.updated_at, updated_by = excluded.updated_by,
		followed = excluded.followed, schedule_error = '', schedule_error_code = '',
		deleted_at = NULL, purged = FALSE`, len(rows), func(i int) []any {
			row := rows[i]
			return []any{row.ID, row.Name, row.Version, row.Revision, row.document, row.Enabled, string(row.TriggerType),
				row.CreatedAt, row.UpdatedAt, clean(string(row.UpdatedBy)), row.Followed}
		}, nil)
	if err != nil {
		return err
	}
	return s.insert(ctx, q, `INSERT INTO definition_versions (`+versionColumns+`)`, ``, len(rows), func(i int) []any {
		row := rows[i]
		return []any{row.ID, row.Version, row.Revision, row.document, row.CreatedAt, row.UpdatedAt, clean(string(row.UpdatedBy))}
	}, nil)
}

func (s *Store) openHolds(ctx context.Context, q Querier, holds []openedHold, at time.Time, by, reason string) error {
	return s.insert(ctx, q, `INSERT INTO holds (activity_id, kind, from_at, actor, reason)`,
		`ON CONFLICT (activity_id, kind, from_at) DO UPDATE SET until_at = NULL, actor = excluded.actor, reason = excluded.reason`,
		len(holds), func(i int) []any { return []any{holds[i].id, holds[i].kind, at, clean(by), clean(reason)} }, nil)
}

// closeHolds ends open holds at a time, but not before they began (clocks of several hosts differ).
func closeHolds(ctx context.Context, q Querier, ids []string, at time.Time, kinds ...string) error {
	for len(ids) > 0 {
		part := ids[:min(len(ids), inChunk)]
		ids = ids[len(part):]
		var b statement
		b.add(`UPDATE holds SET until_at = CASE WHEN from_at > ` + b.arg(at) + ` THEN from_at ELSE $1 END WHERE activity_id IN `)
		in(&b, part)
		b.add(` AND until_at IS NULL AND kind IN `)
		in(&b, kinds)
		if _, err := exec(ctx, q, b.String(), b.args...); err != nil {
			return err
		}
	}
	return nil
}
