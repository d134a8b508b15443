package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/activity-core/activity-core/internal/sqlstore"
)

// maxStatements bounds the statements kept prepared on one connection; the
// queries and their bulk sizes come to fewer.
const maxStatements = 400

// preparer is a *sql.DB or a *sql.Conn.
type preparer interface {
	sqlstore.Querier
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements keeps statements prepared: SQLite has no cache of its own, and
// preparing costs more than running. It is safe for concurrent use.
type statements struct {
	on    preparer
	mu    sync.RWMutex
	known map[string]*sql.Stmt
}

// newStatements caches statements prepared on a pool or connection.
func newStatements(on preparer) *statements {
	return &statements{on: on, known: map[string]*sql.Stmt{}}
}

// get returns nil where the cache is full.
func (s *statements) get(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	st, full := s.known[query], len(s.known) >= maxStatements
	s.mu.RUnlock()
	if st != nil || full {
		return st, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.known[query]; st != nil {
		return st, nil
	}
	// The statement outlives the request that needed it first.
	st, err := s.on.PrepareContext(context.WithoutCancel(ctx), rebind(query))
	if err != nil {
		return nil, err
	}
	s.known[query] = st
	return st, nil
}

// QueryContext runs a prepared query.
func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.get(ctx, query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return s.on.QueryContext(ctx, rebind(query), args...)
	}
	return st.QueryContext(ctx, args...)
}

// ExecContext runs a prepared statement.
func (s *statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.get(ctx, query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return s.on.ExecContext(ctx, rebind(query), args...)
	}
	return st.ExecContext(ctx, args...)
}

// Close closes the statements.
func (s *statements) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for k, st := range s.known {
		errs = append(errs, st.Close())
		delete(s.known, k)
	}
	return errors.Join(errs...)
}

// rebind turns $1 into SQLite's placeholders: plain ? where each
// parameter occurs once and in order, since the driver finds those without
// comparing names, and ?1 otherwise.
func rebind(sql string) string {
	var plain, numbered strings.Builder
	next, ordered := 1, true
	for i := 0; i < len(sql); i++ {
		if sql[i] != '$' {
			plain.WriteByte(sql[i])
			numbered.WriteByte(sql[i])
			continue
		}
		end := i + 1
		for end < len(sql) && sql[end] >= '0' && sql[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(sql[i+1 : end])
		if err != nil { // a dollar sign that is no placeholder
			plain.WriteByte('$')
			numbered.WriteByte('$')
			continue
		}
		ordered = ordered && n == next
		next++
		plain.WriteByte('?')
		numbered.WriteString("?" + strconv.Itoa(n))
		i = end - 1
	}
	if ordered {
		return plain.String()
	}
	return numbered.String()
}
