package sqlstore

import (
	"context"
	"sort"
	"time"

	core "github.com/activity-core/activity-core"
)

// AccountedUntil returns the marks of the definitions that have one.
func (s *Store) AccountedUntil(ctx context.Context, activityIDs []string) (map[string]time.Time, error) {
	marks := make(map[string]time.Time, len(activityIDs))
	type mark struct {
		id string
		at time.Time
	}
	for len(activityIDs) > 0 {
		part := activityIDs[:min(len(activityIDs), inChunk)]
		activityIDs = activityIDs[len(part):]
		var b statement
		b.add(`SELECT activity_id, accounted_until FROM slot_marks WHERE activity_id IN `)
		in(&b, part)
		rows, err := list(ctx, s.engine.Reader(), func(r scanner) (m mark, err error) {
			err = r.Scan(&m.id, timeInto{&m.at})
			return m, err
		}, b.String(), b.args...)
		if err != nil {
			return nil, s.translate("read slot marks", err)
		}
		for _, m := range rows {
			marks[m.id] = m.at
		}
	}
	return marks, nil
}

// Tombstones lists the definitions that were deleted after a time, purged ones included.
func (s *Store) Tombstones(ctx context.Context, after time.Time) ([]core.StoredDefinition, error) {
	rows, err := list(ctx, s.engine.Reader(), scanDefinition,
		`SELECT `+definitionColumns+` FROM definitions WHERE deleted_at > $1 ORDER BY deleted_at, id`, ts(after))
	return stored(rows), s.translate("list deleted definitions", err)
}

// Advance moves marks forward, never back.
func (s *Store) Advance(ctx context.Context, marks map[string]time.Time) error {
	if len(marks) == 0 {
		return nil
	}
	ids := make([]string, 0, len(marks))
	for id := range marks {
		if err := checkKey("activity_id", id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return s.write(ctx, "advance slot marks", func(ctx context.Context, q Querier) error {
		return s.insert(ctx, q, `INSERT INTO slot_marks (activity_id, accounted_until)`,
			`ON CONFLICT (activity_id) DO UPDATE SET accounted_until = excluded.accounted_until
			WHERE excluded.accounted_until > slot_marks.accounted_until`, len(ids),
			func(i int) []any { return []any{ids[i], ts(marks[ids[i]])} }, nil)
	})
}

func scanTime(r scanner) (t time.Time, err error) {
	err = r.Scan(timeInto{&t})
	return t, err
}

// Beat records that what is alive and returns its previous beat. A beat that is older than the
// last one known (clocks differ) does not move it back.
func (s *Store) Beat(ctx context.Context, what, instance string, t time.Time) (previous time.Time, err error) {
	if err := checkKey("what", what); err != nil {
		return time.Time{}, err
	}
	err = s.write(ctx, "record beat", func(ctx context.Context, q Querier) error {
		var err error
		previous, _, err = one(ctx, q, scanTime, `SELECT beat_at FROM beats WHERE what = $1`+s.dialect.ForUpdate, what)
		if err != nil {
			return err
		}
		_, err = exec(ctx, q, `INSERT INTO beats (what, instance, beat_at) VALUES ($1,$2,$3)
			ON CONFLICT (what) DO UPDATE SET instance = excluded.instance, beat_at = excluded.beat_at
			WHERE excluded.beat_at > beats.beat_at`, what, clean(instance), ts(t))
		return err
	})
	return previous, err
}

func scanOutage(r scanner) (o core.Outage, err error) {
	err = r.Scan(&o.What, timeInto{&o.From}, timeInto{&o.To})
	return o, err
}

// RecordOutage stores an interval and merges it with those of its kind that it overlaps or touches.
func (s *Store) RecordOutage(ctx context.Context, o core.Outage) error {
	if err := checkKey("what", o.What); err != nil {
		return err
	}
	from, to := ts(o.From), ts(o.To)
	if !to.After(from) {
		return core.InvalidField("to", o.To, "must be after from, %s", o.From.Format(time.RFC3339))
	}
	return s.write(ctx, "record outage", func(ctx context.Context, q Querier) error {
		from, to := from, to
		if _, _, err := one(ctx, q, value[string], `SELECT name FROM locks WHERE name = 'outages'`+s.dialect.ForUpdate); err != nil {
			return err
		}
		near, err := list(ctx, q, scanOutage,
			`SELECT what, from_at, to_at FROM outages WHERE what = $1 AND from_at <= $2 AND to_at >= $3`, o.What, to, from)
		if err != nil {
			return err
		}
		for _, n := range near {
			if n.From.Before(from) {
				from = n.From
			}
			if n.To.After(to) {
				to = n.To
			}
			if _, err := exec(ctx, q, `DELETE FROM outages WHERE what = $1 AND from_at = $2`, n.What, n.From); err != nil {
				return err
			}
		}
		_, err = exec(ctx, q, `INSERT INTO outages (what, from_at, to_at) VALUES ($1,$2,$3)`, o.What, from, to)
		return err
	})
}

// Outages lists intervals that overlap [from, to), oldest first.
func (s *Store) Outages(ctx context.Context, from, to time.Time) ([]core.Outage, error) {
	out, err := list(ctx, s.engine.Reader(), scanOutage,
		`SELECT what, from_at, to_at FROM outages WHERE from_at < $1 AND to_at > $2 ORDER BY from_at, what`, ts(to), ts(from))
	return out, s.translate("list outages", err)
}
