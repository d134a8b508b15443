//go:build !slim

package devstacktest_test

import (
	"context"
	"os"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
)

func TestMain(m *testing.M) { os.Exit(devstacktest.Main(m)) }

func TestTestsShareAServerAndNotANamespace(t *testing.T) {
	a, b := devstacktest.Temporal(t), devstacktest.Temporal(t)
	if a.HostPort != b.HostPort {
		t.Errorf("two servers, %s and %s, want one", a.HostPort, b.HostPort)
	}
	if a.Name == b.Name {
		t.Errorf("both tests got namespace %s", a.Name)
	}
}

func TestEverySearchAttributeIsUsableAtOnce(t *testing.T) {
	c := devstacktest.Temporal(t).Client(t)
	var attrs []temporal.SearchAttributeUpdate
	for name := range devstacktest.SearchAttributes() {
		attrs = append(attrs, temporal.NewSearchAttributeKeyKeyword(name).ValueSet("value"))
	}
	_, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{
		TaskQueue: "nobody-listens", TypedSearchAttributes: temporal.NewSearchAttributes(attrs...),
	}, "Waiting")
	if err != nil {
		t.Fatal(err)
	}
}

func TestJetStreamIsThere(t *testing.T) {
	for name, url := range map[string]string{"shared": devstacktest.NATS(t), "own": devstacktest.OwnNATS(t).URL()} {
		t.Run(name, func(t *testing.T) {
			js, err := jetstream.New(devstacktest.Connect(t, url))
			if err != nil {
				t.Fatal(err)
			}
			stream := devstacktest.Unique(t)
			if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: stream, Subjects: []string{stream + ".>"}}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
