package contextsource

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
)

// maxYAMLDepth bounds nesting, as it is bounded for definitions.
const maxYAMLDepth = 100

// file reads a file below the configured folder. Links that lead out of it are refused by os.Root.
func (f *Fetcher) file(ctx context.Context, path string) (any, error) {
	if f.cfg.Dir == "" {
		return nil, core.InvalidField("file", path, "file sources are off; start activity-core with --context-dir DIR (or context.dir in the configuration), and put the file below it")
	}
	root, err := os.OpenRoot(f.cfg.Dir)
	if err != nil {
		return nil, core.Wrap(core.CodeUnavailable, err, "the context folder (--context-dir) cannot be opened")
	}
	defer root.Close()
	// A pipe without a writer must not hang the run: opening one does not block, and what is no
	// regular file is refused then.
	file, err := root.OpenFile(filepath.FromSlash(path), os.O_RDONLY|openNonblock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.InvalidField("file", path, "is not in the context folder (--context-dir)")
	}
	if err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "file %q cannot be opened below the context folder; use a relative path without '..' and without links that lead out", path)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, core.Wrap(core.CodeUnavailable, err, "file %q cannot be read", path)
	}
	if !info.Mode().IsRegular() {
		return nil, core.InvalidField("file", path, "is no regular file, but a folder, pipe, socket or device")
	}
	raw, err := io.ReadAll(io.LimitReader(file, f.cfg.MaxFileBytes+1))
	if err != nil {
		return nil, core.Wrap(core.CodeUnavailable, err, "file %q cannot be read", path)
	}
	if int64(len(raw)) > f.cfg.MaxFileBytes {
		return nil, core.Errorf(core.CodeTooLarge, "file %q is larger than %d bytes", path, f.cfg.MaxFileBytes)
	}
	v, err := parseWithin(ctx, path, raw)
	if err != nil && ctx.Err() != nil {
		return nil, core.Wrap(core.CodeUnavailable, context.Cause(ctx), "file %q: reading it was interrupted", path)
	}
	if err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "file %q: %v", path, err)
	}
	return v, nil
}

