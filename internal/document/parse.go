package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
)

// Format is the notation of a source text.
type Format string

// The formats. Auto takes text whose first character is '{' or '[' for JSON.
const (
	Auto Format = ""
	YAML Format = "yaml"
	JSON Format = "json"
)

// FormatOf is the format that a file's name says it has: Auto where it ends neither in .json
// nor in .yaml or .yml.
func FormatOf(name string) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json":
		return JSON
	case ".yaml", ".yml":
		return YAML
	}
	return Auto
}

// Document is one definition as it stood in a source text.
type Document struct {
	// Source names the text, usually a file path.
	Source     string
	Definition core.Definition
	root       *yaml.Node
	warnings   []core.Warning // of reading it
	// line and column are added to positions: where the text stands in a larger one.
	line, column int
}

// maxNodes bounds the work one text can cause; a document of MaxDocumentBytes made of
// nothing but "- " has about that many.
const maxNodes = 200_000

// MaxFaults is how many faults of one text are told at once.
const MaxFaults = core.MaxFaults

// Parse reads all documents of a text: several YAML documents separated by
// "---", one JSON object, or a list of objects in either. The error is an [*core.Error]
// with CodeMalformed (not YAML or JSON), CodeTooLarge or CodeInvalid, listing
// the faults with their positions. The definitions are normalized but not validated.
func Parse(source string, data []byte, format Format) ([]Document, error) {
	return ParseChecked(source, data, format, nil)
}

// Check judges a definition of whose document unread could not be read (see [core.Unread]); a
// CodeInvalid error lists what is wrong.
type Check func(def *core.Definition, unread ...string) error

// ParseChecked is Parse and has every document judged besides, also one in which something
// cannot be read: the error lists the faults of both kinds in the order of the text, at most
// [MaxFaults] of them. Where check fails otherwise, that is the error.
func ParseChecked(source string, data []byte, format Format, check Check) ([]Document, error) {
	if len(data) > core.MaxDocumentBytes {
		return nil, core.Errorf(core.CodeTooLarge, "%s has %d bytes; a definition file may have at most %d", source, len(data), core.MaxDocumentBytes)
	}
	roots, err := parseNodes(source, data, format)
	if err != nil {
		return nil, err
	}
	docs := make([]Document, len(roots))
	var faults []core.FieldError
	for i, root := range roots {
		d := &decoder{}
		docs[i] = Document{Source: source, Definition: d.read(root), root: root}
		docs[i].warnings = d.warnings
		faults = append(faults, d.faults...)
		if check == nil || d.unread.Covers("") || len(d.faults) >= MaxFaults {
			continue
		}
		if err := check(&docs[i].Definition, d.unread...); err != nil {
			var e *core.Error
			if !errors.As(err, &e) || e.Code != core.CodeInvalid || len(e.Fields) == 0 {
				return nil, err
			}
			faults = append(faults, docs[i].Locate(e.Fields)...)
		}
	}
	if len(faults) > 0 {
		return docs, refusal(source, faults)
	}
	if len(docs) == 0 {
		return nil, core.Errorf(core.CodeMalformed, "%s holds no definition", source)
	}
	return docs, nil
}

// refusal lists faults in the order of the text.
func refusal(source string, faults []core.FieldError) error {
	sort.SliceStable(faults, func(i, j int) bool {
		a, b := faults[i], faults[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return core.InvalidFields(source+" is not a valid definition", faults...)
}

// Locate fills in line and column of faults found later (by validation), from
// their locations. Faults whose location is not in the text get the position of
// the nearest enclosing field that is.
func (d *Document) Locate(faults []core.FieldError) []core.FieldError {
	out := make([]core.FieldError, len(faults))
	for i, f := range faults {
		if f.Line == 0 && d.root != nil {
			f.Line, f.Column = position(d.root, f.Location)
		}
		out[i] = f
	}
	return out
}

func parseNodes(source string, data []byte, format Format) ([]*yaml.Node, error) {
	trimmed := bytes.TrimLeft(data, " \t\r\n\ufeff")
	flow := len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
	if format == JSON || flow {
		root, err := jsonNode(data)
		switch {
		case err == nil:
			return elements(root), nil
		case format != YAML: // in YAML it need not be JSON; where it is, it is read as such, with escapes that the YAML reader does not know
			return nil, malformed(source, "JSON", err)
		}
	}
	var roots []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			f := yamlFault(data, err)
			return nil, &core.Error{Code: core.CodeMalformed, Message: fmt.Sprintf("%s is not YAML: %s", source, f.Message), Fields: []core.FieldError{f}}
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" && doc.Content[0].Value == "" {
			continue // an empty document between separators
		}
		roots = append(roots, elements(doc.Content[0])...)
	}
}

// elements gives the definitions of a root: its items if it is a list, itself otherwise.
func elements(root *yaml.Node) []*yaml.Node {
	if root.Kind == yaml.SequenceNode {
		return root.Content
	}
	return []*yaml.Node{root}
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

func malformed(source, format string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	f := core.FieldError{Message: text}
	var pos *positionError
	if errors.As(err, &pos) {
		f.Line, f.Column, f.Message = pos.line, pos.column, pos.message
	} else if m := yamlLine.FindStringSubmatch(text); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Column = 1
	}
	return &core.Error{Code: core.CodeMalformed, Message: fmt.Sprintf("%s is not %s: %s", source, format, f.Message), Fields: []core.FieldError{f}}
}

// position finds the node at a location such as rules[0].actions[1].with.title.
func position(root *yaml.Node, location string) (line, column int) {
	node := root
	line, column = root.Line, root.Column
	for _, step := range splitLocation(location) {
		if node == nil {
			break
		}
		var next *yaml.Node
		if i, err := strconv.Atoi(step); err == nil && node.Kind == yaml.SequenceNode {
			if i < len(node.Content) {
				next = node.Content[i]
				line, column = next.Line, next.Column
			}
		} else if node.Kind == yaml.MappingNode {
			for k := 0; k+1 < len(node.Content); k += 2 {
				if next == nil && node.Content[k].Value == step { // a second one is refused
					next = node.Content[k+1]
					line, column = node.Content[k].Line, node.Content[k].Column
					if next.Kind == yaml.ScalarNode {
						line, column = next.Line, next.Column
					}
				}
			}
			if next == nil { // a key that itself contains dots
				next, line, column = dottedKey(node, location, line, column)
				if next != nil {
					return line, column
				}
			}
		}
		node = next
	}
	return line, column
}

func dottedKey(node *yaml.Node, location string, line, column int) (*yaml.Node, int, int) {
	for k := 0; k+1 < len(node.Content); k += 2 {
		if key := node.Content[k].Value; strings.Contains(key, ".") && strings.Contains(location, "."+key) {
			return node.Content[k+1], node.Content[k].Line, node.Content[k].Column
		}
	}
	return nil, line, column
}

func splitLocation(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}
