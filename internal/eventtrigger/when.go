package eventtrigger

import (
	"context"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// When is a definition's compiled trigger_config.when. An error means that it could not be
// evaluated for this event.
type When func(ctx context.Context, c *Candidate) (bool, error)

// CompileWhen compiles trigger_config.when of a definition that has one.
type CompileWhen func(def core.Definition) (When, error)

// Candidate is an event held against definitions. What their expressions read is decoded once,
// when the first of them asks. It is used by one goroutine.
type Candidate struct {
	Event *core.Event

	decoded *ruleeval.Event
	err     error
}

// decode returns the event as expressions see it. The payload does not change, so neither does
// an error.
func (c *Candidate) decode() (*ruleeval.Event, error) {
	if c.decoded == nil && c.err == nil {
		c.decoded, c.err = ruleeval.NewEvent(c.Event)
	}
	return c.decoded, c.err
}

// CompileCEL is the [CompileWhen] of the program: trigger_config.when is CEL, with event,
// payload and vars in scope.
func CompileCEL(def core.Definition) (When, error) {
	program, err := ruleeval.CompileTrigger(&def)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, c *Candidate) (bool, error) {
		e, err := c.decode()
		if err != nil {
			return false, err
		}
		return program.MatchEvent(ctx, e)
	}, nil
}
