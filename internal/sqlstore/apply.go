package sqlstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
)

// The kinds of hold.
const (
	holdPaused   = "paused"
	holdDisabled = "disabled"
	holdDeleted  = "deleted"
)

// apply is one atomic apply in progress.
type apply struct {
	store    *Store
	q        Querier
	by       core.Actor
	at       time.Time
	revision int64 // of this apply, if it changes anything
	changed  bool
	byID     map[string]*definitionRow
	liveName map[string]string // name → ID
	applyWrites
}

// ApplyChanges carries out all changes or none. Deletions go first, so that a
// name that one change frees can be taken by another.
func (s *Store) ApplyChanges(ctx context.Context, changes []core.DefinitionChange, by core.Actor, at time.Time) ([]core.StoredDefinition, error) {
	changes = append([]core.DefinitionChange(nil), changes...)
	seen := map[string]bool{}
	for i := range changes {
		d := &changes[i].Definition
		if d.ID == "" {
			d.ID = core.DefinitionID(d.Name)
		}
		if !core.IsUUID(d.ID) {
			return nil, core.InvalidField("id", clean(d.ID), "must be a UUID in lower case")
		}
		if err := checkKey("name", d.Name); err != nil {
			return nil, err
		}
		if seen[d.ID] {
			return nil, core.InvalidField("id", d.ID, "is changed twice in one apply")
		}
		seen[d.ID] = true
	}
	var results []core.StoredDefinition
	err := s.write(ctx, "change definitions", func(ctx context.Context, q Querier) error {
		results = make([]core.StoredDefinition, len(changes))
		a := &apply{store: s, q: q, by: by, at: ts(at)}
		if err := a.open(ctx, changes); err != nil {
			return err
		}
		for _, deletions := range []bool{true, false} {
			for i, c := range changes {
				if c.Delete != deletions {
					continue
				}
				var row *definitionRow
				var err error
				if c.Delete {
					row, err = a.delete(c)
				} else {
					row, err = a.put(c)
				}
				if err != nil {
					return err
				}
				results[i] = row.StoredDefinition
			}
		}
		return a.close(ctx)
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// lockRevision locks the catalogue's row and returns the next revision.
func (s *Store) lockRevision(ctx context.Context, q Querier) (next int64, err error) {
	rev, _, err := one(ctx, q, value[int64], `SELECT revision FROM catalogue WHERE id = 1`+s.dialect.ForUpdate)
	return rev + 1, err
}

// Of how many revisions the tokens are kept, and how often the others are removed. A reader
// that is further behind reads the whole catalogue anew.
const tokensKept, tokensRemoved = 10_000, 100

// setRevision commits the catalogue to its next revision, with a token that tells it from the
// revision of the same number in another life of this database: after a restore it counts on
// from where the backup was.
func setRevision(ctx context.Context, q Querier, rev int64) error {
	if _, err := exec(ctx, q, `UPDATE catalogue SET revision = $1 WHERE id = 1`, rev); err != nil {
		return err
	}
	if _, err := exec(ctx, q, `INSERT INTO catalogue_changes (revision, token) VALUES ($1, $2)`, rev, rand.Text()); err != nil {
		return err
	}
	if rev%tokensRemoved != 0 {
		return nil
	}
	_, err := exec(ctx, q, `DELETE FROM catalogue_changes WHERE revision <= $1`, rev-tokensKept)
	return err
}

// open locks the catalogue and reads every row the changes may touch.
func (a *apply) open(ctx context.Context, changes []core.DefinitionChange) error {
	var err error
	if a.revision, err = a.store.lockRevision(ctx, a.q); err != nil {
		return err
	}
	a.byID, a.liveName = map[string]*definitionRow{}, map[string]string{}
	for len(changes) > 0 {
		part := changes[:min(len(changes), inChunk)]
		changes = changes[len(part):]
		var ids, names []string
		for _, c := range part {
			ids = append(ids, c.Definition.ID)
			names = append(names, c.Definition.Name)
		}
		var b statement
		b.add(`SELECT ` + definitionColumns + ` FROM definitions WHERE id IN `)
		in(&b, ids)
		b.add(` OR (deleted_at IS NULL AND name IN `)
		in(&b, names)
		b.add(`)`)
		rows, err := list(ctx, a.q, scanDefinition, b.String(), b.args...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			a.byID[r.ID] = &r
			if r.Live() {
				a.liveName[r.Name] = r.ID
			}
		}
	}
	return nil
}

// live returns the live row with the ID, or nil.
func (a *apply) live(id string) *definitionRow {
	if r := a.byID[id]; r != nil && r.Live() {
		return r
	}
	return nil
}

func checkVersion(c core.DefinitionChange, cur *definitionRow) error {
	if c.ExpectVersion == core.AnyVersion {
		return nil
	}
	ref := c.Definition.Name
	if ref == "" {
		ref = c.Definition.ID
	}
	if cur == nil {
		return core.Errorf(core.CodePreconditionFailed,
			"activity definition %q does not exist, version %d was expected; read the list again", ref, c.ExpectVersion)
	}
	if cur.Version != c.ExpectVersion {
		return core.Errorf(core.CodePreconditionFailed,
			"activity definition %q is at version %d, not %d; read it again and repeat the change", cur.Name, cur.Version, c.ExpectVersion)
	}
	return nil
}

func (a *apply) delete(c core.DefinitionChange) (*definitionRow, error) {
	cur := a.live(c.Definition.ID)
	if cur == nil {
		ref := c.Definition.Name
		if ref == "" {
			ref = c.Definition.ID
		}
		return nil, core.NotFound("activity definition", ref)
	}
	if err := checkVersion(c, cur); err != nil {
		return nil, err
	}
	a.changed = true
	delete(a.liveName, cur.Name)
	none := needsNoSchedule(cur)
	cur.Revision, cur.UpdatedAt, cur.UpdatedBy, cur.DeletedAt, cur.Paused = a.revision, a.at, a.by, &a.at, nil
	if none {
		cur.Followed = cur.Revision
	}
	a.deleted = append(a.deleted, cur.ID)
	a.opened = append(a.opened, openedHold{cur.ID, holdDeleted})
	a.trail("delete", cur.Name)
	return cur, nil
}

// taken is the conflict about a field whose value belongs to another definition.
func taken(field, value, message string) error {
	err := core.Errorf(core.CodeConflict, "%s %q %s", field, value, message)
	err.Fields = []core.FieldError{{Location: field, Value: value, Message: message}}
	return err
}

func (a *apply) put(c core.DefinitionChange) (*definitionRow, error) {
	d := c.Definition
	cur := a.live(d.ID)
	if c.ExpectVersion == 0 && cur != nil && cur.Name != d.Name {
		return nil, taken("id", d.ID, fmt.Sprintf("is taken by the activity definition %q; update that one or choose another ID", cur.Name))
	}
	if owner := a.liveName[d.Name]; owner != "" && (c.ExpectVersion == 0 || owner != d.ID) {
		return nil, taken("name", d.Name, fmt.Sprintf("is taken by the activity definition with ID %s; update that one or choose another name", owner))
	}
	if c.ExpectVersion != 0 {
		if err := checkVersion(c, cur); err != nil {
			return nil, err
		}
	}
	document, err := encodeJSON(d)
	if err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "activity definition %q cannot be written as JSON", d.Name)
	}
	if cur != nil && cur.document == document {
		return cur, nil
	}
	a.changed = true
	row := &definitionRow{document: document}
	if err := json.Unmarshal([]byte(document), &row.Definition); err != nil { // what readers will see
		return nil, fmt.Errorf("read back document of %s: %w", d.ID, err)
	}
	row.Version, row.Revision, row.CreatedAt, row.UpdatedAt, row.UpdatedBy = 1, a.revision, a.at, a.at, a.by
	old := a.byID[d.ID]
	if old != nil {
		row.Version, row.Followed = old.Version+1, old.Followed
	}
	if d.TriggerType != core.TriggerCron && needsNoSchedule(old) {
		row.Followed = row.Revision
	}
	switch {
	case cur != nil:
		row.CreatedAt, row.Paused = cur.CreatedAt, cur.Paused
		delete(a.liveName, cur.Name)
	case old != nil:
		a.revived = append(a.revived, old)
	}
	a.byID[d.ID], a.liveName[d.Name] = row, d.ID
	a.saved = append(a.saved, row)
	a.putHolds(cur, row)
	if cur == nil {
		a.trail("create", d.Name)
	} else {
		a.trail("update", d.Name)
	}
	return row, nil
}

func (a *apply) close(ctx context.Context) error {
	if !a.changed {
		return nil
	}
	if err := a.store.writeApply(ctx, a.q, a); err != nil {
		return err
	}
	return setRevision(ctx, a.q, a.revision)
}

// SetPaused pauses or resumes a live definition.
func (s *Store) SetPaused(ctx context.Context, id string, p *core.Pause, actor core.Actor, at time.Time) (core.StoredDefinition, error) {
	var out core.StoredDefinition
	at = ts(at)
	err := s.write(ctx, "pause or resume definition", func(ctx context.Context, q Querier) error {
		rev, err := s.lockRevision(ctx, q)
		if err != nil {
			return err
		}
		cur, found, err := one(ctx, q, scanDefinition,
			`SELECT `+definitionColumns+` FROM definitions WHERE id = $1 AND deleted_at IS NULL`, clean(id))
		if err != nil {
			return err
		}
		if !found {
			return core.NotFound("activity definition", clean(id))
		}
		out = cur.StoredDefinition
		none := needsNoSchedule(&cur)
		if (p == nil) == (cur.Paused == nil) {
			return nil
		}
		if out.Revision = rev; none {
			out.Followed = rev
		}
		var since any
		var by, reason string
		if p == nil {
			out.Paused = nil
			err = closeHolds(ctx, q, []string{id}, at, holdPaused)
		} else {
			pause := core.Pause{By: clean(p.By), Reason: clean(p.Reason), At: ts(p.At)}
			if p.At.IsZero() {
				pause.At = at
			}
			out.Paused = &pause
			since, by, reason = pause.At, pause.By, pause.Reason
			err = s.openHolds(ctx, q, []openedHold{{id, holdPaused}}, pause.At, by, reason)
		}
		if err != nil {
			return err
		}
		if _, err := exec(ctx, q, `UPDATE definitions SET revision = $1, followed = $2, paused_at = $3, paused_by = $4, pause_reason = $5,
			schedule_error = '', schedule_error_code = '' WHERE id = $6`,
			rev, out.Followed, since, by, reason, id); err != nil {
			return err
		}
		entry := core.AuditEntry{At: at, By: actor, Action: "definition.pause", Object: out.Name}
		if p == nil {
			entry.Action = "definition.resume"
		}
		if err := s.appendAudit(ctx, q, entry); err != nil {
			return err
		}
		return setRevision(ctx, q, rev)
	})
	return out, err
}

// PurgeTombstone hides a tombstone for good. Its row stays as a mark (see the
// migration), so the catalogue's readers need not have seen it yet.
func (s *Store) PurgeTombstone(ctx context.Context, id string, version int64) error {
	return s.write(ctx, "purge tombstone", func(ctx context.Context, q Querier) error {
		rev, err := s.lockRevision(ctx, q)
		if err != nil {
			return err
		}
		// The row keeps the revision of its deletion: there is nothing new in it for readers.
		n, err := exec(ctx, q, `UPDATE definitions SET purged = TRUE
			WHERE id = $1 AND version = $2 AND deleted_at IS NOT NULL AND NOT purged`, clean(id), version)
		if err != nil || n == 0 {
			return err
		}
		return setRevision(ctx, q, rev)
	})
}

// Holds lists a definition's holds that overlap [from, to), oldest first.
func (s *Store) Holds(ctx context.Context, activityID string, from, to time.Time) ([]core.Hold, error) {
	out, err := list(ctx, s.engine.Reader(), func(r scanner) (core.Hold, error) {
		h := core.Hold{ActivityID: activityID}
		err := r.Scan(&h.Kind, timeInto{&h.From}, timePtrInto{&h.Until}, &h.By, &h.Reason)
		return h, err
	}, `SELECT kind, from_at, until_at, actor, reason FROM holds
		WHERE activity_id = $1 AND from_at < $2 AND (until_at IS NULL OR until_at > $3) ORDER BY from_at, kind`,
		clean(activityID), ts(to), ts(from))
	return out, s.translate("list holds", err)
}

// encodeJSON writes the JSON form of a value as text.
func encodeJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
