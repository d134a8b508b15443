package cronspec_test

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
)

var quoted = regexp.MustCompile(`(write )?"([^"]*)"( as (day-of-\w+))?`)

// checkHint holds what a hint says to write against the parser: every whole expression, and
// every field.
func checkHint(t testing.TB, refusal *cronspec.ParseError) {
	t.Helper()
	if refusal.Field == cronspec.FieldZone {
		return
	}
	for _, m := range quoted.FindAllStringSubmatch(refusal.Hint, -1) {
		text := m[2]
		switch words := strings.Fields(text); {
		case len(words) == 5 || strings.HasPrefix(text, "@"):
		case m[1] != "" && len(words) == 1 && text != "*/n" && text != "/" && text != "*":
			field := refusal.Field
			if m[4] != "" {
				field = cronspec.Field(m[4])
			}
			at := map[cronspec.Field]int{cronspec.FieldMinute: 0, cronspec.FieldHour: 1, cronspec.FieldDayOfMonth: 2, cronspec.FieldMonth: 3, cronspec.FieldDayOfWeek: 4}
			i, ok := at[field]
			if !ok {
				t.Errorf("%v says to write %q, for which field?", refusal, text)
				continue
			}
			five := strings.Fields("* * * * *")
			five[i] = text
			text = strings.Join(five, " ")
		default:
			continue
		}
		if _, err := cronspec.Parse([]string{text}, ""); err != nil {
			t.Errorf("%v\nsays to write %q, which is refused: %v", refusal, text, err)
		}
	}
}

func refusalOf(t interface{ Fatalf(string, ...any) }, text string) *cronspec.ParseError {
	_, err := cronspec.Parse([]string{text}, "")
	var refusal *cronspec.ParseError
	if !errors.As(err, &refusal) {
		t.Fatalf("%q: got %v, want a refusal", text, err)
	}
	return refusal
}

// A range that runs backwards is taken to wrap around, in steps too, and "a/n" to step from a
// to the end of the field.
func TestHintsForRangesMeanWhatWasMeant(t *testing.T) {
	fields := []struct{ at, min, max, size int }{{0, 0, 59, 60}, {1, 0, 23, 24}, {2, 1, 31, 31}, {3, 1, 12, 12}, {4, 0, 7, 7}}
	rapid.Check(t, func(rt *rapid.T) {
		f := rapid.SampledFrom(fields).Draw(rt, "field")
		lo := rapid.IntRange(f.min, f.max).Draw(rt, "lo")
		step := rapid.IntRange(1, f.max).Draw(rt, "step")
		last := f.min + f.size - 1
		item, hi := fmt.Sprintf("%d/%d", lo, step), last
		if lo > f.min && rapid.Bool().Draw(rt, "range") {
			hi = rapid.IntRange(f.min, lo-1).Draw(rt, "hi")
			item = fmt.Sprintf("%d-%d", lo, hi)
			if rapid.Bool().Draw(rt, "stepped") {
				item += "/" + strconv.Itoa(step)
			} else {
				step = 1
			}
		}
		fold := func(v int) int { return f.min + (v-f.min)%f.size }
		var want []string
		for v := fold(lo); ; v++ {
			if (v-fold(lo))%step == 0 {
				want = append(want, strconv.Itoa(fold(v)))
			}
			if fold(v) == fold(hi) {
				break
			}
		}
		with := func(text string) string {
			five := strings.Fields("5 4 3 2 1")
			if f.at == 4 {
				five[2] = "*"
			}
			if f.at == 2 {
				five[4] = "*"
			}
			if f.at == 3 {
				five[2] = "1"
			}
			if f.at == 2 {
				five[3] = "*"
			}
			five[f.at] = text
			return strings.Join(five, " ")
		}
		refusal := refusalOf(rt, with(item))
		if refusal.Remedy == nil || !refusal.Remedy.Same {
			rt.Fatalf("%v proposes nothing, or not the same", refusal)
		}
		got, err := cronspec.Parse(refusal.Remedy.Expressions, "")
		if err != nil {
			rt.Fatalf("%v: what it proposes is refused: %v", refusal, err)
		}
		wanted, err := cronspec.Parse([]string{with(strings.Join(want, ","))}, "")
		if err != nil {
			rt.Fatal(err)
		}
		if got.String() != wanted.String() {
			rt.Fatalf("%v\nproposes %s, meant was %s", refusal, got, wanted)
		}
	})
}

