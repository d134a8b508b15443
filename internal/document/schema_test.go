package document_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func schemaValidator(t *testing.T) validator {
	t.Helper()
	text, err := document.Schema()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := core.DecodeJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return validator{tree.(map[string]any), map[string]*regexp.Regexp{}}
}

// everyField is every field of the document, in definitions that pass all checks.
const everyField = `
apiVersion: activity-core/v1
kind: ActivityDefinition
id: 0193b0a4-7e1b-7c3d-9a54-0d1c5f7b2a11
name: every.field_of-cron
description: Every field of a cron trigger
enabled: false
trigger_type: cron
trigger_config:
  cron_expression: ["0 6 * * 1", "@daily"]
  timezone: Europe/Berlin
  misfire_policy: catchup
  catchup_window: 1w2d3h
  misfire_grace: 1.5m
  jitter: 0
context:
  list: {static: [1, null, {a: b}]}
  lines: {file: data/lines.txt}
  linked:
    http:
      url: https://statehub.example/teams
      headers: {Accept: application/json}
      secret_header: {Authorization: statehub-token}
      select: body.items
      paging: {link: true, max_pages: 20}
      timeout: 20s
      max_bytes: 1048576
  pages: {http: {url: "http://statehub.example/repos", paging: {cursor: body.next, param: after}}}
  before: {last_run: {status: [succeeded, failed]}}
  any_before: {last_run: null}
  open: {tasks: {status: [open], limit: 5}}
rules:
  - name: r
    actions: [{type: create_task, with: {title: 12}}]
---
name: every-field-of-rules
trigger_type: cron
trigger_config: {cron_expression: "@hourly"}
vars: {days: 7, words: [a, b]}
rules:
  - name: each
    when: vars.days > 0
    for_each: vars.words
    as: it
    item_key: it
    max_items: 10
    actions:
      - type: create_task
        name: task
        with: {title: "${it}"}
        retry: {max_attempts: 2, initial_interval: 1s, backoff_coefficient: 1.5, maximum_interval: 10s}
        timeout: 5s
        on_error: continue
---
name: every-field-of-event
trigger_type: event
trigger_config:
  event_type: [github.push, shop/order]
  filters: {ref: [{prefix: refs/heads/}], size: [{numeric: [">", 3]}]}
  when: payload.ok
rules:
  - name: r
    actions: [{type: create_task, with: {title: t}}]
`

// everyParameter is every parameter of the actions.
const everyParameter = `
{type: create_task, with: {title: "${vars.a}", description: d, labels: [a, "${vars.a}"], priority: "${vars.a > 3 ? 'high' : 'low'}", assignee: me, unique_key: k, if_open: comment, comment: c}}
{type: http_request, with: {url: "https://x.example/${vars.a}", method: PUT, query: {a: [1, 2]}, headers: {X-A: b}, secret_headers: {Authorization: s}, body: {a: [null]}, expect: {status: [200, 3xx, "404"], body: "true"}, sign: s, max_response_bytes: 0}}
{type: publish_event, with: {type: a.b, source: s, subject: "${vars.a}", payload: {a: 1}, event_id: "e-${vars.a}"}}
{type: start_workflow, with: {workflow_type: W, task_queue: q, workflow_id: w, namespace: n, args: [1, "${vars.a}"], wait: true, memo: {a: b}, execution_timeout: 1h30m}}
{type: start_workflow, with: {workflow_type: W, task_queue: q, input: {a: 1}, wait: "${vars.a > 3}"}}
{type: report_progress, with: {message: m, percent: 12.5, status: running, subject: s, data: [1]}}
`

// definitions are those above, of examples/ and of the documents, as JSON values of what is
// written there.
func definitions(t *testing.T) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	add := func(source string, text []byte) {
		t.Helper()
		docs, err := document.Parse(source, text, document.YAML)
		if err != nil {
			t.Fatal(err)
		}
		asWritten := yaml.NewDecoder(bytes.NewReader(text))
		for _, d := range docs {
			if err := catalog.Check(&d.Definition); err != nil {
				t.Fatal(err)
			}
			var tree map[string]any
			if err := asWritten.Decode(&tree); err != nil {
				t.Fatal(err)
			}
			out[source+" "+d.Definition.Name] = jsonValue(t, tree)
		}
	}
	add("everyField", []byte(everyField))
	for i, action := range strings.Split(strings.TrimSpace(everyParameter), "\n") {
		add("everyParameter", fmt.Appendf(nil, `{name: p%d, trigger_type: cron, trigger_config: {cron_expression: "@hourly"}, vars: {a: 1}, rules: [{name: r, actions: [%s]}]}`, i, action))
	}
	for _, pattern := range []string{"../../examples/*.yaml", "../../docs/*.md", "../../README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(file) == ".yaml" {
				add(file, text)
				continue
			}
			for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatch(text, -1) {
				if strings.Contains(string(m[1]), "trigger_type:") && strings.Contains(string(m[1]), "rules:") {
					add(file, m[1])
				}
			}
		}
	}
	if len(out) < 18 {
		t.Fatalf("only %d definitions were found", len(out))
	}
	return out
}

