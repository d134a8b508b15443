package temporalrun

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/time/rate"

	core "github.com/activity-core/activity-core"
)

// Types of the errors that activities return to Temporal. Their messages are in the history, so
// they are safe ones.
const (
	transientError = "Transient"
	permanentError = "Permanent"
)

// transient makes an error that Temporal retries. Its message says the step; the cause goes to
// the log only, because a history is read by more people than a log.
func transient(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	activity.GetLogger(ctx).Warn("step failed and will be tried again", "step", step, "attempt", attemptOf(ctx), "error", err)
	return temporal.NewApplicationError(step+": "+core.MessageOf(err), transientError)
}

// retryable is transient for errors that may pass, and final for others.
func retryable(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if mayPass(ctx, err) {
		return transient(ctx, step, err)
	}
	activity.GetLogger(ctx).Error("step failed", "step", step, "error", err)
	return temporal.NewNonRetryableApplicationError(step+": "+core.MessageOf(err), permanentError, nil)
}

// safeMessage is the text of an activity's final error.
func safeMessage(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && (app.Type() == transientError || app.Type() == permanentError) {
		return app.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return "an activity of the run timed out"
	}
	return core.MessageOf(err)
}

// attemptOf is the number of the activity's attempt, without those that left their slot.
func attemptOf(ctx context.Context) int {
	left, _ := ctx.Value(heldKey{}).(int)
	return int(activity.GetInfo(ctx).Attempt) - left
}

// heartbeat reports life, and what a next attempt needs to know, until the returned function is
// called. It is by heartbeats that an activity learns of its cancellation.
func heartbeat(ctx context.Context, details func() held) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				activity.RecordHeartbeat(ctx, details())
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// sleep waits for d, or less if ctx ends or stopping is closed.
func sleep(ctx context.Context, stopping <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-stopping:
		return errStopping
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pace spreads the attempts of one worker evenly over time. A nil pace does not.
type pace struct {
	limit *rate.Limiter
	now   func() time.Time
}

// newPace allows perSecond attempts a second, any number if it is 0.
func newPace(perSecond float64, now func() time.Time) *pace {
	if perSecond <= 0 {
		return nil
	}
	return &pace{limit: rate.NewLimiter(rate.Limit(perSecond), 1), now: now}
}

func (p *pace) wait(ctx context.Context, stopping <-chan struct{}) error {
	if p == nil {
		select {
		case <-stopping:
			return errStopping
		default:
			return nil
		}
	}
	now := p.now()
	return sleep(ctx, stopping, p.limit.ReserveN(now, 1).DelayFrom(now)) // Limiter.Wait knows no stopping
}

// resultValue decodes an action's result.
func resultValue(raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil // no result is null
	}
	return core.DecodeData(raw)
}
