package router

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/launch"
)

// recordLoop writes matched events to the ledger: all that have gathered while the transaction
// before was under way share the next one.
func (r *Router) recordLoop(ctx context.Context) {
	var batch []*delivery
	for first := range r.matched {
		batch = append(batch[:0], first)
	gather:
		for len(batch) < r.cfg.Batch {
			select {
			case d, ok := <-r.matched:
				if !ok {
					break gather
				}
				batch = append(batch, d)
			default:
				break gather
			}
		}
		began := r.cfg.Now()
		r.record(ctx, batch)
		r.cfg.Metrics.batch(len(batch), r.cfg.Now().Sub(began))
	}
}

// record writes one batch and passes on what has to be started.
func (r *Router) record(ctx context.Context, batch []*delivery) {
	var states []core.CauseState
	err := r.guard(ctx, batch[0], "record matches", func() (err error) {
		states, err = r.write(ctx, batch)
		return err
	})
	switch {
	case err == nil:
		r.point(pointRecorded)
		r.dispatch(batch, states)
	case transient(err): // only a stop
		for _, d := range batch {
			r.handBack(d)
		}
	case len(batch) == 1:
		r.refuse(batch[0], core.Wrap(core.CodeOf(err), err, "the ledger does not take it: %s", core.MessageOf(err)))
	default: // one event the ledger cannot hold must not take the others with it
		for i := range batch {
			r.record(ctx, batch[i:i+1])
		}
	}
}

func (r *Router) write(ctx context.Context, batch []*delivery) (states []core.CauseState, err error) {
	var records []core.CauseRecord
	var settlements []core.Settlement
	for _, d := range batch {
		records = append(records, d.records...)
		settlements = append(settlements, d.settlements...)
	}
	err = r.retry(ctx, "write the ledger", func(ctx context.Context) (err error) {
		states, err = r.cfg.Ledger.RecordMatches(ctx, records, settlements, r.now())
		return err
	})
	if want := len(records) + len(settlements); err == nil && len(states) != want {
		err = core.Errorf(core.CodeInternal, "the ledger answered %d of %d records", len(states), want)
	}
	return states, err
}

// dispatch starts what the ledger says is still to be started. A row that was there before is a
// duplicate; if it is still pending, whoever wrote it may have died before the start, so it is
// started (again): Temporal refuses a second execution. An event that has the event_id of
// another one has nothing in the ledger, and becomes a dead letter.
func (r *Router) dispatch(batch []*delivery, states []core.CauseState) {
	recorded := 0
	for _, d := range batch {
		recorded += len(d.records)
	}
	states, settled := states[:recorded], states[recorded:]
	duplicates := 0
	for _, d := range batch {
		own, ownSettled := states[:len(d.records)], settled[:len(d.settlements)]
		states, settled = states[len(own):], settled[len(ownSettled):]
		if conflict := conflictIn(own, ownSettled); conflict != nil {
			r.deadLetter(d, ReasonConflict, conflict.Fault())
			continue
		}
		var jobs []job
		for i, s := range own {
			if !s.Inserted {
				duplicates++
			}
			if launch.Due(s.Entry) {
				jobs = append(jobs, job{d: d, activityID: s.Entry.ActivityID, cause: d.records[i].Cause})
			}
		}
		if len(jobs) == 0 {
			r.ack(d)
			continue
		}
		d.open.Store(int32(len(jobs)))
		for _, j := range jobs {
			r.jobs <- j
		}
	}
	r.cfg.Metrics.duplicate(duplicates)
}

// conflictIn is that of the first match that has one: they are of one event, and have it all.
func conflictIn(all ...[]core.CauseState) *core.EventConflict {
	for _, states := range all {
		for _, s := range states {
			if s.Conflict != nil {
				return s.Conflict
			}
		}
	}
	return nil
}

func (r *Router) now() time.Time { return r.cfg.Now().UTC() }

func (r *Router) point(name string) {
	if r.at != nil {
		r.at(name)
	}
}
