package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// One rule for numbers that people type, in files, environment and flags: never another value
// than stands there.
func TestAFlagIsTheNumberThatWasTyped(t *testing.T) {
	for _, args := range []string{"next x --count 010", "next x --count 0x10", "next x --count 1_0", "next x --count 1e1", "next x --count +5", "runs show r --actions 012",
		"backfill x --rate 01", "dev --http-port 08010", "runs list --limit 010", "runs list --limit +10"} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), environment{args: strings.Fields(args), stdout: &stdout, stderr: &stderr, stdin: strings.NewReader("")})
		if code != exitUsage || !strings.Contains(stderr.String(), "must be") {
			t.Errorf("%s: want a refusal (2) that says what must be written, got %d: %s", args, code, stderr.String())
		}
	}
	var n int
	if err := (number[int]{&n}).Set("25"); err != nil || n != 25 {
		t.Errorf("25: want 25, got %d, %v", n, err)
	}
	var f float64
	if err := (number[float64]{&f}).Set("0.5"); err != nil || f != 0.5 {
		t.Errorf("0.5: want 0.5, got %g, %v", f, err)
	}
}
