package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/activity-core/activity-core/internal/document"
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
	text := b.Bytes()
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

// table writes aligned columns; the first row is the heading.
func (c *cli) table(rows [][]string) {
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		for i := range r {
			r[i] = oneLine(r[i])
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(r, "\t"), "\t"))
	}
	w.Flush()
}

// plainLine keeps a text in its line, and terminal escapes out of it.
func plainLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// oneLine keeps a cell in its row and its length readable, and terminal escapes out of it.
func oneLine(s string) string {
	s = plainLine(s)
	if runes := []rune(s); len(runes) > 100 {
		return string(runes[:99]) + "…"
	}
	return s
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

func (c *cli) more(cursor string) {
	if cursor != "" {
		fmt.Fprintf(c.stderr, "more: repeat with --cursor %s\n", cursor)
	}
}
