package sqlstore

import (
	"github.com/pressly/goose/v3"
)

// Dialect is what differs between the databases.
type Dialect struct {
	// Name is shown in errors and status output: "sqlite", "postgres".
	Name string
	// Goose is the name the migration library has for the database.
	Goose goose.Dialect
	// Types are the values of the tokens in the migrations.
	Types ColumnTypes
	// ForUpdate ends a SELECT that locks the rows it reads; empty where a write
	// transaction excludes all others anyway.
	ForUpdate string
	// Rebind turns $1 placeholders into the driver's; nil keeps them.
	Rebind func(sql string) string
	// BoundBranches gives each branch of a merged list its own order and limit, without which
	// PostgreSQL reads the branches to their ends. SQLite has no such syntax, and merges without
	// it.
	BoundBranches bool
	// Bulk are the numbers of rows one INSERT may carry, descending and ending in
	// 1. Few sizes keep the number of prepared statements small.
	Bulk []int
	// Classify says what an error of the driver means.
	Classify func(error) ErrorClass
}

// ColumnTypes are the column types and clauses that migrations name by token.
type ColumnTypes struct {
	Timestamp    string // microseconds, UTC
	Bytes        string
	BigInt       string
	Key          string // text that is compared and sorted by bytes
	Serial       string // a primary key the database counts up
	WithoutRowID string // clause after CREATE TABLE (…) that stores the row in its primary key
}

// ErrorClass is the meaning of a driver's error.
type ErrorClass int

// The classes. Unknown errors are defects.
const (
	ErrorUnknown     ErrorClass = iota
	ErrorUnique                 // a UNIQUE constraint refused the row
	ErrorRetry                  // deadlock or serialization failure: the same transaction may succeed if repeated
	ErrorUnavailable            // connection lost, database busy, full or shutting down
	ErrorValue                  // a value the database cannot hold
)
