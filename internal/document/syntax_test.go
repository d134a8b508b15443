package document

import (
	"errors"
	"os"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

// The case flow-template, and its relatives: the line was one too small and told twice, the
// column always 1, and there was no remedy.
func TestASyntaxErrorOfYAMLHasItsPlaceAndRemedy(t *testing.T) {
	flow, err := os.ReadFile("testdata/flow-template/flow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(flow):                              `8:23: quote it: {title: "${payload.ref}"}`,
		"name: x\nvars:\n  a: [${payload.b}]":     `3:7: quote it: "${payload.b}"`,
		"name: x\nvars:\n  a: @bob\n":             `3:6: a text cannot begin with @ without quotes; quote it: "@bob"`,
		"name: x\nvars:\n  a: %d\n":               `3:6: a text cannot begin with % without quotes; quote it: "%d"`,
		"name: x\nvars:\n\ta: b\n":                `3:1: a tab cannot indent YAML; write blanks`,
		"name: x\nvars:\n  a: ${b ? 'x' : 'y'}\n": `3:6: a text without quotes cannot hold a colon and a blank; quote it: "${b ? 'x' : 'y'}"`,
		"name: x\nvars:\n  - a: note: this\n":     `3:8: a text without quotes cannot hold a colon and a blank; quote it: "note: this"`,
		"name: x\nvars:\n  a: *bob\n":             `3:6: a text cannot begin with * without quotes; quote it: "*bob" (aliases are not supported)`,
		"name: x\nvars: {a: b, c: [*all]}\n":      `2:18: a text cannot begin with * without quotes; quote it: "*all" (aliases are not supported)`,
		"name: x\nvars:\n  a: b\n\t  c: d\n":      `4:1: a tab cannot indent YAML; write blanks`,
		"name: x\nvars:\n  a: 'it's'\n  b: c\n":   `3:6: the text ends at its second ', before s'; write '' for each ' in it`,
		"name: x\nvars:\n  a: \"b\" c\n":          `3:6: the text ends at its second ", before c; write \" for each " in it`,
		"name: x\nvars:\n  a: \"b\n":              `3:6: the quote " is not closed; close it at the end of the text`,
		"name: x\nvars:\n  a: 'b\n  c: d\n":       `3:6: the quote ' is not closed; close it at the end of the text`,
		"name: x\nvars:\n  a: b\x1b[1m\n":         `3:7: the control character U+001B cannot stand in YAML; write "\u001b" in a text with quotes, or remove it`,
		"name: x\nvars:\n  a: caf\xe9\n":          `3:9: the byte 0xE9 is not UTF-8; save the file as UTF-8`,
	} {
		_, err := Parse("x", []byte(text), YAML)
		var e *core.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || e.Code != core.CodeMalformed {
			t.Errorf("%s: got %v, want one fault", text, err)
			continue
		}
		if got := e.Fields[0].String(); got != want || strings.Contains(e.Message, "line ") {
			t.Errorf("%s: got %q (%s), want %q", text, got, e.Message, want)
		}
	}
}
