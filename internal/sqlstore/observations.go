package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
)

// What is observed of schedules: the comparison as a whole, the latest attempt if it failed,
// and a row for each difference, "schedules {kind} {activity name} {activity ID}". A blank
// sorts before whatever a name may have, so that the rows of a kind are by name.
const (
	observedSchedules = "schedules"
	observedFailure   = observedSchedules + " failure"
	observedParts     = observedSchedules + " "
	observedEnd       = observedSchedules + "!" // the character behind the blank
)

func driftKey(kind core.DriftKind, name, id string) string {
	return observedParts + clean(string(kind)) + " " + clean(name) + " " + clean(id)
}

// ObserveSchedules keeps what a comparison of all schedules saw, in place of what was seen before.
func (s *Store) ObserveSchedules(ctx context.Context, o core.ScheduleObservation, drift []core.ScheduleDrift) error {
	o.Failed = nil
	summary, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode an observation: %w", err)
	}
	keys, bodies := make([]string, 0, len(drift)), make([]string, 0, len(drift))
	seen := make(map[string]bool, len(drift))
	for _, d := range drift {
		body, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("encode an observation: %w", err)
		}
		if key := driftKey(d.Kind, d.ActivityName, d.ActivityID); !seen[key] {
			seen[key] = true
			keys, bodies = append(keys, key), append(bodies, clean(string(body)))
		}
	}
	return s.write(ctx, "note what schedules are like", func(ctx context.Context, q Querier) error {
		// The row of the whole is locked first: of two processes one waits for the other.
		kept, err := exec(ctx, q, `INSERT INTO observations (what, seen_at, body) VALUES ($1, $2, $3) ON CONFLICT (what)
			DO UPDATE SET seen_at = excluded.seen_at, body = excluded.body WHERE observations.seen_at <= excluded.seen_at`,
			observedSchedules, ts(o.At), clean(string(summary)))
		if err != nil || kept == 0 {
			return err
		}
		if _, err := exec(ctx, q, `DELETE FROM observations WHERE what >= $1 AND what < $2`, observedParts, observedEnd); err != nil {
			return err
		}
		return s.insert(ctx, q, `INSERT INTO observations (what, seen_at, body)`, ``, len(keys), func(i int) []any {
			return []any{keys[i], ts(o.At), bodies[i]}
		}, nil)
	})
}

// ObservationFailed notes an attempt to compare all schedules that failed.
func (s *Store) ObservationFailed(ctx context.Context, f core.FailedObservation) error {
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode a failed observation: %w", err)
	}
	return s.write(ctx, "note that schedules could not be compared", func(ctx context.Context, q Querier) error {
		_, err := exec(ctx, q, `INSERT INTO observations (what, seen_at, body) VALUES ($1, $2, $3) ON CONFLICT (what)
			DO UPDATE SET seen_at = excluded.seen_at, body = excluded.body WHERE observations.seen_at <= excluded.seen_at`,
			observedFailure, ts(f.At), clean(string(body)))
		return err
	})
}

type observedRow struct{ what, body string }

func scanObserved(r scanner) (o observedRow, err error) {
	err = r.Scan(&o.what, &o.body)
	return o, err
}

// LastObservation is the observation kept.
func (s *Store) LastObservation(ctx context.Context) (core.ScheduleObservation, error) {
	var out core.ScheduleObservation
	var failed *core.FailedObservation
	rows, err := list(ctx, s.engine.Reader(), scanObserved, `SELECT what, body FROM observations WHERE what IN ($1, $2)`, observedSchedules, observedFailure)
	for _, r := range rows {
		into := any(&out)
		if r.what == observedFailure {
			into = &failed
		}
		if err := json.Unmarshal([]byte(r.body), into); err != nil {
			return out, s.translate("read what schedules are like", fmt.Errorf("%s: %w", r.what, err))
		}
	}
	if failed != nil && !failed.At.Before(out.At) { // one that began before the observation says nothing any more
		out.Failed = failed
	}
	return out, s.translate("read what schedules are like", err)
}

