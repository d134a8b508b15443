package temporalschedule

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
)

// observed notes what a sync saw, for those who list schedules without asking Temporal. The
// sync has done its work by then: what cannot be noted is logged, and the next sync notes it.
func (r *Reconciler) observed(ctx context.Context, at time.Time, report core.SyncReport, err error) {
	if ctx.Err() != nil {
		return // nobody waits for it any more, and what broke off says nothing
	}
	var noted error
	if report.Drift == nil { // it did not come to a comparison
		if err == nil {
			return
		}
		noted = r.cfg.Store.ObservationFailed(ctx, core.FailedObservation{
			At: at, By: r.cfg.Instance, Error: core.MessageOf(err), Code: core.CodeOf(err),
		})
	} else {
		noted = r.cfg.Store.ObserveSchedules(ctx, r.observation(at, report, err), report.Drift)
	}
	if noted != nil && ctx.Err() == nil {
		r.cfg.Log.WarnContext(ctx, "what schedules are like is not noted; the next sync will", "error", noted)
	}
}

func (r *Reconciler) observation(at time.Time, report core.SyncReport, err error) core.ScheduleObservation {
	o := core.ScheduleObservation{
		At: at, By: r.cfg.Instance, DryRun: report.DryRun, Wanted: report.Wanted, Observed: report.Observed, InSync: report.InSync,
		Drift: make(map[core.DriftKind]int), Writes: report.Writes, Seconds: report.Seconds, Blocked: report.Blocked,
	}
	for _, d := range report.Drift {
		o.Drift[d.Kind]++
		if d.Mended {
			o.Mended++
		}
	}
	if err != nil {
		o.Error = core.MessageOf(err)
	}
	return o
}
