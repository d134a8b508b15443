package document_test

import (
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/document"
)

const weekly = `apiVersion: activity-core/v1
kind: ActivityDefinition
name: weekly-sbom
trigger_type: cron
trigger_config:
  cron_expression: "0 6 * * 1"
  timezone: Europe/Berlin
  catchup_window: 3d
context:
  repos: {file: repos.json}
vars: {max_age_days: 7, ratio: 0.5, since: 2026-01-01, big: 18446744073709551615}
rules:
  - name: stale
    for_each: context.repos
    as: repo
    actions:
      - type: create_task
        with: {title: "Refresh ${repo.name}"}
`

func TestYAMLAndJSONGiveTheSameDefinition(t *testing.T) {
	fromYAML, err := document.Parse("weekly.yaml", []byte(weekly), document.Auto)
	if err != nil {
		t.Fatal(err)
	}
	def := fromYAML[0].Definition
	if def.TriggerConfig.CatchupWindow.String() != "72h" || !def.Enabled || def.ID != core.DefinitionID("weekly-sbom") {
		t.Fatalf("unexpected definition: %+v", def)
	}
	if def.Vars["max_age_days"] != int64(7) || def.Vars["since"] != "2026-01-01" || def.Vars["big"] != uint64(18446744073709551615) {
		t.Fatalf("vars changed type: %#v", def.Vars)
	}
	text, err := document.MarshalJSON(def)
	if err != nil {
		t.Fatal(err)
	}
	fromJSON, err := document.Parse("weekly.json", []byte("\t"+string(text)), document.Auto)
	if err != nil {
		t.Fatal(err)
	}
	again, err := document.MarshalJSON(fromJSON[0].Definition)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(text) {
		t.Fatalf("JSON round trip changed the definition:\n%s\n%s", text, again)
	}
}

func TestFaultsNameFieldPositionAndRemedy(t *testing.T) {
	for _, tc := range []struct {
		name, text, want string
		code             core.Code
	}{
		{"unknown field", "name: a\ntriger_type: cron\n", `2:1: triger_type: unknown field "triger_type"; did you mean "trigger_type"?`, core.CodeInvalid},
		{"unknown nested field", "name: a\ntrigger_config:\n  cron_expresion: x\n", `3:3: trigger_config.cron_expresion: unknown field "cron_expresion"; did you mean "cron_expression"?`, core.CodeInvalid},
		{"alias", "vars: &v {a: 1}\nname: *v\n", "anchors are not supported", core.CodeInvalid},
		{"alias only", "name: *v\n", "cannot begin with *", core.CodeMalformed},
		{"duplicate key", "name: a\nname: b\n", "2:1: name: is given twice, first in line 1", core.CodeInvalid},
		{"number for text", "name: 12\n", "1:7: name: must be text, is a number; put it in quotes", core.CodeInvalid},
		{"no grace", "trigger_config: {misfire_grace: 0s}\n", "leave it out for 1m, or write 1s", core.CodeInvalid},
		{"no grace in other words", "trigger_config: {misfire_grace: 0}\n", "may not be zero", core.CodeInvalid},
		{"no window", "trigger_config: {catchup_window: 0s}\n", "misfire_policy: skip", core.CodeInvalid},
		{"duration without unit", "trigger_config: {jitter: 30}\n", "needs a unit", core.CodeInvalid},
		{"merge key", "vars: {<<: {a: 1}}\n", "merge keys are not supported", core.CodeInvalid},
		{"tag", "name: !!binary aGk=\n", "tags are not supported", core.CodeInvalid},
		{"list for mapping", "trigger_config: [1]\n", "must be a mapping, is a list", core.CodeInvalid},
		{"not a definition", "hello", "a definition is a mapping", core.CodeInvalid},
		{"broken YAML", "name: [a\n", "is not YAML", core.CodeMalformed},
		{"broken JSON", "{\"name\": \"a\",\n \"rules\": [}", "2:12:", core.CodeMalformed},
		{"JSON duplicate", "{\"name\": \"a\",\n \"name\": \"b\"}", "2:2: name: is given twice", core.CodeInvalid},
		{"JSON trailing", `{"name": "a"} x`, "1:15:", core.CodeMalformed},
		{"empty", "# nothing\n", "holds no definition", core.CodeMalformed},
		{"deep", strings.Repeat("[", 100) + strings.Repeat("]", 100), "nested deeper", core.CodeMalformed},
		{"deep YAML", "vars: {a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "nested deeper", core.CodeInvalid},
		{"large", strings.Repeat("#", core.MaxDocumentBytes+1), "at most 1048576", core.CodeTooLarge},
		{"infinite", "vars: {a: .inf}\n", "has no JSON form", core.CodeInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := document.Parse("f", []byte(tc.text), document.Auto)
			if core.CodeOf(err) != tc.code || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %s with %q", err, tc.code, tc.want)
			}
		})
	}
}

