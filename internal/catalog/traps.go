package catalog

import (
	"fmt"
	"regexp"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// expressionAt is the location of a cron expression.
func expressionAt(def *core.Definition, i int) string {
	if len(def.TriggerConfig.CronExpression) == 1 {
		return "trigger_config.cron_expression"
	}
	return fmt.Sprintf("trigger_config.cron_expression[%d]", i)
}

// cronTrap finds the traps of a code in each expression.
func cronTrap(code string) func(*core.Definition, *offline, tell) {
	return func(def *core.Definition, _ *offline, tell tell) {
		for i, x := range def.TriggerConfig.CronExpression {
			for _, t := range cronspec.Traps(x, def.TriggerConfig.Timezone) {
				if t.Code == code {
					tell(expressionAt(def, i), x, t.Value+": "+t.Message, t.Remedy)
				}
			}
		}
	}
}

// clockAhead is how far ahead changes of a zone's clocks are looked for: each of a year, and
// some days.
const clockAhead = 370 * 24 * time.Hour

func clockTrap(def *core.Definition, o *offline, tell tell) {
	if def.TriggerType != core.TriggerCron || def.TriggerConfig.Timezone == core.DefaultTimezone {
		return
	}
	for i, x := range def.TriggerConfig.CronExpression {
		spec, err := o.zones.Parse([]string{x}, def.TriggerConfig.Timezone)
		if err != nil {
			continue
		}
		for _, t := range spec.ClockTraps(o.now, o.now.Add(clockAhead)) {
			tell(expressionAt(def, i), x, t.Value+": "+t.Message, t.Remedy)
		}
	}
}

// startsPerSecond is how many runs of schedules Temporal starts in a namespace unless it is
// told otherwise.
const startsPerSecond = 30

// catchupTrap compares the slots of the catch-up window with what Temporal can start from one
// slot to the next.
func catchupTrap(def *core.Definition, o *offline, tell tell) {
	c := &def.TriggerConfig
	if def.TriggerType != core.TriggerCron || c.MisfirePolicy != core.MisfireCatchup {
		return
	}
	spec, err := o.zones.Parse(c.CronExpression, c.Timezone)
	if err != nil {
		return
	}
	first, ok := spec.Next(o.now)
	if !ok {
		return
	}
	day, slots, gap, at := first.Add(24*time.Hour), 1, 24*time.Hour, first
	for {
		next, ok := spec.Next(at)
		if !ok || !next.Before(day) {
			break
		}
		slots, gap, at = slots+1, min(gap, next.Sub(at)), next
	}
	window := c.CatchupWindow.Std()
	total := float64(slots) * max(1, window.Hours()/24)
	if window < 24*time.Hour {
		total = float64(slots) * window.Hours() / 24
	}
	most := gap.Seconds() * startsPerSecond
	if total <= most {
		return
	}
	tell("trigger_config.catchup_window", c.CatchupWindow.String(),
		fmt.Sprintf("a window of %s holds about %.0f slots, and Temporal starts about %.0f runs in the %s to the next slot: after a long outage it stays behind", c.CatchupWindow, total, most, core.Duration(gap)),
		"write a shorter catchup_window, or misfire_policy: compress to make up the latest slot only")
}

func constantTraps(def *core.Definition, _ *offline, tell tell) {
	look := func(location, when, never string) {
		if when == "" {
			return
		}
		if value, constant := ruleeval.Constant(when); constant && value {
			tell(location, when, "is always true: it reads nothing that could change", "leave when out, or compare something of the event, the context or the run")
		} else if constant {
			tell(location, when, "is always false: "+never, "compare something of the event, the context or the run; write enabled: false to switch a definition off")
		}
	}
	look("trigger_config.when", def.TriggerConfig.When, "the definition never fires")
	for i := range def.Rules {
		look(fmt.Sprintf("rules[%d].when", i), def.Rules[i].When, "the rule never does anything")
	}
}

var (
	// moustache is {{ x }}, as Helm, Ansible and many others write it; GitHub's ${{ x }} is refused
	// when it is compiled.
	moustache = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)
	// dollarPath is $payload.x, as shells and step functions write it.
	dollarPath = regexp.MustCompile(`(?:^|[^$\\])\$((?:event|payload|context|vars|inputs|activity|run|steps|item)(?:\.[A-Za-z_][A-Za-z0-9_]*|\[[^\]]*\])+)`)
)

// templateTraps looks for expressions in the notation of other programs, which are sent as they
// are.
func templateTraps(def *core.Definition, _ *offline, tell tell) {
	for i := range def.Rules {
		for j := range def.Rules[i].Actions {
			eachText(fmt.Sprintf("rules[%d].actions[%d].with", i, j), def.Rules[i].Actions[j].With, func(location, text string) {
				short := text[:min(len(text), 200)]
				if m := moustache.FindStringSubmatch(text); m != nil && m[1] != "" {
					tell(location, short, fmt.Sprintf("%s is no expression here and is sent as it is", m[0]), fmt.Sprintf("write ${%s}", m[1]))
				} else if m := dollarPath.FindStringSubmatch(text); m != nil {
					tell(location, short, fmt.Sprintf("$%s is no expression here and is sent as it is", m[1]), fmt.Sprintf("write ${%s}", m[1]))
				}
			})
		}
	}
}

// eachText calls found for every text below v.
func eachText(location string, v any, found func(location, text string)) {
	switch v := v.(type) {
	case string:
		found(location, v)
	case []any:
		for i, e := range v {
			eachText(fmt.Sprintf("%s[%d]", location, i), e, found)
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			eachText(location+"."+k, v[k], found)
		}
	}
}
