package eventstream_test

import (
	"os"
	"testing"

	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/eventstream/eventstreamtest"
)

func TestMain(m *testing.M) { os.Exit(devstacktest.Main(m)) }

// What tests say often.
var event = eventstreamtest.Event
