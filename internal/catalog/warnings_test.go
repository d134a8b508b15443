package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/cronspec"
)

var warnedAt = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)

func clockDefinition(zone string, expressions ...string) core.Definition {
	def := core.Definition{
		Name: "trap", Enabled: true, TriggerType: core.TriggerCron,
		TriggerConfig: core.TriggerConfig{CronExpression: expressions, Timezone: zone},
		Rules:         []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}},
	}
	def.Normalize()
	return def
}

func warningCodes(ws []core.Warning) string {
	var codes []string
	for _, w := range ws {
		codes = append(codes, w.Code)
	}
	return strings.Join(codes, " ")
}

// The case traps: expressions that are valid and do not do what most people mean.
func TestTraps(t *testing.T) {
	text, err := os.ReadFile("testdata/traps/rows.tsv")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"0 0 1-7 * MON": "cron-either-day", "59 23 31 12 5": "cron-either-day", "*/7 * * * *": "cron-uneven-step", "0 0 */2 * 1": "cron-both-days",
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	for _, row := range rows {
		expression, _, _ := strings.Cut(row, "\t")
		def := clockDefinition("UTC", expression)
		if err := catalog.Check(&def); err != nil {
			t.Errorf("%s: a warning changed the verdict: %v", expression, err)
		}
		got := catalog.Warnings([]core.Definition{def}, warnedAt)
		if warningCodes(got) != want[expression] || want[expression] == "" {
			t.Errorf("%s: got warnings %v, want %q", expression, got, want[expression])
			continue
		}
		w := got[0]
		if w.Definition != "trap" || w.Location != "trigger_config.cron_expression" || w.Value != expression || w.Message == "" || w.Remedy == "" {
			t.Errorf("%s: the warning says too little: %+v", expression, w)
		}
	}
	if len(rows) != len(want) {
		t.Errorf("the case has %d rows, want %d", len(rows), len(want))
	}
}

func TestWhichExpressionsAreWarnedOf(t *testing.T) {
	for _, c := range []struct{ zone, expression, want string }{
		{"UTC", "0 0 * * MON", ""}, {"UTC", "0 0 1-7 * *", ""}, {"UTC", "*/15 * * * *", ""}, {"UTC", "@monthly", ""}, {"UTC", "5-55/7 * * * *", ""},
		{"UTC", "0 */6 * 1-6 *", ""}, {"UTC", "0 0 * */3 *", ""}, {"UTC", "*/1 * * * *", ""},
		{"UTC", "0 0 1-31 * MON", "cron-either-day"}, {"UTC", "0 0 1 * 0-6", "cron-either-day"}, {"UTC", "0 0 1,15 * 1-5", "cron-either-day"},
		{"UTC", "0 0 1-7 * */2", "cron-both-days cron-uneven-step"},
		{"UTC", "0-59/7 * * * *", "cron-uneven-step"}, {"UTC", "*/45 * * * *", "cron-uneven-step"}, {"UTC", "0 */5 * * *", "cron-uneven-step"},
		{"UTC", "0 0 */2 * *", "cron-uneven-step"}, {"UTC", "0 0 1 */5 *", "cron-uneven-step"}, {"UTC", "0 0 * * */2", "cron-uneven-step"},
		{"Europe/Berlin", "30 2 * * *", "cron-clock-change"}, {"Europe/Berlin", "30 2 * * 1", ""}, {"Europe/Berlin", "30 4 * * *", ""},
		{"Europe/Berlin", "*/30 * * * *", ""}, {"UTC", "30 2 * * *", ""}, {"America/New_York", "15 1 * * *", "cron-clock-change"},
	} {
		got := catalog.Warnings([]core.Definition{clockDefinition(c.zone, c.expression)}, warnedAt)
		if warningCodes(got) != c.want {
			t.Errorf("%s in %s: got %v, want %q", c.expression, c.zone, got, c.want)
		}
	}
	got := catalog.Warnings([]core.Definition{clockDefinition("Europe/Berlin", "30 2 * * *")}, warnedAt)
	if want := "2027-03-28"; len(got) != 1 || !strings.Contains(got[0].Message, want) || !strings.Contains(got[0].Message, "2027-10-31") {
		t.Errorf("got %v, want both changes of the year, %s among them", got, want)
	}
}

