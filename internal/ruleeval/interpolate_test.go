package ruleeval_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func TestValuesAreWrittenIntoTextByTheirType(t *testing.T) {
	payload := `{"n":12000000,"big":9007199254740993,"u":18446744073709551615,"neg":-1,"f":0.1,"whole":2.0,"tiny":1e-9,"huge":1e300,
		"b":true,"s":"a\"b","l":[1,"x",null],"m":{"z":1,"a":"<&>"},"nul":null}`
	for template, want := range map[string]string{
		"n=${payload.n}":               "n=12000000",
		"${payload.n}":                 "12000000",
		"${payload.big} big":           "9007199254740993 big",
		"${payload.u}.":                "18446744073709551615.",
		"${payload.neg}!":              "-1!",
		"${payload.f}|":                "0.1|",
		"${payload.whole}|":            "2|",
		"${payload.tiny}|":             "1e-9|",
		"${payload.huge}|":             "1e+300|",
		"${payload.b}|":                "true|",
		"${payload.s}|":                `a"b|`,
		"${payload.l}|":                `[1,"x",null]|`,
		"${payload.m}|":                `{"a":"<&>","z":1}|`,
		"${run.time}|":                 "2026-03-02T05:00:00Z|",
		"${event.time}|":               "2026-03-02T05:00:00Z|",
		"${duration('90m')}|":          "1h30m|",
		"${b'ab'}|":                    "YWI=|",
		"$${payload.n} is text":        "${payload.n} is text",
		"cost: $5, 100%, {x} }":        "cost: $5, 100%, {x} }",
		"$$${payload.n}":               "$${payload.n}",
		"${'$'}${payload.neg}":         "$-1",
		"${'}'}${\"}\"}":               "}}",
		"${{'a': 1}.a}":                "1",
		"${'it\\'s }'}":                "it's }",
		"${r'\\'}x":                    `\x`,
		"${'''a'}'''}x":                "a'}x",
		"${ 1 // }\n + 1}x":            "2x",
		"${payload.?nix.orValue('-')}": "-",
		"${[1,2].map(x, x + 1)}x":      "[2,3]x",
		"${has(payload.nix) ? 1 : 2}":  "2",
	} {
		got, err := title(t, template, payload)
		if err != nil || got != want {
			t.Errorf("%s gives %q (%v), want %q", template, got, err, want)
		}
	}
}

func TestAStringThatIsOneExpressionKeepsTheValuesType(t *testing.T) {
	d := task("t", func(d *core.Definition) {
		d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "x", "payload": map[string]any{
			"n": "${payload.n}", "l": "${payload.l}", "m": "${payload.m}", "z": "${payload.z}", "t": "${run.time}", "deep": []any{map[string]any{"x": "${payload.f}"}},
			"key ${payload.n}": "keys are text", "lit": int64(3),
		}}}
	})
	plan, err := planOf(compile(t, d), context.Background(), input(`{"n":12000000,"l":[1,2.5,"a"],"m":{"a":null},"z":null,"f":false}`, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := plan.Actions[0].With["payload"]
	want := map[string]any{"n": int64(12000000), "l": []any{int64(1), 2.5, "a"}, "m": map[string]any{"a": nil}, "z": nil,
		"t": "2026-03-02T05:00:00Z", "deep": []any{map[string]any{"x": false}}, "key ${payload.n}": "keys are text", "lit": int64(3)}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("payload %#v\nwant %#v", got, want)
	}
}