// jsonValue is v as JSON has it: for a core.Definition, how it is stored and shown.
func jsonValue(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := core.DecodeJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return tree.(map[string]any)
}

func TestTheSchemaAcceptsWhatTheProgramAccepts(t *testing.T) {
	v := schemaValidator(t)
	for name, tree := range definitions(t) {
		if faults := v.check(v.root, tree, ""); len(faults) > 0 {
			t.Errorf("%s:\n%s", name, strings.Join(faults, "\n"))
		}
	}
}

// change is a definition in which one thing is different.
type change struct {
	where, what string
	tree        map[string]any
	// empty: the thing is now nothing, "" or zero, which the program takes for absent.
	empty bool
}

// changes put something else into every place of a tree, take every field away and add an
// unknown one to every mapping.
func changes(t *testing.T, tree map[string]any) (out []change) {
	t.Helper()
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	// again makes a copy for each change, and finds in it the place to change.
	again := func(path []any) (root map[string]any, container any) {
		fresh, err := core.DecodeJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		container = fresh
		for _, step := range path {
			switch c := container.(type) {
			case map[string]any:
				container = c[step.(string)]
			case []any:
				container = c[step.(int)]
			}
		}
		return fresh.(map[string]any), container
	}
	others := []any{nil, true, int64(0), int64(7), int64(-1), 2.5, "", "text", "1h", "${1 + 1}", []any{}, []any{"a"}, []any{nil}, map[string]any{}, map[string]any{"a": int64(1)}}
	var walk func(node any, path []any)
	walk = func(node any, path []any) {
		var steps []any
		switch n := node.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(n)) {
				steps = append(steps, k)
			}
			root, c := again(path)
			c.(map[string]any)["no_such_field"] = "text"
			out = append(out, change{fmt.Sprint(path), "no_such_field added", root, false})
		case []any:
			for i := range n {
				steps = append(steps, i)
			}
		}
		for _, step := range steps {
			at := append(slices.Clone(path), step)
			for _, o := range others {
				root, c := again(path)
				switch c := c.(type) {
				case map[string]any:
					c[step.(string)] = o
				case []any:
					c[step.(int)] = o
				}
				out = append(out, change{fmt.Sprint(at), fmt.Sprintf("is %#v", o), root, o == nil || o == "" || o == int64(0) || reflect.DeepEqual(o, []any{nil})})
			}
			if name, field := step.(string); field {
				root, c := again(path)
				delete(c.(map[string]any), name)
				out = append(out, change{fmt.Sprint(at), "taken away", root, false})
				walk(node.(map[string]any)[name], at)
			} else {
				walk(node.([]any)[step.(int)], at)
			}
		}
	}
	walk(tree, nil)
	return out
}

// beyondTheSchema are the faults of shape that a schema cannot say, or could only in a way that
// no editor would explain.
var beyondTheSchema = regexp.MustCompile(`must be between \S+ and \S+$|is the name of (rules|actions)\[\d+\] too`)

func TestSchemaAndProgramAgreeOnEveryChangeOfADefinition(t *testing.T) {
	v := schemaValidator(t)
	accepted, refused := 0, 0
	for name, tree := range definitions(t) {
		if !strings.HasPrefix(name, "every") {
			continue
		}
		for _, c := range changes(t, tree) {
			text, err := json.Marshal(c.tree)
			if err != nil {
				t.Fatal(err)
			}
			faults := v.check(v.root, c.tree, "")
			say := func(format string, args ...any) {
				t.Helper()
				t.Errorf("%s: %s %s: %s", name, c.where, c.what, fmt.Sprintf(format, args...))
			}
			docs, err := document.Parse("", text, document.JSON)
			if err != nil {
				if refused++; len(faults) == 0 {
					say("the decoder refuses what the schema accepts: %v", err)
				}
				continue
			}
			d := docs[0].Definition
			problems := d.Validate()
			for _, f := range problems {
				if len(faults) == 0 && !beyondTheSchema.MatchString(f.Message) {
					say("Validate refuses what the schema accepts: %v", f)
				}
			}
			if len(problems) > 0 || catalog.Check(&d) != nil {
				refused++
				continue
			}
			accepted++
			if len(faults) > 0 && !c.empty {
				say("the schema refuses what the program accepts: %v", faults)
			}
			if faults := v.check(v.root, jsonValue(t, d), ""); len(faults) > 0 {
				say("the schema refuses how the program writes it: %v", faults)
			}
		}
	}
	if accepted < 500 || refused < 2000 {
		t.Fatalf("%d changes were accepted, %d refused: too few to tell", accepted, refused)
	}
}

