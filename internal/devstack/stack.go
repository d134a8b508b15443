//go:build !slim

package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

// Stack is a running Temporal server, Temporal Web UI and NATS server on one data folder.
type Stack struct {
	// Temporal is the running Temporal server.
	Temporal *Temporal
	// NATS is the running NATS server.
	NATS *NATS
	// UI is the running Web UI; nil if it was left out.
	UI *UI

	lock *folderLock
	log  *slog.Logger

	mu sync.Mutex // serialises Stop
}

// Start locks the data folder, checks every port, starts the servers and returns when all are
// ready. If anything fails, what was started is stopped. A folder in use gives a
// [FolderInUseError], a taken port a [PortInUseError]; both are found before anything is
// opened.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	if err := checkPorts(cfg); err != nil {
		return nil, err
	}
	s := &Stack{log: cfg.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dir != "" {
		// The servers keep the path for as long as they run, whatever happens to the working
		// directory.
		dir, err := filepath.Abs(cfg.Dir)
		if err != nil {
			return nil, fmt.Errorf("data folder %q: %w", cfg.Dir, err)
		}
		cfg.Dir = dir
		if s.lock, err = lockFolder(dir); err != nil {
			return nil, err
		}
		if err := makePrivate(dir); err != nil {
			return nil, errors.Join(err, s.lock.release())
		}
	}
	if err := s.start(ctx, cfg); err != nil {
		// Not under ctx: if it was cancelled, the rest must still be stopped.
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func checkPorts(cfg Config) error {
	errs := []error{
		CheckPort("Temporal", cfg.TemporalAddr, TemporalPortFlag),
		CheckPort("NATS", cfg.NATSAddr, NATSPortFlag),
	}
	if !cfg.NoUI {
		errs = append(errs, CheckPort("Temporal UI", cfg.UIAddr, UIPortFlag))
	}
	return errors.Join(errs...)
}

func (s *Stack) start(ctx context.Context, cfg Config) error {
	var temporalErr, natsErr, uiErr error
	var wg sync.WaitGroup
	wg.Go(func() { s.Temporal, temporalErr = StartTemporal(ctx, cfg.temporal()) })
	wg.Go(func() { s.NATS, natsErr = StartNATS(ctx, cfg.nats()) })
	wg.Wait()
	if err := errors.Join(temporalErr, natsErr); err != nil || cfg.NoUI {
		return err
	}
	s.UI, uiErr = StartUI(UIConfig{
		Addr: cfg.UIAddr, TemporalAddr: s.Temporal.Addr(), Namespace: s.Temporal.Namespace(), Guard: cfg.UIGuard, Logger: cfg.Logger,
	})
	return uiErr
}

func (c Config) temporal() TemporalConfig {
	return TemporalConfig{
		Dir:              c.Dir,
		FrontendAddr:     c.TemporalAddr,
		Namespace:        c.Namespace,
		Retention:        c.Retention,
		SearchAttributes: c.SearchAttributes,
		CHASMScheduler:   c.CHASMScheduler,
		PowerLossSafe:    c.PowerLossSafe,
		NamespaceRefresh: c.NamespaceRefresh,
		DynamicConfig:    c.DynamicConfig,
		Logger:           c.Logger,
		LogLevel:         c.LogLevel,
	}
}

// natsDir is the folder of JetStream's files in the data folder.
const natsDir = "nats"

func (c Config) nats() NATSConfig {
	dir := ""
	if c.Dir != "" {
		dir = filepath.Join(c.Dir, natsDir)
	}
	return NATSConfig{
		Dir:        dir,
		Addr:       c.NATSAddr,
		SyncAlways: c.SyncAlways,
		MaxStore:   c.MaxStore,
		MaxPayload: c.MaxPayload,
		Logger:     c.Logger,
		LogLevel:   c.LogLevel,
	}
}

// Stop stops what runs, in the reverse order of start, gives the data folder back and returns
// when all is done or ctx is. It may be called again, and on nil. If ctx ends first, the folder
// stays locked until a later Stop succeeds or the process ends, because a server may still be
// writing.
func (s *Stack) Stop(ctx context.Context) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.timed(ctx, "Temporal UI", s.UI.Stop), s.stopServers(ctx))
	if ctx.Err() != nil {
		return err
	}
	lock := s.lock
	s.lock = nil
	return errors.Join(err, lock.release())
}

// stopServers stops the two at once: neither uses the other.
func (s *Stack) stopServers(ctx context.Context) error {
	var natsErr error
	var wg sync.WaitGroup
	wg.Go(func() { natsErr = s.timed(ctx, "NATS server", s.NATS.Stop) })
	temporalErr := s.timed(ctx, "Temporal server", s.Temporal.Stop)
	wg.Wait()
	return errors.Join(natsErr, temporalErr)
}

// timed stops one part and writes down how long that took.
func (s *Stack) timed(ctx context.Context, name string, stop func(context.Context) error) error {
	began := time.Now()
	err := stop(ctx)
	s.log.DebugContext(ctx, "part stopped", "part", name, "took", time.Since(began))
	return err
}
