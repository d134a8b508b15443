package cronspec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
)

// step-hint: what a person had and what the hint must say.
func TestTheRemedyMeansWhatWasMeant(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // the expressions of the remedy, separated by "; "
		same bool
	}{
		{"*/60 * * * *", "0 * * * *", true},
		{"*/60 9-17 * * mon", "0 9-17 * * mon", true},
		{"0 */24 * * *", "0 0 * * *", true},
		{"30 */24 * * *", "30 0 * * *", true},
		{"*/120 * * * *", "0 */2 * * *", true},
		{"*/120 9-17 * * *", "0 9-17/2 * * *", true},
		{"*/90 * * * *", "0 0-23/3 * * *; 30 1-23/3 * * *", true},
		{"*/90 * * * 1-5", "0 0-23/3 * * 1-5; 30 1-23/3 * * 1-5", true},
		{"*/1440 * * * *", "0 0 * * *", true},
		{"*/100 * * * *", "0 0-23/8 * * *; 36 1-23/8 * * *; 12 3-23/8 * * *; 48 4-23/8 * * *; 24 6-23/8 * * *", false},
		{"0 */48 * * *", "0 0 */2 * *", false},
		{"0 */168 * * *", "0 0 * * 0", true},
		{"@every 90m", "0 0-23/3 * * *; 30 1-23/3 * * *", true},
		{"@every 5m", "*/5 * * * *", true},
		{"@every 1h30m", "0 0-23/3 * * *; 30 1-23/3 * * *", true},
		{"@every 6h", "0 */6 * * *", true},
		{"@every 24h", "0 0 * * *", true},
		{"@every 1d", "0 0 * * *", true},
		{"@every 7d", "0 0 * * 0", true},
		{"@every 1w", "0 0 * * 0", true},
		{"@every 30s", "* * * * *", false},
		{"@every 45m", "0,45 0-23/3 * * *; 30 1-23/3 * * *; 15 2-23/3 * * *", true},
		{"rate(5 minutes)", "*/5 * * * *", true},
		{"rate(1 hour)", "0 * * * *", true},
		{"rate(1 day)", "0 0 * * *", true},
		{"rate(7 days)", "0 0 * * 0", true},
		{"cron(0 9 ? * MON-FRI *)", "0 9 * * MON-FRI", true},
		{"cron(0 9 ? * 2-6 *)", "0 9 * * 1-5", true},
		{"cron(15 10 L * ? *)", "15 10 28-31 * *", true},
		{"cron(0/15 * * * ? *)", "0-45/15 * * * *", true},
		{"cron(0 9 ? * 6#3 2027)", "0 9 * * fri", false},
		{"0 5 * * 1 /usr/bin/backup.sh", "0 5 * * 1", true},
		{"0 5 * * 1 root /usr/bin/backup.sh --all 5", "0 5 * * 1", true},
		{"*/60 5 * * 1 /usr/bin/backup.sh >/dev/null 2>&1", "0 5 * * 1", true},
		{"@daily /usr/bin/backup.sh", "@daily", true},
		{"Mon..Fri *-*-* 09:00:00", "0 9 * * mon-fri", true},
		{"Mon *-*-1..7 09:00", "0 9 * * mon", true},
		{"*-*-* *:0/15", "0-45/15 * * * *", true},
		{"*-*-01 04:00:00", "0 4 1 * *", true},
		{"*:0/5", "0-55/5 * * * *", true},
		{"09:30", "30 9 * * *", true},
		{"Saturday,Sun 10:00 Europe/Berlin", "0 10 * * sat,sun", true},
		{"weekly", "0 0 * * 1", true},
		{"0 0 L-3 * *", "0 0 25-28 * *", true},
		{"0 0 L * *", "0 0 28-31 * *", true},
		{"0 6 1,L * *", "0 6 1,28-31 * *", true},
		{"0 6 * * 5L", "0 6 * * fri", true},
		{"0 6 * * 2#2", "0 6 * * tue", true},
		{"0 6 * * 1#1,1#3", "0 6 * * mon", true},
		{"0 6 * * 1#1,5#3", "0 6 * * 1,5", true},
		{"0 6 LW * *", "0 6 26-31 * *", true},
		{"0 6 15W * *", "0 6 13-17 * *", true},
		{"0 0 12 ? * MON", "0 12 * * MON", true},
		{"0 0 12 ? * 2-6 2027", "0 12 * * 1-5", false},
		{"0 15 10 ? * 6#3", "15 10 * * fri", true},
		{"0 15 10 L * ?", "15 10 28-31 * *", true},
		{"TZ=Europe/Berlin 0 6 * * 1", "0 6 * * 1", true},
		{"CRON_TZ=Asia/Tokyo 0 0 L * *", "0 0 28-31 * *", true},
		{"0 6 * * monday", "0 6 * * mon", true},
		{"0 6 * * monday-friday", "0 6 * * mon-fri", true},
		{"0 22-4 * * friday", "0 0-4,22,23 * * fri", true},
		{"0 6 * * 1 # on Mondays", "0 6 * * 1", true},
	} {
		refusal := refusalOf(t, c.text)
		if refusal.Remedy == nil {
			t.Errorf("%q: no remedy, want %s; the message is: %v", c.text, c.want, refusal)
			continue
		}
		if got := strings.Join(refusal.Remedy.Expressions, "; "); got != c.want || refusal.Remedy.Same != c.same {
			t.Errorf("%q: the remedy is %s (same %t), want %s (same %t)", c.text, got, refusal.Remedy.Same, c.want, c.same)
		}
		for _, x := range refusal.Remedy.Expressions {
			if !strings.Contains(refusal.Error(), fmt.Sprintf("%q", x)) {
				t.Errorf("%q: the message %q lacks %q", c.text, refusal, x)
			}
		}
	}
}

