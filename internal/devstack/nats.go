//go:build !slim

package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsServerName is fixed: JetStream files name the server that wrote them.
const natsServerName = "activity-core-dev"

// natsReadyTimeout bounds the wait for the listener after Start returned, which is normally
// immediate.
const natsReadyTimeout = 10 * time.Second

// NATS is a running embedded NATS server with JetStream.
type NATS struct {
	server  *server.Server
	tempDir string // removed on Stop; empty if the caller named the folder

	stopOnce sync.Once
	stopped  chan struct{}
	stopErr  error // readable once stopped is closed
}

// StartNATS starts a NATS server and returns when it accepts clients. A port that is taken
// gives a [PortInUseError].
func StartNATS(ctx context.Context, cfg NATSConfig) (*NATS, error) {
	addr, err := parseAddr("NATS", cfg.Addr)
	if err != nil {
		return nil, err
	}
	if err := CheckPort("NATS", addr.String(), NATSPortFlag); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := &NATS{stopped: make(chan struct{})}
	dir := cfg.Dir
	if dir == "" {
		if n.tempDir, err = os.MkdirTemp("", "activity-core-nats-"); err != nil {
			return nil, fmt.Errorf("create JetStream folder: %w", err)
		}
		dir = n.tempDir
	}
	if err := n.start(cfg, addr.Addr().String(), int(addr.Port()), dir); err != nil {
		return nil, errors.Join(fmt.Errorf("start NATS server in %s: %w", dir, err), n.Stop(ctx))
	}
	return n, nil
}

func (n *NATS) start(cfg NATSConfig, host string, port int, dir string) error {
	if port == 0 {
		port = server.RANDOM_PORT
	}
	opts := &server.Options{
		ServerName:             natsServerName,
		Host:                   host,
		Port:                   port,
		NoSigs:                 true, // signals belong to the process, not to a part of it
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               dir,
		SyncAlways:             cfg.SyncAlways,
		JetStreamMaxStore:      cfg.MaxStore,
		MaxPayload:             cfg.MaxPayload,
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	n.server = ns
	logger := &natsLogger{slog: serverLogger(cfg.Logger, cfg.LogLevel, "nats")}
	ns.SetLoggerV2(logger, false, false, false)
	ns.Start()
	if msg := logger.fatal.Load(); msg != nil {
		return errors.New(*msg)
	}
	if !ns.ReadyForConnections(natsReadyTimeout) {
		return fmt.Errorf("not ready for connections after %s", natsReadyTimeout)
	}
	return nil
}

// URL is where clients connect, such as nats://127.0.0.1:4222.
func (n *NATS) URL() string { return n.server.ClientURL() }

// InProcess is an option for nats.Connect that bypasses the network.
func (n *NATS) InProcess() nats.Option { return nats.InProcessServer(n.server) }

// Stop closes all connections, flushes JetStream to disk and returns when the server is gone,
// or when ctx is done (the server then goes on stopping). It may be called again, and on nil.
func (n *NATS) Stop(ctx context.Context) error {
	if n == nil {
		return nil
	}
	n.stopOnce.Do(func() { go n.shutdown() })
	select {
	case <-n.stopped:
		return n.stopErr
	case <-ctx.Done():
		return fmt.Errorf("stop NATS server: %w", context.Cause(ctx))
	}
}

func (n *NATS) shutdown() {
	defer close(n.stopped)
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
	if n.tempDir != "" {
		if err := os.RemoveAll(n.tempDir); err != nil {
			n.stopErr = fmt.Errorf("remove JetStream folder: %w", err)
		}
	}
}
