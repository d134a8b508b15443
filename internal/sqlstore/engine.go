package sqlstore

import (
	"context"
	"database/sql"
	"errors"
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
