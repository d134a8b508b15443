//go:build !slim

package devstack_test

import (
	"context"
	"errors"
	"testing"

	"github.com/activity-core/activity-core/internal/devstack"
)

func TestServedServersHoldTheirFolderUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	temporalDir, natsDir := t.TempDir(), t.TempDir()
	for name, run := range map[string]struct {
		dir   string
		serve func(ctx context.Context, ready func(string)) error
	}{
		"temporal": {temporalDir, func(ctx context.Context, ready func(string)) error {
			return devstack.ServeTemporal(ctx, devstack.TemporalConfig{Dir: temporalDir}, ready)
		}},
		"nats": {natsDir, func(ctx context.Context, ready func(string)) error {
			return devstack.ServeNATS(ctx, devstack.NATSConfig{Dir: natsDir}, ready)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time finds the folder free
				ctx, cancel := context.WithCancel(testContext(t))
				done := make(chan error, 1)
				ready := make(chan string, 1)
				go func() { done <- run.serve(ctx, func(where string) { ready <- where }) }()
				select {
				case <-ready:
				case err := <-done:
					t.Fatalf("server ended before it was ready: %v", err)
				}
				var inUse *devstack.FolderInUseError
				if err := run.serve(ctx, func(string) {}); !errors.As(err, &inUse) || inUse.Dir != run.dir {
					t.Errorf("second server gave %v, want a FolderInUseError for %s", err, run.dir)
				}
				cancel()
				if err := <-done; err != nil {
					t.Errorf("stop: %v", err)
				}
			}
		})
	}
}
