package router

import (
	"context"
	"sync"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/eventtrigger"
)

// routeLoop matches what the fetch loop took, a batch at a time, until the router stops; then
// it hands back the rest.
func (r *Router) routeLoop(ctx context.Context, upstream *sync.WaitGroup) {
	fetched := make(chan struct{})
	go func() {
		upstream.Wait()
		close(fetched)
	}()
	idle := time.NewTicker(refreshEvery)
	defer idle.Stop()
	var batch []*delivery
	for !r.isStopping() {
		var changed <-chan struct{}
		if batch, changed = r.inflight.next(r.cfg.Batch, batch[:0]); changed != nil {
			select {
			case <-changed:
			case <-r.stopping:
			case <-idle.C: // so that the first event after a quiet time does not wait for all that was saved meanwhile
				if err := r.triggersRefresh(ctx); err != nil {
					r.cfg.Log.Debug("the index was not brought up to date; the next event does it", "error", err)
				}
			}
			continue
		}
		r.route(ctx, batch)
	}
	<-fetched
	for {
		rest, changed := r.inflight.next(r.cfg.Batch, nil)
		if changed != nil {
			return
		}
		for _, d := range rest {
			r.handBack(d)
		}
	}
}

// route takes one batch through decode and match. Events that nobody wants are acknowledged at
// once; the others go to the ledger, which is not waited for: while one transaction is written
// to disk, the next one gathers.
func (r *Router) route(ctx context.Context, batch []*delivery) {
	if err := r.retry(ctx, "bring the index up to date", r.triggersRefresh); err != nil {
		for _, d := range batch { // only a stop gets here
			r.handBack(d)
		}
		return
	}
	unwanted := batch[:0]
	for _, d := range batch {
		switch err := r.guard(ctx, d, "match", func() error { return r.match(ctx, d) }); {
		case err != nil:
			r.refuse(d, err)
		case len(d.records)+len(d.settlements) == 0:
			unwanted = append(unwanted, d)
		default:
			r.cfg.Metrics.matched(len(d.records) + len(d.settlements))
			r.matched <- d
		}
	}
	r.ack(unwanted...)
}

// triggersRefresh makes every failure of the store one that is waited out: without the index no
// event can be judged.
func (r *Router) triggersRefresh(ctx context.Context) error {
	if err := r.triggers.Refresh(ctx); err != nil {
		return core.Wrap(core.CodeUnavailable, err, "the catalogue does not answer")
	}
	return nil
}

// match decodes one event and notes what the ledger has to say about it. An error is final for
// this event.
func (r *Router) match(ctx context.Context, d *delivery) (err error) {
	d.event, err = envelope.Decode(envelope.Header(d.msg.Headers()), d.msg.Data())
	if err != nil {
		return err
	}
	if d.event.Time.IsZero() {
		d.event.Time = d.stored.UTC()
	}
	cause := core.EventCause(d.event.EventID)
	decisions, err := r.triggers.Decide(ctx, &eventtrigger.Candidate{Event: &d.event})
	if err != nil && ctx.Err() != nil {
		return errStopping
	}
	if err != nil {
		return err
	}
	for _, t := range decisions {
		settle := func(v core.Verdict, reason string) {
			d.settlements = append(d.settlements, core.Settlement{ActivityID: t.ID, ActivityName: t.Name,
				DefinitionVersion: t.Version, Cause: cause, Verdict: v, Reason: reason, Event: &d.event})
		}
		switch t.Outcome {
		case eventtrigger.Runs:
			d.records = append(d.records, core.CauseRecord{ActivityID: t.ID, ActivityName: t.Name,
				DefinitionVersion: t.Version, Cause: cause, Event: &d.event, StreamSeq: d.seq})
		case eventtrigger.Failed: // the same event gives the same error for ever: say so once, where people look
			settle(core.VerdictSkipped, "when: "+t.Reason)
		case eventtrigger.Cycle:
			r.cfg.Metrics.cycle()
			settle(core.VerdictSkipped, t.Reason)
		case eventtrigger.Paused:
			settle(core.VerdictPaused, t.Reason)
		case eventtrigger.NoMatch, eventtrigger.Deleted, eventtrigger.Disabled: // the last two are not in the index
		}
	}
	return nil
}