func TestWhatCannotBeWrittenIsAnErrorThatNamesThePath(t *testing.T) {
	repos := json.RawMessage(`[{"name":"a","team":"x"},{"name":"b","team":"x"},{"name":"c","team":"x"},{"name":"d"}]`)
	ctxWith := map[string]any{"repos": repos}
	each := func(r *core.Rule) { r.ForEach, r.As, r.ItemKey = "context.repos", "repo", "repo.name" }
	for name, c := range map[string]struct {
		title   string
		edit    func(r *core.Rule)
		payload string
		want    []string
	}{
		"null in text":       {"x ${payload.a}", nil, `{"a":null}`, []string{"${payload.a}", "null, which has no text"}},
		"null alone":         {"${payload.a}", nil, `{"a":null}`, []string{"${payload.a}", "null"}},
		"missing":            {"${payload.repo.nmae}", nil, `{"repo":{"name":"n"}}`, []string{`payload.repo.nmae does not exist; did you mean "name"?`}},
		"below a string":     {"${payload.repo.name}", nil, `{"repo":"r"}`, []string{`payload.repo.name does not exist: payload.repo is the string "r"`}},
		"below null":         {"${payload.repo.name}", nil, `{"repo":null}`, []string{"payload.repo is null"}},
		"no event":           {"${payload.repo.name}", nil, "", []string{"payload"}},
		"index":              {"${context.repos[9].name}", nil, `{}`, []string{"9", "list"}},
		"constant index":     {"${context.repos[3].team}", nil, `{}`, []string{"context.repos[3].team does not exist"}},
		"the loop variable":  {"${repo.team}", each, `{}`, []string{`rule "rule", item 3 (key "d")`, "rules[0].actions[0].with.title", "${repo.team}", "repo.team does not exist"}},
		"inside filter":      {"t", func(r *core.Rule) { r.ForEach = "context.repos.filter(r, r.team == 'x')" }, `{}`, []string{"rules[0].for_each", "context.repos[3].team does not exist"}},
		"duplicate keys":     {"t", func(r *core.Rule) { r.ForEach = "context.repos"; r.ItemKey = "item.?team.orValue('y')" }, `{}`, []string{"items 0 and 1 have the same key \"x\""}},
		"empty key":          {"t", func(r *core.Rule) { r.ForEach = "['']"; r.ItemKey = "item" }, `{}`, []string{"item 0", "item_key", "is empty"}},
		"when is not bool":   {"t", func(r *core.Rule) { r.When = "payload.x" }, `{"x":1}`, []string{"rules[0].when", "must be bool, is int"}},
		"for_each is a map":  {"t", func(r *core.Rule) { r.ForEach = "payload" }, `{"x":1}`, []string{"must be list, is map"}},
		"key is a double":    {"t", func(r *core.Rule) { r.ForEach = "[1.5]"; r.ItemKey = "dyn(item)" }, `{}`, []string{"must be string or int, is double"}},
		"too many items":     {"t", func(r *core.Rule) { r.ForEach = "lists.range(11)"; r.MaxItems = 10 }, `{}`, []string{"gives 11 items, at most 10"}},
		"int plus double":    {"${payload.a + payload.b}", nil, `{"a":1,"b":1.5}`, []string{"payload.a is the int 1", "payload.b is the double 1.5", "convert with"}},
		"absent optional":    {"${payload.?x}", nil, `{}`, []string{"orValue"}},
		"title line break":   {"${payload.a}", nil, `{"a":"x\ny"}`, []string{"line break"}},
		"title too long":     {"${payload.a}", nil, `{"a":"` + strings.Repeat("x", 600) + `"}`, []string{"600 bytes, at most 500"}},
		"nan":                {"${0.0 / payload.z}", nil, `{"z":0.0}`, []string{"NaN"}},
		"not a version":      {"${semver.compare(payload.v, '1.0.0')}", nil, `{"v":"latest"}`, []string{`"latest" is not`, "semantic version"}},
		"bad priority later": {"t", func(r *core.Rule) { r.Actions[0].With["priority"] = "${payload.p}" }, `{"p":"top"}`, []string{"with.priority", `"top" is not one of`}},
	} {
		t.Run(name, func(t *testing.T) {
			d := task(c.title)
			if c.edit != nil {
				c.edit(&d.Rules[0])
			}
			_, err := planOf(compile(t, d), context.Background(), input(c.payload, ctxWith))
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
			if code := core.CodeOf(err); code != core.CodeInvalid && code != core.CodeTooLarge {
				t.Errorf("code %s", code)
			}
		})
	}
}

// httpAction makes a definition whose only action is a request.
func httpAction(with map[string]any) *core.Definition {
	return task("t", func(d *core.Definition) {
		d.Rules[0].Actions[0] = core.Action{Type: core.ActionHTTPRequest, With: with}
	})
}

