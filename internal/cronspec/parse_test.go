package cronspec_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
	"github.com/activity-core/activity-core/internal/zonedata"
)

func TestRefusalsNameTheFieldAndSayWhatToWriteInstead(t *testing.T) {
	cases := []struct {
		expr, zone string
		field      cronspec.Field
		says       []string
	}{
		{"", "", cronspec.FieldExpression, []string{"empty", "0 6 * * 1"}},
		{"0 6 * *", "", cronspec.FieldExpression, []string{"4 fields instead of 5"}},
		{"0 0 6 * * 1", "", cronspec.FieldExpression, []string{"6 fields", `"0 6 * * 1"`}},
		{"0 0 6 * * *", "", cronspec.FieldExpression, []string{"6 fields", `seconds, write "0 6 * * *"`, `year, write "0 0 6 * *"`}},
		{"0 6 * * 1 2026", "", cronspec.FieldExpression, []string{`write "0 6 * * 1" (every year)`}},
		{"*/10 * * * * *", "", cronspec.FieldExpression, []string{`write "* * * * *" (at most once a minute)`}},
		{"0 0 12 ? * MON-FRI", "", cronspec.FieldExpression, []string{`write "0 12 * * MON-FRI"`}},
		{"0 0 12 ? * 2-6", "", cronspec.FieldExpression, []string{`write "0 12 * * 1-5" (0 is Sunday here, not 1)`}},
		{"0 1/5 12 ? * 6/2", "", cronspec.FieldExpression, []string{`write "1-56/5 12 * * 5"`}},
		{"0 15 10 ? * * 2026", "", cronspec.FieldExpression, []string{`write "15 10 * * *" (every year)`}},
		{"0 0/15 8-17 ? * 7-2", "", cronspec.FieldExpression, []string{`write "0-45/15 8-17 * * 0,1,6"`}},
		{"0 12 ? * MON-FRI *", "", cronspec.FieldExpression, []string{`write "0 12 * * MON-FRI"`}}, // EventBridge
		{"0 15 10 L * ?", "", cronspec.FieldExpression, []string{`"15 10 28-31 * *"`, "== 1"}},
		{"0 15 10 ? * 6L", "", cronspec.FieldExpression, []string{"has 6 fields", `"15 10 * * fri"`, "<= 7"}},
		{"0 15 10 ? * 6#3", "", cronspec.FieldExpression, []string{"has 6 fields", `"15 10 * * fri"`, ">= 15", "<= 21"}},
		{"0 15 10 ? * 6L", "", cronspec.FieldExpression, []string{`"15 10 * * fri"`, "<= 7"}},
		{"0 0 6 * * 1 2026", "", cronspec.FieldExpression, []string{"7 fields", `"0 6 * * 1"`}},
		{"0 6 * * 5#3", "", cronspec.FieldDayOfWeek, []string{"#", `"0 6 * * fri"`, ">= 15", "<= 21"}},
		{"0 6 * * FRI#1", "", cronspec.FieldDayOfWeek, []string{"#", `"0 6 * * fri"`, ">= 1", "<= 7"}},
		{"0 6 * * FRIL", "", cronspec.FieldDayOfWeek, []string{"the last such weekday", "when:"}},
		{"0 6 * * L", "", cronspec.FieldDayOfWeek, []string{"last day of the week", `"0 6 * * sat"`}},
		{"0 6 LW * *", "", cronspec.FieldDayOfMonth, []string{"last working day", `"0 6 26-31 * *"`, "when:"}},
		{"0 6 LW-3 * *", "", cronspec.FieldDayOfMonth, []string{"last working day", `"1-5"`}},
		{"0 6 L-3 * *", "", cronspec.FieldDayOfMonth, []string{"last day", "25-28"}},
		{"0 6 W15 * *", "", cronspec.FieldDayOfMonth, []string{"nearest working day"}},
		{"0 6 5C * *", "", cronspec.FieldDayOfMonth, []string{"calendar"}},
		{"0 6 * * C", "", cronspec.FieldDayOfWeek, []string{"calendar"}},
		{"? 6 * * *", "", cronspec.FieldMinute, []string{"write a value"}},
		{"0 6 * * 7-2", "", cronspec.FieldDayOfWeek, []string{"backwards", `"0 6 * * 0-2"`}},
		{"0 6 * * 7/2", "", cronspec.FieldDayOfWeek, []string{`"0 6 * * 0-6/2"`}},
		{"0 6 * * 6/2", "", cronspec.FieldDayOfWeek, []string{`"0 6 * * 6"`}},
		{"0 6 * * fri-mon/2", "", cronspec.FieldDayOfWeek, []string{"backwards", `"0 6 * * 0,5"`}},
		{"0 22-4/2 * * *", "", cronspec.FieldHour, []string{"backwards", `"0 0,2,4,22 * * *"`}},
		{"5/90 * * * *", "", cronspec.FieldMinute, []string{"never step"}},
		{"5/x * * * *", "", cronspec.FieldMinute, []string{"whole number"}},
		{"0 6 * * frix", "", cronspec.FieldDayOfWeek, []string{"sun to sat"}},
		{"0 6 * sept *", "", cronspec.FieldMonth, []string{`write "0 6 * sep *"`}},
		{"0 6 L * *", "", cronspec.FieldDayOfMonth, []string{"last day", "28-31"}},
		{"0 6 1,L * *", "", cronspec.FieldDayOfMonth, []string{"last day"}},
		{"0 6 * * 5L", "", cronspec.FieldDayOfWeek, []string{"last"}},
		{"0 6 15W * *", "", cronspec.FieldDayOfMonth, []string{"nearest working day"}},
		{"0 6 ? * 1", "", cronspec.FieldDayOfMonth, []string{`write "0 6 * * 1"`}},
		{"H 6 * * *", "", cronspec.FieldMinute, []string{"jitter"}},
		{"H/15 * * * *", "", cronspec.FieldMinute, []string{`write "*/15"`, "jitter"}},
		{"H/0 * * * *", "", cronspec.FieldMinute, []string{"write a fixed value", "jitter"}},
		{"0~59 6 * * *", "", cronspec.FieldMinute, []string{"jitter"}},
		{"@every 5m", "", cronspec.FieldExpression, []string{"@every", "*/5 * * * *"}},
		{"@reboot", "", cronspec.FieldExpression, []string{"@reboot", "event trigger"}},
		{"@fortnightly", "", cronspec.FieldExpression, []string{"@weekly"}},
		{"@daily 5", "", cronspec.FieldExpression, []string{"stands alone"}},
		{"TZ=Europe/Berlin 0 6 * * 1", "", cronspec.FieldExpression, []string{"timezone: Europe/Berlin"}},
		{"CRON_TZ=Europe/Berlin 0 6 * * 1", "", cronspec.FieldExpression, []string{"timezone: Europe/Berlin"}},
		{"tz=Europe/Berlin 0 6 * * 1", "", cronspec.FieldExpression, []string{"cannot be set inside", "timezone: Europe/Berlin"}},
		{"TZ= 0 6 * * 1", "", cronspec.FieldExpression, []string{"timezone beside the expression"}},
		{"0 6 * * 1 # on Mondays", "", cronspec.FieldExpression, []string{`write "0 6 * * 1"`, "remove the comment"}},
		{"0 6 * * 1 #Mondays", "", cronspec.FieldExpression, []string{`write "0 6 * * 1"`, "remove the comment"}},
		{"0 6 * * x # on Mondays", "", cronspec.FieldExpression, []string{"write five fields"}},
		{"0 0 30 2 *", "", cronspec.FieldDayOfMonth, []string{"day 30 never occurs in February", "29"}},
		{"0 0 31 4,6,9,11 *", "", cronspec.FieldDayOfMonth, []string{"April, June, September, November", "30"}},
		{"0 0 31 2 1", "", cronspec.FieldDayOfMonth, []string{"never occurs"}},
		{"0 22-4 * * *", "", cronspec.FieldHour, []string{"backwards", `"0 0-4,22,23 * * *"`}},
		{"0 6 * * fri-mon", "", cronspec.FieldDayOfWeek, []string{"backwards", `"0 6 * * 0,1,5,6"`}},
		{"0 6 * * sat-sun", "", cronspec.FieldDayOfWeek, []string{`"0 6 * * 0,6"`}},
		{"60 6 * * *", "", cronspec.FieldMinute, []string{"60", "0 to 59"}},
		{"0 24 * * *", "", cronspec.FieldHour, []string{"0 to 23"}},
		{"0 6 0 * *", "", cronspec.FieldDayOfMonth, []string{"1 to 31"}},
		{"0 6 * 13 *", "", cronspec.FieldMonth, []string{"1 to 12"}},
		{"0 6 * * 8", "", cronspec.FieldDayOfWeek, []string{"0 to 7"}},
		{"0 6 * * monday", "", cronspec.FieldDayOfWeek, []string{`write "0 6 * * mon"`}},
		{"0 6 * foo *", "", cronspec.FieldMonth, []string{"jan to dec"}},
		{"5/10 * * * *", "", cronspec.FieldMinute, []string{`"5-55/10 * * * *"`}},
		{"*/0 * * * *", "", cronspec.FieldMinute, []string{"zero"}},
		{"*/90 * * * *", "", cronspec.FieldMinute, []string{"never step", `"0 0-23/3 * * *"`, `"30 1-23/3 * * *"`}},
		{"*/x * * * *", "", cronspec.FieldMinute, []string{"whole number"}},
		{"1-*/2 * * * *", "", cronspec.FieldMinute, []string{"*"}},
		{"1,,2 * * * *", "", cronspec.FieldMinute, []string{"stray comma"}},
		{"-5 * * * *", "", cronspec.FieldMinute, []string{"missing"}},
		{"+5 * * * *", "", cronspec.FieldMinute, []string{`"+5"`}},
		{"99999999999999999999 * * * *", "", cronspec.FieldMinute, []string{"0 to 59"}},
		{strings.Repeat("1,", 400) + "1 * * * *", "", cronspec.FieldExpression, []string{"longer than"}},
		{"0 6 * * 1", "Local", cronspec.FieldZone, []string{"Europe/Berlin"}},
		{"0 6 * * 1", "Europe/Berln", cronspec.FieldZone, []string{`"Europe/Berlin"`}},
		{"0 6 * * 1", "europe/berlin", cronspec.FieldZone, []string{`"Europe/Berlin"`}},
		{"0 6 * * 1", "Berlin", cronspec.FieldZone, []string{`"Europe/Berlin"`}},
		{"0 6 * * 1", "America/New York", cronspec.FieldZone, []string{`"America/New_York"`}},
		{"0 6 * * 1", "../../etc/passwd", cronspec.FieldZone, []string{"IANA"}},
		{"0 6 * * 1", "Europe/Berlin\nUTC", cronspec.FieldZone, []string{"IANA"}},
	}
	for _, c := range cases {
		t.Run(c.expr+" "+c.zone, func(t *testing.T) {
			_, err := cronspec.Parse([]string{c.expr}, c.zone)
			var refusal *cronspec.ParseError
			if !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a ParseError", err)
			}
			if refusal.Field != c.field {
				t.Errorf("field is %q, want %q: %v", refusal.Field, c.field, err)
			}
			if refusal.Hint == "" || refusal.Reason == "" {
				t.Errorf("reason or hint is missing: %+v", refusal)
			}
			checkHint(t, refusal)
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestNoExpressionAndTooManyAreRefused(t *testing.T) {
	for _, list := range [][]string{nil, {}, slices.Repeat([]string{"0 6 * * *"}, cronspec.MaxExpressions+1)} {
		if _, err := cronspec.Parse(list, ""); err == nil {
			t.Errorf("%d expressions were accepted", len(list))
		}
	}
}

func TestEqualMeaningHasOneCanonicalForm(t *testing.T) {
	cases := []struct {
		want string
		same [][]string
	}{
		{"0 0 * * 0 [UTC]", [][]string{{"@weekly"}, {"0 0 * * 7"}, {"00 0 * * SUN"}, {" 0\t0 *  * sun,7,0 "}}},
		{"0 * * * * [UTC]", [][]string{{"@hourly"}, {"0 0-23 * * *"}, {"0 */1 * * *"}, {"@hourly", "0 * * * *"}}},
		{"0-45/15 0 * * * [UTC]", [][]string{{"*/15 0 * * *"}, {"0,15,30,45 0 * * *"}, {"45,0-30/15 0 */1 * *"}}},
		{"0 */6 * * * [UTC]", [][]string{{"0 */6 * * *"}, {"0 */6,12 * * *"}}},
		{"0 0-18/6 * * * [UTC]", [][]string{{"0 0,6,12,18 * * *"}, {"0 0-23/6 * * *"}}},
		{"0 9 * * 1-5 [UTC]", [][]string{{"0 9 * * mon-fri"}, {"0 9 * jan-dec 1,2,3,4,5"}}},
		{"0 9 * * * [UTC]", [][]string{{"0 9 1-31 * mon"}, {"0 9 13 * 0-6"}}},
		{"0 9 * * *; 30 8 * * * [UTC]", [][]string{{"0 9 * * *", "30 8 * * *"}, {"30 8 * * *", "0 9 * * *"}}},
	}
	for _, c := range cases {
		hash := ""
		for _, list := range c.same {
			s := mustParse(t, "UTC", list...)
			if s.String() != c.want {
				t.Errorf("%q has the canonical form %q, want %q", list, s, c.want)
			}
			if hash == "" {
				hash = s.Hash()
			}
			if s.Hash() != hash {
				t.Errorf("%q has another hash than its equal %q", list, c.same[0])
			}
		}
	}
	if mustParse(t, "Europe/Berlin", "0 6 * * 1").Hash() == mustParse(t, "", "0 6 * * 1").Hash() {
		t.Error("the zone is not part of the hash")
	}
}

func TestTheCanonicalFormMeansTheSame(t *testing.T) {
	zones := cronspectest.Zones()
	rapid.Check(t, func(rt *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(rt, "zone")
		s := mustParse(t, zone, cronspectest.Expression(rt), cronspectest.Expression(rt))
		again := mustParse(t, zone, s.Expressions()...)
		if s.String() != again.String() {
			rt.Fatalf("%q is read back as %q", s, again)
		}
		when := cronspectest.First
		for range 50 {
			a, okA := s.Next(when)
			b, okB := again.Next(when)
			if okA != okB || !a.Equal(b) {
				rt.Fatalf("%q and its canonical form part at %s and %s", s, a, b)
			}
			when = a
		}
	})
}

func TestDaysFollowVixieCron(t *testing.T) {
	cases := []struct {
		name, expr string
		want       string // days of March 2026, whose first is a Sunday
	}{
		{"either of two restricted day fields", "0 0 13 * 5", "6 13 20 27"},
		{"either, when they differ", "0 0 10 * 5", "6 10 13 20 27"},
		{"both, when the day of the month begins with *", "0 0 */2 * 1", "9 23"},
		{"both, when the day of the week begins with *", "0 0 1-7 * */6", "1 7"},
		{"Sunday is 0 and 7", "0 0 * * 7", "1 8 15 22 29"},
		{"a range up to 7 includes Sunday", "0 0 * * 6-7", "1 7 8 14 15 21 22 28 29"},
	}
	for _, c := range cases {
		var days []string
		for when := range mustParse(t, "", c.expr).Between(at(t, "2026-03-01T00:00:00Z"), at(t, "2026-04-01T00:00:00Z")) {
			days = append(days, when.Format("2"))
		}
		if got := strings.Join(days, " "); got != c.want {
			t.Errorf("%s: %q fires on %s, want %s", c.name, c.expr, got, c.want)
		}
	}
}

func TestRareDatesAreFoundAndTheEndIsReported(t *testing.T) {
	s := mustParse(t, "Europe/Berlin", "0 12 29 2 *")
	if next, ok := s.Next(at(t, "2024-02-29T11:00:00Z")); !ok || !next.Equal(at(t, "2028-02-29T11:00:00Z")) {
		t.Errorf("the leap day after 2024 is %s", next)
	}
	if next, ok := s.Next(at(t, "2096-03-01T00:00:00Z")); ok {
		t.Errorf("2100 is no leap year, yet %s was found", next)
	}
	sunday := mustParse(t, "UTC", "0 0 29 2 */7")
	if next, ok := sunday.Next(at(t, "2032-03-01T00:00:00Z")); !ok || !next.Equal(at(t, "2060-02-29T00:00:00Z")) {
		t.Errorf("29 February is next a Sunday on %s", next)
	}
	if prev, ok := sunday.Prev(at(t, "2060-02-29T00:00:00Z")); !ok || !prev.Equal(at(t, "2032-02-29T00:00:00Z")) {
		t.Errorf("29 February was last a Sunday on %s", prev)
	}
	for _, extreme := range []time.Time{{}, time.Unix(1<<62, 0), time.Unix(-1<<62, 0), at(t, "9999-01-01T00:00:00Z")} {
		for zone := range zonedata.Current().Zones() {
			mustParse(t, zone, "30 2 29 2 *", "* * * * *").Next(extreme) // must return
		}
	}
}

func TestEveryListedZoneLoadsAndEveryPeriodEnds(t *testing.T) {
	for zone := range zonedata.Current().Zones() {
		s := mustParse(t, zone, "30 2 * * *")
		if n := len(slices.Collect(s.Between(at(t, "2011-01-01T00:00:00Z"), at(t, "2012-12-31T00:00:00Z")))); n < 725 || n > 735 {
			t.Errorf("%s: a daily expression fired %d times in two years", zone, n)
		}
		if _, ok := s.Next(at(t, "2100-12-30T00:00:00Z")); !ok {
			t.Errorf("%s: the list ends before %d does", zone, cronspec.MaxYear)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0 6 * * 1", "*/15 0-3,22 1,15 jan-mar/2 MON", "@daily", "5#3 L W ? H", "0 0 30 2 *", "TZ=UTC 0 6 * * 1", "@every 1h", "0 0 12 ? * 2-6", "7-2 7/2 FRIL LW-3 5C", "0 1/5 12 L * ? 2026", "\x00 \xff * * *", "*/1,*/2 */23 */31 */12 */7"} {
		f.Add(seed, "Europe/Berlin")
	}
	f.Add("* * * * *", "Local")
	f.Fuzz(func(t *testing.T, expression, zone string) {
		s, err := cronspec.Parse([]string{expression}, zone)
		if err != nil {
			var refusal *cronspec.ParseError
			if !errors.As(err, &refusal) || refusal.Reason == "" {
				t.Fatalf("%q in %q is refused without a reason: %v", expression, zone, err)
			}
			checkHint(t, refusal)
			return
		}
		again, err := cronspec.Parse(s.Expressions(), s.Zone())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q has the canonical form %q, which reads back as %v (%v)", expression, s, again, err)
		}
		s.Next(cronspectest.First)
		if _, err := s.CompileAt(cronspectest.First); err != nil {
			t.Fatalf("one expression must always compile: %v", err)
		}
	})
}
