package activitycore_test

import (
	"regexp"
	"testing"

	core "github.com/activity-core/activity-core"
)

// A refused number comes with what to write; that must be accepted.
func TestTheRemedyForANumberIsAccepted(t *testing.T) {
	write := regexp.MustCompile(`, or write (\S+) for the number`)
	remedies := 0
	for _, s := range []string{"0755", "1.10", "1.0", "1234e56", "1_000", "0_1", "0_755", "1_0.5_0", "0x1F", "0o17", "+7", "-0", "1e3", "08", "1__0", "_1"} {
		err := core.NumberAsTyped(s)
		if err == nil {
			t.Errorf("%s: want it refused", s)
			continue
		}
		if m := write.FindStringSubmatch(err.Error()); m != nil {
			remedies++
			if again := core.NumberAsTyped(m[1]); again != nil {
				t.Errorf("%s: want the remedy %s accepted, got %v", s, m[1], again)
			}
		}
	}
	if remedies < 4 {
		t.Errorf("want remedies to try, got %d", remedies)
	}
}