// parseWithin is parseFile, and returns when ctx is over: no parser can be interrupted, but what it
// may have to do is bounded, so that it ends by itself soon after.
func parseWithin(ctx context.Context, path string, raw []byte) (any, error) {
	type parsed struct {
		v   any
		err error
	}
	done := make(chan parsed, 1)
	go func() {
		v, err := parseFile(path, raw)
		done <- parsed{v, err}
	}()
	select {
	case p := <-done:
		return p.v, p.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// parseFile reads a file by its suffix: .json and .yaml as they are, .csv as a list of maps by
// the names in its first line, .txt as the list of its lines.
func parseFile(path string, raw []byte) (any, error) {
	raw = core.WithoutBOM(raw)
	if err := encoded(path, raw); err != nil {
		return nil, err
	}
	if err := bounded(strings.ToLower(filepath.Ext(path)), raw); err != nil {
		return nil, err
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".json":
		if len(bytes.TrimSpace(raw)) == 0 {
			return nil, nil // absence is null
		}
		if !json.Valid(raw) {
			_, err := core.DecodeData(raw)
			return nil, fmt.Errorf("is not JSON: %w", err)
		}
		return core.DecodeTyped(raw)
	case ".yaml", ".yml":
		return parseYAML(raw)
	case ".csv":
		return parseCSV(raw)
	case ".txt":
		return lines(string(raw)), nil
	default:
		return nil, fmt.Errorf("has the suffix %q; use .json, .yaml, .yml, .csv or .txt", ext)
	}
}

// encoded refuses text that is not UTF-8: its letters would become U+FFFD, and keys of two
// names one. YAML in UTF-16 with its byte order mark is read, as YAML's specification says.
func encoded(path string, raw []byte) error {
	utf16 := bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff"))
	ext := strings.ToLower(filepath.Ext(path))
	switch {
	case utf8.Valid(raw) || utf16 && (ext == ".yaml" || ext == ".yml"):
		return nil
	case utf16:
		return errors.New("is UTF-16; save it as UTF-8")
	}
	at := 0
	for {
		r, n := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		at += n
	}
	return fmt.Errorf("line %d: the byte 0x%02X is not UTF-8; save the file as UTF-8", bytes.Count(raw[:at], []byte("\n"))+1, raw[at])
}

// How many elements a file may have: keys, values, lines, cells. Ten megabytes of nothing but
// brackets or dashes would take more than a gigabyte; an element of YAML takes several times
// the memory of others.
const (
	maxElements     = 1_000_000
	maxYAMLElements = 500_000
)

// bounded refuses a file that may hold more elements than is good. It counts what parts elements,
// also where that stands in a text, so it never counts too few.
func bounded(ext string, raw []byte) error {
	count := func(parts ...string) (n int) {
		for _, p := range parts {
			n += bytes.Count(raw, []byte(p))
		}
		return n
	}
	var n, most int
	switch ext {
	case ".yaml", ".yml":
		n, most = count("\n", ",", "[", "{", "- ", ": "), maxYAMLElements
	case ".json":
		n, most = count(",", "[", "{"), maxElements
	case ".csv", ".txt":
		n, most = count("\n", ","), maxElements
		if ext == ".txt" {
			n = count("\n")
		}
	}
	if n <= most {
		return nil
	}
	if most == maxYAMLElements {
		return fmt.Errorf("has up to %d elements; at most %d are read from YAML: write it as .json or .csv, or use several files", n, most)
	}
	return fmt.Errorf("has up to %d elements; at most %d are read: use several files, or fetch it with paging (http)", n, most)
}

func lines(text string) []any {
	list := []any{}
	for line := range strings.Lines(text) {
		list = append(list, strings.TrimRight(line, "\r\n"))
	}
	return list
}

func parseCSV(raw []byte) (any, error) {
	r := csv.NewReader(bytes.NewReader(raw))
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return []any{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("is not CSV: %w", err)
	}
	list := []any{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("is not CSV: %w", err)
		}
		entry := make(map[string]any, len(names))
		for i, name := range names {
			entry[name] = row[i]
		}
		list = append(list, entry)
	}
}

func parseYAML(raw []byte) (any, error) {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil // an empty document is null
	} else if err != nil {
		return nil, fmt.Errorf("is not YAML: %w", err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("holds more than one YAML document; write a list, or several files")
	}
	return yamlValue(doc.Content[0], 0)
}

// yamlValue converts by hand because yaml.v3 would follow aliases, and turn dates into times.
func yamlValue(n *yaml.Node, depth int) (any, error) {
	if depth > maxYAMLDepth {
		return nil, fmt.Errorf("line %d: is nested deeper than %d", n.Line, maxYAMLDepth)
	}
	if n.Style&yaml.TaggedStyle != 0 || n.Tag == "!!binary" {
		return nil, fmt.Errorf("line %d: YAML tags are not supported; remove %s", n.Line, n.Tag)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return nil, fmt.Errorf("line %d: aliases are not supported; write the value out", n.Line)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := yamlValue(c, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			switch {
			case key.Kind != yaml.ScalarNode:
				return nil, fmt.Errorf("line %d: a key must be a word", key.Line)
			case key.Style&yaml.TaggedStyle != 0:
				return nil, fmt.Errorf("line %d: YAML tags are not supported; remove %s", key.Line, key.Tag)
			case key.ShortTag() == "!!merge":
				return nil, fmt.Errorf("line %d: YAML merge keys (<<) are not supported; write the fields out", key.Line)
			}
			if _, twice := m[key.Value]; twice {
				return nil, fmt.Errorf("line %d: the key %q is there twice", key.Line, key.Value)
			}
			v, err := yamlValue(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[key.Value] = v
		}
		return m, nil
	default:
		return yamlScalar(n)
	}
}

func yamlScalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil // null
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		v, err := core.ParseTyped(n.Value)
		if err != nil {
			err = fmt.Errorf("line %d, column %d: %s: %w", n.Line, n.Column, n.Value, err)
		}
		return v, err
	default:
		return n.Value, nil
	}
}
