package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
)

// definitionRow is a row of definitions, marks of purged tombstones included.
type definitionRow struct {
	core.StoredDefinition
	document string
	purged   bool
}

const definitionColumns = `id, document, version, revision, followed, created_at, updated_at, updated_by, deleted_at, purged, paused_at, paused_by, pause_reason`

func scanDefinition(r scanner) (definitionRow, error) {
	var d definitionRow
	var id, by, pausedBy, pauseReason string
	var pausedAt *time.Time
	err := r.Scan(&id, &d.document, &d.Version, &d.Revision, &d.Followed, timeInto{&d.CreatedAt}, timeInto{&d.UpdatedAt}, &by,
		timePtrInto{&d.DeletedAt}, &d.purged, timePtrInto{&pausedAt}, &pausedBy, &pauseReason)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal([]byte(d.document), &d.Definition); err != nil {
		return d, fmt.Errorf("document of definition %s: %w", id, err)
	}
	d.UpdatedBy = core.Actor(by)
	if pausedAt != nil {
		d.Paused = &core.Pause{By: pausedBy, Reason: pauseReason, At: *pausedAt}
	}
	return d, nil
}

func stored(rows []definitionRow) []core.StoredDefinition {
	out := make([]core.StoredDefinition, len(rows))
	for i, r := range rows {
		out[i] = r.StoredDefinition
	}
	return out
}

// Definition finds a live definition by ID or name.
func (s *Store) Definition(ctx context.Context, idOrName string) (core.StoredDefinition, error) {
	column := "name"
	if core.IsUUID(idOrName) { // a UUID may be a name, too: then the ID wins
		column = "id"
	}
	find := func(column string) (definitionRow, bool, error) {
		return one(ctx, s.engine.Reader(), scanDefinition,
			`SELECT `+definitionColumns+` FROM definitions WHERE `+column+` = $1 AND deleted_at IS NULL`, clean(idOrName))
	}
	d, found, err := find(column)
	if err == nil && !found && column == "id" {
		d, found, err = find("name")
	}
	if err != nil {
		return core.StoredDefinition{}, s.translate("find definition", err)
	}
	if !found {
		return core.StoredDefinition{}, core.NotFound("activity definition", clean(idOrName))
	}
	return d.StoredDefinition, nil
}

// DefinitionsNamed finds live definitions by name, many in one query.
func (s *Store) DefinitionsNamed(ctx context.Context, names []string) ([]core.StoredDefinition, error) {
	var out []core.StoredDefinition
	for len(names) > 0 {
		part := make([]string, 0, inChunk)
		for _, name := range names[:min(len(names), inChunk)] {
			part = append(part, clean(name))
		}
		names = names[len(part):]
		var b statement
		b.add(`SELECT ` + definitionColumns + ` FROM definitions WHERE deleted_at IS NULL AND name IN `)
		in(&b, part)
		rows, err := list(ctx, s.engine.Reader(), scanDefinition, b.String(), b.args...)
		if err != nil {
			return nil, s.translate("find definitions", err)
		}
		out = append(out, stored(rows)...)
	}
	return out, nil
}

// DefinitionAny finds a definition by ID, also a tombstone.
func (s *Store) DefinitionAny(ctx context.Context, id string) (core.StoredDefinition, error) {
	d, found, err := one(ctx, s.engine.Reader(), scanDefinition,
		`SELECT `+definitionColumns+` FROM definitions WHERE id = $1 AND NOT purged`, clean(id))
	if err != nil {
		return core.StoredDefinition{}, s.translate("find definition", err)
	}
	if !found {
		return core.StoredDefinition{}, core.NotFound("activity definition", clean(id))
	}
	return d.StoredDefinition, nil
}

// DefinitionID returns the ID that an ID or name means, also of a tombstone and of the mark
// that a purged one leaves.
func (s *Store) DefinitionID(ctx context.Context, idOrName string) (string, error) {
	ref := clean(idOrName)
	for _, where := range []string{
		`id = $1`,
		`name = $1 AND deleted_at IS NULL`, // apart from the next, which no index helps
		`name = $1 ORDER BY deleted_at DESC, id LIMIT 1`,
	} {
		id, found, err := one(ctx, s.engine.Reader(), value[string], `SELECT id FROM definitions WHERE `+where, ref)
		if err != nil {
			return "", s.translate("find definition", err)
		}
		if found {
			return id, nil
		}
	}
	return "", core.NotFound("activity definition", ref)
}

// DefinitionNames returns the names of live definitions, ascending, at most limit.
func (s *Store) DefinitionNames(ctx context.Context, limit int) ([]string, error) {
	names, err := list(ctx, s.engine.Reader(), value[string], `SELECT name FROM definitions WHERE deleted_at IS NULL ORDER BY name LIMIT $1`, limit)
	return names, s.translate("list definition names", err)
}

const versionColumns = `activity_id, version, revision, document, definition_created_at, created_at, created_by`

func scanVersion(r scanner) (core.StoredDefinition, error) {
	var d core.StoredDefinition
	var id, document, by string
	err := r.Scan(&id, &d.Version, &d.Revision, &document, timeInto{&d.CreatedAt}, timeInto{&d.UpdatedAt}, &by)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal([]byte(document), &d.Definition); err != nil {
		return d, fmt.Errorf("document of definition %s version %d: %w", id, d.Version, err)
	}
	d.UpdatedBy = core.Actor(by)
	d.Followed = d.Revision // a version is of the past: nothing has to follow it
	return d, nil
}

