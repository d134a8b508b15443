package eventmatch

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

type object = map[string]any

func TestOperatorsMeanWhatEventBridgePublishes(t *testing.T) {
	op := func(name string, v any) []any { return []any{object{name: v}} }
	list := func(v ...any) []any { return v }
	for _, tc := range []struct {
		filter any
		yes    []string // values of the field; "absent" leaves it out
		no     []string
	}{
		{"x", []string{`"x"`, `"\u0078"`, `["y","x"]`, `[["x"]]`}, []string{`"X"`, `""`, `1`, `null`, `{"x":"x"}`, `[]`, "absent"}},
		{"", []string{`""`}, []string{`null`, `"x"`, "absent"}},
		{1, []string{`1`, `1.0`, `1e0`, `10e-1`, `0.1E+1`, `[0,1]`}, []string{`"1"`, `true`, `1.0000000000000000000000001`, `-1`}},
		{json.Number("9007199254740993"), []string{`9007199254740993`, `9007199254740993.0`}, []string{`9007199254740992`, `9007199254740994`}},
		{uint64(math.MaxUint64), []string{`18446744073709551615`, `1.8446744073709551615e19`}, []string{`18446744073709551614`, `18446744073709551616`}},
		{0.1, []string{`0.1`, `1e-1`, `0.10`}, []string{`0.1000000000000000055511151231257827`, `0`}},
		{0, []string{`0`, `-0`, `0.0`, `0e5`}, []string{`1e-999999999999`, `""`, `false`}},
		{true, []string{`true`}, []string{`false`, `"true"`, `1`}},
		{nil, []string{`null`, `[1,null]`}, []string{`0`, `""`, `false`, `"null"`, "absent", `{}`}},
		{list("a", 2, nil, false), []string{`"a"`, `2`, `null`, `false`}, []string{`"2"`, `true`, "absent"}},

		{op("prefix", "ab"), []string{`"ab"`, `"abc"`, `["x","abc"]`}, []string{`"a"`, `"Abc"`, `"xab"`, `12`, "absent"}},
		{op("prefix", ""), []string{`""`, `"x"`}, []string{`1`, `null`, "absent"}},
		{op("prefix", strings.Repeat("long ", 30)), []string{`"` + strings.Repeat("long ", 31) + `"`}, []string{`"` + strings.Repeat("long ", 29) + `"`}},
		{op("prefix", object{"equals-ignore-case": "ÄB"}), []string{`"äbc"`, `"ÄB"`}, []string{`"a"`, `"xäb"`}},
		{op("suffix", ".png"), []string{`".png"`, `"a.png"`}, []string{`"a.PNG"`, `"png"`, `"a.png "`}},
		{op("suffix", object{"equals-ignore-case": ".png"}), []string{`"a.PnG"`}, []string{`"a.pn"`}},
		{op("equals-ignore-case", "Straße K"), []string{`"STRAßE k"`, `"straße \u212a"`}, []string{`"STRASSE K"`, `"straße k "`}},

		{op("wildcard", "*"), []string{`""`, `"x"`, `"\n"`}, []string{`1`, "absent"}},
		{op("wildcard", "a*b*c"), []string{`"abc"`, `"a-b-c"`, `"abbcbc"`}, []string{`"ab"`, `"acb"`, `"abcd"`, `"xabc"`}},
		{op("wildcard", "a*a"), []string{`"aa"`, `"aba"`}, []string{`"a"`}},
		{op("wildcard", `\*\\*`), []string{`"*\\"`, `"*\\x"`}, []string{`"x\\"`, `"**"`}},
		{op("wildcard", "plain"), []string{`"plain"`}, []string{`"plainer"`}},

		{op("anything-but", "x"), []string{`"y"`, `1`, `null`, `["x","y"]`}, []string{`"x"`, `["x","x"]`, "absent", `[]`, `{}`}},
		{op("anything-but", list("x", "y")), []string{`"z"`, `""`}, []string{`"x"`, `"y"`}},
		{op("anything-but", list(100, 200)), []string{`150`, `"100"`}, []string{`100`, `2e2`}},
		{op("anything-but", object{"prefix": "in"}), []string{`"out"`, `5`}, []string{`"in"`, `"inside"`}},
		{op("anything-but", object{"prefix": list("in", "up")}), []string{`"out"`}, []string{`"upper"`, `"inside"`}},
		{op("anything-but", object{"suffix": list("a", "b")}), []string{`"c"`}, []string{`"xa"`, `"b"`}},
		{op("anything-but", object{"equals-ignore-case": list("Init", "stop")}), []string{`"start"`}, []string{`"INIT"`, `"Stop"`}},
		{op("anything-but", object{"wildcard": list("*/lib/*", "x*")}), []string{`"a/b"`}, []string{`"a/lib/b"`, `"x"`}},

		{op("numeric", list("=", 5)), []string{`5`, `5.0`}, []string{`5.1`, `"5"`}},
		{op("numeric", list(">", 0, "<=", 5)), []string{`5`, `1e-9`, `[9,3]`}, []string{`0`, `5.00000000000000000000001`, `-1`, `null`}},
		{op("numeric", list("<", 10, ">=", 2)), []string{`2`, `9.9`}, []string{`10`, `1`}},
		{op("numeric", list("<", -3)), []string{`-4`, `-1e99999`}, []string{`-3`, `0`}},
		{op("numeric", list(">=", json.Number("123456789012345678901234567890"))), []string{`123456789012345678901234567890`, `1e99999`}, []string{`123456789012345678901234567889`}},

		{op("exists", true), []string{`null`, `0`, `""`, `[null]`, `[[1]]`}, []string{"absent", `{}`, `{"x":1}`, `[]`, `[{"x":1}]`}},
		{op("exists", false), []string{"absent", `{}`, `{"x":1}`, `[]`}, []string{`null`, `0`, `[1]`}},
		{list(object{"exists": false}, "x"), []string{"absent", `"x"`}, []string{`"y"`}},

		{op("cidr", "10.0.0.0/24"), []string{`"10.0.0.255"`, `"::ffff:10.0.0.1"`, `["x","10.0.0.1"]`}, []string{`"10.0.1.0"`, `"10.0.0"`, `"10.0.0.1/32"`, `"010.0.0.1"`, `167772161`}},
		{op("cidr", "10.9.8.7/20"), []string{`"10.9.0.0"`, `"10.9.15.255"`}, []string{`"10.9.16.0"`}},
		{op("cidr", "0.0.0.0/0"), []string{`"1.2.3.4"`}, []string{`"::1"`, `"x"`}},
		{op("cidr", "2001:db8::/33"), []string{`"2001:db8:7fff::"`}, []string{`"2001:db8:8000::"`, `"2001:db8::1%eth0"`, `"10.0.0.1"`}},
	} {
		p := mustPattern(t, "t", object{"f": tc.filter})
		ix := NewIndex()
		ix.Add("p", p)
		check := func(v string, want bool) {
			t.Helper()
			payload := `{"f":` + v + `}`
			if v == "absent" {
				payload = `{"g":1}`
			}
			ev := &Event{Type: "t", Payload: []byte(payload)}
			sameAnswer(t, ix, map[ID]*Pattern{"p": p}, ev)
			if got, _ := Reference(p, ev); got != want {
				t.Errorf("f: %v on %s: matched %v", tc.filter, payload, got)
			}
		}
		for _, v := range tc.yes {
			check(v, true)
		}
		for _, v := range tc.no {
			check(v, false)
		}
	}
}

