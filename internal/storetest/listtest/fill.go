package listtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// Size is how much a record is filled with.
type Size struct{ Definitions, Runs, Tasks, Audit, Versions int }

// Small is enough for the databases to choose their plans by cost.
var Small = Size{Definitions: 500, Runs: 20_000, Tasks: 40_000, Audit: 10_000, Versions: 300}

// Tiny is enough for several pages of each list.
var Tiny = Size{Definitions: 300, Runs: 4_000, Tasks: 4_000, Audit: 300, Versions: 300}

// Large is the size that the lists are promised for.
var Large = Size{Definitions: 10_000, Runs: 1_000_000, Tasks: 2_000_000, Audit: 500_000, Versions: 2_000}

// hotActivity has half of the runs; rareActivity few.
const hotActivity, rareActivity = 1, 7

// begin is when the first run was created; each further one a second later.
var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const base = 100_000_000_000 // numbers of 12 digits

func activity(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%d", base+n) }
func runID(n int) string    { return fmt.Sprintf("00000000-0000-4000-9000-%d", base+n) }
func eventID(n int) string  { return fmt.Sprintf("event-%d", base+n) }

// Dialect is what differs in the bulk SQL of the databases.
type Dialect struct {
	// Time turns an SQL expression for seconds since 1970 into a time.
	Time func(seconds string) string
	// Bytes turns a text into bytes.
	Bytes func(text string) string
	// After are statements to run at the end, such as ANALYZE.
	After []string
}

// SQLite and PostgreSQL are the two.
var (
	SQLite = Dialect{
		Time:  func(s string) string { return "(" + s + ") * 1000000" },
		Bytes: func(s string) string { return "CAST(" + s + " AS BLOB)" },
	}
	PostgreSQL = Dialect{
		Time:  func(s string) string { return "to_timestamp(" + s + ")" },
		Bytes: func(s string) string { return "convert_to(" + s + ", 'UTF8')" },
		After: []string{"VACUUM ANALYZE"},
	}
)

// Fill writes a record of a size by bulk SQL.
func Fill(ctx context.Context, t testing.TB, db *sql.DB, d Dialect, size Size) {
	t.Helper()
	document := func(kind core.TriggerType, with core.TriggerConfig) string {
		def := core.Definition{ID: "THE-ID", Name: "THE-NAME", Enabled: true, TriggerType: kind, TriggerConfig: with,
			Rules: []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": strings.Repeat("a title ", 20)}}}}}}
		def.Normalize()
		raw, err := json.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		return "'" + strings.ReplaceAll(string(raw), "'", "''") + "'"
	}
	cron := document(core.TriggerCron, core.TriggerConfig{CronExpression: core.StringList{"0 6 * * 1-5"}})
	event := document(core.TriggerEvent, core.TriggerConfig{EventType: core.StringList{"common"}})
	replace := strings.NewReplacer(
		"{activity}", fmt.Sprintf(`'00000000-0000-4000-8000-' || CAST(%d + CASE WHEN i %% 2 = 0 THEN %d ELSE i %% %d END AS TEXT)`, base, hotActivity, size.Definitions),
		"{definition}", fmt.Sprintf(`'00000000-0000-4000-8000-' || CAST(%d + i AS TEXT)`, base),
		"{name}", fmt.Sprintf(`'d-' || CAST(%d + i AS TEXT)`, base),
		"{run}", fmt.Sprintf(`'00000000-0000-4000-9000-' || CAST(%d + i AS TEXT)`, base),
		"{run of task}", fmt.Sprintf(`'00000000-0000-4000-9000-' || CAST(%d + i / 2 AS TEXT)`, base),
		"{task}", fmt.Sprintf(`'00000000-0000-4000-a000-' || CAST(%d + i AS TEXT)`, base),
		"{event}", fmt.Sprintf(`CASE WHEN i %% 10 IN (1, 5) THEN '' ELSE 'event-' || CAST(%d + i AS TEXT) END`, base),
		"{event id}", fmt.Sprintf(`'event-' || CAST(%d + i AS TEXT)`, base),
		"{kind}", `CASE WHEN i % 10 = 1 THEN 'cron' WHEN i % 10 = 5 AND i % 1000 = 5 THEN 'manual' WHEN i % 10 = 5 THEN 'cron' ELSE 'event' END`,
		"{status}", `CASE WHEN i % 5000 = 3 THEN 'running' WHEN i % 1000 IN (7, 8) THEN 'failed' WHEN i % 2000 = 10 THEN 'partial' WHEN i % 3000 = 9 THEN 'canceled' ELSE 'succeeded' END`,
		"{verdict}", `CASE WHEN i % 2000 = 3 THEN 'skipped' WHEN i % 3000 = 7 THEN 'paused' WHEN i % 5000 = 8 THEN 'compressed' ELSE 'fired' END`,
		"{task status}", `CASE WHEN i % 5000 = 3 THEN 'in_progress' WHEN i % 50 = 4 THEN 'open' WHEN i % 700 = 9 THEN 'canceled' ELSE 'done' END`,
		"{drift}", `CASE WHEN i % 10 = 4 THEN 'changed' ELSE 'missing' END`,
		"{at}", d.Time(fmt.Sprintf("%d + i", begin.Unix())),
		"{document}", fmt.Sprintf(`REPLACE(REPLACE(CASE WHEN i %% 2 = 0 THEN %s ELSE %s END, 'THE-NAME', 'd-' || CAST(%d + i AS TEXT)), 'THE-ID', '00000000-0000-4000-8000-' || CAST(%d + i AS TEXT))`, cron, event, base, base),
		"{payload}", d.Bytes(`'{"n":1,"text":"`+strings.Repeat("some text ", 40)+`"}'`),
		"{detail}", d.Bytes(`'{"n":1}'`),
	)
	rows := func(n int, insert string) string {
		into, values, _ := strings.Cut(insert, "SELECT")
		return replace.Replace(fmt.Sprintf(`%s WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT %s FROM n`, into, n, values))
	}
	for _, statement := range append([]string{
		rows(size.Definitions, `INSERT INTO definitions (id, name, version, revision, document, enabled, trigger_type, created_at, updated_at, updated_by, deleted_at, paused_at)
			SELECT {definition}, {name}, 1, i, {document}, i % 400 <> 6, CASE WHEN i % 2 = 0 THEN 'cron' ELSE 'event' END, {at}, {at}, 'test',
			CASE WHEN i % 100 = 9 THEN {at} END, CASE WHEN i % 300 = 8 THEN {at} END`),
		rows(size.Versions, `INSERT INTO definition_versions (activity_id, version, revision, document, definition_created_at, created_at, created_by)
			SELECT '`+activity(hotActivity)+`', i, i, {document}, {at}, {at}, 'test'`),
		rows(size.Runs, `INSERT INTO runs (run_id, activity_id, activity_name, cause_key, kind, event_id, definition_version, workflow_id, status, created_at)
			SELECT {run}, {activity}, 'd-' || CAST(i % 10 AS TEXT), {event id}, {kind}, {event}, 1, {event id}, {status}, {at}`),
		rows(size.Runs, `INSERT INTO ledger (activity_id, cause_key, kind, event_id, slot_at, verdict, definition_version, created_at, updated_at)
			SELECT {activity}, {event id}, {kind}, {event}, {at}, {verdict}, 1, {at}, {at}`),
		rows(size.Runs/2, `INSERT INTO events (event_id, type, source, subject, event_time, payload, also_types, hops, stream_seq, created_at)
			SELECT {event id}, CASE WHEN i % 5000 = 3 THEN 'rare' ELSE 'common' END, 'test', '', {at}, {payload}, '', 0, i, {at}`),
		rows(size.Tasks, `INSERT INTO tasks (task_id, run_id, activity_id, rule, item_key, action_key, title, status, created_at, updated_at)
			SELECT {task}, {run of task}, {activity}, 'r', '', {task}, 'a title', {task status}, {at}, {at}`),
		rows(200, `INSERT INTO actions (run_id, seq, planned, status) SELECT '`+runID(4)+`', i, '{"type":"create_task"}', 'succeeded'`),
		rows(size.Audit, `INSERT INTO audit (created_at, actor, action, object, detail)
			SELECT {at}, 'test', 'definition.update', CASE WHEN i % 5000 = 3 THEN 'rare' ELSE 'common' END, {detail}`),
		`INSERT INTO observations (what, seen_at, body) SELECT 'schedules', ` + d.Time("0") + `, '{"at":"1970-01-01T00:00:00Z","drift":{"missing":2,"changed":1}}'`,
		rows(size.Definitions, `INSERT INTO observations (what, seen_at, body) SELECT 'schedules ' || {drift} || ' ' || {name} || ' ' || {definition}, `+d.Time("0")+`,
			'{"kind":"' || {drift} || '","activity_id":"' || {definition} || '","activity_name":"' || {name} || '"}'`),
		rows(size.Definitions, `INSERT INTO outages (what, from_at, to_at) SELECT 'worker', `+d.Time(fmt.Sprintf("%d + i * 100", begin.Unix()))+`, `+
			d.Time(fmt.Sprintf("%d + i * 100 + 50", begin.Unix()))),
	}, d.After...) {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%.100s: %v", statement, err)
		}
	}
}
