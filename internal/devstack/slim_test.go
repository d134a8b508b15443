package devstack_test

import (
	"os/exec"
	"strings"
	"testing"
)

func TestSlimBuildContainsNoServer(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", "slim", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, module := range []string{"go.temporal.io/server/", "github.com/temporalio/ui-server/", "github.com/nats-io/nats-server/", "modernc.org/sqlite"} {
		if strings.Contains(string(out), module) {
			t.Errorf("the slim build of this package contains %s", module)
		}
	}
}
