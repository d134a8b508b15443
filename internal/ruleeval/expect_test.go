package ruleeval_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

type anyMap = map[string]any

// expecting is a request of which something is expected.
func expecting(expect any) *core.Definition {
	return httpAction(anyMap{"url": "https://h/", "expect": expect})
}

func TestAnExpectationOfTheWrongShapeIsRefusedWhenTheDefinitionIsSaved(t *testing.T) {
	const (
		body   = "a CEL condition, for example body.ok == true, is "
		status = "must be a status such as 200, a class such as 2xx, or a list of them"
	)
	for _, c := range []struct {
		expect any
		at     string // below expect
		value  any
		want   string
	}{
		{nil, "", nil, "must be a map, is null"},
		{"2xx", "", "2xx", `must be a map, is the string "2xx"`},
		{int64(200), "", int64(200), "must be a map, is the int 200"},
		{true, "", true, "must be a map, is the bool true"},
		{[]any{int64(200)}, "", []any{int64(200)}, "must be a map, is a list of 1"},
		{[]any{"${vars.tag}"}, "", []any{"${vars.tag}"}, "must be a map"},
		{"${vars.tag}", "", "${vars.tag}", "must be a map, the expression gives string"},
		{anyMap{"stats": int64(200)}, ".stats", nil, `is not a parameter here; did you mean "status"?`},
		{anyMap{"status": nil}, ".status", nil, status + "; it is null"},
		{anyMap{"status": 2.5}, ".status", 2.5, status + "; it is the double 2.5"},
		{anyMap{"status": true}, ".status", true, status + "; it is the bool true"},
		{anyMap{"status": int64(99)}, ".status", int64(99), status + "; it is the int 99"},
		{anyMap{"status": int64(600)}, ".status", int64(600), status},
		{anyMap{"status": "6xx"}, ".status", "6xx", status},
		{anyMap{"status": "+200"}, ".status", "+200", status},
		{anyMap{"status": ""}, ".status", "", status},
		{anyMap{"status": []any{}}, ".status", []any{}, "must name at least one status"},
		{anyMap{"status": []any{int64(200), "nope"}}, ".status", []any{int64(200), "nope"}, status},
		{anyMap{"status": []any{[]any{int64(200)}}}, ".status", []any{[]any{int64(200)}}, status},
		{anyMap{"status": anyMap{"min": int64(200)}}, ".status", anyMap{"min": int64(200)}, status + "; it is a map"},
		{anyMap{"status": anyMap{"min": "${vars.tag}"}}, ".status", anyMap{"min": "${vars.tag}"}, "must be an HTTP status"},
		{anyMap{"body": []any{int64(1)}}, ".body", []any{int64(1)}, body + "a list of 1"},
		{anyMap{"body": []any{}}, ".body", []any{}, body + "a list of 0"},
		{anyMap{"body": []any{"${vars.tag}"}}, ".body", []any{"${vars.tag}"}, "a CEL condition"},
		{anyMap{"body": anyMap{"ok": true}}, ".body", anyMap{"ok": true}, body + "a map"},
		{anyMap{"body": anyMap{"ok": "${vars.tag}"}}, ".body", anyMap{"ok": "${vars.tag}"}, "a CEL condition"},
		{anyMap{"body": nil}, ".body", nil, body + "null"},
		{anyMap{"body": int64(1)}, ".body", int64(1), body + "the int 1"},
		{anyMap{"body": 1.5}, ".body", 1.5, body + "the double 1.5"},
		{anyMap{"body": ""}, ".body", "", "is empty"},
		{anyMap{"body": " "}, ".body", " ", "is empty"},
		{anyMap{"body": "1 + 1"}, ".body", "1 + 1", "must be bool, is int"},
		{anyMap{"body": "[1]"}, ".body", "[1]", "must be bool, is list"},
		{anyMap{"body": "'ok'"}, ".body", "'ok'", "must be bool, is string"},
		{anyMap{"body": "${body.ok}"}, ".body", "${body.ok}", "without ${…}"},
		{anyMap{"body": "payload.x == 1"}, ".body", "payload.x == 1", `"payload" is not in scope`},
		{anyMap{"body": []any{int64(1)}, "status": "${vars.max_age_days}"}, ".body", []any{int64(1)}, body + "a list of 1"},
		{anyMap{"body": []any{strings.Repeat("x", 500)}}, ".body", `["` + strings.Repeat("x", 198) + "…", body + "a list of 1"},
	} {
		t.Run(fmt.Sprintf("%.60v", c.expect), func(t *testing.T) {
			_, err := ruleeval.Compile(expecting(c.expect))
			var e *core.Error
			if !errors.As(err, &e) || e.Code != core.CodeInvalid {
				t.Fatalf("error %v, want CodeInvalid", err)
			}
			f := e.Fields[0]
			if at := "rules[0].actions[0].with.expect" + c.at; len(e.Fields) != 1 || f.Location != at || !strings.Contains(f.Message, c.want) || !reflect.DeepEqual(f.Value, c.value) {
				t.Errorf("faults %#v\nwant one at %s: …%s… with value %#v", e.Fields, at, c.want, c.value)
			}
		})
	}
}

func TestAnExpectationThatDataGivesIsCheckedWhenTheRunIsPlanned(t *testing.T) {
	p := compile(t, httpAction(anyMap{"url": "https://h/", "expect": "${payload.expect}"}))
	for payload, want := range map[string]string{
		`{"expect": {"body": [1]}}`:       "with.expect.body",
		`{"expect": {"body": 7}}`:         "with.expect.body",
		`{"expect": {"body": null}}`:      "with.expect.body",
		`{"expect": {"bdy": "true"}}`:     "with.expect.bdy",
		`{"expect": {"status": "often"}}`: "with.expect.status",
		`{"expect": [200]}`:               "with.expect",
	} {
		_, err := planOf(p, t.Context(), input(payload, nil))
		if !core.IsCode(err, core.CodeInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want CodeInvalid that names %s", payload, err, want)
		}
	}
	if _, err := planOf(p, t.Context(), input(`{"expect": {"status": [200, "3xx"], "body": "body.ok && status < 300"}}`, nil)); err != nil {
		t.Errorf("a right one: %v", err)
	}
}

func TestARightExpectationIsTaken(t *testing.T) {
	for _, expect := range []any{
		anyMap{}, anyMap{"status": int64(200)}, anyMap{"status": "2xx"}, anyMap{"status": "2XX"}, anyMap{"status": 204.0}, anyMap{"status": "404"},
		anyMap{"status": []any{int64(200), "3xx", "${vars.max_age_days + 200}"}}, anyMap{"status": "${vars.max_age_days + 200}"},
		anyMap{"body": "body.ok"}, anyMap{"body": "has(body.id) && headers['content-type'].startsWith('application/json')"}, anyMap{"body": "true"}, anyMap{"body": true},
		"${payload.expect}",
	} {
		if _, err := ruleeval.Compile(expecting(expect)); err != nil {
			t.Errorf("%v: %v", expect, err)
		}
	}
}
