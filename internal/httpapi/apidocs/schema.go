package apidocs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const (
	refPrefix = "#/components/schemas/"
	// maxDepth bounds how many objects stand within one another on the page; what lies deeper is a
	// link to its own table.
	maxDepth = 4
	jsonType = "application/json"
)

// schemas are the named schemas of a document.
type schemas struct{ named map[string]*huma.Schema }

// schema is a type with the table of its fields.
type schema struct {
	ID, Name, Type, Description string
	Fields                      []field
}

// field is a row of a table.
type field struct {
	Name        string
	Type        string
	Required    bool
	Deprecated  bool
	Description string
	// Limits say what values there are: a default, an enumeration, bounds.
	Limits []string
	// Link and LinkName lead to the table of a type that is not shown again here.
	Link, LinkName string
	// Nested are the fields of the object, or of the list's objects.
	Nested []field
}

func schemaID(name string) string { return "schema-" + slug(name) }

// resolve follows references by name.
func (s schemas) resolve(in *huma.Schema) (name string, out *huma.Schema) {
	for range 8 { // a reference to a reference is rare, and a circle of them is a defect of the document
		if in == nil || in.Ref == "" {
			return name, in
		}
		name = strings.TrimPrefix(in.Ref, refPrefix)
		in = s.named[name]
	}
	return name, nil
}

// of is a type with its fields; a list's fields are those of its items.
func (s schemas) of(in *huma.Schema) schema {
	name, found := s.resolve(in)
	out := schema{Name: name, Type: s.typeOf(in)}
	if name != "" {
		out.ID = schemaID(name)
	}
	if found == nil {
		return out
	}
	out.Description = found.Description
	inner, path := s.object(in)
	out.Fields = s.fields(inner, path)
	return out
}

// entry is a named type for the list of all: what it holds is linked.
func (s schemas) entry(name string) schema {
	found := s.named[name]
	out := schema{ID: schemaID(name), Name: name, Type: s.typeOf(found), Description: found.Description}
	inner, _ := s.object(found)
	if inner == nil {
		return out
	}
	deep := slices.Repeat([]string{""}, maxDepth)
	out.Fields = s.fields(inner, append(deep, name))
	return out
}

// object finds the object that a type is, is a list of, or maps to, with the names that lead to
// it; nil where there is none.
func (s schemas) object(in *huma.Schema) (*huma.Schema, []string) {
	var path []string
	for range 8 {
		name, found := s.resolve(in)
		if name != "" {
			path = append(path, name)
		}
		if found == nil {
			return nil, path
		}
		if len(found.Properties) > 0 {
			return found, path
		}
		values, _ := found.AdditionalProperties.(*huma.Schema)
		switch {
		case found.Items != nil:
			in = found.Items
		case values != nil:
			in = values
		default:
			return nil, path
		}
	}
	return nil, path
}

// fields are the rows of an object, what is required first; path names the types that it stands in.
func (s schemas) fields(in *huma.Schema, path []string) []field {
	if in == nil {
		return nil
	}
	var out []field
	for _, required := range []bool{true, false} {
		for _, name := range slices.Sorted(maps.Keys(in.Properties)) {
			if slices.Contains(in.Required, name) == required {
				out = append(out, s.field(name, in.Properties[name], required, path))
			}
		}
	}
	return out
}

func (s schemas) field(name string, in *huma.Schema, required bool, path []string) field {
	f := field{Name: name, Required: required, Type: s.typeOf(in)}
	_, found := s.resolve(in)
	for _, known := range []*huma.Schema{in, found} {
		if known == nil {
			continue
		}
		if f.Description == "" {
			f.Description = known.Description
		}
		f.Deprecated = f.Deprecated || known.Deprecated
	}
	f.Limits = limits(found)
	inner, within := s.object(in)
	if inner == nil {
		return f
	}
	last := ""
	if len(within) > 0 {
		last = within[len(within)-1]
	}
	if last != "" && (slices.Contains(path, last) || len(path) >= maxDepth) {
		f.Link, f.LinkName = "#"+schemaID(last), last
		return f
	}
	if len(path) < maxDepth+2 { // objects without a name have no table of their own, and are shown a little deeper
		f.Nested = s.fields(inner, append(slices.Clone(path), last))
	}
	return f
}

// typeOf is a type in words.
func (s schemas) typeOf(in *huma.Schema) string { return s.words(in, 0) }

func (s schemas) words(in *huma.Schema, depth int) string {
	name, found := s.resolve(in)
	if found == nil || depth > maxDepth {
		return "any JSON"
	}
	values, _ := found.AdditionalProperties.(*huma.Schema)
	switch {
	case found.Type == huma.TypeArray && found.Items != nil:
		return "list of " + s.words(found.Items, depth+1)
	case found.Type == huma.TypeObject && len(found.Properties) == 0 && values != nil:
		return "map of " + s.words(values, depth+1)
	case found.Type == huma.TypeObject && name != "":
		return name
	case found.Type == "" && len(found.OneOf)+len(found.AnyOf) > 0:
		var each []string
		for _, one := range slices.Concat(found.OneOf, found.AnyOf) {
			each = append(each, s.words(one, depth+1))
		}
		return strings.Join(each, " or ")
	}
	switch {
	case found.Format == "date-time":
		return "time"
	case found.ContentEncoding != "":
		return found.Type + " (" + found.ContentEncoding + ")"
	case found.Format == "binary":
		return "bytes"
	case found.Format != "" && !strings.HasPrefix(found.Format, "int") && found.Format != "double" && found.Format != "float":
		return found.Type + " (" + found.Format + ")"
	case found.Type == "":
		return "any JSON"
	}
	return found.Type
}

// limits say in words which values a type has.
func limits(in *huma.Schema) []string {
	if in == nil {
		return nil
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(in.Enum) > 0 {
		each := make([]string, len(in.Enum))
		for i, v := range in.Enum {
			each[i] = "`" + strings.ReplaceAll(fmt.Sprint(v), "`", "'") + "`"
		}
		say("one of %s", strings.Join(each, ", "))
	}
	if in.Default != nil {
		say("default `%s`", strings.ReplaceAll(fmt.Sprint(in.Default), "`", "'"))
	}
	out = append(out, bounds("", in.Minimum, in.Maximum)...)
	if in.ExclusiveMinimum != nil {
		say("above %s", number(*in.ExclusiveMinimum))
	}
	if in.ExclusiveMaximum != nil {
		say("below %s", number(*in.ExclusiveMaximum))
	}
	out = append(out, bounds("characters", in.MinLength, in.MaxLength)...)
	out = append(out, bounds("items", in.MinItems, in.MaxItems)...)
	if in.Pattern != "" {
		say("matches `%s`", strings.ReplaceAll(in.Pattern, "`", "'"))
	}
	return out
}

func bounds[N int | float64](unit string, least, most *N) []string {
	end := ""
	if unit != "" {
		end = " " + unit
	}
	switch {
	case least != nil && most != nil:
		return []string{number(float64(*least)) + " to " + number(float64(*most)) + end}
	case least != nil:
		return []string{"at least " + number(float64(*least)) + end}
	case most != nil:
		return []string{"at most " + number(float64(*most)) + end}
	}
	return nil
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
