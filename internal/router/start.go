package router

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/launch"
	"github.com/activity-core/activity-core/internal/telemetry"
)

// job is one run to start.
type job struct {
	d          *delivery
	activityID string
	cause      core.Cause
}

// confirmation is a started run whose ledger row still says pending.
type confirmation struct {
	d     *delivery
	start core.Start
}

// startLoop is one of the parallel starters.
func (r *Router) startLoop(ctx context.Context) {
	for j := range r.jobs {
		if r.isStopping() {
			r.giveUp(j.d, errStopping)
			continue
		}
		var outcome core.StartOutcome
		err := r.guard(ctx, j.d, "start a run", func() (err error) {
			outcome, err = r.cfg.Starter.StartRun(telemetry.FollowEvent(ctx, &j.d.event), j.activityID, j.cause)
			return err
		})
		if err != nil {
			if transient(err) && ctx.Err() == nil && j.d.deliveries > 1 { // once may be chance; the retry a second later is none
				r.setPassing(starting, err)
			}
			r.giveUp(j.d, fmt.Errorf("start run of %s: %w", j.activityID, err))
			continue
		}
		r.setProblem(starting, nil)
		if !outcome.AlreadyStarted {
			r.cfg.Metrics.started(r.cfg.Now().Sub(j.d.stored))
		}
		r.point(pointStarted)
		r.started <- confirmation{d: j.d, start: launch.StartOf(j.activityID, j.cause)}
	}
}

// giveUp counts a start as done without success.
func (r *Router) giveUp(d *delivery, err error) {
	d.fail(err)
	if d.open.Add(-1) == 0 {
		r.conclude(d)
	}
}

// confirmLoop writes what was started to the ledger, as many starts in one transaction as have
// gathered.
func (r *Router) confirmLoop(ctx context.Context) {
	var group []confirmation
	for first := range r.started {
		group = r.gather(append(group[:0], first))
		starts := make([]core.Start, len(group))
		for i, c := range group {
			starts[i] = c.start
		}
		err := r.retry(ctx, "confirm starts in the ledger", func(ctx context.Context) error {
			return r.cfg.Ledger.ConfirmStarts(ctx, starts, r.now())
		})
		r.point(pointConfirmed)
		for _, c := range group {
			if err != nil {
				c.d.fail(fmt.Errorf("confirm starts in the ledger: %w", err))
			}
			if c.d.open.Add(-1) == 0 {
				r.conclude(c.d)
			}
		}
	}
}

func (r *Router) gather(group []confirmation) []confirmation {
	linger := time.NewTimer(confirmLinger)
	defer linger.Stop()
	for len(group) < r.cfg.Batch {
		select {
		case c, ok := <-r.started:
			if !ok {
				return group
			}
			group = append(group, c)
		case <-linger.C:
			return group
		}
	}
	return group
}

// conclude answers a delivery whose every start has ended.
func (r *Router) conclude(d *delivery) {
	if f := d.failure.Load(); f != nil {
		r.refuse(d, f.err)
		return
	}
	r.ack(d)
}
