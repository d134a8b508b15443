package ruleeval

import "fmt"

// Kind is the type of an action's parameter.
type Kind string

// The kinds of parameter.
const (
	KindString   Kind = "string"   // text; an expression's scalar is written as text
	KindInt      Kind = "int"      // a whole number between Min and Max
	KindNumber   Kind = "number"   // any number between Min and Max
	KindBool     Kind = "bool"     // true or false
	KindDuration Kind = "duration" // text such as 30s or 7d
	KindAny      Kind = "any"      // any JSON; expressions keep their type
	KindList     Kind = "list"     // a list of Elem
	KindMap      Kind = "map"      // any keys, values of Elem
	KindObject   Kind = "object"   // the keys of Fields, nothing else
	KindStatus   Kind = "status"   // an HTTP status, a class such as 2xx, or a list of them
	KindCEL      Kind = "cel"      // a CEL condition over the response, not a template
)

// Position says where in a protocol a parameter's text ends up, and so what an
// inserted value may do there.
type Position string

// The positions.
const (
	PositionText      Position = ""           // free text
	PositionLine      Position = "line"       // one line: control characters are refused
	PositionURL       Position = "url"        // parts of a URL: inserted values are escaped
	PositionHeader    Position = "header"     // an HTTP header's value: CR, LF and control characters are refused
	PositionToken     Position = "token"      // an identifier: no blanks, no control characters, ASCII
	PositionType      Position = "type"       // an event type: see activitycore.ValidateEventType
	PositionEventID   Position = "event_id"   // an event's ID: what envelope.CheckID takes
	PositionEventText Position = "event_text" // an event's source or subject: what envelope.CheckText takes
	PositionSecret    Position = "secret"     // a secret's name: literal, never interpolated
	// PositionWorkflowID, PositionNamespace, PositionQueue and PositionWorkflow name what
	// start_workflow reaches: what is activity-core's or Temporal's own is refused.
	PositionWorkflowID Position = "workflow id"
	PositionNamespace  Position = "namespace"
	PositionQueue      Position = "task queue"
	PositionWorkflow   Position = "workflow type"
)

// Param describes one parameter of an action.
type Param struct {
	Name     string
	Kind     Kind
	Required bool
	// Doc is one sentence for the reference and for editors.
	Doc string
	// Enum lists the allowed texts; nil allows any.
	Enum []string
	// Default is what applies where the parameter is absent, for the reference only; nil: nothing.
	Default any
	// Position of a KindString parameter.
	Position Position
	// MaxLen bounds a KindString in bytes; 0 means 64 KiB.
	MaxLen int
	// Min and Max bound KindInt and KindNumber, both inclusive.
	Min, Max int64
	// Elem describes the elements of KindList and the values of KindMap.
	Elem *Param
	// Fields describes the keys of KindObject.
	Fields []Param
	// Excludes names parameters that may not be given together with this one.
	Excludes []string
}

// maxText bounds text parameters that say nothing else.
const maxText = 64 << 10

func line(name, doc string, maxLen int) Param {
	return Param{Name: name, Kind: KindString, Position: PositionLine, MaxLen: maxLen, Doc: doc}
}

func required(p Param) Param { p.Required = true; return p }

func (p *Param) field(name string) *Param {
	for i := range p.Fields {
		if p.Fields[i].Name == name {
			return &p.Fields[i]
		}
	}
	return nil
}

func (p *Param) fieldNames() []string {
	names := make([]string, len(p.Fields))
	for i := range p.Fields {
		names[i] = p.Fields[i].Name
	}
	return names
}

// what says in a few words what a parameter must be.
func (p *Param) what() string {
	switch p.Kind {
	case KindInt:
		return fmt.Sprintf("a whole number from %d to %d", p.Min, p.Max)
	case KindNumber:
		return fmt.Sprintf("a number from %d to %d", p.Min, p.Max)
	case KindBool:
		return "true or false"
	case KindDuration:
		return "a duration such as 30s, 15m or 7d"
	case KindList:
		return "a list"
	case KindMap, KindObject:
		return "a map"
	case KindStatus:
		return "an HTTP status such as 200, a class such as 2xx, or a list of them"
	case KindCEL:
		return "a CEL condition, for example body.ok == true"
	case KindString, KindAny:
	}
	return "text"
}
