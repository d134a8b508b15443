package ruleeval

import (
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/interpreter"

	core "github.com/activity-core/activity-core"
)

// Type names of the objects in scope; the blank keeps them out of expressions.
const (
	eventType    = "object event"
	contextType  = "object context"
	varsType     = "object vars"
	activityType = "object activity"
	runType      = "object run"
	stepsType    = "object steps"
)

// DefaultItemName is the loop variable's name where a rule gives none.
const DefaultItemName = "item"

// baseObjects are the fields of what is in scope in def.
func baseObjects(def *core.Definition, vars map[string]any) objectTypes {
	str, integer := cel.StringType, cel.IntType
	o := objectTypes{
		eventType: {
			"event_id": str, "type": str, "source": str, "subject": str, "time": cel.TimestampType,
			"payload": cel.DynType, "also_types": cel.ListType(str), "hops": integer, "extensions": cel.MapType(str, cel.DynType),
		},
		activityType: {"id": str, "name": str, "version": integer},
		runType:      {"id": str, "workflow_id": str, "cause": str, "cause_key": str, "time": cel.TimestampType},
		varsType:     {},
		contextType:  {},
	}
	for name, v := range vars {
		o[varsType][name] = inferType(v)
	}
	for name, src := range def.Context {
		o[contextType][name] = contextEntryType(src)
	}
	return o
}

// contextEntryType is what is known of an entry before it is fetched. A static
// value may be replaced in a dry run, so it too is known by its use only.
func contextEntryType(src core.ContextSource) *cel.Type {
	if src.Tasks != nil {
		return cel.ListType(cel.DynType)
	}
	return cel.DynType
}

// inferType is the type of a value written in the definition. Lists and maps
// whose values agree are typed, the rest is dynamic.
func inferType(v any) *cel.Type {
	switch v := v.(type) {
	case string:
		return cel.StringType
	case bool:
		return cel.BoolType
	case int64:
		return cel.IntType
	case uint64:
		return cel.UintType
	case float64:
		return cel.DoubleType
	case []any:
		return cel.ListType(common(len(v), func(yield func(any)) {
			for _, e := range v {
				yield(e)
			}
		}))
	case map[string]any:
		return cel.MapType(cel.StringType, common(len(v), func(yield func(any)) {
			for _, e := range v {
				yield(e)
			}
		}))
	}
	return cel.DynType
}

// common is the type that all values share, if it is a scalar; dynamic otherwise.
func common(n int, each func(func(any))) *cel.Type {
	var shared *cel.Type
	each(func(v any) {
		t := inferType(v)
		switch v.(type) {
		case []any, map[string]any:
			t = cel.DynType
		}
		if shared == nil {
			shared = t
		} else if !shared.IsExactType(t) {
			shared = cel.DynType
		}
	})
	if n == 0 || shared == nil {
		return cel.DynType
	}
	return shared
}

func triggerVariables() []variable {
	return []variable{
		{"event", cel.ObjectType(eventType)},
		{"payload", cel.DynType},
		{"vars", cel.ObjectType(varsType)},
	}
}

func ruleVariables() []variable {
	return append(triggerVariables(),
		variable{"context", cel.ObjectType(contextType)},
		variable{"inputs", cel.MapType(cel.StringType, cel.DynType)},
		variable{"activity", cel.ObjectType(activityType)},
		variable{"run", cel.ObjectType(runType)},
	)
}

// scope holds the values of one evaluation. It is passed by value: a child
// scope is a copy with one more name.
type scope struct {
	event, payload, context, vars, inputs, activity, run any
	itemName                                             string
	item                                                 any
	steps                                                any
	// purse pays for the evaluations of a plan; nil outside one.
	purse *purse
}

var _ interpreter.Activation = (*scope)(nil)

// ResolveName implements cel's Activation.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "event":
		return s.event, true
	case "payload":
		return s.payload, true
	case "context":
		return s.context, true
	case "vars":
		return s.vars, true
	case "inputs":
		return s.inputs, true
	case "activity":
		return s.activity, true
	case "run":
		return s.run, true
	case "steps":
		return s.steps, s.steps != nil
	}
	if name == s.itemName && name != "" {
		return s.item, true
	}
	return nil, false
}

// Parent implements cel's Activation.
func (s *scope) Parent() interpreter.Activation { return nil }

// Event is an event decoded for evaluation, so that many definitions can look
// at it for the price of one decoding. It is read-only and safe for concurrent use.
type Event struct {
	fields  map[string]any
	payload any
}

// NewEvent decodes an event's payload. It fails with CodeMalformed if the
// payload is not JSON or is nested deeper than MaxDataDepth.
func NewEvent(e *core.Event) (*Event, error) {
	payload, err := normalize(e.Payload, 0)
	if err != nil {
		return nil, core.Wrap(core.CodeMalformed, err, "the payload of event %s is not usable: %v", quoteShort(e.EventID), err)
	}
	also := make([]any, len(e.AlsoTypes))
	for i, t := range e.AlsoTypes {
		also[i] = t
	}
	extensions := make(map[string]any, len(e.Extensions))
	for name, v := range e.Extensions {
		extensions[name] = v
	}
	return &Event{payload: payload, fields: map[string]any{
		"event_id": e.EventID, "type": e.Type, "source": e.Source, "subject": e.Subject, "time": utc(e.Time),
		"payload": payload, "also_types": also, "hops": int64(e.Hops), "extensions": extensions,
	}}, nil
}

// utc is the time that expressions see: in the precision that the record keeps, so that a
// trigger's condition, a preview and the run see the same.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
