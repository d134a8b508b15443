package eventmatch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// fencedBlock is one example of docs/filters.md.
type fencedBlock struct {
	info, text string
	line       int
}

func fencedBlocks(t *testing.T, doc string) (blocks []fencedBlock) {
	var open *fencedBlock
	for i, line := range strings.Split(doc, "\n") {
		info, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open == nil:
			open = &fencedBlock{info: info, line: i + 1}
		case isFence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil {
		t.Fatalf("the block opened in line %d is not closed", open.line)
	}
	return blocks
}

func TestTheExamplesOfTheFilterPageAreTrue(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "filters.md"))
	if err != nil {
		t.Fatal(err)
	}
	var pattern *Pattern
	var refusal error
	ran := map[string]int{}
	for _, b := range fencedBlocks(t, string(page)) {
		ran[b.info]++
		switch b.info {
		case "yaml", "yaml refused":
			var trigger struct {
				EventType string         `yaml:"event_type"`
				Filters   map[string]any `yaml:"filters"`
			}
			if err := yaml.Unmarshal([]byte(b.text), &trigger); err != nil {
				t.Fatalf("line %d: %v", b.line, err)
			}
			if trigger.EventType == "" {
				trigger.EventType = "github.push"
			}
			pattern, refusal = ParsePattern([]string{trigger.EventType}, trigger.Filters)
			if (refusal != nil) != (b.info == "yaml refused") {
				t.Fatalf("line %d: %v", b.line, refusal)
			}
		case "json matches", "json does-not-match":
			ix := NewIndex()
			ix.Add("p", pattern)
			for _, payload := range strings.Split(strings.TrimSpace(b.text), "\n") {
				ev := &Event{Type: "github.push", Source: "github", Payload: []byte(payload)}
				sameAnswer(t, ix, map[ID]*Pattern{"p": pattern}, ev)
				if got, _ := Reference(pattern, ev); got != (b.info == "json matches") {
					t.Errorf("below line %d: %s: matched %v", b.line, payload, got)
				}
			}
		case "text":
			if got := refusal.Error(); got != strings.TrimSpace(b.text) {
				t.Errorf("line %d: the error is\n%s", b.line, got)
			}
		default:
			t.Errorf("line %d: no one runs a block marked %q", b.line, b.info)
		}
	}
	for _, info := range []string{"yaml", "yaml refused", "json matches", "json does-not-match", "text"} {
		if ran[info] == 0 {
			t.Errorf("the page has no block marked %q", info)
		}
	}
}