func TestAMistakeIsNamedWithPlaceValueAndRemedy(t *testing.T) {
	deep := any(1)
	for range MaxDepth + 1 {
		deep = object{"a": deep}
	}
	ors := object{}
	for _, k := range []string{"a", "b", "c", "d"} {
		branches := make([]any, 8)
		for i := range branches {
			branches[i] = object{k: i}
		}
		ors[k] = object{"$or": branches}
	}
	for _, tc := range []struct {
		filters any
		want    []string // parts of the message
	}{
		{object{"ref": []any{object{"prefix": 5}}}, []string{"filters.ref[0].prefix: 5 is not a string", "write a string"}},
		{object{"ref": []any{object{"prefx": "x"}}}, []string{`filters.ref[0].prefx`, `did you mean "prefix"`}},
		{object{"ref": []any{object{"anything_but": "x"}}}, []string{`did you mean "anything-but"`}},
		{object{"ref": []any{}}, []string{"filters.ref: is an empty list"}},
		{object{"ref": []any{[]any{1}}}, []string{"filters.ref[0]: is a list inside a list"}},
		{object{"ref": object{}}, []string{"filters.ref: is an empty object", "exists: true"}},
		{object{"ref": object{"prefix": "a", "suffix": "b"}}, []string{"filters.ref.prefix", "stands beside other keys", "[{prefix: …}, …]"}},
		{object{"ref": []any{object{"prefix": "a", "suffix": "b"}}}, []string{"filters.ref[0]: has 2 keys"}},
		{object{"n": []any{object{"numeric": []any{"!=", 1}}}}, []string{`filters.n[0].numeric[0]`, "anything-but: 1"}},
		{object{"n": []any{object{"numeric": []any{"=>", 1}}}}, []string{`there is no comparison "=>"`}},
		{object{"n": []any{object{"numeric": []any{">", 1, ">", 2}}}}, []string{`filters.n[0].numeric[2]`, "second time"}},
		{object{"n": []any{object{"numeric": []any{">", 2, "<", 2}}}}, []string{"no number is within these bounds"}},
		{object{"n": []any{object{"numeric": []any{">", "2"}}}}, []string{`filters.n[0].numeric[1]: "2" is not a number`, "without quotes"}},
		{object{"n": []any{object{"numeric": 2}}}, []string{"is not a list of one or two comparisons"}},
		{object{"n": math.NaN()}, []string{"NaN is not a finite JSON number"}},
		{object{"n": json.Number("1e1001")}, []string{"power of ten beyond"}},
		{object{"n": struct{}{}}, []string{"is not a number, string, boolean or null"}},
		{object{"d": time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC)}, []string{"YAML timestamp", "quote it"}},
		{object{"e": []any{object{"exists": "yes"}}}, []string{`filters.e[0].exists: "yes" is not true or false`}},
		{object{"ip": object{"cidr": "10.0.0.1"}}, []string{`filters.ip.cidr: "10.0.0.1" is not an address range`, `"10.0.0.1/32"`}},
		{object{"ip": object{"cidr": "fe80::1%eth0/64"}}, []string{`filters.ip.cidr: "fe80::1%eth0/64" is not an address range; write an address and a number of bits`}},
		{object{"ip": object{"cidr": "x"}}, []string{`"2001:db8::/32"`}},
		{object{"w": object{"wildcard": "a**b"}}, []string{"two asterisks in a row"}},
		{object{"w": object{"wildcard": `a\b`}}, []string{"backslash"}},
		{object{"b": object{"anything-but": object{"numeric": []any{"=", 1}}}}, []string{`filters.b.anything-but.numeric`, `"numeric" cannot stand inside anything-but`}},
		{object{"b": object{"anything-but": object{"prefix": ""}}}, []string{"filters.b.anything-but.prefix: is empty"}},
		{object{"b": object{"anything-but": []any{}}}, []string{"excludes nothing"}},
		{object{"a..b": 1}, []string{"filters.a..b: has an empty level"}},
		{object{`a\x`: 1}, []string{"lone backslash"}},
		{object{"a\xff": 1}, []string{"not valid UTF-8"}},
		{object{"a": strings.Repeat("x", MaxStringBytes+1)}, []string{"4097 bytes long"}},
		{object{"a": deep}, []string{"more than 32 levels deep"}},
		{object{"$or": object{"a": 1}}, []string{"filters.$or: {a} is not a list of at least two objects"}},
		{object{"$or": []any{object{"a": 1}}}, []string{"at least two objects"}},
		{object{"$or": []any{object{"a": 1}, 2}}, []string{"filters.$or[1]: 2 is not an object"}},
		{object{"a": object{"$or": []any{object{"prefix": "x"}, object{"b": 1}}}}, []string{"filters.a.$or[0]", "name the key it applies to"}},
		{ors, []string{"$or makes 4096 combinations, more than 1000"}},
		{object{"$event.sorce": "x"}, []string{"filters.$event.sorce", `did you mean "source"`}},
		{object{"$event": "x"}, []string{"names the whole envelope"}},
		{object{"a.$or": 1}, []string{`"$or" cannot stand inside a key`}},
		{object{"a": 1, "b": []any{}, "c": []any{object{"x": 1}}}, []string{"filters.b: is an empty list", "\nfilters.c[0].x"}},
	} {
		_, err := ParsePattern([]string{"t"}, tc.filters.(object))
		var one *PatternError
		if !errors.As(err, &one) {
			t.Errorf("%.80v was accepted (%v)", tc.filters, err)
			continue
		}
		for _, part := range tc.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%.80v: the message does not say %q:\n%v", tc.filters, part, err)
			}
		}
	}
	for _, types := range [][]string{nil, {""}, {"t", " "}, make([]string, MaxEventTypes+1), {"\xff"}} {
		if _, err := ParsePattern(types, nil); err == nil || !strings.HasPrefix(err.Error(), "event_type") {
			t.Errorf("event types %.40q: %v", types, err)
		}
	}
}

