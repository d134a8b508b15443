package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
)

// definitionFile reports whether a file of a folder is taken for definitions.
func definitionFile(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return !strings.HasPrefix(filepath.Base(name), ".")
	}
	return false
}

// expand lists the definition files that paths name: a file is taken as it is, a
// folder gives its .yaml, .yml and .json files (not those of its sub-folders,
// which hold context data), "-" is standard input.
func expand(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		if p == "-" {
			out = append(out, p)
			continue
		}
		st, err := os.Stat(p)
		if err != nil {
			return nil, usageError("-f %s: %w", p, unwrapPath(err))
		}
		if !st.IsDir() {
			out = append(out, p)
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, err
		}
		before := len(out)
		for _, e := range entries {
			if e.IsDir() || !definitionFile(e.Name()) {
				continue
			}
			file := filepath.Join(p, e.Name())
			if st, err := os.Stat(file); err == nil && !st.Mode().IsRegular() { // to read a pipe would wait for ever
				return nil, usageError("%s is no regular file, but a folder, pipe, socket or device", file)
			}
			out = append(out, file)
		}
		if len(out) == before {
			return nil, usageError("-f %s: the folder holds no .yaml, .yml or .json file", p)
		}
	}
	sort.Strings(out)
	return out, nil
}

func unwrapPath(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// readDefinitions is readDocuments without the texts.
func (c *cli) readDefinitions(paths []string) ([]core.Definition, error) {
	docs, err := c.readDocuments(paths)
	if err != nil {
		return nil, err
	}
	return definitionsOf(docs), nil
}

func definitionsOf(docs []document.Document) []core.Definition {
	defs := make([]core.Definition, len(docs))
	for i := range docs {
		defs[i] = docs[i].Definition
	}
	return defs
}

// readDocuments reads and checks definitions offline. The error lists every
// fault of every file as file:line:column.
func (c *cli) readDocuments(paths []string) ([]document.Document, error) {
	files, err := expand(paths)
	if err != nil {
		return nil, err
	}
	var all []document.Document
	var faults []core.FieldError
	names := map[string]string{}
	for _, file := range files {
		data, err := c.readFile(file)
		if err != nil {
			return nil, err
		}
		docs, err := document.ParseChecked(file, data, document.FormatOf(file), namedOnce(names, file))
		if err != nil {
			e := asError(err)
			if e == nil || e.Code == core.CodeInternal {
				return nil, err
			}
			faults = append(faults, placed(file, e)...)
		}
		all = append(all, docs...)
	}
	if len(faults) > 0 {
		msg := "1 fault"
		if len(faults) > 1 {
			msg = fmt.Sprintf("%d faults", len(faults))
		}
		return nil, core.Invalid(msg+" in the definitions", faults...)
	}
	return all, nil
}

// namedOnce is catalog.Check and refuses a name that another definition has; names says in
// which file.
func namedOnce(names map[string]string, file string) document.Check {
	return func(def *core.Definition, unread ...string) error {
		err := catalog.Check(def, unread...)
		first, twice := names[def.Name]
		if def.Name == "" || !twice {
			names[def.Name] = file
			return err
		}
		faults := []core.FieldError{{Location: "name", Value: def.Name, Message: fmt.Sprintf("%q is also used in %s; names are unique", def.Name, first)}}
		if e := asError(err); e != nil {
			if e.Code != core.CodeInvalid {
				return err
			}
			faults = append(faults, e.Fields...)
		}
		return core.Invalid("the name is taken", faults...)
	}
}

// placed rewrites faults so that each line begins with file:line:column.
func placed(file string, e *core.Error) []core.FieldError {
	if len(e.Fields) == 0 {
		return []core.FieldError{{Message: e.Message}} // it names the file
	}
	out := make([]core.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		where := file
		if f.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d", file, f.Line, max(f.Column, 1))
		}
		text := f.Message
		if v, ok := f.Value.(string); ok && v != "" && len(v) <= 80 && !strings.Contains(text, v) {
			text = fmt.Sprintf("%q %s", v, text) // messages go on from the value: "is not …", "must be …"
		}
		if f.Location != "" {
			text = f.Location + ": " + text
		}
		out[i] = core.FieldError{Message: where + ": " + text}
	}
	return out
}

func (c *cli) readFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(c.stdin, 64<<20))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError("%s: %w", path, unwrapPath(err))
	}
	return data, nil
}
