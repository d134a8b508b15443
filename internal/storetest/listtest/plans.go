package listtest

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// Database is a filled database and what its plans look like.
type Database struct {
	DB      *sql.DB
	Dialect sqlstore.Dialect
	// Explain is the beginning of a statement that tells the plan of a query.
	Explain string
	// Column is which column of its answer is the plan's text.
	Column int
	// Faults returns what is wrong with the plan of a query.
	Faults func(query, plan string) []string
	// Droppable: a plan with faults is looked at again without the indexes whose rows it looks
	// through. A planner may look through the rows of one index because most have the value that is
	// asked for, although another index would do: without the first it takes the other.
	Droppable bool
}

// recorder reads from a database and keeps the statements. It writes nothing.
type recorder struct {
	db     *sql.DB
	rebind func(string) string
	seen   []recorded
}

type recorded struct {
	query string
	args  []any
}

func (r *recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.seen = append(r.seen, recorded{r.rebind(query), args})
	return r.db.QueryContext(ctx, r.rebind(query), args...)
}

func (r *recorder) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, fmt.Errorf("a list is read, not written")
}
func (r *recorder) Reader() sqlstore.Querier { return r }
func (r *recorder) Write(context.Context, func(context.Context, sqlstore.Querier) error) error {
	return fmt.Errorf("a list is read, not written")
}
func (r *recorder) Ping(context.Context) error { return nil }
func (r *recorder) Close() error               { return nil }

// Store reads the database's lists. It writes nothing.
func (d Database) Store() *sqlstore.Store {
	s, _ := d.store()
	return s
}

func (d Database) store() (*sqlstore.Store, *recorder) {
	r := &recorder{db: d.DB, rebind: d.Dialect.Rebind}
	if r.rebind == nil {
		r.rebind = func(s string) string { return s }
	}
	return sqlstore.New(r, d.Dialect), r
}

// planWithout is the plan in a database without some indexes, other than those of keys.
func (d Database) planWithout(ctx context.Context, t testing.TB, q recorded, names []string) string {
	t.Helper()
	tx, err := d.DB.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for _, name := range names {
		if strings.HasSuffix(name, "_pkey") {
			continue
		}
		if _, err := tx.ExecContext(ctx, "DROP INDEX "+name); err != nil {
			t.Fatal(err)
		}
	}
	return d.planOn(ctx, t, tx, q)
}

// plan is the text of a query's plan.
func (d Database) plan(ctx context.Context, t testing.TB, q recorded) string {
	t.Helper()
	return d.planOn(ctx, t, d.DB, q)
}

