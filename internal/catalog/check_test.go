package catalog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
)

// Saved, such a definition would wait for its schedule for ever: it can be parsed, and not be
// described to Temporal in the months in which the clocks change.
func TestADefinitionThatNoScheduleCanDescribeIsRefused(t *testing.T) {
	var dense core.StringList
	for i := range 50 {
		dense = append(dense, fmt.Sprintf("%d-59 0-3 %d-31 * %d", i%40, i%25+1, i%6))
	}
	def := core.Definition{
		APIVersion: core.APIVersion, Kind: core.Kind, Name: "dense", Enabled: true, TriggerType: core.TriggerCron,
		TriggerConfig: core.TriggerConfig{CronExpression: dense, Timezone: "Europe/Berlin"},
		Rules:         []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}},
	}
	def.Normalize()
	err := catalog.Check(&def)
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.CodeInvalid || len(e.Fields) != 1 {
		t.Fatalf("got %v, want one fault", err)
	}
	f := e.Fields[0]
	if f.Location != "trigger_config.cron_expression" || !strings.Contains(f.Message, "clock change of Europe/Berlin") || !strings.Contains(f.Message, "fewer expressions") {
		t.Errorf("the fault is %+v", f)
	}
	for _, other := range []core.TriggerConfig{
		{CronExpression: dense, Timezone: "UTC"}, {CronExpression: dense[:10], Timezone: "Europe/Berlin"},
	} {
		def.TriggerConfig = other
		def.Normalize()
		if err := catalog.Check(&def); err != nil {
			t.Errorf("%d expressions in %s: %v", len(other.CronExpression), other.Timezone, err)
		}
	}
}

// Who has written several things wrong is told all of them at once, each at its place.
func TestEveryFaultOfACronTriggerIsTold(t *testing.T) {
	def := core.Definition{Name: "x", TriggerType: core.TriggerCron, TriggerConfig: core.TriggerConfig{
		CronExpression: core.StringList{"0 6 * * 5#3", "0 6 * * 1", "0 6 L * *"}, Timezone: "Europe/Berln",
	}}
	var e *core.Error
	if err := catalog.Check(&def); !errors.As(err, &e) {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, f := range e.Fields {
		told[f.Location]++
	}
	for _, location := range []string{"trigger_config.timezone", "trigger_config.cron_expression[0]", "trigger_config.cron_expression[2]"} {
		if told[location] != 1 {
			t.Errorf("%s is told %d times: %v", location, told[location], e.Fields)
		}
	}
	if told["trigger_config.cron_expression[1]"] != 0 {
		t.Errorf("nothing is wrong with the second: %v", e.Fields)
	}
}
