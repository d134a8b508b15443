//go:build !slim

package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// serveStopTimeout bounds the stop of a served server once its context is done.
const serveStopTimeout = 15 * time.Second

// ServeTemporal runs a Temporal server until ctx is done: the whole of a process that stands in
// for an external Temporal. It locks cfg.Dir (created if missing) when one is named and calls
// ready with the frontend's address.
func ServeTemporal(ctx context.Context, cfg TemporalConfig, ready func(addr string)) error {
	return serve(ctx, cfg.Dir, func(ctx context.Context) (stopper, string, error) {
		t, err := StartTemporal(ctx, cfg)
		if err != nil {
			return nil, "", err
		}
		return t, t.Addr(), nil
	}, ready)
}

// ServeNATS runs a NATS server until ctx is done: the whole of a process that stands in for an
// external NATS. It locks cfg.Dir (created if missing) when one is named and calls ready with
// the URL for clients.
func ServeNATS(ctx context.Context, cfg NATSConfig, ready func(url string)) error {
	return serve(ctx, cfg.Dir, func(ctx context.Context) (stopper, string, error) {
		n, err := StartNATS(ctx, cfg)
		if err != nil {
			return nil, "", err
		}
		return n, n.URL(), nil
	}, ready)
}

type stopper interface {
	Stop(ctx context.Context) error
}

func serve(ctx context.Context, dir string,
	start func(context.Context) (stopper, string, error), ready func(string),
) (err error) {
	if dir != "" {
		lock, lockErr := lockFolder(dir)
		if lockErr != nil {
			return lockErr
		}
		defer func() { err = errors.Join(err, lock.release()) }()
	}
	server, where, err := start(ctx)
	if err != nil {
		return err
	}
	ready(where)
	<-ctx.Done()
	stopCtx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), serveStopTimeout,
		fmt.Errorf("process %d did not stop its server within %s", os.Getpid(), serveStopTimeout))
	defer cancel()
	return server.Stop(stopCtx)
}
