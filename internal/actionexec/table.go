package actionexec

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// performers says how the actions of each type are carried out; what else is known of a type is
// in [ruleeval.ActionSpec].
var performers = map[core.ActionType]performer{
	core.ActionCreateTask:     createTask,
	core.ActionHTTPRequest:    httpRequest,
	core.ActionPublishEvent:   publishEvent,
	core.ActionStartWorkflow:  startWorkflow,
	core.ActionReportProgress: reportProgress,
}

// job is one action to attempt.
type job struct {
	run    core.Run
	cause  *core.Event // nil: no event caused the run
	action core.PlannedAction
}

// performer is a [row] of any type of parameters.
type performer interface {
	perform(ctx context.Context, e *Executor, j job, params any) (core.ActionResult, error)
	waitsFor(e *Executor, params any) string
	task(run core.Run, a core.PlannedAction, params any, at time.Time) (core.TaskWrite, error)
}

// row says how the actions of one type are carried out, with parameters P: by write if the
// record does it, by attempt if not.
type row[P any] struct {
	// attempt makes one attempt.
	attempt func(e *Executor, ctx context.Context, j job, p *P) (core.ActionResult, error)
	// receiver names whom an attempt waits for, "" for nobody in particular; nil: always nobody.
	receiver func(e *Executor, p *P) string
	// write is what the store writes.
	write func(run core.Run, a core.PlannedAction, p *P, at time.Time) core.TaskWrite
}

func (r row[P]) perform(ctx context.Context, e *Executor, j job, params any) (core.ActionResult, error) {
	p, ok := params.(*P)
	if !ok || r.attempt == nil {
		return core.ActionResult{}, core.Errorf(core.CodeInvalid, "action type %q is not carried out here", j.action.Type)
	}
	return r.attempt(e, ctx, j, p)
}

func (r row[P]) waitsFor(e *Executor, params any) string {
	p, ok := params.(*P)
	if !ok || r.receiver == nil {
		return ""
	}
	return r.receiver(e, p)
}

func (r row[P]) task(run core.Run, a core.PlannedAction, params any, at time.Time) (core.TaskWrite, error) {
	p, ok := params.(*P)
	if !ok || r.write == nil {
		return core.TaskWrite{}, core.Errorf(core.CodeInvalid, "an action of type %q writes no task", a.Type)
	}
	return r.write(run, a, p, at), nil
}

// performerOf returns the row of an action's type, and its parameters checked.
func performerOf(a core.PlannedAction) (performer, any, error) {
	params, err := ruleeval.Decode(a)
	if err != nil {
		return nil, nil, err
	}
	p, ok := performers[a.Type]
	if !ok {
		return nil, nil, core.Errorf(core.CodeInvalid, "action type %q is not carried out here", a.Type)
	}
	return p, params, nil
}
