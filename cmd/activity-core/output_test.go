package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// hyphen: conditions are shown as they were written, in tables and in JSON, also where a stored
// text has them escaped.
func TestConditionsAreShownWithTheirSigns(t *testing.T) {
	const condition, escaped = `"a < 1 && b > 2"`, `"a \u003c 1 \u0026\u0026 b \u003e 2"`
	if got := inline("a < 1 && b > 2"); got != condition {
		t.Errorf("in a table it is %s, want %s", got, condition)
	}
	if got := inlineRaw(json.RawMessage(escaped)); got != condition {
		t.Errorf("stored and in a table it is %s, want %s", got, condition)
	}
	for _, format := range []string{"json", "yaml"} {
		var out bytes.Buffer
		c := &cli{environment: environment{stdout: &out}, output: format}
		if err := c.print(map[string]any{"when": json.RawMessage(escaped), "other": "a < 1 && b > 2"}, nil); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), `\u00`) || strings.Count(out.String(), "a < 1 && b > 2") != 2 {
			t.Errorf("as %s it is %s, want the signs as they are", format, out.String())
		}
	}
}
