package app

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/worker"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// ServeOptions are the settings of `serve`.
type ServeOptions struct {
	Config *config.Config
	Logger *slog.Logger
	// Migrate brings the schema up to date before anything else; without it an
	// older schema is refused.
	Migrate bool
	Version string
}

// StartServe starts the configured roles on external Temporal, NATS and
// PostgreSQL. On failure nothing is left running.
func StartServe(ctx context.Context, o ServeOptions) (*App, error) {
	worker.SetBinaryChecksum("activity-core-" + o.Version) // hashing the executable would delay the start
	if o.Config.DatabaseURL == "" {
		return nil, core.InvalidField("database.url", nil, "is required by serve: set %s to a postgres:// URL, or use `activity-core dev`, which needs none", config.EnvName("database.url"))
	}
	if err := checkLogin(o.Config); err != nil {
		return nil, err
	}
	db := Database(o.Config)
	if o.Migrate {
		err := postgres.Migrate(ctx, db, func(ctx context.Context, m *sqlstore.Migrator) error {
			done, err := m.Up(ctx)
			for _, d := range done {
				o.Logger.InfoContext(ctx, "migration applied", "version", d.Version, "name", d.Name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	store, err := postgres.Open(ctx, db)
	if err != nil {
		return nil, err
	}
	return Start(ctx, Options{Config: o.Config, Logger: o.Logger, Store: store, Version: o.Version})
}

// checkLogin refuses an API without a token, unless somebody said that it is meant. That it
// listens on loopback says nothing of who reaches it: a proxy on this machine does for
// everybody.
func checkLogin(c *config.Config) error {
	if c.APIToken != "" || c.APIInsecure || !c.HasRole(config.RoleAPI) {
		return nil
	}
	return core.InvalidField("api.token", nil, "is required by serve: set %s, for example to the output of `openssl rand -hex 32`. Where everybody on this machine may do everything, set %s=true instead",
		config.EnvName("api.token"), config.EnvName("api.insecure_no_auth"))
}

// Database is the part of the configuration that names the database.
func Database(c *config.Config) postgres.Config {
	return postgres.Config{URL: c.DatabaseURL, MaxConns: c.DatabaseMaxConns}
}
