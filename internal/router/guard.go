package router

import (
	"context"
	"fmt"
	"runtime/debug"

	core "github.com/activity-core/activity-core"
)

// panicError is a panic of our own code over one event.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// guard makes an error of a panic, so that one event cannot end the process, and with it every
// event in flight, as often as it is delivered.
func (r *Router) guard(ctx context.Context, d *delivery, doing string, step func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			r.cfg.Log.ErrorContext(ctx, "panic over an event", "step", doing, "event_id", d.event.EventID, "sequence", d.seq, "panic", v, "stack", string(debug.Stack()))
			err = core.Wrap(core.CodeInternal, &panicError{v}, "%s: the program panicked over this event; the log has the details", doing)
		}
	}()
	return step()
}
