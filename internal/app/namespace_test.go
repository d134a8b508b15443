//go:build !slim

package app

import (
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
)

func TestANamespaceThatIsLostIsNoticed(t *testing.T) {
	options := devstacktest.Temporal(t).Options()
	c, err := client.Dial(options)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := namespaceAnswers(t.Context(), c, options.Namespace); err != nil {
		t.Errorf("a namespace that is there: %v", err)
	}
	if err := namespaceAnswers(t.Context(), c, "deleted"); err == nil || !strings.Contains(err.Error(), `no namespace "deleted"`) {
		t.Errorf("a namespace that is not there: %v, want an error that names it", err)
	}
}
