package httpapi

import (
	"context"
	"net/http"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// notObserved says what to do where the record knows nothing of what schedules are like.
const notObserved = "not observed yet: no process has compared the schedules in Temporal with this record since the upgrade. A process with the role worker does so " +
	"when it starts and then every reconcile.interval; POST /sync or activity-core sync --dry-run do it now"

// scheduleList lists schedules from the record.
func (s *server) scheduleList() {
	type input struct {
		PageQuery
		Prefix  string `query:"prefix" maxLength:"100" doc:"only activities whose name begins so"`
		Pending bool   `query:"pending" doc:"only schedules that do not follow their definition yet, newest change first, refused ones among them"`
		Drift   string `query:"drift" enum:"missing,extra,changed,paused_outside,state" doc:"only schedules that the last observation saw differ so, mended or not; not together with pending"`
	}
	o := op(http.MethodGet, "/schedules", "list-schedules", "Operation", "List the schedules of cron definitions, by name, as the record knows them")
	o.Description = "Temporal is not asked. observation is what the latest comparison with Temporal saw, and how long ago: each sync notes it, the loop's and those of POST /sync, dry runs too. " +
		"drift of an item is from then: each difference says whether that sync mended it. failed is a later attempt that came to no comparison. Without an observation there is a note of what to do. " +
		"state is of now: follows; pending, which is retried; refused, which waits for an edit. With pending or drift=extra there are also schedules whose definition is deleted or is no cron definition any more: wanted is none."
	register(s, o, func(ctx context.Context, in *input) (*body[wire.Schedules], error) {
		f := core.ScheduleFilter{Only: core.ScheduleSelection(in.Drift), NamePrefix: in.Prefix}
		if in.Pending {
			if in.Drift != "" {
				return nil, core.InvalidField("query.drift", in.Drift, "cannot be combined with pending=true: what is pending is about to change; ask for one of them")
			}
			f.Only = core.OnlyPending
		}
		found, err := s.Record.Schedules(ctx, f, in.request())
		if err != nil {
			return nil, err
		}
		last, err := s.Record.LastObservation(ctx)
		return answer(s.schedulesOf(found, last), err)
	})
}

func (s *server) schedulesOf(found core.Page[core.ScheduleState], last core.ScheduleObservation) wire.Schedules {
	out := wire.Schedules{Items: found.Items, NextCursor: found.NextCursor, Failed: last.Failed}
	if out.Items == nil {
		out.Items = []core.ScheduleState{}
	}
	if last.At.IsZero() {
		out.Note = notObserved
		return out
	}
	last.Failed = nil
	out.Observation = &wire.Observation{ScheduleObservation: last, AgeSeconds: max(0, s.Now().Sub(last.At).Seconds())}
	return out
}