// scheduleColumns are those of definitions that a list of schedules shows.
const scheduleColumns = `id, name, trigger_type, enabled, paused_at IS NOT NULL, deleted_at IS NOT NULL, purged, revision, followed, schedule_error, schedule_error_code`

// scheduleRow is a definition as a list of schedules shows it.
type scheduleRow struct {
	core.ScheduleState
	purged bool
}

func scanSchedule(r scanner) (s scheduleRow, err error) {
	var trigger core.TriggerType
	var enabled, paused, deleted bool
	var followed int64
	err = r.Scan(&s.ActivityID, &s.ActivityName, &trigger, &enabled, &paused, &deleted, &s.purged, &s.Revision, &followed, &s.Error, &s.Code)
	s.ScheduleID = core.ScheduleID(s.ActivityID)
	switch {
	case deleted || trigger != core.TriggerCron:
		s.Wanted = core.WantNone
	case !enabled:
		s.Wanted = core.WantDisabled
	case paused:
		s.Wanted = core.WantPaused
	default:
		s.Wanted = core.WantFiring
	}
	switch {
	case followed >= s.Revision:
		s.State, s.Error, s.Code = core.ScheduleFollows, "", ""
	case s.Code == "" || s.Code == core.CodeUnavailable || s.Code == core.CodeInternal:
		s.State = core.SchedulePending
	default:
		s.State = core.ScheduleRefused
	}
	return s, err
}

// Schedules lists what is known of schedules.
func (s *Store) Schedules(ctx context.Context, f core.ScheduleFilter, p core.PageRequest) (core.Page[core.ScheduleState], error) {
	switch {
	case f.Only == "" || f.Only == core.OnlyPending:
		return s.schedulesOfDefinitions(ctx, f, p)
	case slices.Contains(core.DriftKinds(), core.DriftKind(f.Only)):
		return s.schedulesThatDiffer(ctx, f, p)
	}
	return core.Page[core.ScheduleState]{}, core.InvalidField("drift", string(f.Only), "must be one of %v", core.DriftKinds())
}

func (s *Store) schedulesOfDefinitions(ctx context.Context, f core.ScheduleFilter, p core.PageRequest) (page core.Page[core.ScheduleState], err error) {
	tag := listTag("schedules", f)
	l, keys := scheduleListing(f, p.Limit), 1
	if f.Only == core.OnlyPending {
		keys = 2
	}
	after, err := openPage(tag, keys, p)
	if err != nil {
		return page, err
	}
	if after != nil {
		for _, k := range after.Keys {
			l.after = append(l.after, k)
		}
		if f.Only == core.OnlyPending {
			if l.after[0], err = strconv.ParseInt(after.Keys[0], 10, 64); err != nil {
				return page, core.InvalidField("cursor", nil, "was not made by this list")
			}
		}
	}
	rows, err := read(ctx, s, l, scanSchedule)
	if err != nil {
		return page, s.translate("list schedules", err)
	}
	states := make([]core.ScheduleState, len(rows))
	for i, r := range rows {
		states[i] = r.ScheduleState
	}
	page = closePage(tag, states, p.Limit, func(x core.ScheduleState) (time.Time, []string) {
		if keys == 1 {
			return time.Time{}, []string{x.ActivityName}
		}
		return time.Time{}, []string{strconv.FormatInt(x.Revision, 10), x.ActivityID}
	})
	return page, s.translate("list schedules", s.addDrift(ctx, page.Items))
}

// scheduleListing lists definitions with a schedule by name, or those that are behind by
// revision. Those are few, save after a large apply, and then no more than there are
// definitions: no index has their names.
func scheduleListing(f core.ScheduleFilter, limit int) *listing {
	if f.Only == "" {
		l := definitionListing(core.DefinitionFilter{TriggerType: core.TriggerCron, NamePrefix: f.NamePrefix}, limit)
		l.columns = scheduleColumns
		return l
	}
	l := &listing{table: "definitions", columns: scheduleColumns, always: []string{behind}, order: []string{"revision", "id"}, descending: true, limit: limit}
	if from, before := prefixRange(f.NamePrefix); from != "" {
		l.options = []option{{{"name || '' >= ?", from}}, {{"name || '' < ?", before}}}
	}
	return l
}

