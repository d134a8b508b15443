package ruleeval_test

import (
	"fmt"
	"strings"
	"testing"
)

// remedyOf is what a message says to write.
func remedyOf(msg string) string {
	_, after, ok := strings.Cut(msg, "; write ")
	if !ok {
		return ""
	}
	after, _, _ = strings.Cut(after, " for the key")
	after, _, _ = strings.Cut(after, "; ")
	return strings.TrimSuffix(after, "\n")
}

// hyphen: what an expression cannot say, and what the message says to write.
func TestTheRemedyForAnExpressionIsWhatWasMeant(t *testing.T) {
	for expression, want := range map[string]string{
		"payload.pull-request":                       "payload['pull-request']",
		"payload.pull-request.head-sha":              "payload['pull-request']['head-sha']",
		"payload.labels.app.kubernetes.io/name":      "payload.labels['app.kubernetes.io/name']",
		"payload.metadata.labels.team-name == 'a-b'": "payload.metadata.labels['team-name']",
		"payload.app.kubernetes.io/part-of":          "payload.app['kubernetes.io/part-of']",
		"vars.max-age":                               "vars['max-age']",
		"len(payload.labels)":                        "size(payload.labels)",
		"payload.labels.len()":                       "size(payload.labels)",
		"length('abc')":                              "size('abc')",
		"lower(payload.ref)":                         "payload.ref.lowerAscii()",
		"payload.ref.toUpper()":                      "payload.ref.upperAscii()",
		"str(payload.commits)":                       "string(payload.commits)",
		"to_json(payload)":                           "json.encode(payload)",
		"strftime(run.time, '%d')":                   "time.format(run.time, '%F')",
		"parse_time(payload.at)":                     "time.parse(payload.at)",
		"payload.in-reply-to":                        "payload['in-reply-to']",
		"payload.2fa":                                "payload['2fa']",
		"payload.@type == 'x'":                       "payload['@type']",
	} {
		msg := compileError(task("${" + expression + "}"))
		if got := strings.ReplaceAll(remedyOf(msg), `"`, "'"); got != want {
			t.Errorf("%s: %q says to write %q, want %q", expression, msg, got, want)
		}
		if expression == "vars.max-age" {
			continue // no such variable can be declared
		}
		if again := compileError(task("${" + want + "}")); again != "" {
			t.Errorf("%s: the remedy %s is refused: %s", expression, want, again)
		}
	}
}

func TestEveryRemedyOfAnExpressionCompiles(t *testing.T) {
	fields := []string{"pull-request", "a-b-c", "head.sha-1", "labels.app.kubernetes.io/name", "labels.x-y", "annotations.example.com/last-applied", "in", "in-reply-to", "true", "null-value", "2fa", "@id", "$ref", "x/y", "metadata.labels.a.b/c"}
	functions := []string{"len", "length", "count", "lower", "toLowerCase", "to_upper", "strip", "unique", "str", "float", "number", "parseInt", "max", "min", "abs", "floor", "round", "toJson", "from_json", "urlencode", "parse_date", "strftime", "datetime", "sorted"}
	told := 0
	check := func(expression string) {
		msg := compileError(task("${" + expression + "}"))
		remedy := remedyOf(msg)
		if remedy == "" {
			return
		}
		told++
		if again := compileError(task("${" + remedy + "}")); again != "" {
			t.Errorf("%s: %q; its remedy %s is refused: %s", expression, msg, remedy, again)
		}
	}
	for _, f := range fields {
		for _, form := range []string{"payload.%s", "payload.x.%s == 'a-b'", "has(payload.%s)", "payload.%s + 1 > 2 && event.type == 'x'"} {
			check(fmt.Sprintf(form, f))
		}
	}
	for _, f := range functions {
		for _, arg := range []string{"payload.x", "payload.x + payload.y", "payload['a']", "size(payload.x)", "payload.labels.map(l, l)"} {
			check(fmt.Sprintf("%s(%s)", f, arg))
			check(fmt.Sprintf("(%s).%s()", arg, f))
		}
	}
	if told < 100 {
		t.Errorf("%d remedies were told, want 100 or more", told)
	}
}

// No conversion makes a value of null.
func TestANullIsToBeGuarded(t *testing.T) {
	for _, expression := range []string{"payload.owner && true", "payload.owner + 1", "payload.owner + 'x'", "payload.owner > 3", "payload.owner.startsWith('a')", "payload.owner in payload.owner", "!payload.owner", "payload.owner ? 1 : 2"} {
		_, err := title(t, "${"+expression+"}", `{"owner": null}`)
		if err == nil || !strings.Contains(err.Error(), "payload.owner != null") || strings.Contains(err.Error(), "convert with") {
			t.Errorf("%s: %v, want a guard against null and no conversion", expression, err)
		}
	}
}
