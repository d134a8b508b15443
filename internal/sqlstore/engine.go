package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// Querier runs statements written with $1 placeholders.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Engine runs statements and transactions on one database.
type Engine interface {
	// Reader is for single SELECTs. Each sees all that was committed before it began.
	Reader() Querier
	// Write runs fn in one transaction and commits it if fn returns nil. It may
	// run fn again after a deadlock, so fn sets what it captured from the start.
	Write(ctx context.Context, fn func(ctx context.Context, q Querier) error) error
	Ping(ctx context.Context) error
	Close() error
}

// errClosed is the cause of errors after Close.
var errClosed = errors.New("the store is closed")

// maxStatements bounds the statements kept prepared on one connection; the
// queries and their bulk sizes come to fewer.
const maxStatements = 400

// Preparer is a *sql.DB or a *sql.Conn.
type Preparer interface {
	Querier
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Statements keeps statements prepared: SQLite has no cache of its own, and
// preparing costs more than running. It is safe for concurrent use.
type Statements struct {
	on     Preparer
	rebind func(string) string
	mu     sync.RWMutex
	known  map[string]*sql.Stmt
}

// NewStatements caches statements prepared on a pool or connection.
func NewStatements(on Preparer, rebind func(string) string) *Statements {
	return &Statements{on: on, rebind: rebind, known: map[string]*sql.Stmt{}}
}

// get returns nil where the cache is full.
func (s *Statements) get(ctx context.Context, query string) (*sql.Stmt, error) {
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
	st, err := s.on.PrepareContext(context.WithoutCancel(ctx), s.rebind(query))
	if err != nil {
		return nil, err
	}
	s.known[query] = st
	return st, nil
}

// QueryContext runs a prepared query.
func (s *Statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.get(ctx, query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return s.on.QueryContext(ctx, s.rebind(query), args...)
	}
	return st.QueryContext(ctx, args...)
}

// ExecContext runs a prepared statement.
func (s *Statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.get(ctx, query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return s.on.ExecContext(ctx, s.rebind(query), args...)
	}
	return st.ExecContext(ctx, args...)
}

// Close closes the statements.
func (s *Statements) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for k, st := range s.known {
		errs = append(errs, st.Close())
		delete(s.known, k)
	}
	return errors.Join(errs...)
}