var (
	remedyCron = regexp.MustCompile(`"((?:[^" ]+ ){4}[^" ]+)"`)
	remedyWhen = regexp.MustCompile(`when: "([^"]+)"`)
)

// What a remedy says to write is valid, and leads into no other trap.
func TestRemediesAreValid(t *testing.T) {
	tried := 0
	for _, expression := range []string{"0 0 1-7 * MON", "59 23 31 12 5", "0 0 */2 * 1", "0 0 1-31 * MON", "0 0 1 * 0-6", "0 0 */3 * *", "0 0 5,20-22 * TUE,FRI"} {
		for _, w := range catalog.Warnings([]core.Definition{clockDefinition("Europe/Berlin", expression)}, warnedAt) {
			for _, m := range remedyCron.FindAllStringSubmatch(w.Remedy, -1) {
				if strings.Contains(m[1], "run.time") || strings.Contains(m[1], "==") {
					continue
				}
				tried++
				if _, err := cronspec.Parse([]string{m[1]}, ""); err != nil || len(cronspec.Traps(m[1], "UTC")) > 0 {
					t.Errorf("%s: the remedy %q: %v, traps %v", expression, m[1], err, cronspec.Traps(m[1], "UTC"))
				}
			}
			for _, m := range remedyWhen.FindAllStringSubmatch(w.Remedy, -1) {
				tried++
				def := clockDefinition("Europe/Berlin", "0 0 * * *")
				def.Rules[0].When = m[1]
				if err := catalog.Check(&def); err != nil {
					t.Errorf("%s: the remedy when: %s: %v", expression, m[1], err)
				}
			}
		}
	}
	if tried < 10 {
		t.Errorf("%d remedies were tried, want 10 or more", tried)
	}
}

func TestACatchupWindowWithTooManySlotsIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		expression string
		policy     core.MisfirePolicy
		window     time.Duration
		want       string
	}{
		{"* * * * *", core.MisfireCatchup, 72 * time.Hour, "catchup-too-many"},
		{"* * * * *", core.MisfireCatchup, 24 * time.Hour, ""},
		{"* * * * *", core.MisfireCompress, 72 * time.Hour, ""},
		{"0 * * * *", core.MisfireCatchup, 365 * 24 * time.Hour, ""},
		{"*/5 * * * *", core.MisfireCatchup, 365 * 24 * time.Hour, "catchup-too-many"},
	} {
		def := clockDefinition("UTC", c.expression)
		def.TriggerConfig.MisfirePolicy, def.TriggerConfig.CatchupWindow = c.policy, core.Duration(c.window)
		if got := catalog.Warnings([]core.Definition{def}, warnedAt); warningCodes(got) != c.want {
			t.Errorf("%s %s %s: got %v, want %q", c.expression, c.policy, c.window, got, c.want)
		}
	}
}

func eventDefinition(eventType string, filters map[string]any) core.Definition {
	def := clockDefinition("", "")
	def.TriggerType, def.TriggerConfig = core.TriggerEvent, core.TriggerConfig{EventType: core.StringList{eventType}, Filters: filters}
	return def
}

func TestConditionsAndForeignTemplatesAreWarnedOf(t *testing.T) {
	def := eventDefinition("x", nil)
	def.TriggerConfig.When = "1 == 2"
	def.Rules[0].When = "'a'.startsWith('a')"
	def.Rules[0].Actions[0].With = map[string]any{
		"title": "see {{ payload.ref }}", "body": "at $payload.user.login", "labels": []any{"${payload.ref}", "$HOME", "5 $"}, "unique_key": "$$payload.ref",
	}
	got := map[string]core.Warning{}
	for _, w := range catalog.Warnings([]core.Definition{def}, warnedAt) {
		got[w.Location] = w
	}
	for location, want := range map[string]string{
		"trigger_config.when": "never fires", "rules[0].when": "always true",
		"rules[0].actions[0].with.title": "${payload.ref}", "rules[0].actions[0].with.body": "${payload.user.login}",
	} {
		if !strings.Contains(got[location].Text(), want) {
			t.Errorf("%s: got %q, want %q in it", location, got[location].Text(), want)
		}
	}
	if len(got) != 4 {
		t.Errorf("got %d warnings, want 4: %v", len(got), got)
	}
	def.TriggerConfig.When, def.Rules[0].When = "payload.a == 1", "vars.on == true"
	def.Vars = map[string]any{"on": true}
	def.Rules[0].Actions[0].With = map[string]any{"title": "${payload.ref}"}
	if got := catalog.Warnings([]core.Definition{def}, warnedAt); len(got) > 0 {
		t.Errorf("got %v, want no warning", got)
	}
}

