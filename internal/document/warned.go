package document

import (
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
)

// CommentCutsText is the code of the warning about a comment that was meant as the end of a text.
const CommentCutsText = "comment-cuts-text"

// comments warns of a comment with an expression in it behind a text without quotes: "issue
// #${…}" ends before the #.
func (d *decoder) comments(n *yaml.Node, loc string) {
	if n.Kind != yaml.ScalarNode || n.Style != 0 || n.ShortTag() == "!!null" || !strings.Contains(n.LineComment, "${") {
		return
	}
	d.warnings = append(d.warnings, core.Warning{
		Code: CommentCutsText, Location: loc, Line: n.Line, Column: n.Column,
		Message: "in YAML a # after a blank begins a comment: the text ends before it, and is " + quoted(n.Value),
		Remedy:  "quote the text: " + quoted(n.Value+" "+n.LineComment),
	})
}

// At says that the text of the document stands in a larger one: line and column are the
// position there of its first byte, from 1.
func (d *Document) At(line, column int) { d.line, d.column = line-1, column-1 }

func (d *Document) placed(w core.Warning) core.Warning {
	if w.Line == 0 && d.root != nil {
		w.Line, w.Column = position(d.root, w.Location)
	}
	if w.Line == 1 {
		w.Column += d.column
	}
	if w.Line > 0 {
		w.Line += d.line
	}
	w.Definition = d.Definition.Name
	return w
}

// Warned are the warnings about documents in their order: those of reading them, and found,
// which were told of their definitions, each with its position in its text. What is about no
// document comes last.
func Warned(docs []Document, found []core.Warning) []core.Warning {
	byName := make(map[string]int, len(docs))
	for i := range docs {
		byName[docs[i].Definition.Name] = i
	}
	about := make([][]core.Warning, len(docs)+1)
	for i := range docs {
		for _, w := range docs[i].warnings {
			about[i] = append(about[i], docs[i].placed(w))
		}
	}
	for _, w := range found {
		i, known := byName[w.Definition]
		if !known {
			about[len(docs)] = append(about[len(docs)], w)
			continue
		}
		about[i] = append(about[i], docs[i].placed(w))
	}
	var all []core.Warning
	for _, of := range about {
		sort.SliceStable(of, func(i, j int) bool {
			return of[i].Line < of[j].Line || of[i].Line == of[j].Line && of[i].Column < of[j].Column
		})
		all = append(all, of...)
	}
	return all
}

// quoted is a text as YAML and JSON quote it.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
		case '\n':
			b.WriteString(`\n`)
			continue
		case '\t':
			b.WriteString(`\t`)
			continue
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}
