// Package postgres opens the record in PostgreSQL: connections, dialect and
// migrations. Every query is in internal/sqlstore, which both stores share.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// Config says which database, and how many connections are kept to it.
type Config struct {
	// URL is postgres://user:password@host:port/database?options. It is never shown in an error.
	URL string
	// MaxConns bounds the connections; default 16.
	MaxConns int
}

const (
	defaultMaxConns = 16
	connIdle        = 5 * time.Minute
	// attempts is how often a transaction is tried after deadlocks and serialization failures.
	attempts = 8
)

// dialect is what PostgreSQL needs of the common store. Keys use the C
// collation, so that they sort by bytes as in SQLite and cursors agree.
func dialect() sqlstore.Dialect {
	return sqlstore.Dialect{
		Name:  "postgres",
		Goose: goose.DialectPostgres,
		Types: sqlstore.ColumnTypes{
			Timestamp: "TIMESTAMPTZ", Bytes: "BYTEA", BigInt: "BIGINT", Key: `TEXT COLLATE "C"`,
			Serial: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
		},
		ForUpdate:     " FOR UPDATE",
		BoundBranches: true,
		// Each statement is a round trip; three sizes keep the number of prepared ones small.
		Bulk:     []int{200, 20, 1},
		Classify: classify,
	}
}

// classify follows the error codes of PostgreSQL's manual, appendix A.
func classify(err error) sqlstore.ErrorClass {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "23505": // unique_violation
			return sqlstore.ErrorUnique
		case "40001", "40P01": // serialization_failure, deadlock_detected
			return sqlstore.ErrorRetry
		case "55P03", "25006": // lock_not_available, read_only_sql_transaction (a standby)
			return sqlstore.ErrorUnavailable
		case "42501", "42P01", "42703": // insufficient_privilege, undefined_table, undefined_column: as for 28 and 3D below
			return sqlstore.ErrorUnavailable
		}
		switch pg.Code[:2] {
		case "08", "53", "57", "58": // connection, resources, operator intervention, system
			return sqlstore.ErrorUnavailable
		case "28", "3D": // authorization, unknown database: an operator has to look, and may mend it meanwhile
			return sqlstore.ErrorUnavailable
		case "22": // data exception
			return sqlstore.ErrorValue
		}
		return sqlstore.ErrorUnknown
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return sqlstore.ErrorUnavailable
	}
	return sqlstore.ErrorUnknown
}

func openDB(cfg Config) (*sql.DB, error) {
	parsed, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		// pgx's own message may quote the URL, which holds a password.
		return nil, core.InvalidField("database.url", nil, "is not a PostgreSQL URL such as postgres://user:password@host:5432/database")
	}
	if parsed.ConnectTimeout == 0 {
		parsed.ConnectTimeout = 5 * time.Second
	}
	if parsed.RuntimeParams["application_name"] == "" {
		parsed.RuntimeParams["application_name"] = "activity-core"
	}
	parsed.RuntimeParams["timezone"] = "UTC"
	conns := cfg.MaxConns
	if conns <= 0 {
		conns = defaultMaxConns
	}
	db := stdlib.OpenDB(*parsed)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(connIdle)
	return db, nil
}

// Open connects and returns the store. A schema that is older or newer than
// this program is refused with the remedy (CodeConflict): migrations are run by
// [Migrate] only. CodeUnavailable: the server does not answer.
func Open(ctx context.Context, cfg Config) (*sqlstore.Store, error) {
	e, err := openEngine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return sqlstore.New(e, dialect()), nil
}

func openEngine(ctx context.Context, cfg Config) (*engine, error) {
	db, err := openDB(cfg)
	if err != nil {
		return nil, err
	}
	if err := reachable(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	m, err := sqlstore.NewMigrator(db, dialect(), nil)
	if err == nil {
		err = m.CheckSchema(ctx)
	}
	if err != nil {
		_ = db.Close() // the schema's error is the one that matters
		return nil, err
	}
	return &engine{db: db}, nil
}

func reachable(ctx context.Context, db *sql.DB) error {
	if err := db.PingContext(ctx); err != nil {
		return core.Wrap(core.CodeUnavailable, err, "PostgreSQL does not answer (database.url); the log has the details")
	}
	return nil
}

// Migrate runs f with a migrator; concurrent migrators wait for each other on an
// advisory lock.
func Migrate(ctx context.Context, cfg Config, f func(context.Context, *sqlstore.Migrator) error) error {
	db, err := openDB(cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := reachable(ctx, db); err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("make the migration lock: %w", err)
	}
	m, err := sqlstore.NewMigrator(db, dialect(), locker)
	if err != nil {
		return err
	}
	return f(ctx, m)
}

// engine is one pool; pgx prepares and caches statements on each connection.
type engine struct{ db *sql.DB }

// Reader implements [sqlstore.Engine].
func (e *engine) Reader() sqlstore.Querier { return e.db }

// Write implements [sqlstore.Engine]: READ COMMITTED, with the row locks that the
// queries take, repeated after deadlocks and serialization failures.
func (e *engine) Write(ctx context.Context, fn func(context.Context, sqlstore.Querier) error) error {
	for try := 1; ; try++ {
		err := e.once(ctx, fn)
		if err == nil || try == attempts || classify(err) != sqlstore.ErrorRetry {
			return err
		}
		// A random pause lets the transactions that collided go one after the other.
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(rand.Int64N(int64(time.Millisecond) << try))): //nolint:gosec // jitter needs no secrecy
		}
	}
}

func (e *engine) once(ctx context.Context, fn func(context.Context, sqlstore.Querier) error) error {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after an error, or a panic; after the commit it does nothing
	if err := fn(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Ping asks the server for an answer.
func (e *engine) Ping(ctx context.Context) error { return e.db.PingContext(ctx) }

// Close closes the pool.
func (e *engine) Close() error { return e.db.Close() }
