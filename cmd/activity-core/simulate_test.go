package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASimulationCanBeInterrupted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "minute.yaml")
	minute := `name: minute
trigger_type: cron
trigger_config: {cron_expression: "* * * * *"}
rules: [{name: r, actions: [{type: create_task, with: {title: t}}]}]
`
	if err := os.WriteFile(file, []byte(minute), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var stdout, stderr bytes.Buffer
	code := run(ctx, environment{args: []string{"simulate", "-f", file, "--from", "2026-01-01", "--to", "3000d"}, stdout: &stdout, stderr: &stderr})
	if code != exitFailed || !strings.Contains(stderr.String(), "interrupted") || stdout.Len() > 0 {
		t.Errorf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
}
