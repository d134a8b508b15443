package document_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/document"
)

// The case leading-zero: account numbers became other numbers, and the filter on one never matched.
func TestANumberThatReadersDisagreeAboutIsRefused(t *testing.T) {
	text, err := os.ReadFile("testdata/leading-zero/accounts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = document.Parse("accounts.yaml", text, document.YAML)
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) != 4 {
		t.Fatalf("got %v, want a fault of each of four numbers", err)
	}
	for _, f := range e.Fields {
		if !strings.Contains(f.Message, "leading zero") || !strings.Contains(f.Message, "quote it: \"0") || f.Line == 0 || f.Column == 0 {
			t.Errorf("got %+v, want a position and quote it", f)
		}
	}
	for _, literal := range []string{"0755", "08", "-007", "1_000", "0x1F", "0o17", "0b101", "+4912345", "00.5"} {
		for _, at := range []string{"vars: {v: %}", "trigger_config: {event_type: x, filters: {n: %}}", "rules: [{name: r, max_items: %, actions: []}]"} {
			_, err := document.Parse("x", []byte("name: x\n"+strings.Replace(at, "%", literal, 1)+"\n"), document.YAML)
			if err == nil || !strings.Contains(err.Error(), "quote it: \""+literal) {
				t.Errorf("%s: got %v, want quote it: %q", strings.Replace(at, "%", literal, 1), err, literal)
			}
		}
	}
	for _, text := range []string{"no", "12:30:45", "2026-01-02", "1.2.3", "0755a", "\"0755\"", "'1.10'"} {
		docs, err := document.Parse("x", []byte("name: x\nvars: {v: "+text+"}\n"), document.YAML)
		if err != nil || docs[0].Definition.Vars["v"] != strings.Trim(text, `"'`) {
			t.Errorf("%s: got %v, want it as text", text, err)
		}
	}
}

func TestTaggedKeysAndMergeKeysAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"vars: {!!str a: 1}": "YAML tags are not supported; remove !!str", "vars: {a: !!str 1}": "YAML tags are not supported; remove !!str",
		"vars: {<<: {a: 1}}": "merge keys are not supported", "vars: {a: !own 1}": "remove !own",
	} {
		if _, err := document.Parse("x", []byte("name: x\n"+text+"\n"), document.YAML); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