func (d Database) planOn(ctx context.Context, t testing.TB, on sqlstore.Querier, q recorded) string {
	t.Helper()
	rows, err := on.QueryContext(ctx, d.Explain+q.query, q.args...)
	if err != nil {
		t.Fatalf("%s%s: %v", d.Explain, q.query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		var text string
		dest := make([]any, len(columns))
		for i := range dest {
			dest[i] = new(any)
		}
		dest[d.Column] = &text
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// CheckPlans holds the plan of each list, of its first page and of one behind a cursor, against
// what a list may cost.
func CheckPlans(t *testing.T, d Database) {
	store, seen := d.store()
	for _, c := range Cases(t, true) {
		p := core.PageRequest{Limit: 3}
		for range 2 {
			seen.seen = nil
			_, next, err := c.Page(t.Context(), store, p)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			for _, q := range seen.seen {
				plan := d.plan(t.Context(), t, q)
				faults := d.Faults(q.query, plan)
				if len(faults) > 0 && d.Droppable && len(d.Faults(q.query, d.planWithout(t.Context(), t, q, looksThrough(plan)))) == 0 {
					continue
				}
				for _, fault := range faults {
					t.Errorf("%s%s: %s\n%s\n%s", c.Name, map[bool]string{true: ", behind a cursor"}[p.Cursor != ""], fault, q.query, plan)
				}
			}
			if p.Cursor = next; next == "" {
				break
			}
		}
	}
}

// bounded are the conditions behind which few rows are left, through which a query may look:
// what one event or one run has.
var bounded = regexp.MustCompile(`\b(event_id|run_id)\b ?=`)

// fewRows is an index of few rows, through which a query may look: the definitions that are behind.
var fewRows = regexp.MustCompile(`\busing definitions_behind\b`)

// small are tables and parts of a page that may be sorted: what was found is few, or is the answer.
func small(query string) bool {
	return strings.Contains(query, "ROW_NUMBER()") || strings.Contains(query, "FROM outages")
}

// PostgreSQLFaults are those of a plan as EXPLAIN tells it.
func PostgreSQLFaults(query, plan string) (faults []string) {
	if strings.Contains(plan, "Seq Scan") {
		faults = append(faults, "reads the whole table")
	}
	if strings.Contains(plan, "Sort  (") && !small(query) {
		faults = append(faults, "sorts")
	}
	lines := strings.Split(plan, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(strings.TrimSpace(line), "Filter:") || small(query) {
			continue
		}
		before := strings.Join(lines[max(0, i-1):i], "")
		if !bounded.MatchString(before) && !fewRows.MatchString(strings.Join(lines[max(0, i-2):i], "")) {
			faults = append(faults, "an index does not have the condition "+strings.TrimSpace(line))
		}
	}
	return faults
}

// looksThrough are the indexes of a plan by EXPLAIN of which rows are read and not wanted.
func looksThrough(plan string) (names []string) {
	lines := strings.Split(plan, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(strings.TrimSpace(line), "Filter:") {
			continue
		}
		for _, above := range lines[max(0, i-2):i] {
			names = append(names, indexes(above)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// compared are the columns that a statement compares with values.
var compared = regexp.MustCompile(`\b(\w+) (?:=|<|>|>=|<=) \?`)

var searched = regexp.MustCompile(`SEARCH \w+ USING [^(]*\((.*)\)$`)

// SQLiteFaults are those of a plan as EXPLAIN QUERY PLAN tells it.
func SQLiteFaults(query, plan string) (faults []string) {
	if small(query) {
		return nil
	}
	if strings.Contains(plan, "USE TEMP B-TREE") {
		faults = append(faults, "sorts")
	}
	var searches []string
	for line := range strings.Lines(plan) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "SEARCH ") || strings.HasPrefix(line, "SCAN ") {
			searches = append(searches, line)
		}
	}
	branches := strings.Split(query, " UNION ALL ")
	if len(branches) != len(searches) {
		return append(faults, fmt.Sprintf("%d branches and %d searches", len(branches), len(searches)))
	}
	for i, branch := range branches {
		var by []string
		if m := searched.FindStringSubmatch(searches[i]); m != nil {
			by = regexp.MustCompile(`\w+`).FindAllString(m[1], -1)
		}
		for _, m := range compared.FindAllStringSubmatch(branch, -1) {
			if !slices.Contains(by, m[1]) && !slices.Contains(by, "event_id") && !slices.Contains(by, "run_id") {
				faults = append(faults, fmt.Sprintf("%s is not asked of an index: %s", m[1], searches[i]))
			}
		}
	}
	return faults
}

// Measure prints how long a page of 100 takes for each list and combination of filters: the
// first, and one deep in the list. It returns how many took longer than a limit.
func Measure(t *testing.T, d Database, limit time.Duration) (slow int) {
	store, seen := d.store()
	type row struct {
		name string
		took time.Duration
		plan string
	}
	var rows []row
	for _, c := range Cases(t, false) {
		p := core.PageRequest{Limit: 1000}
		deep := ""
		for range 20 {
			_, next, err := c.Page(t.Context(), store, p)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			if next == "" {
				break
			}
			deep, p.Cursor = next, next
		}
		for _, cursor := range slices.Compact([]string{"", deep}) {
			name := c.Name
			if cursor != "" {
				name += ", deep"
			}
			var took []time.Duration
			items := 0
			for range 5 {
				seen.seen = nil
				start := time.Now()
				n, _, err := c.Page(t.Context(), store, core.PageRequest{Limit: 100, Cursor: cursor})
				took, items = append(took, time.Since(start)), n
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			slices.Sort(took)
			plan := d.plan(t.Context(), t, seen.seen[0])
			rows = append(rows, row{fmt.Sprintf("%s (%d)", name, items), took[2], strings.Join(indexes(plan), "+")})
			if took[2] > limit {
				slow++
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return int(b.took - a.took) })
	for _, r := range rows {
		t.Logf("%8.2f ms  %s  [%s]", float64(r.took.Microseconds())/1000, r.name, r.plan)
	}
	return slow
}

var named = regexp.MustCompile(`(?:using|USING(?: COVERING)? INDEX) (\w+)`)

func indexes(plan string) (out []string) {
	for _, m := range named.FindAllStringSubmatch(plan, -1) {
		if !slices.Contains(out, m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}