func TestValuesInAURLCannotLeaveTheirPlace(t *testing.T) {
	for name, c := range map[string]struct{ url, x, want string }{
		"path":                    {"https://h/a/${payload.x}/b", `"x y/z?q#f"`, "https://h/a/x%20y%2Fz%3Fq%23f/b"},
		"path int":                {"https://h/${payload.x}", `12000000`, "https://h/12000000"},
		"path list":               {"https://h/${payload.x}/b", `["acme","a/b"]`, "https://h/acme/a%2Fb/b"},
		"path split":              {"https://h/${payload.x.split('/')}", `"acme/api"`, "https://h/acme/api"},
		"path dots":               {"https://h/a/${payload.x}/b", `".."`, ""},
		"path dots in list":       {"https://h/a/${payload.x}/b", `["a",".."]`, ""},
		"path halves":             {"https://h/a/.${payload.x}/b", `"."`, ""},
		"path escaped dots":       {"https://h/a/${payload.x}/b", `"%2e%2e"`, "https://h/a/%252e%252e/b"},
		"path empty":              {"https://h/a/${payload.x}", `""`, ""},
		"path line break":         {"https://h/a/${payload.x}", `"a\r\nb"`, ""},
		"path null":               {"https://h/a/${payload.x}", `null`, ""},
		"path map":                {"https://h/a/${payload.x}", `{}`, ""},
		"query":                   {"https://h/?q=${payload.x}&z=1", `"a&z=2 +#"`, "https://h/?q=a%26z%3D2+%2B%23&z=1"},
		"query without path":      {"https://h?q=${payload.x}", `"a/b"`, "https://h?q=a%2Fb"},
		"query list":              {"https://h/?q=${payload.x}", `["a"]`, ""},
		"host":                    {"https://${payload.x}/p", `"api.example.com"`, "https://api.example.com/p"},
		"host v6":                 {"https://${payload.x}/p", `"[::1]"`, "https://[::1]/p"},
		"host with user":          {"https://${payload.x}/p", `"good@evil"`, ""},
		"host with path":          {"https://${payload.x}/p", `"evil/x"`, ""},
		"host with port":          {"https://${payload.x}/p", `"evil:1"`, ""},
		"host with query":         {"https://${payload.x}/p", `"evil?"`, ""},
		"host with fragment":      {"https://${payload.x}/p", `"evil#"`, ""},
		"host with backslash":     {"https://${payload.x}/p", `"evil\\x"`, ""},
		"host with blank":         {"https://${payload.x}/p", `"evil x"`, ""},
		"host empty":              {"https://${payload.x}/p", `""`, ""},
		"host unicode":            {"https://${payload.x}/p", `"ex\uff0eample"`, ""},
		"label":                   {"https://${payload.x}.example.com/p", `"eu-1"`, "https://eu-1.example.com/p"},
		"label two":               {"https://${payload.x}.example.com/p", `"evil.com"`, ""},
		"label slash":             {"https://${payload.x}.example.com/p", `"evil.com/"`, ""},
		"port":                    {"https://h:${payload.x}/p", `8443`, "https://h:8443/p"},
		"port text":               {"https://h:${payload.x}/p", `"1@evil"`, ""},
		"port 0":                  {"https://h:${payload.x}/p", `0`, ""},
		"whole":                   {"${payload.x}", `"https://api.example.com/hooks?a=b"`, "https://api.example.com/hooks?a=b"},
		"whole with a user":       {"${payload.x}", `"https://u:p@h/"`, ""},
		"whole file":              {"${payload.x}", `"file:///etc/passwd"`, ""},
		"whole gopher":            {"${payload.x}", `"gopher://h/"`, ""},
		"whole script":            {"${payload.x}", `"javascript:alert(1)"`, ""},
		"whole without host":      {"${payload.x}", `"https:///x"`, ""},
		"whole opaque":            {"${payload.x}", `"https:h"`, ""},
		"whole with dots":         {"${payload.x}", `"https://h/a/%2e%2E/b"`, ""},
		"whole with a line break": {"${payload.x}", `"https://h/\r\nX: y"`, ""},
		"base":                    {"${payload.x}/hooks/${payload.x.size()}", `"https://h/api/"`, "https://h/api/hooks/14"},
		"base with query":         {"${payload.x}/hooks", `"https://h/?a="`, ""},
		"template in data":        {"https://h/${payload.x}", `"${vars.tag}"`, "https://h/$%7Bvars.tag%7D"},
	} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, httpAction(map[string]any{"url": c.url}))
			plan, err := planOf(p, context.Background(), input(`{"x":`+c.x+`}`, nil))
			if c.want == "" {
				if err == nil {
					t.Fatalf("%s was let through as %s", c.x, plan.Actions[0].With["url"])
				}
				if !strings.Contains(err.Error(), "rules[0].actions[0].with.url") {
					t.Fatalf("error %v names no field", err)
				}
				return
			}
			if err != nil || plan.Actions[0].With["url"] != c.want {
				t.Fatalf("%v (%v), want %s", plan.Actions, err, c.want)
			}
		})
	}
}

