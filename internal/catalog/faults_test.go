package catalog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
)

const fineRules = "rules: [{name: r, actions: [{type: create_task, with: {title: t}}]}]\n"

// What is wrong in one part of a document says nothing about the others: all of it is told at
// once, each thing once, in the order of the text. Each want is the beginning of line:column:
// location: message.
func TestEveryFaultOfADocumentIsToldAtOnceAndNoneTwice(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"form and meaning of a cron trigger": {`name: x
trigger_type: cron
colour: red
trigger_config:
  cron_expression: ["61 * * * *", 7, "0 6 * * 1", "0 6 L * *", "61 * * * *"]
  timezone: Europe/Berln
  misfire_grace: 0s
  jitter: 30
  misfire_policy: skipp
` + fineRules, []string{
			`3:1: colour: unknown field`, `5:21: trigger_config.cron_expression[0]: minute "61"`, `5:35: trigger_config.cron_expression[1]: must be text`,
			`5:51: trigger_config.cron_expression[3]: day-of-month "L"`, `5:64: trigger_config.cron_expression[4]: minute "61"`, `6:13: trigger_config.timezone: `,
			`7:18: trigger_config.misfire_grace: may not be zero`, `8:11: trigger_config.jitter: needs a unit`, `9:19: trigger_config.misfire_policy: must be skip`,
		}},
		"filters and conditions of an event trigger": {`name: X
trigger_type: event
trigger_config:
  filters: {ref: [{prefx: a}], n: [{numeric: ["<"]}]}
  when: payload.x ==
` + fineRules, []string{
			`1:7: name: may hold`, `3:1: trigger_config.event_type: is required`, `4:27: trigger_config.filters.ref[0].prefx: `,
			`4:37: trigger_config.filters.n[0].numeric: `, `5:9: trigger_config.when: `,
		}},
		"whatever the trigger is meant to be": {`name: x
trigger_type: evnt
trigger_config: {cron_expression: "61 * * * *", filters: {ref: [{prefx: a}]}, event_type: a b, jitter: 5h}
` + fineRules, []string{
			`2:15: trigger_type: must be cron or event; did you mean "event"?`, `3:35: trigger_config.cron_expression: `,
			`3:73: trigger_config.filters.ref[0].prefx: `, `3:91: trigger_config.event_type: `, `3:104: trigger_config.jitter: `,
		}},
		"rules and their expressions": {`name: x
trigger_type: cron
trigger_config: {cron_expression: "0 6 * * 1"}
rules:
  - name: R
    when: contxt != null
    max_items: -1
    for_each: "1 +"
    as: one
    actions:
      - type: create_taks
        with: {title: "${vras.a}"}
      - type: create_task
        with: {titel: "${one.name}", priority: hihg, labels: ["${tow}"], if_open: sip}
        timeout: 2h
      - type: http_request
        with: {url: "ftp://${one.x}", expect: {status: 999, body: "bdy.ok"}}
  - name: s
    when: 12
    actions: []
`, []string{
			`5:11: rules[0].name: `, `6:11: rules[0].when: column 1: "contxt" is not in scope`, `7:16: rules[0].max_items: `, `8:15: rules[0].for_each: column 4: syntax error`,
			`11:15: rules[0].actions[0].type: `, `12:23: rules[0].actions[0].with.title: column 1: "vras" is not`,
			`14:23: rules[0].actions[1].with.titel: is not a parameter here; did you mean "title"?`, `14:48: rules[0].actions[1].with.priority: `,
			`14:63: rules[0].actions[1].with.labels[0]: column 1: "tow"`, `14:83: rules[0].actions[1].with.if_open: `, `15:18: rules[0].actions[1].timeout: `,
			`17:21: rules[0].actions[2].with.url: must begin with http`, `17:56: rules[0].actions[2].with.expect.status: `, `17:67: rules[0].actions[2].with.expect.body: `,
			`19:11: rules[1].when: must be text`, `20:5: rules[1].actions: at least one`,
		}},
		"what may not occur anywhere": {`name: &n x
name: y
trigger_type: !!str cron
trigger_config: {<<: {a: 1}, cron_expression: "61 * * * *"}
vars: {a: !new 1, b: 1e999}
rules: [{name: r, when: "vars.a > vars.b && vras.a", actions: [{type: create_task, with: {title: x, priority: !p x, labels: 3}}]}]
`, []string{
			`1:7: name: YAML anchors`, `2:1: name: is given twice`, `3:15: trigger_type: YAML tags`, `4:18: trigger_config: YAML merge keys`, `5:11: vars.a: YAML tags`, `5:22: vars.b: the number is beyond`,
			`6:25: rules[0].when: column 20: "vras" is not in scope`, `6:111: rules[0].actions[0].with.priority: YAML tags`, `6:125: rules[0].actions[0].with.labels: must be a list`,
		}},
		"nothing of a trigger":        {"name: x\ntrigger_type: cron\n" + fineRules, []string{`1:1: trigger_config.cron_expression: is required`}},
		"a trigger of the wrong form": {"name: x\ntrigger_type: cron\ntrigger_config: daily\n" + fineRules, []string{`3:17: trigger_config: must be a mapping`}},
		"an unknown name of the trigger's type": {"name: x\ntriger_type: cron\ntrigger_config: {cron_expresion: 0 6 * * 1}\n" + fineRules, []string{
			`2:1: triger_type: unknown field`, `3:18: trigger_config.cron_expresion: unknown field`,
		}},
		"an unknown name that is near to none": {"name: x\ntrigger_type: cron\ntrigger_config: {at: 0 6 * * 1}\nfoo: 1\n", []string{
			`1:1: rules: at least one`, `3:18: trigger_config.at: unknown field`, `4:1: foo: unknown field`,
		}},
		"what uses something unread": {`name: x
trigger_type: cron
trigger_config: {cron_expression: "0 6 * * 1"}
contxt: {repos: {file: r.json}}
vars: [1]
rules:
  - name: r
    foreach: context.repos
    as: repo
    item_key: repo.name
    actions:
      - type: create_task
        nam: one
        with: {title: "${repo.x} ${vars.y} ${context.z}"}
      - type: create_task
        name: [two]
        witth: {title: "x"}
      - type: create_task
        with: {title: "${steps.one.x} ${steps.two.x}"}
  - name: s
    for_each: context.repos
    as: 7
    actions: [{type: create_task, with: {title: "${repo.x} ${event.typ}"}}]
`, []string{
			`4:1: contxt: unknown field`, `5:7: vars: must be a mapping`, `8:5: rules[0].foreach: unknown field`, `13:9: rules[0].actions[0].nam: unknown field`,
			`16:15: rules[0].actions[1].name: must be text`, `17:9: rules[0].actions[1].witth: unknown field`, `22:9: rules[1].as: must be text`,
			`23:49: rules[1].actions[0].with.title: in ${…} at character 11: column 6: event.typ is not declared`,
		}},
		"what uses a name that cannot be": {`name: x
trigger_type: cron
trigger_config: {cron_expression: "0 6 * * 1"}
context:
  all-repos: {file: r.json, last_run: {}}
  other: {fil: r.json}
vars: {max-age: 7}
rules:
  - name: r
    for_each: context.all-repos
    as: my-repo
    actions:
      - {type: create_task, name: my-step, with: {title: "${my-repo.name} ${vars.max-age}"}}
      - {type: create_task, with: {title: "${steps.my-step.x} ${yours}"}}
  - name: s
    for_each: context.other
    as: vars
    actions: [{type: create_task, with: {title: "${vars.name}"}}]
  - name: t
    as: each
    actions: [{type: create_task, with: {title: "${each.name}"}}]
`, []string{
			`5:3: context.all-repos: the name`, `5:3: context.all-repos: must have exactly one`, `6:11: context.other.fil: unknown field`, `7:17: vars.max-age: the name`,
			`11:9: rules[0].as: `, `13:35: rules[0].actions[0].name: `, `14:43: rules[0].actions[1].with.title: in ${…} at character 20: column 1: "yours" is not in scope`,
			`17:9: rules[1].as: would hide`, `20:9: rules[2].as: needs for_each`,
		}},
		"several documents": {"name: X\ntrigger_type: cron\ntrigger_config: {cron_expression: 61 * * * *}\n" + fineRules + "---\nname: y\ntrigger_type: x\nrules: []\n", []string{
			`1:7: name: `, `3:35: trigger_config.cron_expression: `, `7:15: trigger_type: `, `8:1: rules: `,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := document.ParseChecked("f.yaml", []byte(c.text), document.YAML, catalog.Check)
			var e *core.Error
			if !errors.As(err, &e) || e.Code != core.CodeInvalid {
				t.Fatalf("error %v, want CodeInvalid", err)
			}
			var got []string
			for _, f := range e.Fields {
				got = append(got, f.String())
			}
			for i, want := range c.want {
				if i >= len(got) || !strings.HasPrefix(got[i], want) {
					t.Fatalf("fault %d is not %q; all faults:\n%s", i, want, strings.Join(got, "\n"))
				}
			}
			if len(got) > len(c.want) {
				t.Errorf("told besides:\n%s", strings.Join(got[len(c.want):], "\n"))
			}
		})
	}
}

func TestMoreFaultsThanAnybodyReadsAreCounted(t *testing.T) {
	var text strings.Builder
	for i := range document.MaxFaults + 20 {
		fmt.Fprintf(&text, "zz%d: 1\n", i)
	}
	_, err := document.ParseChecked("f.yaml", []byte("name: x\n"+text.String()+fineRules), document.YAML, catalog.Check)
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) != document.MaxFaults+1 {
		t.Fatalf("error %v", err)
	}
	if last := e.Fields[document.MaxFaults].String(); e.Fields[0].Location != "zz0" || last != "and 20 more faults; mend these first" {
		t.Errorf("from %s to %q", e.Fields[0], last)
	}
}
