package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

func (c *cli) serveCommand() *cobra.Command {
	var file, roles string
	var migrate bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Run roles on external Temporal, NATS and PostgreSQL", Args: noArgs,
		Example: "  activity-core serve --config /etc/activity-core.yaml --roles api,router,worker",
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := map[string]string{}
			if cmd.Flags().Changed("roles") {
				flags["roles"] = roles
			}
			cfg, err := config.Load(config.Sources{File: file, Environ: c.environ, Flags: flags})
			if err != nil {
				return err
			}
			log := c.logger(cfg)
			begun := time.Now()
			a, err := app.StartServe(cmd.Context(), app.ServeOptions{Config: cfg, Logger: log, Migrate: migrate, Version: version()})
			if err != nil {
				return err
			}
			log.Info("serving", "roles", strings.Join(cfg.Roles, ","), "api", cfg.APIAddr, "metrics", cfg.MetricsAddr, "started_in", time.Since(begun).String())
			return c.untilStopped(cmd.Context(), a.Fatal(), a.Stop, cfg.Shutdown())
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "settings file, YAML; environment and flags override it")
	cmd.Flags().StringVar(&roles, "roles", "", "api, router, worker, or several separated by commas; default all")
	cmd.Flags().BoolVar(&migrate, "migrate", false, "bring the database schema up to date first")
	return cmd
}

// untilStopped waits for the interrupt, or for an error after which the process is of no use,
// and stops in order.
func (c *cli) untilStopped(ctx context.Context, fatal <-chan error, stop func(context.Context) error, patience time.Duration) error {
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-fatal:
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := stop(stopCtx); err != nil && failed == nil {
		failed = core.Wrap(core.CodeInternal, err, "stopped, but not cleanly: %v", err)
	}
	return failed
}

func (c *cli) migrateCommand() *cobra.Command {
	step := func(use, short string, call func(context.Context, *sqlstore.Migrator) error) *cobra.Command {
		var file string
		cmd := &cobra.Command{
			Use: use, Short: short, Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				cfg, err := config.Load(config.Sources{File: file, Environ: c.environ})
				if err != nil {
					return err
				}
				if cfg.DatabaseURL == "" {
					return usageError("database.url is not set: set %s, or database.url in --config", config.EnvName("database.url"))
				}
				return postgres.Migrate(cmd.Context(), app.Database(cfg), call)
			},
		}
		cmd.Flags().StringVar(&file, "config", "", "settings file, YAML")
		return c.outputCommand(cmd)
	}
	show := func(word string, all []sqlstore.Migration) error {
		return c.print(all, func() {
			for _, m := range all {
				fmt.Fprintf(c.stdout, "%s %s\n", word, m.Name)
			}
			if len(all) == 0 {
				fmt.Fprintln(c.stdout, "nothing to do")
			}
		})
	}
	return group("migrate", "Change the database schema",
		step("up", "Apply every migration that is missing", func(ctx context.Context, m *sqlstore.Migrator) error {
			done, err := m.Up(ctx)
			if err != nil {
				return err
			}
			return show("applied", done)
		}),
		step("down", "Take back the newest migration", func(ctx context.Context, m *sqlstore.Migrator) error {
			done, err := m.Down(ctx)
			if err != nil {
				return err
			}
			return show("took back", []sqlstore.Migration{done})
		}),
		step("status", "List the migrations", func(ctx context.Context, m *sqlstore.Migrator) error {
			all, err := m.Status(ctx)
			if err != nil {
				return err
			}
			return c.print(all, func() {
				rows := [][]string{{"MIGRATION", "APPLIED"}}
				for _, s := range all {
					applied := "no"
					if s.AppliedAt != nil {
						applied = ago(*s.AppliedAt)
					}
					rows = append(rows, []string{s.Name, applied})
				}
				c.table(rows)
			})
		}),
	)
}
