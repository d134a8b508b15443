package postgres_test

import (
	"context"
	"os"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/storetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

func migrate(t *testing.T, url string) {
	t.Helper()
	err := postgres.Migrate(t.Context(), postgres.Config{URL: url}, func(ctx context.Context, m *sqlstore.Migrator) error {
		_, err := m.Up(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestADatabaseWithoutTheSchemaIsRefusedUntilItIsMigrated(t *testing.T) {
	url := postgrestest.Database(t)
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: url}); !core.IsCode(err, core.CodeConflict) {
		t.Fatalf("an empty database was not refused: %v", err)
	}
	migrate(t, url)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	def := core.Definition{Name: "a", Enabled: true, TriggerType: core.TriggerEvent}
	def.Normalize()
	saved, err := store.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: def}}, "test", time.Now())
	if err != nil || saved[0].Version != 1 {
		t.Fatalf("%v %v", saved, err)
	}
}

func TestMigrationsGoDownAndUpAgain(t *testing.T) {
	url := postgrestest.Database(t)
	migrate(t, url)
	err := postgres.Migrate(t.Context(), postgres.Config{URL: url}, func(ctx context.Context, m *sqlstore.Migrator) error {
		for {
			if _, err := m.Down(ctx); core.IsCode(err, core.CodeNotFound) {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	migrate(t, url)
}

func TestAWrongURLIsAnErrorThatDoesNotShowIt(t *testing.T) {
	_, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://u:hunter2@%zz/db"})
	if !core.IsCode(err, core.CodeInvalid) {
		t.Fatalf("got %v", err)
	}
	_, err = postgres.Open(t.Context(), postgres.Config{URL: "postgres://u:hunter2@127.0.0.1:1/db?sslmode=disable"})
	if !core.IsCode(err, core.CodeUnavailable) || len(core.MessageOf(err)) == 0 {
		t.Fatalf("got %v", err)
	}
}

func TestPostgreSQLKeepsThePromisesOfTheRecord(t *testing.T) {
	storetest.Run(t, func(t *testing.T) core.Store {
		url := postgrestest.Database(t)
		migrate(t, url)
		s, err := postgres.Open(t.Context(), postgres.Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

func TestAChangeBrokenOffAtAnyStatementLeavesNothing(t *testing.T) {
	storetest.RunAtomic(t, func(t *testing.T, wrap func(sqlstore.Engine) sqlstore.Engine) core.Store {
		url := postgrestest.Database(t)
		migrate(t, url)
		s, err := postgres.OpenWith(t.Context(), postgres.Config{URL: url}, wrap)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}
