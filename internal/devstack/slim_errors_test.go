//go:build slim

package devstack_test

import (
	"errors"
	"testing"

	"github.com/activity-core/activity-core/internal/devstack"
)

func TestSlimBuildSaysWhyNothingStarts(t *testing.T) {
	ctx := t.Context()
	_, stackErr := devstack.Start(ctx, devstack.Config{})
	_, temporalErr := devstack.StartTemporal(ctx, devstack.TemporalConfig{})
	_, natsErr := devstack.StartNATS(ctx, devstack.NATSConfig{})
	_, uiErr := devstack.StartUI(devstack.UIConfig{})
	serveErr := devstack.ServeTemporal(ctx, devstack.TemporalConfig{}, func(string) {})
	for _, err := range []error{stackErr, temporalErr, natsErr, uiErr, serveErr} {
		if !errors.Is(err, devstack.ErrSlim) {
			t.Errorf("start gave %v, want ErrSlim", err)
		}
	}
}
