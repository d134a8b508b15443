package temporalrun_test

import (
	"os"
	"testing"

	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
)

func TestMain(m *testing.M) { os.Exit(devstacktest.Main(m)) }