// prefixRange are the bounds of what begins with a prefix: from <= x < before. "" has none.
func prefixRange(prefix string) (from, before string) {
	if from = strings.ToValidUTF8(clean(prefix), ""); from == "" {
		return "", ""
	}
	return from, from + "\U0010FFFF"
}

// addDrift gives schedules how they differed when they were last looked at.
func (s *Store) addDrift(ctx context.Context, states []core.ScheduleState) error {
	if len(states) == 0 {
		return nil
	}
	last, err := s.LastObservation(ctx)
	if err != nil {
		return err
	}
	var keys []string
	at := make(map[string]int)
	for _, kind := range core.DriftKinds() {
		if last.Drift[kind] == 0 {
			continue
		}
		for i, x := range states {
			key := driftKey(kind, x.ActivityName, x.ActivityID)
			keys, at[key] = append(keys, key), i
		}
	}
	for part := range slices.Chunk(keys, inChunk) {
		var b statement
		b.add(`SELECT what, body FROM observations WHERE what IN `)
		in(&b, part)
		rows, err := list(ctx, s.engine.Reader(), scanObserved, b.String(), b.args...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			x := &states[at[r.what]]
			if x.Drift, err = appendDrift(x.Drift, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func appendDrift(to []core.ScheduleDrift, r observedRow) ([]core.ScheduleDrift, error) {
	var d core.ScheduleDrift
	if err := json.Unmarshal([]byte(r.body), &d); err != nil {
		return to, fmt.Errorf("observation %s: %w", r.what, err)
	}
	return append(to, d), nil
}

func (s *Store) schedulesThatDiffer(ctx context.Context, f core.ScheduleFilter, p core.PageRequest) (page core.Page[core.ScheduleState], err error) {
	const step = "list schedules that differ"
	tag := listTag("schedules", f)
	after, err := openPage(tag, 1, p)
	if err != nil {
		return page, err
	}
	head := observedParts + string(f.Only) + " "
	from, before := prefixRange(f.NamePrefix)
	l := &listing{table: "observations", columns: "what, body", order: []string{"what"}, from: head + from, before: head + before, limit: p.Limit}
	if from == "" {
		l.before = strings.TrimSuffix(head, " ") + "!"
	}
	if after != nil {
		if !strings.HasPrefix(after.Keys[0], head) {
			return page, core.InvalidField("cursor", nil, "was not made by this list")
		}
		l.after = []any{after.Keys[0]}
	}
	rows, err := read(ctx, s, l, scanObserved)
	if err != nil {
		return page, s.translate(step, err)
	}
	found := closePage(tag, rows, p.Limit, func(r observedRow) (time.Time, []string) { return time.Time{}, []string{r.what} })
	page.NextCursor = found.NextCursor
	ids := make([]string, len(found.Items))
	for i, r := range found.Items {
		drift, err := appendDrift(nil, r)
		if err != nil {
			return page, s.translate(step, err)
		}
		ids[i] = drift[0].ActivityID
		page.Items = append(page.Items, core.ScheduleState{
			ScheduleID: core.ScheduleID(ids[i]), ActivityID: ids[i], ActivityName: drift[0].ActivityName,
			Wanted: core.WantNone, State: core.ScheduleFollows, Drift: drift,
		})
	}
	return page, s.translate(step, s.addDefinitions(ctx, page.Items, ids))
}

// addDefinitions gives schedules that differed what the record knows of them now.
func (s *Store) addDefinitions(ctx context.Context, states []core.ScheduleState, ids []string) error {
	now := make(map[string]core.ScheduleState, len(ids))
	for part := range slices.Chunk(ids, inChunk) {
		var b statement
		b.add(`SELECT ` + scheduleColumns + ` FROM definitions WHERE id IN `)
		in(&b, part)
		rows, err := list(ctx, s.engine.Reader(), scanSchedule, b.String(), b.args...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if !r.purged {
				now[r.ActivityID] = r.ScheduleState
			}
		}
	}
	for i := range states {
		if known, ok := now[states[i].ActivityID]; ok {
			known.Drift = states[i].Drift
			states[i] = known
		}
	}
	return nil
}
