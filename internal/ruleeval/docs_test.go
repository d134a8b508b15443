package ruleeval_test

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

const page = "../../docs/expressions.md"

// fenced returns the contents of the page's fenced blocks of a language.
func fenced(t *testing.T, lang string) []string {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```"+lang+"\n(.*?)^```$").FindAllStringSubmatch(string(b), -1) {
		out = append(out, m[1])
	}
	return out
}

func TestEveryExampleOfThePageGivesWhatThePageSays(t *testing.T) {
	payload := fenced(t, "json")[0]
	run := 0
	for _, kind := range []string{"cel", "template"} {
		for _, block := range fenced(t, kind) {
			for _, line := range strings.Split(strings.TrimSpace(block), "\n") {
				example, want, ok := strings.Cut(line, "→")
				if !ok {
					t.Fatalf("%q is not an example", line)
				}
				example, want = strings.TrimSpace(example), strings.TrimSpace(want)
				if kind == "cel" {
					example = "${" + example + "}"
				}
				run++
				got, err := evaluate(example, payload)
				if part, fails := strings.CutPrefix(want, "error: "); fails {
					if err == nil || !strings.Contains(err.Error(), part) {
						t.Errorf("%s gives %v and error %v, the page says an error with %q", example, got, err, part)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", example, err)
					continue
				}
				expected, err := core.DecodeJSON([]byte(want))
				if err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				if !reflect.DeepEqual(got, expected) {
					t.Errorf("%s gives %#v, the page says %#v", example, got, expected)
				}
			}
		}
	}
	if run < 100 {
		t.Fatalf("only %d examples were found", run)
	}
}

// evaluate gives the value of a template that stands where any JSON may stand.
func evaluate(template, payload string) (any, error) {
	p, err := ruleeval.Compile(task("t", func(d *core.Definition) {
		d.Rules[0].Actions[0] = core.Action{Type: core.ActionPublishEvent, With: map[string]any{"type": "x", "payload": template}}
	}))
	if err != nil {
		return nil, err
	}
	in := input(payload, nil)
	in.Event.Type = "github.push"
	plan, err := planOf(p, context.Background(), in)
	if err != nil {
		return nil, err
	}
	return plan.Actions[0].With["payload"], nil
}

func TestThePageNamesEveryLimitAsItIs(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1,000,000 units", "16 KiB, 10,000 parts", "2,000", "512 bytes", "nesting of data | 200"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if ruleeval.CostLimit != 1_000_000 || ruleeval.MaxTemplates != 2_000 || ruleeval.MaxItemKeyBytes != 512 || ruleeval.MaxDataDepth != 200 ||
		ruleeval.MaxExpressionNodes != 10_000 || ruleeval.MaxPlanBytes != 16<<20 || core.MaxExpressionBytes != 16<<10 {
		t.Error("a limit changed: change docs/expressions.md too")
	}
	if !json.Valid([]byte(fenced(t, "json")[0])) {
		t.Error("the page's event is not JSON")
	}
}