func TestBadDefinitionsAreRefusedByProgramAndSchema(t *testing.T) {
	v := schemaValidator(t)
	const good = `{"name": "n", "trigger_type": "cron", "trigger_config": {"cron_expression": "@hourly"}, "rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]}`
	verdicts := func(text string) (program, schema bool) {
		t.Helper()
		tree, err := core.DecodeJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		docs, err := document.Parse("", []byte(text), document.JSON)
		return err == nil && catalog.Check(&docs[0].Definition) == nil, len(v.check(v.root, tree, "")) == 0
	}
	if program, schema := verdicts(good); !program || !schema {
		t.Fatalf("the good one: program %v, schema %v", program, schema)
	}
	for _, c := range []struct{ name, old, new string }{
		{"a mistyped field", `"trigger_type"`, `"triger_type"`},
		{"a field of the other trigger", `"@hourly"`, `"@hourly", "filters": {"a": 1}`},
		{"an unknown trigger type", `"trigger_type": "cron"`, `"trigger_type": "timer"`},
		{"another apiVersion", `"name": "n"`, `"apiVersion": "activity-core/v2", "name": "n"`},
		{"a name in capitals", `"name": "n"`, `"name": "N"`},
		{"a name that is a UUID", `"name": "n"`, `"name": "0193b0a4-7e1b-7c3d-9a54-0d1c5f7b2a11"`},
		{"a name that is too long", `"name": "n"`, `"name": "` + strings.Repeat("n", 101) + `"`},
		{"an ID that is none", `"name": "n"`, `"id": "7", "name": "n"`},
		{"an unknown policy", `"@hourly"`, `"@hourly", "misfire_policy": "all"`},
		{"a length of time without a unit", `"@hourly"`, `"@hourly", "jitter": 30`},
		{"a length of time that is none", `"@hourly"`, `"@hourly", "jitter": "soon"`},
		{"no rules", `"rules": [{`, `"rules": [], "vars": [{`},
		{"two sources of one entry", `"rules"`, `"context": {"a": {"file": "f", "static": 1}}, "rules"`},
		{"a source of no kind", `"rules"`, `"context": {"a": {}}, "rules"`},
		{"a file above the folder", `"rules"`, `"context": {"a": {"file": "x/../../f"}}, "rules"`},
		{"a file from the root", `"rules"`, `"context": {"a": {"file": "/f"}}, "rules"`},
		{"another protocol", `"rules"`, `"context": {"a": {"http": {"url": "ftp://x"}}}, "rules"`},
		{"too many bytes", `"rules"`, `"context": {"a": {"http": {"url": "http://x", "max_bytes": 67108865}}}, "rules"`},
		{"paging without a way", `"rules"`, `"context": {"a": {"http": {"url": "http://x", "paging": {}}}}, "rules"`},
		{"paging in two ways", `"rules"`, `"context": {"a": {"http": {"url": "http://x", "paging": {"link": true, "cursor": "body", "param": "p"}}}}, "rules"`},
		{"a cursor without its parameter", `"rules"`, `"context": {"a": {"http": {"url": "http://x", "paging": {"cursor": "body"}}}}, "rules"`},
		{"a state that is no end", `"rules"`, `"context": {"a": {"last_run": {"status": ["running"]}}}, "rules"`},
		{"a name that no expression can use", `"rules"`, `"vars": {"a-b": 1}, "rules"`},
		{"an item that hides a name in scope", `"name": "r"`, `"name": "r", "for_each": "[1]", "as": "event"`},
		{"an item without a list", `"name": "r"`, `"name": "r", "as": "it"`},
		{"an unknown action", `create_task`, `create_tasks`},
		{"an action without its parameters", `, "with": {"title": "t"}`, ``},
		{"a parameter of another action", `"title": "t"`, `"title": "t", "url": "http://x"`},
		{"an unknown priority", `"title": "t"`, `"title": "t", "priority": "highest"`},
		{"an empty title", `"title": "t"`, `"title": " "`},
		{"parameters that exclude each other", `"create_task", "with": {"title": "t"}`, `"start_workflow", "with": {"workflow_type": "w", "task_queue": "q", "input": 1, "args": []}`},
		{"a percentage above 100", `"create_task", "with": {"title": "t"}`, `"report_progress", "with": {"message": "m", "percent": 101}`},
		{"a status that is none", `"create_task", "with": {"title": "t"}`, `"http_request", "with": {"url": "http://x", "expect": {"status": "ok"}}`},
		{"a hundred and one attempts", `"type"`, `"retry": {"max_attempts": 101}, "type"`},
		{"a factor below one", `"type"`, `"retry": {"backoff_coefficient": 0.5}, "type"`},
		{"an unknown on_error", `"type"`, `"on_error": "ignore", "type"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if program, schema := verdicts(text); text == good || program || schema {
				t.Errorf("program accepts: %v, schema accepts: %v\n%s", program, schema, text)
			}
		})
	}
}

// The schema names the fields of every type of the document, each explained, and no others.
func TestTheSchemaHasEveryFieldOfTheDocument(t *testing.T) {
	v := schemaValidator(t)
	follow := func(s map[string]any) map[string]any {
		if ref, ok := s["$ref"].(string); ok {
			return v.resolve(ref)
		}
		return s
	}
	// own are the properties of the schema of a struct.
	own := func(at string, s map[string]any) map[string]any {
		t.Helper()
		if s["additionalProperties"] != false {
			t.Errorf("%s: unknown fields are not refused", at)
		}
		props, _ := s["properties"].(map[string]any)
		return props
	}
	structs := 0
	var walk func(typ reflect.Type, s map[string]any, at string)
	walk = func(typ reflect.Type, s map[string]any, at string) {
		s = follow(s)
		switch {
		case typ == reflect.TypeFor[core.StringList]():
			if s["anyOf"] == nil {
				t.Errorf("%s is not one or several", at)
			}
		case typ == reflect.TypeFor[core.Duration]():
			if !reflect.DeepEqual(s, v.resolve("#/$defs/duration")) {
				t.Errorf("%s is no length of time", at)
			}
		case typ == reflect.TypeFor[core.TriggerConfig]():
			props := map[string]any{}
			for _, def := range []string{"cron_trigger", "event_trigger"} {
				for name, p := range own(at, v.resolve("#/$defs/"+def)) {
					if props[name] != nil {
						t.Errorf("%s.%s belongs to both triggers", at, name)
					}
					props[name] = p
				}
			}
			s = map[string]any{"type": "object", "properties": props, "additionalProperties": false}
			fallthrough
		case typ.Kind() == reflect.Struct:
			structs++
			props := own(at, s)
			for i := range typ.NumField() {
				name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
				p, ok := props[name].(map[string]any)
				if !ok {
					t.Errorf("%s.%s is missing", at, name)
					continue
				}
				if doc, _ := p["description"].(string); len(doc) < 10 || !strings.HasSuffix(doc, ".") {
					t.Errorf("%s.%s is described by %q", at, name, doc)
				}
				delete(props, name)
				walk(typ.Field(i).Type, p, at+"."+name)
			}
			for name := range props {
				t.Errorf("%s.%s is no field of the document", at, name)
			}
		case typ.Kind() == reflect.Pointer:
			walk(typ.Elem(), s, at)
		case typ.Kind() == reflect.Slice:
			walk(typ.Elem(), s["items"].(map[string]any), at+"[]")
		case typ.Kind() == reflect.Map && typ.Elem().Kind() == reflect.Interface:
			if s["type"] != "object" {
				t.Errorf("%s is not any mapping: %v", at, s["type"])
			}
		case typ.Kind() == reflect.Map:
			walk(typ.Elem(), s["additionalProperties"].(map[string]any), at+".*")
		case typ.Kind() != reflect.Interface:
			want := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer", reflect.Float64: "number"}[typ.Kind()]
			if constant, ok := s["const"].(string); !ok && s["type"] != want || ok && constant == "" {
				t.Errorf("%s is %v, want %s", at, s["type"], want)
			}
		}
	}
	walk(reflect.TypeFor[core.Definition](), v.root, "")
	if structs != 10 {
		t.Errorf("%d types were walked", structs)
	}
	for _, action := range core.ActionTypes() {
		props := own(string(action), v.resolve("#/$defs/with_"+string(action)))
		if len(props) == 0 {
			t.Errorf("%s: want a schema with its parameters, got none", action)
		}
		for _, p := range ruleeval.ActionParams(action) {
			if s, _ := props[p.Name].(map[string]any); s == nil || s["description"] != p.Doc {
				t.Errorf("%s: %s is missing or not described", action, p.Name)
			}
			delete(props, p.Name)
		}
		if len(props) > 0 {
			t.Errorf("%s has no %v", action, props)
		}
	}
}

func TestTheSchemaIsTheSameAtEveryCall(t *testing.T) {
	first, err := document.Schema()
	if err != nil {
		t.Fatal(err)
	}
	again, err := document.Schema()
	if err != nil || string(again) != string(first) {
		t.Fatalf("it differs: %v", err)
	}
	if !strings.HasPrefix(string(first), "{\n  \"$schema\": \""+document.SchemaDialect+"\",") {
		t.Errorf("it begins %.80s", first)
	}
}
