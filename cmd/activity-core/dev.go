//go:build !slim

package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/telemetry"
)

// devMemoryLimit makes the collector work harder before the process grows past
// what a laptop would notice; it is a soft limit, bytes.
const devMemoryLimit = 350 << 20

func (c *cli) devCommand() *cobra.Command {
	o := app.DevOptions{}
	var ephemeral bool
	var files []string
	var contextDir, logLevel string
	cmd := &cobra.Command{
		Use: "dev", Short: "Run everything in one process: Temporal, NATS, store, API, router, worker", Args: noArgs,
		Example: "  activity-core dev -f examples/ --context-dir examples/context",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if len(files) > 0 {
				docs, err := c.readDocuments(files)
				if err != nil {
					return err
				}
				o.Definitions = definitionsOf(docs)
				c.showWarnings(warningsOf(docs, nil))
			}
			if ephemeral {
				if cmd.Flags().Changed("data-dir") {
					return usageError("--ephemeral keeps nothing, --data-dir keeps everything; give one of them")
				}
				o.DataDir = ""
			}
			for flag, port := range map[string]int{"http-port": o.HTTPPort, "metrics-port": o.MetricsPort, "temporal-port": o.TemporalPort, "ui-port": o.UIPort, "nats-port": o.NATSPort} {
				if port < 0 || port > 65535 {
					return usageError("--%s %d: must be between 0 (pick a free one) and 65535", flag, port)
				}
			}
			flags := map[string]string{"api.addr": "127.0.0.1:8010", "log.level": logLevel}
			if contextDir != "" {
				flags["context.dir"] = contextDir
			}
			if o.Config, err = config.Load(config.Sources{Environ: c.environ, Flags: flags}); err != nil {
				return err
			}
			said := &heldWriter{out: c.logOutput(o.Config)}
			defer said.release()
			o.Logger = telemetry.NewLogger(said, o.Config.LogLevel, o.Config.LogFormat, o.Config.Scrubber())
			o.Version = version()
			if os.Getenv("GOMEMLIMIT") == "" {
				debug.SetMemoryLimit(devMemoryLimit)
			}
			return c.runDev(cmd.Context(), o, said)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.DataDir, "data-dir", ".activity-core", "folder that keeps everything")
	f.BoolVar(&ephemeral, "ephemeral", false, "keep nothing")
	numberVar(f, &o.HTTPPort, "http-port", 8010, "API; 0 picks a free port, as with the others")
	numberVar(f, &o.MetricsPort, "metrics-port", 9090, "/metrics")
	numberVar(f, &o.TemporalPort, "temporal-port", 7233, "Temporal frontend")
	numberVar(f, &o.UIPort, "ui-port", 8233, "Temporal Web UI")
	numberVar(f, &o.NATSPort, "nats-port", 4222, "NATS")
	f.StringSliceVarP(&files, "file", "f", nil, "definition file or folder to apply at start; may be repeated")
	f.StringVar(&contextDir, "context-dir", "", "folder below which {file: …} context sources are read")
	f.StringVar(&logLevel, "log-level", "warn", "debug, info, warn or error")
	return cmd
}

// bannerPatience is how long the log waits for the banner: who waits longer wants to see why.
const bannerPatience = 3 * time.Second

func (c *cli) runDev(ctx context.Context, o app.DevOptions, said *heldWriter) error {
	begun := time.Now()
	defer time.AfterFunc(bannerPatience, said.release).Stop()
	d, err := app.StartDev(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // interrupted while starting: that is what was asked for
		}
		return err
	}
	took := time.Since(begun)
	kept := o.DataDir
	if kept == "" {
		kept = "(nothing is kept)"
	}
	fmt.Fprintf(c.stdout, `activity-core is ready (%d ms)

  API          %s   (docs at /docs)
  Temporal UI  %s
  Metrics      %s
  Temporal     %s
  NATS         %s
  data         %s
  schedules    %s

Ctrl-C stops it.
`, took.Milliseconds(), d.API, d.TemporalUI, d.Metrics, d.Temporal, d.NATS, kept, d.Schedules(ctx))
	said.release()
	if len(o.Definitions) > 0 {
		names := make([]string, len(o.Definitions))
		for i, def := range o.Definitions {
			names[i] = def.Name
		}
		fmt.Fprintf(c.stdout, "applied: %s\n", strings.Join(names, ", "))
	}
	return c.untilStopped(ctx, d.Fatal(), d.Stop, o.Config.Shutdown())
}
