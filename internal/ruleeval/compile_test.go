package ruleeval_test

import (
	"errors"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func TestAFaultInAnExpressionIsLocatedAndExplainedWhenTheDefinitionIsSaved(t *testing.T) {
	set := func(f func(r *core.Rule)) func(*core.Definition) {
		return func(d *core.Definition) { f(&d.Rules[0]) }
	}
	withField := func(k string, v any) func(*core.Definition) {
		return set(func(r *core.Rule) { r.Actions[0].With[k] = v })
	}
	typed := func(typ core.ActionType, with map[string]any) func(*core.Definition) {
		return set(func(r *core.Rule) { r.Actions[0] = core.Action{Type: typ, With: with} })
	}
	for name, c := range map[string]struct {
		edit     func(*core.Definition)
		at, want string
	}{
		"unknown name":             {set(func(r *core.Rule) { r.When = "contxt.repos != null" }), "rules[0].when", `column 1: "contxt" is not in scope; did you mean "context"?`},
		"undeclared context":       {set(func(r *core.Rule) { r.When = "size(context.repo) > 0" }), "rules[0].when", `column 13: context.repo is not declared; did you mean "repos"?`},
		"undeclared var":           {withField("title", "${vars.max_age}"), "rules[0].actions[0].with.title", `vars.max_age is not declared`},
		"unknown event field":      {withField("title", "${event.typ}"), "rules[0].actions[0].with.title", `did you mean "type"?`},
		"unknown run field":        {withField("title", "${run.now}"), "rules[0].actions[0].with.title", `run.now is not declared`},
		"when is text":             {set(func(r *core.Rule) { r.When = "vars.tag" }), "rules[0].when", "must be bool, is string; compare it with something, for example vars.tag == 'x'"},
		"trigger when is int":      {func(d *core.Definition) { d.TriggerConfig.When = "1 + 1" }, "trigger_config.when", "must be bool, is int"},
		"trigger when reads more":  {func(d *core.Definition) { d.TriggerConfig.When = "context.repos != null" }, "trigger_config.when", `"context" is not in scope`},
		"for_each is text":         {set(func(r *core.Rule) { r.ForEach = "vars.tag" }), "rules[0].for_each", "must be list, is string"},
		"item_key is bool":         {set(func(r *core.Rule) { r.ForEach = "context.repos"; r.ItemKey = "item == 1" }), "rules[0].item_key", "must be string or int, is bool"},
		"item without for_each":    {withField("title", "${item.name}"), "rules[0].actions[0].with.title", `"item" is not in scope`},
		"as hides a name":          {set(func(r *core.Rule) { r.ForEach = "context.repos"; r.As = "vars" }), "rules[0].as", `would hide "vars"`},
		"int plus string":          {withField("title", "${vars.max_age_days + vars.tag}"), "rules[0].actions[0].with.title", "+ does not take (int, string); convert with"},
		"no such function":         {withField("title", "${vars.tag.upperAsci()}"), "rules[0].actions[0].with.title", `there is no function "upperAsci"; did you mean "upperAscii"?`},
		"zone that is none":        {set(func(r *core.Rule) { r.When = "true && run.time.getHours('Berlin') == 7" }), "rules[0].when", `column 27: "Berlin" is not an IANA zone name; did you mean "Europe/Berlin"?`},
		"zone in a template":       {withField("title", "${run.time.getDate('Local')}"), "rules[0].actions[0].with.title", `column 18: "Local" is not an IANA zone name; the machine's own zone differs`},
		"offset that is none":      {withField("title", "${run.time.getDate('+25:00')}"), "rules[0].actions[0].with.title", `"+25:00" is not an offset from UTC such as +02:00`},
		"zone of a dynamic value":  {set(func(r *core.Rule) { r.When = "payload.at.getHours('Europe/Berln') == 7" }), "rules[0].when", `column 21: "Europe/Berln" is not an IANA zone name`},
		"wall clock":               {withField("title", "${now()}"), "rules[0].actions[0].with.title", "run.time is the run's nominal time"},
		"syntax":                   {set(func(r *core.Rule) { r.When = "a ==" }), "rules[0].when", "syntax error"},
		"and":                      {set(func(r *core.Rule) { r.When = "true and false" }), "rules[0].when", "CEL writes &&"},
		"single equals":            {set(func(r *core.Rule) { r.When = "vars.tag = 'x'" }), "rules[0].when", "CEL writes =="},
		"bad regex":                {set(func(r *core.Rule) { r.When = "vars.tag.matches('(')" }), "rules[0].when", "matches"},
		"position in a long text":  {withField("title", "see ${vars.tag} and ${vras.tag}"), "rules[0].actions[0].with.title", "in ${…} at character 21: column 1:"},
		"not closed":               {withField("title", "x ${vars.tag"), "rules[0].actions[0].with.title", "at character 3: ${ is not closed"},
		"empty":                    {withField("title", "x ${ }"), "rules[0].actions[0].with.title", "holds no expression"},
		"steps without a step":     {withField("title", "${steps.a.x}"), "rules[0].actions[0].with.title", "no earlier action of this rule has a name"},
		"unknown parameter":        {withField("titel", "x"), "rules[0].actions[0].with.titel", `is not a parameter here; did you mean "title"?`},
		"missing title":            {typed(core.ActionCreateTask, nil), "rules[0].actions[0].with.title", "is required"},
		"bad priority":             {withField("priority", "hihg"), "rules[0].actions[0].with.priority", `"hihg" is not one of low, normal, high, urgent; did you mean "high"?`},
		"labels is text":           {withField("labels", "a"), "rules[0].actions[0].with.labels", "must be a list"},
		"labels from text":         {withField("labels", "${vars.tag}"), "rules[0].actions[0].with.labels", "must be a list, the expression gives string"},
		"label null":               {withField("labels", []any{nil}), "rules[0].actions[0].with.labels[0]", "is null"},
		"title list":               {withField("title", []any{"a"}), "rules[0].actions[0].with.title", "must be text"},
		"ftp":                      {typed(core.ActionHTTPRequest, map[string]any{"url": "ftp://x/"}), "rules[0].actions[0].with.url", "must begin with http"},
		"user in url":              {typed(core.ActionHTTPRequest, map[string]any{"url": "https://u:${vars.tag}@h/"}), "rules[0].actions[0].with.url", "names no user"},
		"scheme from data":         {typed(core.ActionHTTPRequest, map[string]any{"url": "htt${vars.tag}://h/"}), "rules[0].actions[0].with.url", "must begin with http"},
		"domain end from data":     {typed(core.ActionHTTPRequest, map[string]any{"url": "https://api${vars.tag}/x"}), "rules[0].actions[0].with.url", "in a URL's host"},
		"header name":              {typed(core.ActionHTTPRequest, map[string]any{"url": "https://h/", "headers": map[string]any{"a b": "x"}}), "rules[0].actions[0].with.headers[\"a b\"]", "is not a header's name"},
		"own header":               {typed(core.ActionHTTPRequest, map[string]any{"url": "https://h/", "headers": map[string]any{"Idempotency-Key": "${vars.tag}"}}), "rules[0].actions[0].with.headers[\"Idempotency-Key\"]", "is set by activity-core"},
		"header with a line break": {typed(core.ActionHTTPRequest, map[string]any{"url": "https://h/", "headers": map[string]any{"a": "x\r\nb: y"}}), "rules[0].actions[0].with.headers.a", "line break"},
		"secret from data":         {typed(core.ActionHTTPRequest, map[string]any{"url": "https://h/", "secret_headers": map[string]any{"a": "${vars.tag}"}}), "rules[0].actions[0].with.secret_headers.a", "data cannot choose a secret"},
		"sign from data":           {typed(core.ActionHTTPRequest, map[string]any{"url": "https://h/", "sign": "${vars.tag}"}), "rules[0].actions[0].with.sign", "data cannot choose a secret"},
		"status":                   {typed(core.ActionHTTPRequest, map[string]any{"url": "https://h/", "expect": map[string]any{"status": int64(999)}}), "rules[0].actions[0].with.expect.status", "must be a status such as 200"},
		"expect body":              {typed(core.ActionHTTPRequest, map[string]any{"url": "https://h/", "expect": map[string]any{"body": "bdy.ok"}}), "rules[0].actions[0].with.expect.body", `"bdy" is not in scope; did you mean "body"?`},
		"event type":               {typed(core.ActionPublishEvent, map[string]any{"type": "a b"}), "rules[0].actions[0].with.type", "is not an event type"},
		"input and args":           {typed(core.ActionStartWorkflow, map[string]any{"workflow_type": "w", "task_queue": "q", "input": int64(1), "args": []any{}}), "rules[0].actions[0].with.input", "cannot be given together with args"},
		"percent":                  {typed(core.ActionReportProgress, map[string]any{"message": "m", "percent": int64(101)}), "rules[0].actions[0].with.percent", "a number from 0 to 100"},
		"wait from text":           {typed(core.ActionStartWorkflow, map[string]any{"workflow_type": "w", "task_queue": "q", "wait": "yes ${vars.tag}"}), "rules[0].actions[0].with.wait", "must be true or false"},
		"context select": {func(d *core.Definition) {
			d.Context["h"] = core.ContextSource{HTTP: &core.HTTPSource{URL: "https://h/", Select: "bod.items"}}
		}, "context.h.http.select", `did you mean "body"?`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ruleeval.Compile(task("t", c.edit))
			var e *core.Error
			if !errors.As(err, &e) || e.Code != core.CodeInvalid {
				t.Fatalf("error %v, want CodeInvalid", err)
			}
			for _, f := range e.Fields {
				if f.Location == c.at && strings.Contains(f.Message, c.want) {
					if strings.Contains(f.Message, "object ") || strings.Contains(f.Message, "container") {
						t.Fatalf("internals in %q", f.Message)
					}
					return
				}
			}
			t.Fatalf("faults %v, want %s: …%s…", e.Fields, c.at, c.want)
		})
	}
}

