package document_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/document"
	"github.com/activity-core/activity-core/internal/eventmatch"
)

// eventDefinition is a definition with one filter, in YAML and in JSON.
func eventDefinition(format document.Format, filter, vars string) string {
	if format == document.JSON {
		return fmt.Sprintf(`{"name": "n", "trigger_type": "event", "trigger_config": {"event_type": "x", "filters": {"n": %s}}, "vars": {"v": %s}, "rules": []}`, filter, vars)
	}
	return fmt.Sprintf("name: n\ntrigger_type: event\ntrigger_config:\n  event_type: x\n  filters:\n    n: %s\nvars: {v: %s}\nrules: []\n", filter, vars)
}

// matched takes a definition the way of every definition, from a text through the stored form
// to a pattern, and holds an event against it.
func matched(t *rapid.T, def core.Definition, payload string) bool {
	t.Helper()
	stored, err := json.Marshal(def)
	if err != nil {
		t.Fatal(err)
	}
	var read core.Definition
	if err := json.Unmarshal(stored, &read); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(read)
	if err != nil || string(again) != string(stored) {
		t.Fatalf("stored %s, read and stored again %s (%v)", stored, again, err)
	}
	pattern, err := eventmatch.ParsePattern(read.TriggerConfig.EventType, read.TriggerConfig.Filters)
	if err != nil {
		t.Fatal(err)
	}
	index := eventmatch.NewIndex()
	index.Add("n", pattern)
	found, err := index.Match(&eventmatch.Event{Type: "x", Payload: []byte(payload)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return len(found) == 1
}

func drawLiteral(t *rapid.T) string {
	digit := rapid.StringMatching(`[0-9]{1,40}`)
	s := rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign") + rapid.StringMatching(`0|[1-9][0-9]{0,40}`).Draw(t, "whole")
	if rapid.Bool().Draw(t, "has a fraction") {
		s += "." + digit.Draw(t, "fraction")
	}
	if rapid.Bool().Draw(t, "has an exponent") {
		s += rapid.StringMatching(`[eE][-+]?[0-9]{1,2}|e-?[1-4][0-9]{2}`).Draw(t, "exponent")
	}
	return s
}

func TestANumberInAFilterMatchesTheNumberThatIsWritten(t *testing.T) {
	check := func(t *rapid.T, literal string) {
		for _, format := range []document.Format{document.YAML, document.JSON} {
			docs, err := document.Parse("d", []byte(eventDefinition(format, literal, "1")), format)
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			def := docs[0].Definition
			if !matched(t, def, fmt.Sprintf(`{"n": %s}`, literal)) {
				t.Fatalf("%s: %s does not match itself; the filter is %v", format, literal, def.TriggerConfig.Filters)
			}
			text, err := document.MarshalYAML(def)
			if err != nil {
				t.Fatal(err)
			}
			if docs, err = document.Parse("d", text, document.YAML); err != nil || !matched(t, docs[0].Definition, fmt.Sprintf(`{"n": %s}`, literal)) {
				t.Fatalf("%s: %s is written as YAML as\n%s, and does not match itself any more (%v)", format, literal, text, err)
			}
			if strings.Contains(string(text), "!!") {
				t.Fatalf("a tag: %s", text)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.OneOf(rapid.Custom(drawLiteral), rapid.SampledFrom([]string{
			"18446744073709551617", "0.12345678901234567890123", "1e400", "-1e-400", "9007199254740993", "123456789012345678901234567890", "0", "-0.0", strings.Repeat("7", 1000),
		})).Draw(t, "literal"))
	})
}

func TestNumbersOfYAMLInFiltersBecomeThoseOfJSON(t *testing.T) {
	for text, want := range map[string]string{
		".5": "0.5", "1.": "1", "1.50": "1.50", "1E3": "1E3", "1e400": "1e400", "0.10": "0.10", "12": "12",
	} {
		docs, err := document.Parse("d", []byte(eventDefinition(document.YAML, text, "1")), document.YAML)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := docs[0].Definition.TriggerConfig.Filters["n"]; got != json.Number(want) {
			t.Errorf("%s: %T %v, want %s", text, got, got, want)
		}
	}
	// What stands in quotes is text, in both notations and on the way from one into the other.
	for _, text := range []string{"1e400", "18446744073709551617", "12", "1.5"} {
		docs, err := document.Parse("d", []byte(eventDefinition(document.JSON, `"`+text+`"`, "1")), document.JSON)
		if err != nil {
			t.Fatal(err)
		}
		yaml, err := document.MarshalYAML(docs[0].Definition)
		if err != nil {
			t.Fatal(err)
		}
		if docs, err = document.Parse("d", yaml, document.YAML); err != nil || docs[0].Definition.TriggerConfig.Filters["n"] != text {
			t.Errorf("%q came back as %v (%v)", text, docs[0].Definition.TriggerConfig.Filters, err)
		}
	}
	for _, text := range []string{".inf", "-.inf", ".nan"} {
		if _, err := document.Parse("d", []byte(eventDefinition(document.YAML, text, "1")), document.YAML); err == nil || !strings.Contains(err.Error(), "has no JSON form") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOutsideFiltersANumberIsKeptOrRefused(t *testing.T) {
	for literal, says := range map[string]string{
		"1": "", "0.1": "", "-0.25": "", "1e-07": "", "1e-7": "", "1e+21": "", "9223372036854775807": "", "18446744073709551615": "", "18446744073709552000": "", "0.30000000000000004": "", "5e-324": "",
		"0.10": `quote it: "0.10"`, "1.0": "or write 1 for", "1e3": "or write 1000 for", "-2.5e-3": "or write -0.0025 for", "0e9": `quote it: "0e9"`, "1234e56": `quote it: "1234e56"`, "-0": "or write 0 for",
		"18446744073709551617":      "beyond 64 bits",
		"-9223372036854775809":      "beyond 64 bits",
		"0.12345678901234567890123": "write 0.12345678901234568",
		"9007199254740993.0":        "more digits",
		"1e400":                     "beyond a 64-bit floating point",
		"1e-400":                    "more digits",
		"1e-99999999999999999999":   "more digits",
	} {
		for _, format := range []document.Format{document.YAML, document.JSON} {
			docs, err := document.Parse("d", []byte(eventDefinition(format, "1", literal)), format)
			switch {
			case says == "" && err != nil:
				t.Errorf("%s %s: %v", format, literal, err)
			case says == "":
				if s, isText := docs[0].Definition.Vars["v"].(string); isText {
					t.Errorf("%s %s became text: %q", format, literal, s)
				}
			case err == nil:
				t.Errorf("%s %s was read as %v", format, literal, docs[0].Definition.Vars["v"])
			case !strings.Contains(err.Error(), says):
				t.Errorf("%s %s: %v, want it to say %q", format, literal, err, says)
			}
		}
	}
}