func TestValuesInHeadersCannotAddHeaders(t *testing.T) {
	for _, x := range []string{`"a\r\nX-Evil: 1"`, `"a\nb"`, `"a\rb"`, `"a\u0000b"`, `"a\u007fb"`, `{"k":"v"}`, `["v"]`, `null`} {
		for _, with := range []map[string]any{
			{"url": "https://h/", "headers": map[string]any{"X-A": "${payload.x}"}},
			{"url": "https://h/", "headers": map[string]any{"X-A": "v ${payload.x}"}},
			{"url": "https://h/", "headers": "${{'X-A': payload.x}}"},
			{"url": "https://h/", "headers": "${{string(payload.x): 'v'}}"},
		} {
			_, err := planOf(compile(t, httpAction(with)), context.Background(), input(`{"x":`+x+`}`, nil))
			if err == nil && !(strings.HasPrefix(x, "{") || strings.HasPrefix(x, "[")) {
				t.Errorf("%s was let through by %v", x, with["headers"])
			}
		}
	}
	plan, err := planOf(compile(t, httpAction(map[string]any{"url": "https://h/", "headers": map[string]any{"X-A": "v\t${payload.x}"}})), context.Background(), input(`{"x":7}`, nil))
	if err != nil || plan.Actions[0].With["headers"].(map[string]any)["X-A"] != "v\t7" {
		t.Fatalf("%v %v", plan, err)
	}
}

func TestTheTypeOfAPublishedEventCannotBecomeAnotherSubject(t *testing.T) {
	for _, x := range []string{`"a.>"`, `"*"`, `"a b"`, `"a\r\nb"`, `""`, `"a.*"`, `"a%2Eb"`} {
		d := task("t", func(d *core.Definition) {
			d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "${payload.x}"}}
		})
		if _, err := planOf(compile(t, d), context.Background(), input(`{"x":`+x+`}`, nil)); err == nil {
			t.Errorf("%s was let through", x)
		}
	}
}

func TestDecodeGivesTypedParametersWithTheirDefaults(t *testing.T) {
	plan, err := planOf(compile(t, httpAction(map[string]any{"url": "https://h/", "query": map[string]any{"a": []any{int64(1), "x"}, "b": "${payload.x}"},
		"body": map[string]any{"n": "${payload.x}"}, "expect": map[string]any{"status": []any{int64(200), "4xx"}, "body": "body.ok"},
		"secret_headers": map[string]any{"Authorization": "tok"}})), context.Background(), input(`{"x":12000000}`, nil))
	if err != nil {
		t.Fatal(err)
	}
	// As the workflow sees it: through JSON, where every number becomes float64.
	b, err := json.Marshal(plan.Actions[0])
	if err != nil {
		t.Fatal(err)
	}
	var pa core.PlannedAction
	if err := json.Unmarshal(b, &pa); err != nil {
		t.Fatal(err)
	}
	got, err := ruleeval.Decode(pa)
	if err != nil {
		t.Fatal(err)
	}
	p := got.(*ruleeval.HTTPRequestParams)
	if p.Method != "POST" || p.URL != "https://h/" || !reflect.DeepEqual(p.Query, map[string][]string{"a": {"1", "x"}, "b": {"12000000"}}) ||
		!p.Expect.Status.Contains(200) || p.Expect.Status.Contains(201) || !p.Expect.Status.Contains(499) || p.Expect.Body != "body.ok" ||
		p.SecretHeaders["Authorization"] != "tok" || p.MaxResponseBytes != 64<<10 || !p.HasBody {
		t.Fatalf("%+v", p)
	}
	x, err := ruleeval.CompileResponse(p.Expect.Body)
	if err != nil {
		t.Fatal(err)
	}
	ok, err := x.Holds(context.Background(), ruleeval.Response{Status: 200, Body: map[string]any{"ok": true}})
	if !ok || err != nil {
		t.Fatalf("%v %v", ok, err)
	}
	if _, err := x.Holds(context.Background(), ruleeval.Response{Status: 200, Body: map[string]any{}}); err == nil || !strings.Contains(err.Error(), "body.ok does not exist") {
		t.Fatalf("error %v", err)
	}
}

func TestEveryActionTypeHasParametersAndDecodes(t *testing.T) {
	minimal := map[core.ActionType]map[string]any{
		core.ActionCreateTask:     {"title": "t"},
		core.ActionHTTPRequest:    {"url": "https://h/"},
		core.ActionPublishEvent:   {"type": "a.b"},
		core.ActionStartWorkflow:  {"workflow_type": "w", "task_queue": "q", "input": map[string]any{"a": int64(1)}},
		core.ActionReportProgress: {"message": "m", "percent": 12.5},
	}
	for _, typ := range core.ActionTypes() {
		if len(ruleeval.ActionParams(typ)) == 0 {
			t.Errorf("%s has no parameters", typ)
		}
		with, ok := minimal[typ]
		if spec, _ := ruleeval.SpecOf(typ); !ok {
			with = spec.Example
		}
		if _, err := ruleeval.DecodeParams(typ, with); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		if _, err := ruleeval.DecodeParams(typ, map[string]any{"nix": 1}); !core.IsCode(err, core.CodeInvalid) {
			t.Errorf("%s accepts an unknown parameter: %v", typ, err)
		}
	}
}
