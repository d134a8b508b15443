package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
)

// listing is the query of one page: rows of a table that satisfy all conditions, in an order
// that an index has.
//
// A column of few known values that stands before the order in an index is an option. Where it
// is not restricted, or to several values, the page is merged from one branch for each value,
// each of which reads its range of the index and no further. So a rare value and a combination
// of filters cost what a page costs, and not what the table costs.
type listing struct {
	table, columns string
	// always are conditions of every branch, as SQL without values.
	always []string
	// fixed are the columns with one value.
	fixed []fixedColumn
	// narrow, if not empty, is the fixed column that leaves few rows, through which the others
	// look: no other index must be taken for them.
	narrow string
	// options are the columns with few values, in the order of the index. Without any the list is
	// one range.
	options []option
	// order are the columns of the order, of which the first is a time or a name and the others
	// break ties.
	order      []string
	descending bool
	// from and before bound the first column of the order: from <= x < before; nil: no bound.
	from, before any
	// after is the position behind which the page begins: a value for each column of the order, or
	// nil.
	after []any
	limit int
}

type fixedColumn struct {
	name  string
	value any
}

// condition is SQL with a ? for its value; one without a value has none.
type condition struct {
	sql   string
	value any
}

func (b *statement) and(c condition) {
	if b.add(` AND `); c.value == nil {
		b.add(c.sql)
		return
	}
	b.add(c.sql, c.value)
}

// option has a condition for each value that a column may have.
type option []condition

// optionOf restricts a column to those wanted, or names all known ones if none is.
func optionOf[T ~string](column string, wanted, known []T) option {
	if len(wanted) == 0 {
		wanted = known
	}
	var o option
	for _, v := range known {
		if slices.Contains(wanted, v) {
			o = append(o, condition{column + " = ?", string(v)})
		}
	}
	return o
}

// equal restricts a column, unless the value is empty.
func (l *listing) equal(column, v string) *listing {
	if v != "" {
		l.fixed = append(l.fixed, fixedColumn{column, clean(v)})
	}
	return l
}

// ofEvent restricts to an event. The index has the rows with an event only, which the databases
// must be told.
func (l *listing) ofEvent(eventID string) *listing {
	if eventID != "" {
		l.narrow, l.always = "event_id", append(l.always, "event_id <> ''")
	}
	return l.equal("event_id", eventID)
}

// between restricts the first column of the order to [since, until); zero times do not.
func (l *listing) between(since, until time.Time) *listing {
	if !since.IsZero() {
		l.from = ts(since)
	}
	if !until.IsZero() {
		l.before = ts(until)
	}
	return l
}

// branches are the combinations of the options, as conditions.
func (l *listing) branches() [][]condition {
	out := [][]condition{nil}
	for _, o := range l.options {
		var next [][]condition
		for _, b := range out {
			for _, c := range o {
				next = append(next, append(slices.Clone(b), c))
			}
		}
		out = next
	}
	return out
}

// indexed reports whether a condition on a fixed column may choose an index.
func (l *listing) indexed(c fixedColumn) bool { return l.narrow == "" || l.narrow == c.name }

// ties are the columns of the order that differ between the rows, by position. Neither database
// would take an index for a comparison or an order with one that is fixed.
func (l *listing) ties() (at []int) {
	for i, name := range l.order {
		if !slices.ContainsFunc(l.fixed, func(c fixedColumn) bool { return c.name == name && l.indexed(c) }) {
			at = append(at, i)
		}
	}
	return at
}

// branch appends one SELECT, which has the columns of the order, too.
func (l *listing) branch(b *statement, conditions []condition) {
	b.add(`SELECT ` + l.columns)
	for _, name := range l.order {
		b.add(`, ` + name + ` AS place_` + name)
	}
	b.add(` FROM ` + l.table + ` WHERE 1 = 1`)
	for _, c := range l.always {
		b.add(` AND ` + c)
	}
	for _, c := range conditions {
		b.and(c)
	}
	for _, c := range l.fixed {
		if l.indexed(c) {
			b.add(` AND `+c.name+` = ?`, c.value)
		} else {
			b.add(` AND `+c.name+` || '' = ?`, c.value) // an expression, of which no index knows
		}
	}
	if l.from != nil && (l.after == nil || l.descending) {
		b.add(` AND `+l.order[0]+` >= ?`, l.from)
	}
	if l.before != nil && (l.after == nil || !l.descending) { // a cursor is a narrower bound from the same side
		b.add(` AND `+l.order[0]+` < ?`, l.before)
	}
	if l.after != nil {
		var names, places []string
		for _, i := range l.ties() {
			names, places = append(names, l.order[i]), append(places, b.arg(l.after[i]))
		}
		sign := " > "
		if l.descending {
			sign = " < "
		}
		b.add(` AND (` + strings.Join(names, ", ") + `)` + sign + `(` + strings.Join(places, ", ") + `)`)
	}
}

// end appends the order and one row more than the limit.
func (l *listing) end(b *statement) {
	direction := " ASC"
	if l.descending {
		direction = " DESC"
	}
	var by []string
	for _, i := range l.ties() {
		by = append(by, "place_"+l.order[i]+direction)
	}
	b.add(` ORDER BY `+strings.Join(by, ", ")+` LIMIT ?`, l.limit+1)
}

// statement is the SQL of the page.
func (l *listing) statement(bound bool) *statement {
	b := &statement{}
	branches := l.branches()
	bound = bound && len(branches) > 1
	for i, conditions := range branches {
		if i > 0 {
			b.add(` UNION ALL `)
		}
		if bound {
			b.add(`(`)
		}
		if l.branch(b, conditions); bound {
			l.end(b)
			b.add(`)`)
		}
	}
	l.end(b)
	return b
}

// read runs a listing. The scanner gets the columns without those of the order.
func read[T any](ctx context.Context, s *Store, l *listing, scan func(scanner) (T, error)) ([]T, error) {
	if slices.ContainsFunc(l.options, func(o option) bool { return len(o) == 0 }) {
		return nil, nil // a value that no row has
	}
	b := l.statement(s.dialect.BoundBranches)
	return list(ctx, s.engine.Reader(), func(r scanner) (T, error) { return scan(withOrder{r, len(l.order)}) }, b.String(), b.args...)
}

// withOrder is a row that ends with columns that are not wanted.
type withOrder struct {
	scanner
	extra int
}

// Scan implements scanner.
func (w withOrder) Scan(dest ...any) error {
	for range w.extra {
		dest = append(dest, new(any))
	}
	return w.scanner.Scan(dest...)
}

// kinds are all kinds of causes.
func kinds() []core.CauseKind {
	return []core.CauseKind{core.CauseCron, core.CauseEvent, core.CauseManual}
}

// oneOf is a list of one value, or an empty one for "".
func oneOf[T ~string](v T) []T {
	if v == "" {
		return nil
	}
	return []T{v}
}