// Where nothing is sure enough, the hint offers no expression as if it were.
func TestWhatCannotBeTranslatedHasNoRemedy(t *testing.T) {
	for _, text := range []string{"rate(0 minutes)", "rate(5 fortnights)", "cron(0 9)", "@every", "@every soon", "@every -5m", "*/90 9-17 * * *", "0 0 L * 5", "0 6 13 * 5#2",
		"every monday", "0 6 * * 9#9", "0 6 L-40 * *", "H H * * *", "0 5 * * 99 /bin/true", "Mon..Fri", "TZ=Mars/Phobos 0 6 * * *", "rate(99999 days)"} {
		if r := refusalOf(t, text).Remedy; r != nil {
			t.Errorf("%q: the remedy is %s, want none", text, r)
		}
	}
}

// Steps and rates in every size: what claims to be the same comes at that very distance, day
// after day.
func TestARemedyForAnIntervalKeepsIt(t *testing.T) {
	from := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC) // a Sunday
	exact := 0
	for n := 1; n <= 2000; n++ {
		forms := []string{fmt.Sprintf("@every %dm", n), fmt.Sprintf("rate(%d minutes)", n)}
		if n >= 60 {
			forms = append(forms, fmt.Sprintf("*/%d * * * *", n), fmt.Sprintf("0/%d * * * *", n), fmt.Sprintf("0-59/%d * * * *", n))
		}
		for _, text := range forms {
			r := refusalOf(t, text).Remedy
			if r == nil {
				if n <= 1440 {
					t.Errorf("%q has no remedy", text)
				}
				continue
			}
			spec, err := cronspec.Parse(r.Expressions, "")
			if err != nil {
				t.Errorf("%q: the remedy %s is refused: %v", text, r, err)
				continue
			}
			if r.Same != (1440%n == 0) {
				t.Errorf("%q: the remedy %s claims to be the same: %t, want %t", text, r, r.Same, 1440%n == 0)
			}
			if !r.Same {
				continue
			}
			exact++
			want := from
			for at := range spec.Between(from, from.AddDate(0, 0, 3)) {
				if !at.Equal(want) {
					t.Errorf("%q: the remedy %s fires at %s, want %s", text, r, at, want)
					break
				}
				want = want.Add(time.Duration(n) * time.Minute)
			}
			if want.Before(from.AddDate(0, 0, 3)) {
				t.Errorf("%q: the remedy %s lacks %s", text, r, want)
			}
		}
	}
	if exact < 100 {
		t.Errorf("%d remedies claim to be exact, want 100 or more", exact)
	}
}

// Whatever is thrown together of what schedulers know: each expression of each remedy parses,
// and is in the message.
func TestEveryRemedyParses(t *testing.T) {
	items := []string{"*", "?", "0", "1", "5", "7", "12", "31", "59", "99", "7-2", "7/2", "22-4", "22-4/3", "5/90", "*/60", "*/24", "*/90", "*/0", "0/30", "1-", "*/5", "FRI", "FRIL", "friday", "fri-mon",
		"5L", "L", "L-3", "LW", "15W", "1W", "31W", "C", "5#3", "FRI#2", "9#9", "H", "~", "jan", "sept", "2026", "", "MON-FRI", "6-1/2", "root", "/bin/true", "#x", "*-*-*", "*-*-1..7", "09:00:00", "*:0/15",
		"Mon..Fri", "Sat,Sun", "Europe/Berlin", "1..5", "@every", "@daily", "90m", "36h", "1h30m15s", "TZ=Asia/Tokyo", "rate(5", "minutes)", "cron(0", "*)"}
	remedies := 0
	rapid.Check(t, func(rt *rapid.T) {
		var words []string
		for range rapid.IntRange(1, 8).Draw(rt, "fields") {
			words = append(words, strings.Join(rapid.SliceOfN(rapid.SampledFrom(items), 1, 2).Draw(rt, "items"), ","))
		}
		text := strings.Join(words, " ")
		_, err := cronspec.Parse([]string{text}, "Europe/Berlin")
		if err == nil {
			return
		}
		var refusal *cronspec.ParseError
		if !errors.As(err, &refusal) || refusal.Remedy == nil {
			return
		}
		remedies++
		if _, err := cronspec.Parse(refusal.Remedy.Expressions, refusal.Remedy.Timezone); err != nil {
			rt.Fatalf("%q: the remedy %s is refused: %v", text, refusal.Remedy, err)
		}
	})
	t.Logf("%d remedies", remedies)
}
