package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/activity-core/activity-core/internal/catalog"
)

// Five thousand definitions made one line of 60,000 characters.
func TestSummariesOfManyDefinitionsAreShort(t *testing.T) {
	var text strings.Builder
	var r catalog.Changeset
	for i := range 50 {
		fmt.Fprintf(&text, "---\nname: d%d\ntrigger_type: event\ntrigger_config: {event_type: x}\nrules: [{name: r, actions: [{type: create_task, with: {title: t}}]}]\n", i)
		r.Changes = append(r.Changes, catalog.Change{Name: fmt.Sprint("d", i), Change: catalog.ChangeCreate})
	}
	run := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(t.Context(), environment{args: args, stdin: strings.NewReader(text.String()), stdout: &out, stderr: &errs}); code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
		}
		return out.String()
	}
	if got, want := run("validate", "-"), "50 valid; -v lists them\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := run("validate", "-v", "-"); strings.Count(got, "\n") != 51 || !strings.Contains(got, "\n  d49\n") {
		t.Errorf("-v: got %q, want a line a definition", got)
	}
	plan := func(verbose bool) string {
		var out bytes.Buffer
		c := &cli{environment: environment{stdout: &out}}
		c.showChangeset(r, verbose)
		return out.String()
	}
	if got := plan(false); strings.Count(got, "\n") != 22 || !strings.Contains(got, "… and 30 more changes; -v lists them all") || !strings.Contains(got, "50 to create") {
		t.Errorf("got %q, want 20 lines, what is left out, and the counts", got)
	}
	if got := plan(true); strings.Count(got, "\n") != 51 {
		t.Errorf("-v: got %q, want a line a definition, and the counts", got)
	}
}