// An expression written for Quartz or EventBridge, where one day is "?", weekdays count from 1
// for Sunday and "a/n" steps to the end, is translated to one that means the same.
func TestHintsForOtherSchedulersMeanTheSame(t *testing.T) {
	openRange := regexp.MustCompile(`(\d+)-59/`)
	weekday := regexp.MustCompile(`(^|[-,])(\d)`)
	rapid.Check(t, func(rt *rapid.T) {
		five := strings.Fields(cronspectest.Expression(rt))
		if len(five) != 5 || strings.Contains(five[4], "7") { // Quartz has no second number for Sunday
			five = strings.Fields("0 0 * * 0")
		}
		day := rapid.SampledFrom([]int{2, 4}).Draw(rt, "the day that is open")
		five[day] = "*"
		meant, err := cronspec.Parse([]string{strings.Join(five, " ")}, "")
		if err != nil {
			rt.Skip(err) // the other day may be one that never occurs
		}
		foreign := append([]string(nil), five...)
		foreign[0] = openRange.ReplaceAllString(foreign[0], "$1/")
		foreign[4] = weekday.ReplaceAllStringFunc(foreign[4], func(m string) string {
			n, _ := strconv.Atoi(m[len(m)-1:])
			return m[:len(m)-1] + strconv.Itoa(n%7+1)
		})
		foreign[day] = "?"
		var text string
		switch rapid.IntRange(0, 2).Draw(rt, "scheduler") {
		case 0:
			text = "0 " + strings.Join(foreign, " ")
		case 1:
			text = "0 " + strings.Join(foreign, " ") + " *"
		default:
			text = strings.Join(foreign, " ") + " *"
		}
		refusal := refusalOf(rt, text)
		m := quoted.FindStringSubmatch(refusal.Hint)
		if m == nil || m[1] == "" {
			rt.Fatalf("%v proposes nothing", refusal)
		}
		got, err := cronspec.Parse([]string{m[2]}, "")
		if err != nil {
			rt.Fatalf("%v: what it proposes is refused: %v", refusal, err)
		}
		if got.String() != meant.String() {
			rt.Fatalf("%v\nproposes %s, meant was %s", refusal, got, meant)
		}
	})
}

// Whatever is thrown together of what other schedulers know: what a hint says to write can be
// written.
func TestWhatAHintSaysToWriteCanBeWritten(t *testing.T) {
	items := []string{"*", "?", "0", "1", "5", "7", "12", "31", "59", "99", "7-2", "7/2", "22-4", "22-4/3", "5/90", "5/x", "1-", "*/5", "1/5", "FRI", "FRIL", "friday", "fri-mon",
		"5L", "L", "L-3", "LW", "LW-3", "15W", "W", "C", "5C", "5#3", "FRI#2", "9#9", "H", "H/5", "H(0-5)", "~", "1~5", "jan", "sept", "2026", "2026-2030", "", "MON-FRI", "7-7", "6-1/2"}
	rapid.Check(t, func(rt *rapid.T) {
		var words []string
		for range rapid.IntRange(4, 8).Draw(rt, "fields") {
			words = append(words, strings.Join(rapid.SliceOfN(rapid.SampledFrom(items), 1, 2).Draw(rt, "items"), ","))
		}
		text := strings.Join(words, " ")
		_, err := cronspec.Parse([]string{text}, "")
		var refusal *cronspec.ParseError
		if errors.As(err, &refusal) {
			if refusal.Hint == "" {
				rt.Errorf("%v has no hint", refusal)
			}
			checkHint(t, refusal)
			if t.Failed() {
				rt.Fatal(text)
			}
		}
	})
}
