//go:build !slim

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// documents are README.md and everything below docs/.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := filepath.Join("..", "..")
	for _, start := range []string{"README.md", "docs"} {
		err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(start)), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) == ".go" {
				return err
			}
			b, err := os.ReadFile(path)
			out[path] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

var (
	shellBlock  = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	inlineCode  = regexp.MustCompile("`((?:bin/)?activity-core(?: [^`\n]*)?)`")
	programName = regexp.MustCompile(`^(?:[A-Z_]+=\S*\s+)*(?:(?:\./|bin/)?activity-core|go run \./cmd/activity-core)(?:\s+(.*))?$`)
)

// commandLines are the arguments of every call of the program in a document.
func commandLines(text string) (out [][]string) {
	var lines []string
	for _, m := range shellBlock.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(strings.ReplaceAll(m[1], "\\\n", " ")) {
			_, last, piped := strings.Cut(line, "|")
			lines = append(lines, strings.TrimSpace(line))
			if piped {
				lines = append(lines, strings.TrimSpace(last))
			}
		}
	}
	for _, m := range inlineCode.FindAllStringSubmatch(text, -1) {
		lines = append(lines, m[1])
	}
	for _, line := range lines {
		if m := programName.FindStringSubmatch(line); m != nil {
			out = append(out, words(m[1]))
		}
	}
	return out
}

// words splits a line as a shell would, as far as the documents need it.
func words(line string) (out []string) {
	var word strings.Builder
	quote, begun := rune(0), false
	flush := func() {
		if begun {
			out = append(out, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == ' ' || r == '\t':
			flush()
		case !begun && (r == '#' || r == '|' || r == '>' || r == '<' || r == '&' || r == ';'):
			return out
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	flush()
	return out
}

func TestEveryCommandLineInTheDocumentsIsOne(t *testing.T) {
	checked := 0
	for path, text := range documents(t) {
		for _, args := range commandLines(text) {
			checked++
			c := &cli{}
			root := c.rootCommand()
			cmd, rest, err := root.Find(args)
			if err != nil {
				t.Errorf("%s: activity-core %s: %v", path, strings.Join(args, " "), err)
				continue
			}
			if err := accepts(cmd, rest); err != nil {
				t.Errorf("%s: activity-core %s: %v", path, strings.Join(args, " "), err)
			}
		}
	}
	if checked < 60 {
		t.Fatalf("only %d command lines were found", checked)
	}
}

// accepts parses flags and arguments without running anything. A command that only names a group,
// or that is named without its arguments, is a mention.
func accepts(cmd *cobra.Command, rest []string) error {
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	args := cmd.Flags().Args()
	if len(rest) == 0 {
		return nil
	}
	if cmd.HasSubCommands() && len(args) > 0 {
		return usageError("%q is no command of %s", args[0], cmd.CommandPath())
	}
	return cmd.ValidateArgs(args)
}

func TestTheCommandPageHasEveryCommand(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" {
				continue
			}
			if sub.HasSubCommands() {
				walk(sub)
			} else if !regexp.MustCompile("`" + regexp.QuoteMeta(sub.CommandPath()) + "[ `]").Match(b) {
				t.Errorf("docs/cli.md lacks `%s`", sub.CommandPath())
			}
		}
	}
	c := &cli{}
	walk(c.rootCommand())
}

func TestAMistakenCommandLineIsFound(t *testing.T) {
	for _, line := range []string{"runs lst", "apply --prnue -f x", "nxt weekly", "trigger", "events explain a b c"} {
		c := &cli{}
		cmd, rest, err := c.rootCommand().Find(words(line))
		if err == nil && line != "trigger" {
			err = accepts(cmd, rest)
		}
		if (err == nil) != (line == "trigger") {
			t.Errorf("%q: %v", line, err)
		}
	}
}
