package ruleeval

import core "github.com/activity-core/activity-core"

// ActionSpec is all that is known of an action type without carrying it out. Other packages ask
// its properties, not its name. How it is carried out is a row in internal/actionexec.
type ActionSpec struct {
	Type core.ActionType
	// Doc says in one sentence what it does, for the reference.
	Doc string
	// Params are its parameters, in the order of the reference.
	Params []Param
	// Example is the shortest valid with.
	Example map[string]any
	// ByRecord: the record carries it out, in the transaction that stores the result. Nothing is
	// waited for.
	ByRecord bool
	// Publishes names the parameter with the type of the event that it publishes; "" if it
	// publishes none.
	Publishes string
	// StartsWorkflow: it starts a workflow at its namespace and task_queue, which the operator may
	// bound.
	StartsWorkflow bool
	// Answer is what its result holds of somebody else's answer; nil if all of the result is ours.
	Answer *Answer

	decode func(fields) any // makes the struct of its parameters, as a pointer
	root   *Param           // Params as one object
}

// Answer tells of a field of a result, steps.<name>.<Field>, that somebody else has made.
type Answer struct {
	Field string
	// Fault says why the field is no JSON that has fields, "" if it is, or is a list. cut: only
	// since it was too long.
	Fault func(a core.PlannedAction, result map[string]any) (why string, cut bool)
}

// specs is the table of action types: one row each.
var specs = table(createTask, httpRequest, publishEvent, startWorkflow, reportProgress)

func table(rows ...ActionSpec) map[core.ActionType]ActionSpec {
	out := make(map[core.ActionType]ActionSpec, len(rows))
	for _, row := range rows {
		row.root = &Param{Name: "with", Kind: KindObject, Fields: row.Params}
		out[row.Type] = row
	}
	return out
}

// SpecOf returns the row of an action type, to be read only; ok is false, and the row empty, if
// there is none.
func SpecOf(t core.ActionType) (spec ActionSpec, ok bool) {
	spec, ok = specs[t]
	return spec, ok
}

// ActionParams returns the parameters of an action type, to be read only, in the order of the
// reference; nil for an unknown type. Validation, decoding, the JSON Schema and the
// documentation follow them.
func ActionParams(t core.ActionType) []Param { return specs[t].Params }

func paramsRoot(t core.ActionType) *Param { return specs[t].root }