func TestEveryFaultOfADefinitionIsReportedAtOnce(t *testing.T) {
	_, err := ruleeval.Compile(task("${a}", func(d *core.Definition) {
		d.Rules[0].When, d.TriggerConfig.When = "b", "c"
		d.Rules = append(d.Rules, d.Rules[0])
	}))
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) != 5 {
		t.Fatalf("error %v", err)
	}
}

func TestExpressionsBeyondTheLimitsAreRefusedWhenCompiled(t *testing.T) {
	nest := "true"
	for range 7 {
		nest = "[1].exists(x, " + nest + ")"
	}
	for name, src := range map[string]string{
		"long":         "'" + strings.Repeat("a", core.MaxExpressionBytes) + "' == ''",
		"big list":     "size([" + strings.Repeat("1,", 1001) + "1]) > 0",
		"deep":         strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500),
		"deep lists":   "size(" + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + ") > 0",
		"nested loops": nest,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ruleeval.Compile(task("t", func(d *core.Definition) { d.Rules[0].When = src }))
			if !core.IsCode(err, core.CodeInvalid) {
				t.Fatalf("error %v, want CodeInvalid", err)
			}
		})
	}
}

func TestTooManyExpressionsAreRefused(t *testing.T) {
	_, err := ruleeval.Compile(task("t", func(d *core.Definition) {
		many := make([]any, ruleeval.MaxTemplates+5)
		for i := range many {
			many[i] = "${vars.tag}"
		}
		d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "x", "payload": many}}
	}))
	if err == nil || !strings.Contains(err.Error(), "more than 2000 expressions") {
		t.Fatalf("error %v", err)
	}
}
