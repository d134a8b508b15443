package cronspec_test

import (
	"sync"
	"testing"

	"github.com/activity-core/activity-core/internal/cronspec"
)

func TestACacheGivesOneSpecForOneMeaningAndRemembersNoError(t *testing.T) {
	var c cronspec.Cache
	first, err := c.Parse([]string{"0 6 * * 1"}, "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if again, err := c.Parse([]string{"0 6 * * 1"}, "Europe/Berlin"); err != nil || again != first {
				t.Errorf("got another spec: %v", err)
			}
		})
	}
	wg.Wait()
	for _, other := range []struct {
		expressions []string
		zone        string
	}{{[]string{"0 6 * * 1"}, "UTC"}, {[]string{"0 7 * * 1"}, "Europe/Berlin"}, {[]string{"0 6 * * 1", "0 7 * * 1"}, "Europe/Berlin"}} {
		if spec, err := c.Parse(other.expressions, other.zone); err != nil || spec == first {
			t.Errorf("%v %s: the same spec, %v", other.expressions, other.zone, err)
		}
	}
	for range 2 {
		if _, err := c.Parse([]string{"61 * * * *"}, "UTC"); err == nil {
			t.Error("61 minutes were accepted")
		}
	}
}
