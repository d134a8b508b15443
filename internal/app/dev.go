//go:build !slim

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/httpguard"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// DevOptions are the settings of `dev`. Ports of 0 pick a free one.
type DevOptions struct {
	// DataDir keeps everything; empty: nothing is kept.
	DataDir                                               string
	HTTPPort, MetricsPort, TemporalPort, UIPort, NATSPort int
	Config                                                *config.Config
	Logger                                                *slog.Logger
	// Definitions, which have passed the catalogue's check, are applied before the API answers
	// ready.
	Definitions []core.Definition
	Version     string
}

// Dev is everything in one process.
type Dev struct {
	*App
	stack *devstack.Stack
	// URLs of what runs.
	API, Metrics, Temporal, TemporalUI, NATS string
}

// StartDev starts the embedded servers, the store and all roles, and returns
// when /readyz is good. On failure nothing is left running.
func StartDev(ctx context.Context, o DevOptions) (*Dev, error) {
	worker.SetBinaryChecksum("activity-core-" + o.Version) // hashing the executable takes longer than starting everything
	apiListener, err := listen(ctx, "API", "--http-port", o.HTTPPort)
	if err != nil {
		return nil, err
	}
	metricsListener, err := listen(ctx, "metrics", "--metrics-port", o.MetricsPort)
	if err != nil {
		apiListener.Close()
		return nil, err
	}
	opened := []func(){func() { apiListener.Close() }, func() { metricsListener.Close() }}
	undo := func(err error) (*Dev, error) {
		for i := len(opened) - 1; i >= 0; i-- {
			opened[i]()
		}
		return nil, err
	}
	attributes := map[string]enumspb.IndexedValueType{}
	for _, name := range temporalrun.SearchAttributes() {
		attributes[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	stack, err := devstack.Start(ctx, devstack.Config{
		Dir: o.DataDir, TemporalAddr: loopback(o.TemporalPort), UIAddr: loopback(o.UIPort), NATSAddr: loopback(o.NATSPort),
		SearchAttributes: attributes, SyncAlways: o.DataDir != "", Logger: o.Logger,
		UIGuard: func(ui http.Handler) http.Handler {
			return httpguard.Handler(httpguard.Config{LocalOnly: true, NoLogin: true, SameSite: true}, ui)
		},
	})
	if err != nil {
		return undo(err)
	}
	stopStack := func() {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := stack.Stop(stopCtx); err != nil {
			o.Logger.Warn("embedded servers did not stop cleanly", "error", err)
		}
	}
	opened = append(opened, stopStack)
	record := sqlite.Config{Ephemeral: o.DataDir == ""}
	if o.DataDir != "" {
		record.Path = filepath.Join(o.DataDir, "activity-core.db")
	}
	store, err := sqlite.Open(ctx, record)
	if err != nil {
		return undo(err)
	}
	cfg := *o.Config
	if cfg.SecretsKey == "" {
		if cfg.SecretsKey, err = devKey(o.DataDir); err != nil {
			store.Close()
			return undo(fmt.Errorf("the key of secrets: %w", err))
		}
	}
	cfg.TemporalAddress, cfg.TemporalNamespace = stack.Temporal.Addr(), stack.Temporal.Namespace()
	cfg.NATSURL = stack.NATS.URL()
	app, err := Start(ctx, Options{
		Config: &cfg, Logger: o.Logger, Store: store, NATSOptions: []nats.Option{stack.NATS.InProcess()},
		APIListener: apiListener, MetricsListener: metricsListener, StopWork: 2 * time.Second, FetchWait: 50 * time.Millisecond, Version: o.Version,
	})
	if err != nil {
		return undo(err)
	}
	d := &Dev{
		App: app, stack: stack, API: "http://" + apiListener.Addr().String(), Metrics: "http://" + metricsListener.Addr().String() + "/metrics",
		Temporal: stack.Temporal.Addr(), NATS: stack.NATS.URL(),
	}
	if stack.UI != nil {
		d.TemporalUI = stack.UI.URL()
	}
	if err := d.settle(ctx, o.Definitions); err != nil {
		return nil, errors.Join(err, d.Stop(context.WithoutCancel(ctx)))
	}
	return d, nil
}

// settle applies the definitions given at start and waits for readiness.
func (d *Dev) settle(ctx context.Context, defs []core.Definition) error {
	if len(defs) > 0 {
		if _, err := d.catalog.Apply(ctx, catalog.Batch{Definitions: defs, Checked: true}, "dev"); err != nil {
			return err
		}
	}
	for {
		ready, report := d.Ready(ctx)
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted before ready: %v", report)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Stop stops the roles, then the embedded servers.
func (d *Dev) Stop(ctx context.Context) error {
	return errors.Join(d.App.Stop(ctx), d.stack.Stop(ctx))
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// listen opens a port of our own, with the message that devstack gives for its own.
func listen(ctx context.Context, service, flag string, port int) (net.Listener, error) {
	if port != 0 {
		if err := devstack.CheckPort(service, loopback(port), flag); err != nil {
			return nil, err
		}
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", loopback(port))
}
