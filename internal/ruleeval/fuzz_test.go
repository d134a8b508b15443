package ruleeval_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// activitycoreEvent reads a real webhook body as an event.
func activitycoreEvent(file string) (*core.Event, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return &core.Event{EventID: "e", Type: "github.push", Time: time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC), Payload: b}, nil
}

// FuzzTemplate: no template and no data may panic, and whatever compiles gives the same plan twice.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"plain", "${payload.x}", "a ${vars.tag} b ${payload.x}", "$${x}", "${", "${'}'}", "${{'a': 1}.a}", "${r'\\'}", "${'''}'''}", "${`}`}",
		"${// }\n1}", "${[1,2].map(x, x+1)}", "${payload.x + payload.x}", "${\"\\\"}\"}", "$$${payload.x}", "${payload.?x.orValue('')}", "${x}}", "${rb'\\'}"} {
		f.Add(s, `"v"`)
		f.Add(s, `"${vars.tag}"`)
	}
	f.Fuzz(func(t *testing.T, template, x string) {
		if len(template) > 2000 || !json.Valid([]byte(x)) {
			return
		}
		p, err := ruleeval.Compile(task("t", func(d *core.Definition) {
			d.Rules[0].Actions[0].With["description"] = template
			d.Rules[0].Actions = append(d.Rules[0].Actions, core.Action{Type: core.ActionHTTPRequest,
				With: map[string]any{"url": "https://h/" + "${payload.x}", "headers": map[string]any{"A": "${payload.x}"}}})
		}))
		if err != nil {
			if !core.IsCode(err, core.CodeInvalid) {
				t.Fatalf("%q: %v", template, err)
			}
			return
		}
		in := input(`{"x":`+x+`}`, map[string]any{"repos": []any{}})
		one, err1 := planOf(p, context.Background(), in)
		two, err2 := planOf(p, context.Background(), in)
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("%q: once %v, once %v", template, err1, err2)
		}
		if err1 != nil {
			return
		}
		a, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := json.Marshal(two); err != nil || string(a) != string(b) {
			t.Fatalf("%q: %s and %s (%v)", template, a, b, err)
		}
		url := one.Actions[1].With["url"].(string)
		if rest, ok := strings.CutPrefix(url, "https://h/"); !ok || strings.ContainsAny(rest, "/?# \r\n@\\") {
			if !strings.HasPrefix(strings.TrimSpace(x), "[") && !strings.Contains(rest, "@") {
				t.Fatalf("%s gives the URL %s", x, url)
			}
		}
		if strings.ContainsAny(one.Actions[1].With["headers"].(map[string]any)["A"].(string), "\r\n\x00") {
			t.Fatalf("%s passes into a header", x)
		}
	})
}

// FuzzData: text that goes through a template comes out as it went in.
func FuzzData(f *testing.F) {
	p, err := ruleeval.Compile(task("t", func(d *core.Definition) {
		d.Rules[0].Actions[0].With["description"] = "<${payload.x}>"
	}))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", "${vars.tag}", "$${", "}", "${${}}", "\x00", "\u2028", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len(s) > 10_000 {
			return
		}
		b, err := json.Marshal(map[string]string{"x": s})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := planOf(p, context.Background(), input(string(b), nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Actions[0].With["description"]; got != "<"+s+">" {
			t.Fatalf("%q came out as %q", s, got)
		}
	})
}

// FuzzExpression: no expression may panic or run away, compiled or evaluated.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{"true", "payload.x == 1", "context.repos.filter(r, r.a).size() > 0", "payload.x.matches('a+')", "[1,2].exists(x, x > 1)",
		"cel.bind(a, [1], a + a).size() == 2", "payload.?x.hasValue()", "has(payload.x.y)", "'%s'.format([payload.x]) != ''", "payload.x in [1, 'a']",
		"duration('1h') > duration('1s')", "run.time.getDayOfWeek() == 1", "{'a': 1}.transformMap(k, v, v + 1).a == 2", "semver.compare('1', 'v2') < 0",
		"json('[1]')[0] == 1", "math.greatest([1, 2]) == 2", "sets.contains([1], [1])", "regex.replace('a', 'a', 'b') == 'b'", "[3,1].sort() == [1,3]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1000 {
			return
		}
		p, err := ruleeval.Compile(task("t", func(d *core.Definition) { d.Rules[0].When = s }))
		if err != nil {
			if !core.IsCode(err, core.CodeInvalid) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_, err = planOf(p, ctx, input(`{"x":"aaaaaaaaaa","l":[1,2,{"a":null}]}`, map[string]any{"repos": []any{map[string]any{"a": true}}}))
		if err != nil && ctx.Err() != nil {
			t.Fatalf("%q ran away: %v", s, err)
		}
		if err != nil && strings.Contains(err.Error(), "internal error") {
			t.Fatalf("%q panicked inside: %v", s, err)
		}
	})
}
