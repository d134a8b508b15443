package document

import (
	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// template is found in a text with an expression in it, whose type and length the expression
// decides, noTemplate matches any other.
const (
	template   = `\$\{`
	noTemplate = `^([^$]|\$+[^${])*\$*$`
)

func withName(t core.ActionType) string { return "with_" + string(t) }

// withSchemas are the parameters of each action type, from the table that also checks and
// decodes them.
func withSchemas() (out properties) {
	for _, t := range core.ActionTypes() {
		s := fields(ruleeval.ActionParams(t))
		s.Type, s.Description = "object", "The parameters of "+string(t)+"."
		out = append(out, property{withName(t), s})
	}
	return out
}

func fields(params []ruleeval.Param) *schema {
	s := &schema{Additional: false}
	for i := range params {
		p := &params[i]
		f := param(p)
		f.Description, f.Default = p.Doc, p.Default
		s.Properties = append(s.Properties, property{p.Name, f})
		if p.Required {
			s.Required = append(s.Required, p.Name)
		}
		for _, other := range p.Excludes {
			if p.Name < other {
				s.Not = &schema{Required: []string{p.Name, other}}
			}
		}
	}
	return s
}

// param is what may be written for a parameter: a value of its kind, or a text whose expression
// gives one.
func param(p *ruleeval.Param) *schema {
	switch p.Kind {
	case ruleeval.KindString:
		return textParam(p)
	case ruleeval.KindCEL:
		return &schema{Type: []string{"string", "boolean"}, Pattern: `\S`}
	case ruleeval.KindInt:
		return &schema{Type: []string{"integer", "string"}, Minimum: &p.Min, Maximum: &p.Max, Pattern: template}
	case ruleeval.KindNumber:
		return &schema{Type: []string{"number", "string"}, Minimum: &p.Min, Maximum: &p.Max, Pattern: template}
	case ruleeval.KindBool:
		return &schema{Type: []string{"boolean", "string"}, Pattern: template}
	case ruleeval.KindDuration:
		return &schema{Type: "string", Pattern: durationPattern + "|" + template}
	case ruleeval.KindStatus:
		lo, hi := int64(100), int64(599)
		one := schema{Type: []string{"integer", "string"}, Minimum: &lo, Maximum: &hi, Pattern: `^[1-5]([0-9]{2}|[xX]{2})$|` + template}
		s := one
		s.Type, s.Items, s.MinItems = []string{"integer", "string", "array"}, &one, 1
		return &s
	case ruleeval.KindList:
		return &schema{Type: []string{"array", "string"}, Items: param(p.Elem), MaxItems: int(p.Max), Pattern: template}
	case ruleeval.KindMap:
		return &schema{Type: []string{"object", "string"}, Additional: param(p.Elem), Pattern: template}
	case ruleeval.KindObject:
		s := fields(p.Fields)
		s.Type, s.Pattern = []string{"object", "string"}, template
		return s
	case ruleeval.KindAny:
	}
	return &schema{}
}

// textParam: a number or a boolean is written as text, in free text also a list or a mapping.
func textParam(p *ruleeval.Param) *schema {
	switch {
	case p.Enum != nil:
		return &schema{Type: "string", AnyOf: []*schema{{Enum: p.Enum}, {Pattern: template}}}
	case p.Position == ruleeval.PositionText:
		return &schema{Type: []string{"string", "number", "boolean", "array", "object"}}
	}
	s := &schema{Type: []string{"string", "number", "boolean"}}
	switch {
	case p.Position == ruleeval.PositionType:
		s.Pattern = eventTypePattern + "|" + template
	case p.Position == ruleeval.PositionSecret:
		s.MinLength, s.MaxLength, s.Pattern = 1, p.MaxLen, noTemplate
	case p.Required:
		s.Pattern = `\S`
	}
	return s
}
