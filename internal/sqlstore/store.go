package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
)

// Store implements [core.Store] on an engine.
type Store struct {
	engine  Engine
	dialect Dialect
}

var _ core.Store = (*Store)(nil)

// New returns a store on an engine whose schema is current (see [CheckSchema]).
// The store closes the engine.
func New(engine Engine, dialect Dialect) *Store {
	return &Store{engine: engine, dialect: dialect}
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.translate("ping", s.engine.Ping(ctx))
}

// Close ends all transactions and closes the database. It is repeatable.
func (s *Store) Close() error { return s.engine.Close() }

// write runs fn in a transaction; step names it in errors.
func (s *Store) write(ctx context.Context, step string, fn func(ctx context.Context, q Querier) error) error {
	return s.translate(step, s.engine.Write(ctx, fn))
}

// translate gives a database error its code. The message never contains SQL.
func (s *Store) translate(step string, err error) error {
	if err == nil {
		return nil
	}
	var known *core.Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return core.Wrap(core.CodeUnavailable, err, "%s: the database was not waited for any longer", step)
	}
	if errors.Is(err, errClosed) || errors.Is(err, sql.ErrConnDone) {
		return core.Wrap(core.CodeUnavailable, err, "%s: the store is closed", step)
	}
	switch s.dialect.Classify(err) {
	case ErrorUnique:
		return core.Wrap(core.CodeConflict, err, "%s: a row with this key exists already", step)
	case ErrorRetry, ErrorUnavailable:
		return core.Wrap(core.CodeUnavailable, err, "%s: the database does not answer; try again later", step)
	case ErrorValue:
		return core.Wrap(core.CodeInvalid, err, "%s: a value cannot be stored; text must be UTF-8 without NUL", step)
	case ErrorUnknown:
	}
	return core.Wrap(core.CodeInternal, err, "%s: the record could not be read or written; the log has the details", step)
}

// scanner is a row under the cursor.
type scanner interface{ Scan(dest ...any) error }

// list runs a query and scans all rows.
func list[T any](ctx context.Context, q Querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// one runs a query and scans its first row; found is false if there is none.
func one[T any](ctx context.Context, q Querier, scan func(scanner) (T, error), query string, args ...any) (v T, found bool, err error) {
	all, err := list(ctx, q, scan, query, args...)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// value scans a single column.
func value[T any](r scanner) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}

func exec(ctx context.Context, q Querier, query string, args ...any) (affected int64, err error) {
	res, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// statement builds SQL with numbered parameters.
type statement struct {
	strings.Builder
	args []any
}

// arg adds a parameter and returns its placeholder.
func (b *statement) arg(v any) string {
	b.args = append(b.args, v)
	return "$" + strconv.Itoa(len(b.args))
}

// add appends text in which each ? stands for the next of args.
func (b *statement) add(text string, args ...any) *statement {
	for _, a := range args {
		before, after, _ := strings.Cut(text, "?")
		b.WriteString(before)
		b.WriteString(b.arg(a))
		text = after
	}
	b.WriteString(text)
	return b
}

// in appends "(…)" with the values. It repeats the last one up to a power of
// four, so that lists of any length come to few different statements.
func in[T any](b *statement, values []T) {
	n := 1
	for n < len(values) {
		n *= 4
	}
	b.WriteByte('(')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(b.arg(values[min(i, len(values)-1)]))
	}
	b.WriteByte(')')
}

// inChunk is the length of the longest list given to in.
const inChunk = 256

// insert writes n rows with as few statements as the dialect's bulk sizes allow. head is
// "INSERT INTO t (…)", tail what follows the rows; scan, if not nil, takes the rows of
// RETURNING.
func (s *Store) insert(ctx context.Context, q Querier, head, tail string, n int, row func(i int) []any, scan func(scanner) error) error {
	for i, level := 0, 0; i < n; {
		size := s.dialect.Bulk[level]
		if size > n-i {
			level++
			continue
		}
		var b statement
		b.WriteString(head)
		b.WriteString(" VALUES ")
		for j := range size {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('(')
			for k, v := range row(i + j) {
				if k > 0 {
					b.WriteByte(',')
				}
				b.WriteString(b.arg(v))
			}
			b.WriteByte(')')
		}
		b.WriteByte(' ')
		b.WriteString(tail)
		if scan == nil {
			if _, err := q.ExecContext(ctx, b.String(), b.args...); err != nil {
				return err
			}
		} else if _, err := list(ctx, q, func(r scanner) (struct{}, error) { return struct{}{}, scan(r) }, b.String(), b.args...); err != nil {
			return err
		}
		i += size
	}
	return nil
}

// ts is a time as the stores keep it: UTC, whole microseconds.
func ts(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// tsOrNull is ts, or NULL for nil.
func tsOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return ts(*t)
}

// timeInto scans a time in either store's form.
type timeInto struct{ to *time.Time }

// Scan implements [sql.Scanner].
func (d timeInto) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		*d.to = v.UTC()
	case int64:
		*d.to = time.UnixMicro(v).UTC()
	case nil:
		*d.to = time.Time{}
	default:
		return errors.New("a time column holds something else")
	}
	return nil
}

// timePtrInto scans a time that may be null.
type timePtrInto struct{ to **time.Time }

// Scan implements [sql.Scanner].
func (d timePtrInto) Scan(src any) error {
	if src == nil {
		*d.to = nil
		return nil
	}
	var t time.Time
	err := timeInto{&t}.Scan(src)
	*d.to = &t
	return err
}

// clean makes text storable in both databases: UTF-8 without NUL. It is for
// text shown to people; keys are refused instead (checkKey).
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// maxKey bounds keys; PostgreSQL's index rows end at 2,700 bytes.
const maxKey = 1024

func checkKey(location, key string) error {
	switch {
	case !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0:
		return core.InvalidField(location, clean(key), "must be UTF-8 without NUL")
	case len(key) > maxKey:
		return core.InvalidField(location, key[:32]+"…", "is %d bytes long; at most %d", len(key), maxKey)
	}
	return nil
}
