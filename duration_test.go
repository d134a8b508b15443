package activitycore_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

const day = 24 * time.Hour

func TestADurationIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "-0s": 0, "0d": 0, "30s": 30 * time.Second, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond,
		"7d": 7 * day, "1w": 7 * day, "1d12h": 36 * time.Hour, "1w2d3h4m5s": 9*day + 3*time.Hour + 4*time.Minute + 5*time.Second,
		"1.5d": 36 * time.Hour, "0.5w": 84 * time.Hour, ".5d": 12 * time.Hour, "1.d": day, "1.5h": 90 * time.Minute, "-90m": -90 * time.Minute, "-1w1d": -8 * day,
		"5µs": 5 * time.Microsecond, "5μs": 5 * time.Microsecond, "5us": 5 * time.Microsecond, "7ns": 7,
		// Exact where a binary fraction is not.
		"0.1d": 2*time.Hour + 24*time.Minute, "0.000000000000012d": 1, "36500.000000001d": 36500*day + 86*time.Microsecond + 400,
		"106751d": 106751 * day, "15250w": 15250 * 7 * day, "106751d23h47m16.854775807s": math.MaxInt64, "-106751d23h47m16.854775807s": -math.MaxInt64,
		"9223372036854775807ns": math.MaxInt64,
	} {
		if d, err := core.ParseDuration(text); err != nil || d.Std() != want {
			t.Errorf("%s: %v %v, want %v", text, d.Std(), err, want)
		}
	}
}

func TestWhatIsNoDurationIsRefusedWithItsTextAndAnExample(t *testing.T) {
	for _, text := range []string{
		"", " ", "-", "+", "s", "d", "w", ".", ".d", "7", "-7", "1.5",
		"nand", "NaNd", "nanw", "infd", "-infd", "infinityw", "Infd",
		"1e3d", "1e300d", "1E2w", "1e-3d", "0x10d", "0x1p4d", "0x1p-2w", "1_000d", "1_0h", "0b1d", "0o7w",
		"+1d", "-+1d", "+-1d", "--1d", "+-1h", "-+1h", "--1h", "+1h", "1d-2h", "1d+2h", "1d -2h", "-1d-2h",
		"1 d", " 1d", "1d ", "1d 12h", "1d\n", "1D", "1W", "1H", "1day", "1 day", "1week", "1y", "1M", "7٣d", "１d",
		"1d1w", "1d2d", "1w1w", "1h1d", "30m1w", "1.2.3d", "1,5d", "1..5d", "1d.", "d1h", "1dh",
		"106752d", "15251w", "106751d23h47m16.854775808s", "1e400h", "9223372036854775808ns", "2562048h", "99999999999999999999d", "15250w2d",
		strings.Repeat("9", 400) + "d", strings.Repeat("0", 5000) + "1d", strings.Repeat("1s", 2000),
	} {
		d, err := core.ParseDuration(text)
		if err == nil {
			t.Errorf("%.40q is taken as %v", text, d.Std())
			continue
		}
		if m := err.Error(); !strings.Contains(m, "is not a duration; write for example 30s, 15m, 72h or 7d") && !strings.Contains(m, "is longer than") || len(m) > 400 {
			t.Errorf("%.40q: %s", text, m)
		}
	}
}

func FuzzADurationThatIsTakenIsWrittenBackTheSame(f *testing.F) {
	for _, s := range []string{"", "0", "30s", "1h30m", "7d", "1w2d3h4m5.5s", "-1.5d", "nand", "infw", "1e300d", "+-1d", "0x1p4d", "1_0d", "106751d23h47m16.854775807s", ".5d", "1.d", "d", "5µs"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := core.ParseDuration(s)
		if err != nil {
			if d != 0 {
				t.Fatalf("%q: %v with an error", s, d)
			}
			return
		}
		if strings.Trim(s, "-0123456789.wdhmsnuµμ") != "" || strings.LastIndex(s, "-") > 0 {
			t.Fatalf("%q is taken as %v", s, d.Std())
		}
		if d < -math.MaxInt64 || strings.HasPrefix(s, "-") && d > 0 || !strings.HasPrefix(s, "-") && d < 0 {
			t.Fatalf("%q is %v: the sign changed", s, d.Std())
		}
		again, err := core.ParseDuration(d.String())
		if err != nil || again != d {
			t.Fatalf("%q is %v, written %q, read back as %v, %v", s, d.Std(), d.String(), again.Std(), err)
		}
		// Against the standard library, where it knows the notation.
		if std, err := time.ParseDuration(s); err == nil && std != d.Std() {
			t.Fatalf("%q is %v, the standard library says %v", s, d.Std(), std)
		}
	})
}

// FuzzEveryDurationIsReadBack goes the other way: from a length to its text, plain and with
// days in front.
func FuzzEveryDurationIsReadBack(f *testing.F) {
	for _, n := range []int64{0, 1, -1, math.MaxInt64, -math.MaxInt64, int64(day), int64(9*day + time.Second)} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		if n == math.MinInt64 {
			t.Skip("it has no positive counterpart, and 292 years are no duration of ours")
		}
		d := core.Duration(n)
		if back, err := core.ParseDuration(d.String()); err != nil || back != d {
			t.Fatalf("%d is written %q, read back as %d, %v", n, d, back, err)
		}
		if d < 0 {
			return
		}
		text := time.Duration(n % int64(day)).String()
		if days := n / int64(day); days > 0 {
			text = fmt.Sprintf("%dd%v", days, time.Duration(n%int64(day)))
		}
		if back, err := core.ParseDuration(text); err != nil || back != d {
			t.Fatalf("%d is written %q, read back as %d, %v", n, text, back, err)
		}
	})
}
