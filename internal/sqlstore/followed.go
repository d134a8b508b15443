package sqlstore

import (
	"context"

	core "github.com/activity-core/activity-core"
)

// behind is the condition of the index definitions_behind, word for word.
const behind = `followed < revision AND NOT purged`

// passing are the codes of errors that may be gone next time; with another one a schedule is
// refused.
const passing = `('', 'unavailable', 'internal')`

// followedAfter is the column followed of a row that gets a new revision: what never had a
// schedule and needs none follows at once. It is given the placeholder of the revision.
func followedAfter(revision string) string {
	return `CASE WHEN trigger_type <> 'cron' AND followed >= revision THEN ` + revision + ` ELSE followed END`
}

// needsNoSchedule reports whether no schedule is there, or on its way, for a row; nil is no row.
func needsNoSchedule(row *definitionRow) bool {
	return row == nil || row.TriggerType != core.TriggerCron && row.Followed >= row.Revision
}

// MarkSchedules notes how far schedules follow.
func (s *Store) MarkSchedules(ctx context.Context, marks []core.ScheduleMark) error {
	if len(marks) == 0 {
		return nil
	}
	return s.write(ctx, "note how far schedules follow", func(ctx context.Context, q Querier) error {
		for _, m := range marks {
			var err error
			if m.Error == "" {
				_, err = exec(ctx, q, `UPDATE definitions SET followed = $1, schedule_error = '', schedule_error_code = ''
					WHERE id = $2 AND followed < $3`, m.Revision, clean(m.ActivityID), m.Revision)
			} else {
				_, err = exec(ctx, q, `UPDATE definitions SET schedule_error = $1, schedule_error_code = $2 WHERE id = $3 AND `+behind,
					clean(m.Error), clean(string(m.Code)), clean(m.ActivityID))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// HoldUpSchedules notes what keeps all schedules that are behind from following.
func (s *Store) HoldUpSchedules(ctx context.Context, code core.Code, message string) error {
	return s.write(ctx, "note what keeps schedules from following", func(ctx context.Context, q Querier) error {
		_, err := exec(ctx, q, `UPDATE definitions SET schedule_error = $1, schedule_error_code = $2 WHERE `+behind+` AND schedule_error <> $3`,
			clean(message), clean(string(code)), clean(message))
		return err
	})
}

// SchedulesBehind counts the definitions whose schedule is behind, and lists some of them.
func (s *Store) SchedulesBehind(ctx context.Context, f core.BehindFilter) (core.SchedulesBehind, error) {
	var out core.SchedulesBehind
	const step = "find schedules that are behind"
	where := func(b *statement) {
		b.add(` FROM definitions WHERE `+behind+` AND revision > ?`, f.After)
		if f.UpTo > 0 {
			b.add(` AND revision <= ?`, f.UpTo)
		}
	}
	var count statement
	count.add(`SELECT count(*), COALESCE(sum(CASE WHEN schedule_error <> '' THEN 1 ELSE 0 END), 0),
		COALESCE(sum(CASE WHEN schedule_error_code IN ` + passing + ` THEN 0 ELSE 1 END), 0)`)
	where(&count)
	_, _, err := one(ctx, s.engine.Reader(), func(r scanner) (struct{}, error) {
		return struct{}{}, r.Scan(&out.Total, &out.Failing, &out.Refused)
	}, count.String(), count.args...)
	if err != nil || out.Total == 0 {
		return out, s.translate(step, err)
	}
	var b statement
	b.add(`SELECT id, name, revision, schedule_error, schedule_error_code`)
	where(&b)
	if f.Failing {
		b.add(` AND schedule_error <> ''`)
	}
	if f.Open {
		b.add(` AND schedule_error_code IN ` + passing)
	}
	b.add(` ORDER BY revision DESC, id LIMIT ?`, f.Limit)
	out.Items, err = list(ctx, s.engine.Reader(), func(r scanner) (x core.ScheduleBehind, err error) {
		err = r.Scan(&x.ActivityID, &x.ActivityName, &x.Revision, &x.Error, &x.Code)
		return x, err
	}, b.String(), b.args...)
	return out, s.translate(step, err)
}