const flowStyle = `{ # a comment
  name: flow, 'trigger_type': event,
  trigger_config: {event_type: [a, b,], filters: {ref: [main,]},},
  rules: [
    {name: r, actions: [{type: create_task, with: {title: t}}]},
  ],
}
`

// The first character of YAML may be that of JSON.
func TestYAMLInFlowStyleIsReadAsYAMLWhereTheNameSaysSo(t *testing.T) {
	for name, want := range map[string]document.Format{"d/a.yaml": document.YAML, "a.YML": document.YAML, "a.json": document.JSON, "-": document.Auto, "a.txt": document.Auto, "yaml": document.Auto} {
		if got := document.FormatOf(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	docs, err := document.Parse("a.yaml", []byte(flowStyle+"---\n[{name: second,}, {name: third}]\n"), document.YAML)
	if err != nil || len(docs) != 3 || docs[0].Definition.TriggerConfig.EventType[1] != "b" || docs[2].Definition.Name != "third" {
		t.Fatalf("got %+v, %v", docs, err)
	}
	// JSON is YAML, also where the YAML reader knows less.
	docs, err = document.Parse("a.yaml", []byte("\t{\"name\": \"a\",\t\"description\": \"\\ud83d\\ude00\"}"), document.YAML)
	if err != nil || docs[0].Definition.Description != "\U0001f600" {
		t.Fatalf("got %+v, %v", docs, err)
	}
	for _, format := range []document.Format{document.JSON, document.Auto} {
		if _, err := document.Parse("f", []byte(flowStyle), format); core.CodeOf(err) != core.CodeMalformed || !strings.Contains(err.Error(), "1:3: ") {
			t.Errorf("as %q: %v", format, err)
		}
	}
}

func TestFlowStyleIsAsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"{name: a, name: b,}":                "1:11: name: is given twice",
		"{\"name\": \"a\", \"name\": \"b\"}": "1:15: name: is given twice",
		"{name: a,\n namee: b,}":             `2:2: namee: unknown field "namee"; did you mean "name"?`,
		"{name: &a x, description: *a,}":     "aliases are not supported",
		"{name: !t x,}":                      "tags are not supported",
		"{vars: {<<: {a: 1},},}":             "merge keys are not supported",
		"{name: a":                           "is not YAML",
		"{name: [a}":                         "is not YAML",
	} {
		if _, err := document.Parse("f", []byte(text), document.YAML); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestSeveralDocumentsInOneFile(t *testing.T) {
	docs, err := document.Parse("many.yaml", []byte("---\nname: a\n---\n---\nname: b\n"), document.Auto)
	if err != nil || len(docs) != 2 || docs[1].Definition.Name != "b" {
		t.Fatalf("got %v, %v", docs, err)
	}
	docs, err = document.Parse("many.json", []byte(`[{"name":"a"},{"name":"b"}]`), document.Auto)
	if err != nil || len(docs) != 2 {
		t.Fatalf("got %v, %v", docs, err)
	}
}

func TestValidationFaultsGetTheirPosition(t *testing.T) {
	docs, err := document.Parse("w.yaml", []byte(strings.Replace(weekly, "type: create_task", "type: create_taks", 1)), document.Auto)
	if err != nil {
		t.Fatal(err)
	}
	faults := docs[0].Locate(docs[0].Definition.Validate())
	if len(faults) != 1 || faults[0].Line != 17 || !strings.Contains(faults[0].Message, `did you mean "create_task"?`) {
		t.Fatalf("got %v", faults)
	}
}

func FuzzParseNeverPanicsAndAcceptedTextIsStable(f *testing.F) {
	f.Add([]byte(weekly))
	f.Add([]byte(`{"name":"a","rules":[{"name":"r","actions":[]}]}`))
	f.Add([]byte("a: &x [*x]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := document.Parse("f", data, document.Auto)
		if err != nil {
			return
		}
		for _, d := range docs {
			text, err := document.MarshalJSON(d.Definition)
			if err != nil {
				t.Fatalf("accepted but has no JSON form: %v", err)
			}
			again, err := document.Parse("f", text, document.JSON)
			if err != nil {
				t.Fatalf("own JSON refused: %v\n%s", err, text)
			}
			second, _ := document.MarshalJSON(again[0].Definition)
			if string(second) != string(text) {
				t.Fatalf("unstable:\n%s\n%s", text, second)
			}
		}
	})
}
