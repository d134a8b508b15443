package document

import (
	"bytes"
	"encoding/json"
	"fmt"

	core "github.com/activity-core/activity-core"
)

// SchemaDialect is the JSON Schema draft of [Schema].
const SchemaDialect = "https://json-schema.org/draft/2020-12/schema"

// Schema returns the JSON Schema of a definition, for editors: indented JSON, the same bytes at
// every call.
//
// What [Parse] or Validate of the root package refuses for its shape (unknown and missing
// fields, types, enumerations, ranges, names, the parameters of an action), the schema refuses.
// It never refuses a definition that they accept and that leaves out what it does not say: an
// empty text or a zero, which for the program mean the default, are to be left out. What a
// schema cannot say stays with `activity-core validate`: cron, zones, filters, expressions,
// lengths of time, names that occur twice.
func Schema() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(definitionSchema()); err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return b.Bytes(), nil
}

// schema is one JSON Schema, with the keywords that are used here, in the order in which they
// are written.
type schema struct {
	Dialect     string   `json:"$schema,omitempty"`
	Ref         string   `json:"$ref,omitempty"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Type        any      `json:"type,omitempty"` // a name or a list of names
	Const       any      `json:"const,omitempty"`
	Enum        []string `json:"enum,omitempty"`
	Default     any      `json:"default,omitempty"`
	Examples    []any    `json:"examples,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	MinLength   int      `json:"minLength,omitempty"`
	MaxLength   int      `json:"maxLength,omitempty"`
	Minimum     *int64   `json:"minimum,omitempty"`
	Maximum     *int64   `json:"maximum,omitempty"`

	Items    *schema `json:"items,omitempty"`
	MinItems int     `json:"minItems,omitempty"`
	MaxItems int     `json:"maxItems,omitempty"`

	Required          []string            `json:"required,omitempty"`
	Properties        properties          `json:"properties,omitempty"`
	Additional        any                 `json:"additionalProperties,omitempty"` // false or a *schema
	PropertyNames     *schema             `json:"propertyNames,omitempty"`
	MinProperties     int                 `json:"minProperties,omitempty"`
	MaxProperties     int                 `json:"maxProperties,omitempty"`
	DependentRequired map[string][]string `json:"dependentRequired,omitempty"`

	AllOf []*schema  `json:"allOf,omitempty"`
	AnyOf []*schema  `json:"anyOf,omitempty"`
	OneOf []*schema  `json:"oneOf,omitempty"`
	Not   *schema    `json:"not,omitempty"`
	If    *schema    `json:"if,omitempty"`
	Then  *schema    `json:"then,omitempty"`
	Defs  properties `json:"$defs,omitempty"`
}

// property is a named schema. A list of them keeps the order of the documentation, which
// editors show.
type property struct {
	name string
	*schema
}

type properties []property

// MarshalJSON writes an object with the members in their order.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		b.Write(append(name, ':'))
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(m.schema); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// The patterns of the root package (names, identifiers, event types) and of durations, in the
// notation that ECMA-262 and Go share.
const (
	namePattern      = `^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`
	identPattern     = `^[a-zA-Z_][a-zA-Z0-9_]*$`
	uuidPattern      = `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`
	eventTypePattern = `^[A-Za-z0-9._:/@+=~-]+$`
	number           = `([0-9]+(\.[0-9]*)?|\.[0-9]+)`
	durationPattern  = `^(0|(` + number + `w)?(` + number + `d)?(` + number + `(ns|us|µs|μs|ms|s|m|h))+|(` + number + `w)?` + number + `d|` + number + `w)$`
	webPattern       = `^https?://`
)

// object is a mapping with these fields and no others.
func object(doc string, required []string, fields ...property) *schema {
	return &schema{Description: doc, Type: "object", Required: required, Properties: fields, Additional: false}
}

func text(name, doc string, examples ...any) property {
	return property{name, &schema{Description: doc, Type: "string", MinLength: 1, Examples: examples}}
}

func matching(name, pattern string, maxLength int, doc string, examples ...any) property {
	return property{name, &schema{Description: doc, Type: "string", Pattern: pattern, MaxLength: maxLength, Examples: examples}}
}

func expression(name, doc string, examples ...any) property {
	p := text(name, doc, examples...)
	p.MaxLength = core.MaxExpressionBytes
	return p
}

func ref(name, to, doc string) property {
	return property{name, &schema{Ref: "#/$defs/" + to, Description: doc}}
}

// duration is a field that takes one; byDefault is "" where absence means something else than a
// length of time.
func duration(name, doc, byDefault string) property {
	p := ref(name, "duration", doc)
	if byDefault != "" {
		p.Default = byDefault
	}
	return p
}

// positive is a duration that may not be written as zero: text with a digit that is not 0.
func positive(name, doc, byDefault string) property {
	p := duration(name, doc, byDefault)
	p.Type, p.Pattern = "string", "[1-9]"
	return p
}

func whole(name, doc string, lo, hi int64, byDefault any) property {
	return property{name, &schema{Description: doc, Type: "integer", Minimum: &lo, Maximum: &hi, Default: byDefault}}
}

func choice(name, doc string, values []string, byDefault any) property {
	return property{name, &schema{Description: doc, Type: "string", Enum: values, Default: byDefault}}
}

func list(name, doc string, items *schema, least, most int) property {
	return property{name, &schema{Description: doc, Type: "array", Items: items, MinItems: least, MaxItems: most}}
}

// oneOrMore is a value or a list of such values.
func oneOrMore(name, doc, item string, most int, examples ...any) property {
	one := &schema{Ref: "#/$defs/" + item}
	return property{name, &schema{Description: doc, Examples: examples, AnyOf: []*schema{one, {Type: "array", Items: one, MinItems: 1, MaxItems: most}}}}
}

// named is a mapping from names that expressions can use.
func named(name, doc string, values *schema, most int) property {
	p := property{name, &schema{Description: doc, Type: "object", PropertyNames: &schema{Pattern: identPattern}, MaxProperties: most}}
	if values != nil {
		p.Additional = values
	}
	return p
}

// whenIs applies then where a field has a value.
func whenIs(field, value string, then *schema) *schema {
	return &schema{If: &schema{Required: []string{field}, Properties: properties{{field, &schema{Const: value}}}}, Then: then}
}

func words[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
