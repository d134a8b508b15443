package natsrouter

import (
	"context"
	"fmt"
	"sync"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

// routeLoop matches and records what the fetch loop took, a batch at a time, until the router stops; then it hands back the rest.
func (r *Router) routeLoop(ctx context.Context, upstream *sync.WaitGroup) {
	fetched := make(chan struct{})
	go func() {
		upstream.Wait()
		close(fetched)
	}()
	b := &batch{}
	for !r.isStopping() {
		ds, changed := r.custody.next(r.cfg.Batch, b.all[:0])
		b.all = ds
		if changed != nil {
			select {
			case <-changed:
			case <-r.stopping:
			}
			continue
		}
		began := r.cfg.Now()
		r.route(ctx, b)
		r.cfg.Metrics.batch(len(b.all), r.cfg.Now().Sub(began))
	}
	<-fetched
	for {
		ds, changed := r.custody.next(r.cfg.Batch, nil)
		if changed != nil {
			return
		}
		for _, d := range ds {
			r.handBack(d)
		}
	}
}

// batch is what one round of the route loop works on; it is reused.
type batch struct {
	all   []*delivery
	wants []*trigger // scratch

	records     []activitycore.CauseRecord
	recorded    []*delivery // the delivery of each record
	settlements []activitycore.Settlement
	settled     []*delivery
}

func (b *batch) reset() {
	b.records, b.recorded = b.records[:0], b.recorded[:0]
	b.settlements, b.settled = b.settlements[:0], b.settled[:0]
}

// route takes one batch through decode, match and ledger. Events that nobody wants are acknowledged at once.
func (r *Router) route(ctx context.Context, b *batch) {
	b.reset()
	if err := r.insist(ctx, "bring the index up to date", r.triggersRefresh); err != nil {
		// Only a stop gets here, or a store that answers nonsense: neither says anything about the events.
		for _, d := range b.all {
			r.retryLater(d, err)
		}
		return
	}
	for _, d := range b.all {
		if err := r.match(ctx, d, b); err != nil {
			r.refuse(d, err)
		}
	}
	r.cfg.Metrics.matched(len(b.records) + len(b.settlements))
	if len(b.records)+len(b.settlements) > 0 {
		r.record(ctx, b)
	}
}

// triggersRefresh makes every failure of the store one that is waited out: without the index no event can be judged.
func (r *Router) triggersRefresh(ctx context.Context) error {
	if err := r.triggers.refresh(ctx); err != nil {
		return activitycore.Wrap(activitycore.CodeUnavailable, err, "the catalogue does not answer")
	}
	return nil
}

// match decodes one event and files what the ledger has to say about it. An error is final for this event.
func (r *Router) match(ctx context.Context, d *delivery, b *batch) (err error) {
	d.event, err = envelope.Decode(envelope.Header(d.msg.Headers()), d.msg.Data())
	if err != nil {
		return err
	}
	if d.event.Time.IsZero() {
		d.event.Time = d.stored.UTC()
	}
	b.wants, err = r.triggers.match(&d.event, b.wants[:0])
	if err != nil {
		return err
	}
	matches := 0
	for _, t := range b.wants {
		cause := activitycore.EventCause(d.event.EventID)
		settle := func(v activitycore.Verdict, reason string) {
			b.settlements = append(b.settlements, activitycore.Settlement{ActivityID: t.id, ActivityName: t.name,
				DefinitionVersion: t.version, Cause: cause, Verdict: v, Reason: reason})
			b.settled = append(b.settled, d)
			matches++
		}
		if t.when != nil {
			yes, err := t.when(ctx, &d.event)
			if err != nil && ctx.Err() != nil {
				return errStopping
			}
			if err != nil { // the same event gives the same error for ever: say so once, where people look
				settle(activitycore.VerdictSkipped, "when: "+activitycore.MessageOf(err))
				continue
			}
			if !yes {
				continue
			}
		}
		if t.paused != nil {
			settle(activitycore.VerdictPaused, pauseReason(t.paused))
			continue
		}
		b.records = append(b.records, activitycore.CauseRecord{ActivityID: t.id, ActivityName: t.name,
			DefinitionVersion: t.version, Cause: cause, Event: &d.event, StreamSeq: d.seq})
		b.recorded = append(b.recorded, d)
		matches++
	}
	if matches == 0 {
		r.ack(d)
	}
	return nil
}

func pauseReason(p *activitycore.Pause) string {
	if p.Reason == "" {
		return "paused by " + p.By
	}
	return fmt.Sprintf("paused by %s: %s", p.By, p.Reason)
}

// record writes a batch to the ledger and passes on what has to be started.
func (r *Router) record(ctx context.Context, b *batch) {
	states, err := r.write(ctx, b.records, b.settlements)
	if err == nil {
		r.point(pointRecorded)
		r.dispatch(b, states)
		return
	}
	ds := distinct(b.recorded, b.settled)
	if transient(err) { // only a stop
		for _, d := range ds {
			r.handBack(d)
		}
		return
	}
	if len(ds) == 1 {
		r.refuse(ds[0], activitycore.Wrap(activitycore.CodeOf(err), err, "the ledger refuses it: %s", activitycore.MessageOf(err)))
		return
	}
	// One event the ledger cannot hold must not take the others with it.
	for _, d := range ds {
		r.record(ctx, b.only(d))
	}
}

func (r *Router) write(ctx context.Context, records []activitycore.CauseRecord, settlements []activitycore.Settlement) (states []activitycore.CauseState, err error) {
	err = r.insist(ctx, "write the ledger", func(ctx context.Context) (err error) {
		if len(records) > 0 {
			if states, err = r.cfg.Ledger.RecordCauses(ctx, records, r.now()); err != nil {
				return fmt.Errorf("record causes: %w", err)
			}
		}
		if len(settlements) > 0 {
			if _, err = r.cfg.Ledger.Settle(ctx, settlements, r.now()); err != nil {
				return fmt.Errorf("settle matches: %w", err)
			}
		}
		return nil
	})
	if err == nil && len(states) != len(records) {
		err = activitycore.Errorf(activitycore.CodeInternal, "the ledger answered %d of %d records", len(states), len(records))
	}
	return states, err
}

// dispatch starts what the ledger says is still to be started. A row that was there before is a duplicate; if it is still pending, whoever wrote
// it may have died before the start, so it is started (again): Temporal refuses a second execution.
func (r *Router) dispatch(b *batch, states []activitycore.CauseState) {
	var jobs []job
	duplicates := 0
	for i, s := range states {
		d := b.recorded[i]
		if !s.Inserted {
			duplicates++
		}
		if s.Entry.Verdict != activitycore.VerdictPending {
			continue
		}
		d.open.Add(1)
		jobs = append(jobs, job{d: d, activityID: s.Entry.ActivityID, cause: b.records[i].Cause})
	}
	r.cfg.Metrics.duplicate(AtRouter, duplicates)
	for _, d := range distinct(b.recorded, b.settled) {
		if d.open.Load() == 0 {
			r.ack(d)
		}
	}
	for _, j := range jobs {
		r.jobs <- j
	}
}

// only returns the part of a batch that belongs to one delivery.
func (b *batch) only(d *delivery) *batch {
	part := &batch{}
	for i, of := range b.recorded {
		if of == d {
			part.records = append(part.records, b.records[i])
			part.recorded = append(part.recorded, d)
		}
	}
	for i, of := range b.settled {
		if of == d {
			part.settlements = append(part.settlements, b.settlements[i])
			part.settled = append(part.settled, d)
		}
	}
	return part
}

func distinct(lists ...[]*delivery) []*delivery {
	seen := map[*delivery]bool{}
	var out []*delivery
	for _, list := range lists {
		for _, d := range list {
			if !seen[d] {
				seen[d] = true
				out = append(out, d)
			}
		}
	}
	return out
}

func (r *Router) now() time.Time { return r.cfg.Now().UTC() }

func (r *Router) point(name string) {
	if r.at != nil {
		r.at(name)
	}
}