func TestExplainShowsEachFilterWithExpectedAndActual(t *testing.T) {
	p := mustPattern(t, "t", object{
		"ref": []any{object{"prefix": "refs/tags/"}}, "n": 1, "deep.er": "x", "tags": "go", "o": "v",
		"$or": []any{object{"a": 1}, object{"a": 2}},
	})
	x, err := Explain(p, &Event{Type: "t", Payload: []byte(`{"ref":"refs/heads/main","n":1.0,"deep":{},"tags":["go","nats"],"o":{"v":1},"a":2}`)})
	if err != nil || x.Matched {
		t.Fatalf("%+v, %v", x, err)
	}
	got := map[string]FilterResult{}
	for _, r := range x.Filters {
		got[r.Path] = r
	}
	for path, want := range map[string]FilterResult{
		"event_type":       {Present: true, OK: true, Actual: "t"},
		"filters.ref":      {Key: "ref", Present: true, Actual: "refs/heads/main"},
		"filters.n":        {Key: "n", Present: true, OK: true, Actual: json.Number("1.0")},
		"filters.deep.er":  {Key: "deep.er", Note: "the payload has no deep.er"},
		"filters.o":        {Key: "o", Note: "o is an object; filters compare the values in it"},
		"filters.$or":      {OK: true},
		"filters.$or[0].a": {Key: "a", Present: true, Actual: json.Number("2")},
		"filters.$or[1].a": {Key: "a", Present: true, OK: true, Actual: json.Number("2")},
	} {
		r, ok := got[path]
		if !ok || r.OK != want.OK || r.Present != want.Present || r.Actual != want.Actual || r.Key != want.Key || r.Note != want.Note {
			t.Errorf("%s: %+v, want %+v", path, r, want)
		}
	}
	if tags := got["filters.tags"]; !tags.OK || len(tags.Actual.([]any)) != 2 {
		t.Errorf("tags: %+v", tags)
	}
}
