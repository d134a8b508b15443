//go:build !slim

package devstack_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/activity-core/activity-core/internal/devstack"
)

func TestNATSKeepsStreamsOverARestartAndLeavesNoGoroutine(t *testing.T) {
	if !inProcessOfItsOwn(t) {
		return
	}
	ctx := testContext(t)
	dir := filepath.Join(t.TempDir(), "made", "on demand")
	t.Run("servers", func(t *testing.T) { // its connections are closed when it ends
		first, err := devstack.StartNATS(ctx, devstack.NATSConfig{Dir: dir, SyncAlways: true})
		if err != nil {
			t.Fatal(err)
		}
		publishAndAckOne(ctx, t, first.URL())
		stop(t, first)
		stop(t, first)

		second, err := devstack.StartNATS(ctx, devstack.NATSConfig{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		expectOneUnacked(ctx, t, second.URL())
		stop(t, second)
	})
	goleak.VerifyNone(t)
}

func TestNATSServesInProcessWithoutTheNetwork(t *testing.T) {
	n, err := devstack.StartNATS(testContext(t), devstack.NATSConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, n)
	// An address where nothing listens: the option has to bypass it.
	nc := connect(t, "nats://127.0.0.1:1", n.InProcess())
	if nc.Status() != nats.CONNECTED {
		t.Errorf("connection is %s", nc.Status())
	}
}

func TestNATSThatCannotOpenItsFolderIsAnErrorNotTheEnd(t *testing.T) {
	_, err := devstack.StartNATS(testContext(t), devstack.NATSConfig{Dir: "/dev/null/jetstream"})
	if err == nil || !strings.Contains(err.Error(), "/dev/null/jetstream") {
		t.Fatalf("start gave %v, want an error that names the folder", err)
	}
}
