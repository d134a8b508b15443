package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/template"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	core "github.com/activity-core/activity-core"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrator changes the schema of one database.
type Migrator struct {
	provider *goose.Provider
	dialect  Dialect
}

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string
	// AppliedAt is nil while it is not applied.
	AppliedAt *time.Time
}

// NewMigrator returns a migrator on db, which stays open. locker, if not nil,
// keeps concurrent migrators apart.
func NewMigrator(db *sql.DB, d Dialect, locker lock.SessionLocker) (*Migrator, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open migrations: %w", err)
	}
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if locker != nil {
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(d.Goose, db, renderedFS{files, d.Types}, opts...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return &Migrator{provider: p, dialect: d}, nil
}

func (m *Migrator) fail(step string, err error) error {
	code := core.CodeInternal
	if c := m.dialect.Classify(err); c == ErrorUnavailable || c == ErrorRetry {
		code = core.CodeUnavailable
	}
	return core.Wrap(code, err, "%s: the schema could not be read or changed; the log has the details", step)
}

// Up applies every migration that is missing, and returns those it applied.
func (m *Migrator) Up(ctx context.Context) ([]Migration, error) {
	res, err := m.provider.Up(ctx)
	var done []Migration
	for _, r := range res {
		if r.Error == nil {
			done = append(done, migrationOf(r.Source))
		}
	}
	if err != nil {
		return done, m.fail("migrate up", err)
	}
	return done, nil
}

// Down takes back the newest applied migration and returns it; CodeNotFound if there is none.
func (m *Migrator) Down(ctx context.Context) (Migration, error) {
	r, err := m.provider.Down(ctx)
	switch {
	case errors.Is(err, goose.ErrNoNextVersion):
		return Migration{}, core.Errorf(core.CodeNotFound, "no migration is applied")
	case err != nil:
		return Migration{}, m.fail("migrate down", err)
	}
	return migrationOf(r.Source), nil
}

// Status lists all migrations, oldest first.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	all, err := m.provider.Status(ctx)
	if err != nil {
		return nil, m.fail("migrate status", err)
	}
	out := make([]Migration, len(all))
	for i, s := range all {
		out[i] = migrationOf(s.Source)
		if s.State == goose.StateApplied {
			at := s.AppliedAt.UTC()
			out[i].AppliedAt = &at
		}
	}
	return out, nil
}

// CheckSchema says whether the database has exactly the schema this program
// knows: an older or newer one is CodeConflict with the remedy.
func (m *Migrator) CheckSchema(ctx context.Context) error {
	have, want, err := m.provider.GetVersions(ctx)
	switch {
	case err != nil:
		return m.fail("check the schema", err)
	case have < want:
		return core.Errorf(core.CodeConflict,
			"the database schema is at version %d, this program needs %d; run \"activity-core migrate up\" first", have, want)
	case have > want:
		return core.Errorf(core.CodeConflict,
			"the database schema is at version %d, this program knows only %d; use the newer activity-core that migrated it", have, want)
	}
	return nil
}

func migrationOf(s *goose.Source) Migration {
	name := s.Path[strings.LastIndexByte(s.Path, '/')+1:]
	return Migration{Version: s.Version, Name: strings.TrimSuffix(name, ".sql")}
}

// renderedFS fills in the type tokens of the migrations as they are read.
type renderedFS struct {
	fs.FS
	types ColumnTypes
}

// Open renders .sql files and passes everything else through.
func (r renderedFS) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	raw, err := fs.ReadFile(r.FS, name)
	if err != nil {
		return nil, err
	}
	t, err := template.New(name).Parse(string(raw))
	if err != nil {
		return nil, fmt.Errorf("migration %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, r.types); err != nil {
		return nil, fmt.Errorf("migration %s: %w", name, err)
	}
	return &renderedFile{Reader: bytes.NewReader(out.Bytes()), info: renderedInfo{info, int64(out.Len())}}, nil
}

type renderedFile struct {
	*bytes.Reader
	info fs.FileInfo
}

// Stat implements [fs.File].
func (f *renderedFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements [fs.File].
func (f *renderedFile) Close() error { return nil }

type renderedInfo struct {
	fs.FileInfo
	size int64
}

// Size is that of the rendered text.
func (i renderedInfo) Size() int64 { return i.size }
