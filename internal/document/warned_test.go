package document

import (
	"os"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

// The case yaml-comment: the title of a task ended before " #" without a word.
func TestAnExpressionInACommentIsWarnedOf(t *testing.T) {
	text, err := os.ReadFile("testdata/yaml-comment/title.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := Parse("title.yaml", text, YAML)
	if err != nil {
		t.Fatal(err)
	}
	got := Warned(docs, []core.Warning{{Definition: "triage", Location: "trigger_config.event_type", Code: "other"}, {Definition: "unknown", Code: "last"}})
	if len(got) != 3 || got[0].Code != "other" || got[0].Line != 3 || got[0].Column != 30 || got[2].Code != "last" {
		t.Fatalf("got %v, want that of line 3, that of line 9, that of no document", got)
	}
	w := got[1]
	want := `quote the text: "Triage issue #${payload.issue.number} in ${payload.repository.full_name}"`
	if w.Code != CommentCutsText || w.Line != 9 || w.Column != 18 || w.Location != "rules[0].actions[0].with.title" || w.Remedy != want {
		t.Errorf("got %+v, want line 9, column 18 and %s", w, want)
	}
	for _, fine := range []string{`title: "a" # ${x}`, `title: a # b`, `title: "a #${x}"`, `title: a#${x}`} {
		docs, err := Parse("x", []byte(strings.Replace(string(text), "title: Triage issue #${payload.issue.number} in ${payload.repository.full_name}", fine, 1)), YAML)
		if err != nil || len(Warned(docs, nil)) > 0 {
			t.Errorf("%s: %v, warnings %v; want none", fine, err, Warned(docs, nil))
		}
	}
}

func TestWarningsHaveTheirPlaceInTheWholeText(t *testing.T) {
	docs, err := Parse("x", []byte("{\"name\": \"x\",\n \"trigger_type\": \"cron\"}"), JSON)
	if err != nil {
		t.Fatal(err)
	}
	docs[0].At(7, 5)
	got := Warned(docs, []core.Warning{{Definition: "x", Location: "name"}, {Definition: "x", Location: "trigger_type"}})
	if got[0].Line != 7 || got[0].Column != 14 || got[1].Line != 8 || got[1].Column != 18 {
		t.Errorf("got %d:%d and %d:%d, want 7:14 and 8:18", got[0].Line, got[0].Column, got[1].Line, got[1].Column)
	}
}
