package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// Config says where the file is.
type Config struct {
	// Path of the database file; its folder must exist. Empty with Ephemeral.
	Path string
	// Ephemeral keeps the record in a temporary file that Close removes, and
	// does not wait for the disk.
	Ephemeral bool
	// Readers is the number of connections that read at the same time; default 4.
	Readers int
}

// dialect is what SQLite needs of the common store.
func dialect() sqlstore.Dialect {
	return sqlstore.Dialect{
		Name:  "sqlite",
		Goose: goose.DialectSQLite3,
		Types: sqlstore.ColumnTypes{Timestamp: "INTEGER", Bytes: "BLOB", BigInt: "INTEGER", Key: "TEXT",
			Serial: "INTEGER PRIMARY KEY AUTOINCREMENT", WithoutRowID: " WITHOUT ROWID"},
		Rebind: rebind,
		// Each row is a call into the same process: larger statements save nothing.
		Bulk:     []int{1},
		Classify: classify,
	}
}

func classify(err error) sqlstore.ErrorClass {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return sqlstore.ErrorUnknown
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return sqlstore.ErrorUnique
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB: // an operator has to look, and no value is to blame
		return sqlstore.ErrorUnavailable
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return sqlstore.ErrorValue
	}
	return sqlstore.ErrorUnknown
}

// dsn names the file with the settings of one kind of connection.
func (c Config) dsn(pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(1)"}, pragmas...)}
	q.Set("_time_integer_format", "unix_micro")
	q.Set("_txlock", "immediate")
	return "file:" + (&url.URL{Path: filepath.ToSlash(c.Path)}).EscapedPath() + "?" + q.Encode()
}

// writerDSN: WAL lets readers go on beside the writer; FULL makes a commit
// survive a power cut, which an acknowledged event relies on.
func (c Config) writerDSN() string {
	synchronous := "synchronous(FULL)"
	if c.Ephemeral {
		synchronous = "synchronous(OFF)"
	}
	return c.dsn("journal_mode(WAL)", synchronous, "cache_size(-16000)", "temp_store(MEMORY)")
}

func openDB(dsn string, conns int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Open opens the file, creating and migrating it as needed, and returns the
// store. A file that a newer program has migrated is refused.
func Open(ctx context.Context, cfg Config) (*sqlstore.Store, error) {
	e, err := openEngine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return sqlstore.New(e, dialect()), nil
}

func openEngine(ctx context.Context, cfg Config) (*engine, error) {
	e := &engine{}
	if cfg.Ephemeral {
		dir, err := os.MkdirTemp("", "activity-core-")
		if err != nil {
			return nil, fmt.Errorf("make a folder for the ephemeral record: %w", err)
		}
		e.remove, cfg.Path = dir, filepath.Join(dir, "record.db")
	}
	if cfg.Path == "" {
		return nil, core.InvalidField("database.path", "", "must name the SQLite file")
	}
	if cfg.Readers <= 0 {
		cfg.Readers = 4
	}
	if err := e.open(ctx, cfg); err != nil {
		_ = e.Close()
		var known *core.Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, core.Wrap(core.CodeUnavailable, err, "the SQLite file %s cannot be opened", strconv.Quote(filepath.Base(cfg.Path)))
	}
	return e, nil
}

// Migrate runs f with a migrator on the file.
func Migrate(ctx context.Context, cfg Config, f func(context.Context, *sqlstore.Migrator) error) error {
	if err := makePrivate(cfg.Path); err != nil {
		return err
	}
	db, err := openDB(cfg.writerDSN(), 1)
	if err != nil {
		return err
	}
	defer db.Close()
	m, err := sqlstore.NewMigrator(db, dialect(), nil)
	if err != nil {
		return err
	}
	return f(ctx, m)
}

// engine is one SQLite file.
type engine struct {
	readDB  *sql.DB
	reads   *statements
	writeDB *sql.DB
	writer  *writer
	remove  string // folder to remove on Close, or ""
}

func (e *engine) open(ctx context.Context, cfg Config) error {
	err := Migrate(ctx, cfg, func(ctx context.Context, m *sqlstore.Migrator) error {
		if _, err := m.Up(ctx); err != nil {
			return err
		}
		return m.CheckSchema(ctx)
	})
	if err != nil {
		return err
	}
	if e.writeDB, err = openDB(cfg.writerDSN(), 1); err != nil {
		return err
	}
	conn, err := e.writeDB.Conn(ctx)
	if err != nil {
		return err
	}
	e.writer = startWriter(conn)
	if e.readDB, err = openDB(cfg.dsn("query_only(1)"), cfg.Readers); err != nil {
		return err
	}
	e.reads = newStatements(e.readDB)
	return e.readDB.PingContext(ctx)
}

// Reader implements [sqlstore.Engine].
func (e *engine) Reader() sqlstore.Querier { return e.reads }

// Write implements [sqlstore.Engine].
func (e *engine) Write(ctx context.Context, fn func(context.Context, sqlstore.Querier) error) error {
	return e.writer.submit(ctx, fn)
}

// Ping reads from the file.
func (e *engine) Ping(ctx context.Context) error {
	var one int
	return e.readDB.QueryRowContext(ctx, `SELECT 1 FROM catalogue`).Scan(&one)
}

// Close waits for the writer, closes the file and removes it if it is ephemeral.
func (e *engine) Close() error {
	var errs []error
	if e.writer != nil {
		errs = append(errs, e.writer.stop())
	}
	if e.reads != nil {
		errs = append(errs, e.reads.Close())
	}
	if e.readDB != nil {
		errs = append(errs, e.readDB.Close())
	}
	if e.writeDB != nil {
		errs = append(errs, e.writeDB.Close())
	}
	if e.remove != "" {
		errs = append(errs, os.RemoveAll(e.remove))
	}
	return errors.Join(errs...)
}
