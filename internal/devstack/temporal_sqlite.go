//go:build !slim

package devstack

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
	_ "modernc.org/sqlite" // the driver Temporal's plugin uses too
)

// memorySQL is a private database that lives as long as the process.
func memorySQL() *config.SQL {
	return &config.SQL{
		PluginName:        sqliteplugin.PluginName,
		DatabaseName:      "activity-core-" + uuid.NewString(),
		ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
	}
}

// fileSQL is the database in the file at path. In WAL mode synchronous=normal writes each
// commit to the operating system, which survives kill -9; synchronous=full waits for the disk
// as well, which survives a power cut.
func fileSQL(path string, powerLossSafe bool) *config.SQL {
	synchronous := "normal"
	if powerLossSafe {
		synchronous = "full"
	}
	return &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: escapePath(path),
		ConnectAttributes: map[string]string{
			"mode":         "rw", // prepareFile made it: a file that vanished is an error, not an empty database
			"journal_mode": "wal",
			"synchronous":  synchronous,
			"busy_timeout": "5000", // somebody may look at it with the sqlite3 shell
			"temp_store":   "memory",
		},
	}
}

// escapePath makes path safe inside a file: URI, in which ?, # and % would end or change it.
func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// schemaMarker is a table of ours in Temporal's database. It records the schema version, which
// Temporal's SQLite plugin does not, so that a data folder from another version is refused
// instead of failing at some later query.
const schemaMarker = "activity_core_schema"

// prepareFile creates the schema if the file has none, in one transaction: a process killed
// half way leaves a file without a schema, not half of one, and one sync is faster than a
// hundred.
func prepareFile(ctx context.Context, path string) (err error) {
	// SQLite would make it readable for all, and gives the files beside it the mode of this one.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePrivate)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+
		"?mode=rwc&_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer tx.Rollback()

	want := sqlite.Version + "/" + sqlite.VisibilityVersion
	have, err := schemaVersion(ctx, tx)
	if err != nil {
		return fmt.Errorf("read schema version of %s: %w", path, err)
	}
	switch have {
	case want:
		return nil
	case "":
		if err := createSchema(ctx, tx, want); err != nil {
			return fmt.Errorf("create schema in %s: %w", path, err)
		}
		return tx.Commit()
	default:
		return fmt.Errorf("%s has Temporal schema %s, this binary needs %s: "+
			"use the version of activity-core that made it, or move the data folder away to start afresh", path, have, want)
	}
}

// schemaVersion is empty for a file without a schema.
func schemaVersion(ctx context.Context, tx *sql.Tx) (string, error) {
	var tables, marked int
	err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(name = ?), 0) FROM sqlite_master WHERE type = 'table'`,
		schemaMarker).Scan(&tables, &marked)
	switch {
	case err != nil:
		return "", err
	case tables == 0:
		return "", nil
	case marked == 0:
		return "unknown (not made by activity-core)", nil
	}
	var version string
	err = tx.QueryRowContext(ctx, `SELECT version FROM `+schemaMarker).Scan(&version)
	return version, err
}

func createSchema(ctx context.Context, tx *sql.Tx, version string) error {
	if err := sqlite.SetupSchemaOnDB(schemaWriter{ctx: ctx, tx: tx}); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE `+schemaMarker+` (version TEXT NOT NULL)`); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO `+schemaMarker+` (version) VALUES (?)`, version)
	return err
}

// schemaWriter gives SetupSchemaOnDB the one method it calls, inside our transaction.
type schemaWriter struct {
	sqlplugin.AdminDB
	ctx context.Context //nolint:containedctx // AdminDB.Exec has no context parameter
	tx  *sql.Tx
}

func (w schemaWriter) Exec(stmt string, args ...any) error {
	_, err := w.tx.ExecContext(w.ctx, stmt, args...)
	return err
}

func durationProto(d time.Duration) *durationpb.Duration { return durationpb.New(d) }