// pastEvents are stored events by type.
type pastEvents struct {
	payloads map[string][]string
	lists    int
	err      error
}

func (p *pastEvents) EventTypes(context.Context, int) ([]string, error) {
	var types []string
	for t := range p.payloads {
		types = append(types, t)
	}
	return types, p.err
}

func (p *pastEvents) EventList(_ context.Context, eventType string, page core.PageRequest) (core.Page[core.EventRecord], error) {
	p.lists++
	if page.Limit < 1 || page.Limit > 20 {
		return core.Page[core.EventRecord]{}, fmt.Errorf("asked for %d events", page.Limit)
	}
	var out core.Page[core.EventRecord]
	for _, payload := range p.payloads[eventType] {
		out.Items = append(out.Items, core.EventRecord{Event: core.Event{EventID: "e", Type: eventType, Payload: json.RawMessage(payload)}})
	}
	return out, p.err
}

func TestStoredEventsGiveWarnings(t *testing.T) {
	past := &pastEvents{payloads: map[string][]string{
		"github.issues.opened": {`{"issue":{"number":7},"repository":{"full_name":"acme/api"}}`, `{"issue":{"labels":[]}}`},
		"github.push":          {`{}`},
	}}
	service := catalog.New(catalog.Config{Seen: past})
	for _, c := range []struct {
		eventType string
		filters   map[string]any
		want      string
	}{
		{"github.issues.opened", map[string]any{"repository.full_name": "acme/api"}, ""},
		{"github.issues.opened", map[string]any{"repository": map[string]any{"full_nme": "acme/api"}}, "unseen-filter-path"},
		{"github.issues.opened", map[string]any{"issue.locked": []any{map[string]any{"exists": false}}}, ""},
		{"github.issue.opened", nil, "unseen-event-type"},
		{"github.pull", nil, ""},
		{"gitlab.note", map[string]any{"a": "b"}, ""},
	} {
		got := service.Warnings(t.Context(), []core.Definition{eventDefinition(c.eventType, c.filters)})
		if warningCodes(got) != c.want {
			t.Errorf("%s %v: got %v, want %q", c.eventType, c.filters, got, c.want)
		}
	}
	past.lists = 0
	many := make([]core.Definition, 500)
	for i := range many {
		many[i] = eventDefinition("github.push", map[string]any{"ref": "x"})
		many[i].Name = fmt.Sprintf("d%d", i)
	}
	if got := service.Warnings(t.Context(), many); len(got) != len(many) || past.lists != 1 {
		t.Errorf("got %d warnings from %d reads, want %d from 1", len(got), past.lists, len(many))
	}
	past.err = core.Errorf(core.CodeUnavailable, "away")
	if got := service.Warnings(t.Context(), many[:1]); len(got) != 0 {
		t.Errorf("the record is away: got %v, want none", got)
	}
}

func TestNoMoreWarningsThanAPersonReads(t *testing.T) {
	many := make([]core.Definition, core.MaxWarnings+5)
	for i := range many {
		many[i] = clockDefinition("UTC", "*/7 * * * *")
	}
	got := catalog.Warnings(many, warnedAt)
	if len(got) != core.MaxWarnings+1 || !strings.Contains(got[core.MaxWarnings].Message, "5 more") {
		t.Errorf("got %d warnings, the last %v; want %d, the last of 5 more", len(got), got[len(got)-1], core.MaxWarnings+1)
	}
}
