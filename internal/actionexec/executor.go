// Package actionexec owns how one planned action of each type is carried out: it makes one
// attempt and says what came of it and whether another one makes sense. It must not retry, keep
// results, or decide what is to be done.
package actionexec

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// Secrets resolves a secret for one host. CodeNotFound, CodeForbidden.
type Secrets interface {
	Resolve(ctx context.Context, name, host string) (string, error)
}

// Publisher publishes events; a receipt with Duplicate is a success.
type Publisher interface {
	PublishEvent(ctx context.Context, e core.Event) (core.PublishReceipt, error)
}

// Config says what an [Executor] works with. What is nil is refused where an action asks for it.
type Config struct {
	HTTP      *outbound.Client
	Secrets   Secrets
	Publisher Publisher
	Workflows WorkflowStarter
	// Targets is where start_workflow may start workflows.
	Targets core.WorkflowTargets
	// Hub is where report_progress posts to; nil refuses it.
	Hub *url.URL
	// HubSecret names the secret that is sent to the hub as a bearer token; "" sends none.
	HubSecret string
	// Now is the clock of signatures and events; nil is time.Now.
	Now func() time.Time
}

// Executor carries out actions. It is safe for concurrent use.
type Executor struct {
	cfg        Config
	conditions *ruleeval.Responses // compiled expect.body
}

// New makes an executor.
func New(cfg Config) *Executor {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Executor{cfg: cfg, conditions: ruleeval.NewResponses()}
}

// Perform makes one attempt at an action, of any type that the record does not carry out
// itself. cause is the event which caused the run, nil for none. CodeUnavailable: another
// attempt may succeed, after the time that a method RetryAfter of the error gives, if there is
// one. Every other error is final.
func (e *Executor) Perform(ctx context.Context, run core.Run, cause *core.Event, a core.PlannedAction) (core.ActionResult, error) {
	p, params, err := performerOf(a)
	if err != nil {
		return core.ActionResult{}, err
	}
	return p.perform(ctx, e, job{run, cause, a}, params)
}

// Receiver names whom an attempt at an action waits for: the host and port of a request, the
// task queue of a workflow whose result is waited for; "" for all others, which are quick.
func (e *Executor) Receiver(a core.PlannedAction) string {
	p, params, err := performerOf(a)
	if err != nil {
		return ""
	}
	return p.waitsFor(e, params)
}

// TaskWrite turns an action that the record carries out into what the store writes. Its errors
// are final.
func (*Executor) TaskWrite(run core.Run, a core.PlannedAction, at time.Time) (core.TaskWrite, error) {
	p, params, err := performerOf(a)
	if err != nil {
		return core.TaskWrite{}, err
	}
	return p.task(run, a, params, at)
}

// result makes a successful result; v becomes steps.<name>.
func result(outcome string, v any) (core.ActionResult, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return core.ActionResult{}, core.Wrap(core.CodeInvalid, err, "the result has no JSON form")
	}
	return core.ActionResult{Outcome: outcome, Result: raw}, nil
}

// laterError is a failure with the delay that the other side asks for.
type laterError struct {
	err   *core.Error
	after time.Duration
}

func (e *laterError) Error() string { return e.err.Error() }

// RetryAfter is the least delay before the next attempt.
func (e *laterError) RetryAfter() time.Duration { return e.after }

// Unwrap makes the code visible.
func (e *laterError) Unwrap() error { return e.err }
