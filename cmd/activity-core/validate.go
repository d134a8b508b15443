package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
	"github.com/activity-core/activity-core/internal/terminal"
)

// maxNamed is how many definitions or lines a summary lists without -v.
const maxNamed = 20

func (c *cli) validateCommand() *cobra.Command {
	var strict, verbose bool
	cmd := &cobra.Command{
		Use: "validate FILE…", Short: "Check definitions offline, with file:line:column",
		Example: "  activity-core validate examples/\n  activity-core validate --strict definitions/   # in CI: what is valid and hardly meant fails too",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("validate needs at least one file or folder ('-' reads standard input)")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			docs, err := c.readDocuments(args)
			if err != nil {
				return err
			}
			warnings := warningsOf(docs, nil)
			if strict && len(warnings) > 0 {
				return c.strictly(warnings)
			}
			c.showWarnings(warnings)
			names := make([]string, len(docs))
			for i := range docs {
				names[i] = docs[i].Definition.Name
			}
			return c.print(map[string]any{"valid": true, "definitions": names, "warnings": warnings}, func() {
				c.say("%s", validSummary(names, len(warnings), verbose))
				for _, name := range names {
					if verbose {
						c.say("  %s", name)
					}
				}
			})
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "fail on warnings")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "list the definitions, whatever number of them")
	return c.outputCommand(cmd)
}

func validSummary(names []string, warnings int, verbose bool) string {
	text := fmt.Sprintf("%d valid", len(names))
	if warnings > 0 {
		text += fmt.Sprintf(", %s", count(warnings, "warning"))
	}
	switch {
	case verbose:
		text += ":"
	case len(names) <= maxNamed:
		text += ": " + strings.Join(names, ", ")
	default:
		text += "; -v lists them"
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// warningsOf are the warnings about documents: those that need no server, and what a server
// said besides.
func warningsOf(docs []document.Document, fromServer []core.Warning) []core.Warning {
	found := catalog.Warnings(definitionsOf(docs), time.Now())
	type key struct{ definition, code, location string }
	known := map[key]bool{}
	for _, w := range document.Warned(docs, found) {
		known[key{w.Definition, w.Code, w.Location}] = true
	}
	for _, w := range fromServer {
		if !known[key{w.Definition, w.Code, w.Location}] {
			w.Line, w.Column = 0, 0 // those of what was sent
			found = append(found, w)
		}
	}
	files := make(map[string]string, len(docs))
	for i := range docs {
		files[docs[i].Definition.Name] = docs[i].Source
	}
	warnings := document.Warned(docs, found)
	for i := range warnings {
		warnings[i].File = files[warnings[i].Definition]
	}
	if warnings == nil {
		warnings = []core.Warning{}
	}
	return warnings
}

// showWarnings writes warnings to where messages go, also beside JSON.
func (c *cli) showWarnings(warnings []core.Warning) {
	for _, w := range warnings {
		fmt.Fprintf(c.stderr, "warning: %s\n", terminal.Line(w.String()))
	}
}

// strictly is the refusal that warnings are under --strict.
func (c *cli) strictly(warnings []core.Warning) error {
	faults := make([]core.FieldError, len(warnings))
	for i, w := range warnings {
		faults[i] = core.FieldError{Message: w.String()}
	}
	return core.Invalid(count(len(warnings), "warning")+" under --strict", faults...)
}
