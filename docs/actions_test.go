package docs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

var update = flag.Bool("update", false, "rewrite the sections of action types in definitions.md")

// The sections of action types stand between these two lines.
const (
	sectionsBegin = "<!-- The sections of action types are made from internal/ruleeval: go test ./docs -update -->\n"
	sectionsEnd   = "<!-- End of the sections of action types. -->\n"
)

func TestEveryActionTypeHasItsSection(t *testing.T) {
	var want strings.Builder
	for _, typ := range core.ActionTypes() {
		want.WriteString(section(t, typ))
	}
	want.WriteString("\n")
	page := pages(t)["docs/definitions.md"]
	before, rest, ok := strings.Cut(page, sectionsBegin)
	have, after, closed := strings.Cut(rest, sectionsEnd)
	if !ok || !closed {
		t.Fatalf("docs/definitions.md: want the lines %q and %q, got begin %v, end %v", sectionsBegin, sectionsEnd, ok, closed)
	}
	if *update {
		if err := os.WriteFile("definitions.md", []byte(before+sectionsBegin+want.String()+sectionsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have == want.String() {
		return
	}
	haveLines, wantLines := strings.Split(have, "\n"), strings.Split(want.String(), "\n")
	for i, line := range wantLines {
		if i >= len(haveLines) || haveLines[i] != line {
			t.Fatalf("docs/definitions.md, line %d of the sections of action types: want %q, got %q; run go test ./docs -update",
				i+1, line, strings.Join(haveLines[min(i, len(haveLines)):min(i+1, len(haveLines))], ""))
		}
	}
	t.Fatalf("docs/definitions.md has more lines than the sections of action types; run go test ./docs -update")
}

// section is the reference of an action type.
func section(t *testing.T, typ core.ActionType) string {
	t.Helper()
	spec, ok := ruleeval.SpecOf(typ)
	if !ok {
		t.Fatalf("%s: want a row, got none", typ)
	}
	with, err := json.Marshal(spec.Example)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### `%s`\n\n%s The least it needs: `with: %s`.\n\n", typ, spec.Doc, with)
	b.WriteString("| parameter | is | if absent | |\n| --- | --- | --- | --- |\n")
	for _, p := range spec.Params {
		parameter(&b, "", p)
	}
	return b.String()
}

func parameter(b *strings.Builder, within string, p ruleeval.Param) {
	name, absent, doc := "`"+within+p.Name+"`", "", p.Doc
	switch {
	case p.Required:
		name, absent = "**"+name+"**", "refused"
	case p.Default != nil:
		absent = fmt.Sprintf("`%v`", p.Default)
	}
	if len(p.Excludes) > 0 {
		doc += " Not together with `" + strings.Join(p.Excludes, "`, `") + "`."
	}
	doc = strings.NewReplacer("<", "&lt;", "|", "&#124;").Replace(doc)
	fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, kind(p), absent, doc)
	for _, f := range p.Fields {
		parameter(b, within+p.Name+".", f)
	}
}

// kind says what a parameter is in the words of a table's cell.
func kind(p ruleeval.Param) string {
	switch p.Kind {
	case ruleeval.KindString:
		return text(p)
	case ruleeval.KindInt:
		return fmt.Sprintf("whole number, %d to %d", p.Min, p.Max)
	case ruleeval.KindNumber:
		return fmt.Sprintf("number, %d to %d", p.Min, p.Max)
	case ruleeval.KindBool:
		return "`true` or `false`"
	case ruleeval.KindDuration:
		return "duration"
	case ruleeval.KindList:
		return "list, each " + kind(*p.Elem)
	case ruleeval.KindMap:
		return "map, each " + kind(*p.Elem)
	case ruleeval.KindObject:
		return "map"
	case ruleeval.KindStatus:
		return "status"
	case ruleeval.KindCEL:
		return "CEL condition"
	case ruleeval.KindAny:
		return "any JSON"
	}
	return "unknown kind " + string(p.Kind)
}

func text(p ruleeval.Param) string {
	switch {
	case p.Enum != nil:
		return "`" + strings.Join(p.Enum, "`, `") + "`"
	case p.Position == ruleeval.PositionSecret:
		return "a secret's name"
	case p.MaxLen > 0:
		return fmt.Sprintf("text, at most %d bytes", p.MaxLen)
	}
	return "text"
}
