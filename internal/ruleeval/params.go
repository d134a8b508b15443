package ruleeval

import (
	"fmt"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

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
	// PositionWorkflowID, PositionNamespace, PositionQueue and PositionWorkflow name what start_workflow reaches: what is
	// activity-core's or Temporal's own is refused.
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

// Priorities of a task, lowest first.
func Priorities() []string { return []string{"low", "normal", "high", "urgent"} }

// ActionParams returns the parameters of an action type, in the order of the
// reference; nil for an unknown type. It is the one table that validation,
// decoding, the JSON Schema and the documentation follow.
func ActionParams(t activitycore.ActionType) []Param {
	line := func(name, doc string, maxLen int) Param {
		return Param{Name: name, Kind: KindString, Position: PositionLine, MaxLen: maxLen, Doc: doc}
	}
	required := func(p Param) Param { p.Required = true; return p }
	switch t {
	case activitycore.ActionCreateTask:
		return []Param{
			required(line("title", "What is to be done, in one line.", 500)),
			{Name: "description", Kind: KindString, Doc: "More about it; Markdown is shown as written."},
			{Name: "labels", Kind: KindList, Elem: &Param{Kind: KindString, Position: PositionLine, MaxLen: 100}, Max: 50, Doc: "Labels to find the task by, at most 50."},
			{Name: "priority", Kind: KindString, Enum: Priorities(), Default: "normal", Doc: "How urgent it is."},
			line("assignee", "Who is to do it.", 200),
			line("unique_key", "At most one open task of this definition has this key.", 500),
			{Name: "if_open", Kind: KindString, Enum: []string{string(activitycore.IfOpenSkip), string(activitycore.IfOpenUpdate), string(activitycore.IfOpenComment)}, Default: string(activitycore.IfOpenSkip),
				Doc: "What to do when an open task has the unique_key: leave it, update its fields, or add a comment."},
			{Name: "comment", Kind: KindString, Doc: "The comment that if_open: comment adds; the title if absent."},
		}
	case activitycore.ActionHTTPRequest:
		return []Param{
			{Name: "method", Kind: KindString, Enum: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, Default: "POST", Doc: "The HTTP method."},
			{Name: "url", Kind: KindString, Required: true, Position: PositionURL, MaxLen: 8 << 10, Doc: "An http:// or https:// URL; inserted values are escaped by where they stand."},
			{Name: "query", Kind: KindMap, Elem: &Param{Kind: KindAny}, Doc: "Query parameters, appended escaped; a list repeats the parameter."},
			{Name: "headers", Kind: KindMap, Elem: &Param{Kind: KindString, Position: PositionHeader, MaxLen: 8 << 10}, Doc: "Request headers; a value may not be a secret."},
			{Name: "secret_headers", Kind: KindMap, Elem: &Param{Kind: KindString, Position: PositionSecret, MaxLen: 200}, Doc: "Maps a header to the name of the secret that is its value."},
			{Name: "body", Kind: KindAny, Doc: "The body: text is sent as it is, anything else as JSON."},
			{Name: "expect", Kind: KindObject, Doc: "What the response must be for the action to succeed.", Fields: []Param{
				{Name: "status", Kind: KindStatus, Default: "2xx", Doc: "A status, a class such as 2xx, or a list of them."},
				{Name: "body", Kind: KindCEL, Doc: "A CEL condition over status, headers (names in lower case) and body (decoded JSON, else text)."},
			}},
			{Name: "sign", Kind: KindString, Position: PositionSecret, MaxLen: 200, Doc: "The secret to sign with, as Standard Webhooks describe."},
			{Name: "max_response_bytes", Kind: KindInt, Min: 0, Max: 1 << 20, Default: int64(64 << 10), Doc: "How much of the response is kept for steps.<name>."},
		}
	case activitycore.ActionPublishEvent:
		return []Param{
			{Name: "type", Kind: KindString, Required: true, Position: PositionType, MaxLen: envelope.MaxTypeLength, Doc: "The event's type, for example sbom.refreshed."},
			{Name: "source", Kind: KindString, Position: PositionEventText, MaxLen: envelope.MaxTextLength, Doc: "Who says so; activity-core/<definition> if absent."},
			{Name: "subject", Kind: KindString, Position: PositionEventText, MaxLen: envelope.MaxTextLength, Doc: "What it is about."},
			{Name: "payload", Kind: KindAny, Doc: "The event's payload; {} if absent."},
			{Name: "event_id", Kind: KindString, Position: PositionEventID, MaxLen: envelope.MaxIDLength, Doc: "The event's ID; the action's idempotency key if absent."},
			{Name: "extensions", Kind: KindMap, Elem: &Param{Kind: KindAny}, Doc: "Extension attributes: text, numbers or booleans by names of small letters and digits."},
		}
	case activitycore.ActionStartWorkflow:
		return []Param{
			{Name: "workflow_type", Kind: KindString, Required: true, Position: PositionWorkflow, MaxLen: 200, Doc: "The workflow's type as its worker registers it."},
			{Name: "task_queue", Kind: KindString, Required: true, Position: PositionQueue, MaxLen: 200, Doc: "The task queue that its worker polls."},
			{Name: "workflow_id", Kind: KindString, Position: PositionWorkflowID, MaxLen: 200, Doc: "The workflow's ID, not beginning with activity-; made of the idempotency key if absent."},
			{Name: "namespace", Kind: KindString, Position: PositionNamespace, MaxLen: 200, Doc: "The Temporal namespace, one that the operator allows; ours if absent."},
			{Name: "input", Kind: KindAny, Excludes: []string{"args"}, Doc: "The workflow's only argument."},
			{Name: "args", Kind: KindList, Elem: &Param{Kind: KindAny}, Max: 20, Excludes: []string{"input"}, Doc: "The workflow's arguments, at most 20."},
			{Name: "wait", Kind: KindBool, Default: false, Doc: "Whether to wait for the result, which is then steps.<name>.result."},
			{Name: "memo", Kind: KindMap, Elem: &Param{Kind: KindAny}, Doc: "Notes kept with the workflow."},
			{Name: "execution_timeout", Kind: KindDuration, Doc: "How long the workflow may take in all."},
		}
	case activitycore.ActionReportProgress:
		return []Param{
			required(line("message", "What has happened, in one line.", 2000)),
			{Name: "percent", Kind: KindNumber, Min: 0, Max: 100, Doc: "How much is done, 0 to 100."},
			{Name: "status", Kind: KindString, Enum: []string{"started", "running", "succeeded", "failed"}, Default: "running", Doc: "Where the work stands."},
			line("subject", "What the progress is about.", 500),
			{Name: "data", Kind: KindAny, Doc: "Anything more, as JSON."},
		}
	}
	return nil
}

// root makes the parameters of a type one object parameter.
func paramsRoot(t activitycore.ActionType) *Param {
	fields := ActionParams(t)
	if fields == nil {
		return nil
	}
	return &Param{Name: "with", Kind: KindObject, Fields: fields}
}

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
	}
	return "text"
}