// DefinitionVersion returns the document as it was at a version.
func (s *Store) DefinitionVersion(ctx context.Context, id string, version int64) (core.StoredDefinition, error) {
	d, found, err := one(ctx, s.engine.Reader(), scanVersion,
		`SELECT `+versionColumns+` FROM definition_versions WHERE activity_id = $1 AND version = $2`, clean(id), version)
	if err != nil {
		return d, s.translate("find definition version", err)
	}
	if !found {
		return d, core.Errorf(core.CodeNotFound, "there is no version %d of activity definition %q", version, clean(id))
	}
	return d, nil
}

// Definitions lists live definitions by name, ascending.
func (s *Store) Definitions(ctx context.Context, f core.DefinitionFilter, p core.PageRequest) (core.Page[core.StoredDefinition], error) {
	var none core.Page[core.StoredDefinition]
	tag := listTag("definitions", f)
	after, err := openPage(tag, 1, p)
	if err != nil {
		return none, err
	}
	l := definitionListing(f, p.Limit)
	if after != nil {
		l.after = []any{after.Keys[0]}
	}
	rows, err := read(ctx, s, l, scanDefinition)
	if err != nil {
		return none, s.translate("list definitions", err)
	}
	return closePage(tag, stored(rows), p.Limit, func(d core.StoredDefinition) (time.Time, []string) {
		return time.Time{}, []string{d.Name}
	}), nil
}

// definitionListing lists live definitions by name.
func definitionListing(f core.DefinitionFilter, limit int) *listing {
	l := &listing{table: "definitions", columns: definitionColumns, always: []string{"deleted_at IS NULL"}, order: []string{"name"}, limit: limit}
	if from, before := prefixRange(f.NamePrefix); from != "" {
		l.from, l.before = from, before
	}
	if f.TriggerType == "" && f.Enabled == nil && f.Paused == nil {
		return l
	}
	l.options = []option{
		optionOf("trigger_type", oneOf(f.TriggerType), []core.TriggerType{core.TriggerCron, core.TriggerEvent}),
		either(f.Enabled, condition{"enabled = ?", true}, condition{"enabled = ?", false}),
		either(f.Paused, condition{sql: "paused_at IS NOT NULL"}, condition{sql: "paused_at IS NULL"}),
	}
	return l
}

// either is one of two conditions, or both if nothing is said.
func either(say *bool, yes, no condition) option {
	switch {
	case say == nil:
		return option{no, yes}
	case *say:
		return option{yes}
	}
	return option{no}
}

// Versions lists a definition's versions, newest first.
func (s *Store) Versions(ctx context.Context, id string, p core.PageRequest) (core.Page[core.StoredDefinition], error) {
	var none core.Page[core.StoredDefinition]
	tag := listTag("versions", id)
	after, err := openPage(tag, 1, p)
	if err != nil {
		return none, err
	}
	var b statement
	b.add(`SELECT `+versionColumns+` FROM definition_versions WHERE activity_id = ?`, clean(id))
	if after != nil {
		var v int64
		if _, err := fmt.Sscan(after.Keys[0], &v); err != nil {
			return none, core.InvalidField("cursor", nil, "was not made by this list")
		}
		b.add(` AND version < ?`, v)
	}
	b.add(` ORDER BY version DESC LIMIT ?`, p.Limit+1)
	rows, err := list(ctx, s.engine.Reader(), scanVersion, b.String(), b.args...)
	if err != nil {
		return none, s.translate("list definition versions", err)
	}
	if len(rows) == 0 && after == nil {
		return none, core.NotFound("activity definition", clean(id))
	}
	return closePage(tag, rows, p.Limit, func(d core.StoredDefinition) (time.Time, []string) {
		return time.Time{}, []string{fmt.Sprint(d.Version)}
	}), nil
}

// revision is the catalogue's revision.
func (s *Store) revision(ctx context.Context) (int64, error) {
	rev, _, err := one(ctx, s.engine.Reader(), value[int64], `SELECT revision FROM catalogue WHERE id = 1`)
	return rev, s.translate("read the catalogue's revision", err)
}

// Head is the catalogue's revision and the token of the revision known.
func (s *Store) Head(ctx context.Context, known int64) (int64, string, error) {
	type head struct {
		revision int64
		token    string
	}
	h, _, err := one(ctx, s.engine.Reader(), func(r scanner) (h head, err error) {
		err = r.Scan(&h.revision, &h.token)
		return h, err
	}, `SELECT revision, COALESCE((SELECT token FROM catalogue_changes WHERE revision = $1), '') FROM catalogue WHERE id = 1`, known)
	return h.revision, h.token, s.translate("read the catalogue's revision", err)
}

// ChangesSince returns the definitions that changed after a revision. The
// catalogue's row is locked by every change until it is committed, so whoever sees revision N
// finds every change up to N.
func (s *Store) ChangesSince(ctx context.Context, since int64, limit int) ([]core.StoredDefinition, int64, error) {
	const step = "read the catalogue's changes"
	if limit < 1 {
		return nil, 0, core.InvalidField("limit", limit, "must be at least 1")
	}
	q := s.engine.Reader()
	upTo, err := s.revision(ctx)
	if err != nil {
		return nil, 0, err
	}
	// Whoever begins from nothing has nothing to forget: no marks of purged tombstones for him.
	where := ` WHERE revision > $1 AND revision <= $2`
	if since <= 0 {
		where += ` AND NOT purged`
	}
	last, more, err := one(ctx, q, value[int64],
		`SELECT revision FROM definitions`+where+` ORDER BY revision, id LIMIT 1 OFFSET $3`, since, upTo, limit-1)
	if err != nil {
		return nil, 0, s.translate(step, err)
	}
	if more {
		upTo = last
	}
	rows, err := list(ctx, q, scanDefinition,
		`SELECT `+definitionColumns+` FROM definitions`+where+` ORDER BY revision, id`, since, upTo)
	if err != nil {
		return nil, 0, s.translate(step, err)
	}
	return stored(rows), max(upTo, since), nil
}
