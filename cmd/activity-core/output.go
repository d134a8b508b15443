package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/document"
	"github.com/activity-core/activity-core/internal/telemetry"
	"github.com/activity-core/activity-core/internal/terminal"
)

// print writes v as JSON or YAML where asked for, and calls table otherwise.
func (c *cli) print(v any, table func()) error {
	if c.output == "table" {
		table()
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	text := terminal.JSON(core.PlainJSON(b.Bytes()))
	if c.output == "yaml" {
		y, err := document.JSONToYAML(text)
		if err != nil {
			return err
		}
		text = y
	}
	_, err := c.stdout.Write(text)
	return err
}

// prose are the headings of columns that are shortened where a list is wider than the terminal.
// What is copied into another command, such as an ID, never is; neither is what goes to a file
// or a pipe.
var prose = []string{"REASON", "ERROR", "DETAIL", "TITLE", "WITH", "MATCHED BY", "LABELS", "MEANING", "VALUE", "NOTE", "TRIGGER", "REMEDY"}

// table writes a list in aligned columns; the first row is the heading.
func (c *cli) table(rows [][]string) {
	_ = terminal.Table(c.stdout, rows, terminal.Width(c.stdout), prose...)
}

// details writes what is known of one thing, each value whole.
func (c *cli) details(pairs [][]string) {
	_ = terminal.Details(c.stdout, pairs)
}

// ago is a time for people: relative, with the absolute one beside.
func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s (%s)", relative(time.Until(t)), t.UTC().Format("2006-01-02 15:04:05Z"))
}

func agoPtr(t *time.Time) string {
	if t == nil {
		return ""
	}
	return ago(*t)
}

func relative(d time.Duration) string {
	past := d < 0
	if past {
		d = -d
	}
	var text string
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		text = fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		text = fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		text = fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		text = fmt.Sprintf("%dd", int(d.Hours()/24))
	}
	if past {
		return text + " ago"
	}
	return "in " + text
}

// say writes one line: whatever the values hold, it stays one.
func (c *cli) say(format string, values ...any) {
	fmt.Fprintln(c.stdout, terminal.Line(fmt.Sprintf(format, values...)))
}

// quote writes a text of several lines, indented, so that none of them looks like one of ours.
func (c *cli) quote(text string) {
	for l := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		c.say("  %s", strings.TrimRight(l, "\n"))
	}
}

// logger writes the log to standard error. What it tells of others' names and payloads cannot
// steer a terminal either.
func (c *cli) logger(cfg *config.Config) *slog.Logger {
	return telemetry.NewLogger(c.logOutput(cfg), cfg.LogLevel, cfg.LogFormat, cfg.Scrubber())
}

func (c *cli) logOutput(cfg *config.Config) io.Writer {
	if cfg.LogFormat == "json" {
		return terminal.NewJSONWriter(c.stderr)
	}
	return c.stderr
}

func (c *cli) more(cursor string) {
	if cursor != "" {
		fmt.Fprintf(c.stderr, "more: repeat with --cursor %s\n", terminal.Line(cursor))
	}
}
