package router

import (
	"context"
	"errors"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// Reasons of dead letters.
const (
	ReasonMalformed   = "malformed" // not an envelope, not a CloudEvent, not JSON
	ReasonInvalid     = "invalid"   // a field's value is wrong
	ReasonConflict    = eventstream.ReasonConflict
	ReasonStartFailed = "start_failed" // recording or starting a run failed for good, MaxFailures times
	ReasonPanicked    = "panicked"     // our own code panicked over it, MaxFailures times
)

// ack acknowledges deliveries. The acknowledgement is not waited for: if it is lost the event
// comes again, and the ledger knows it.
func (r *Router) ack(ds ...*delivery) {
	for _, d := range ds {
		if err := d.msg.Ack(); err != nil {
			r.cfg.Log.Debug("acknowledgement failed; the event will be delivered again", "sequence", d.seq, "error", err)
		}
		r.forget(d)
	}
	r.inflight.remove(ds...)
}

// handBack returns a delivery at once, for another router or our next start.
func (r *Router) handBack(d *delivery) {
	_ = d.msg.Nak() // if it is lost, AckWait does the same
	r.inflight.remove(d)
}

// refuse decides what becomes of an event that could not be routed: back to the stream for a
// while, or to the dead letters.
func (r *Router) refuse(d *delivery, err error) {
	var panicked *panicError
	switch code := core.CodeOf(err); {
	case errors.Is(err, errStopping):
		r.handBack(d)
	case transient(err):
		r.redeliver(d, err)
	case errors.As(err, &panicked):
		r.countFailure(d, ReasonPanicked, err)
	case code == core.CodeMalformed: // neither envelope nor payload changes with a later delivery
		r.deadLetter(d, ReasonMalformed, err)
	case d.event.EventID == "":
		r.deadLetter(d, ReasonInvalid, err)
	default:
		r.countFailure(d, ReasonStartFailed, err)
	}
}

// countFailure lets an event that failed for good come again a few times, in case it was
// chance, and then makes it a dead letter. The count is this process's. Where others fail over
// the same event, or this one was restarted in between, the server's count of deliveries says
// that it has been long enough; not alone, since that counts an outage of Temporal, too.
func (r *Router) countFailure(d *delivery, reason string, err error) {
	n := r.failed(d)
	if n >= r.cfg.MaxFailures || n >= 2 && d.deliveries >= uint64(4*r.cfg.MaxFailures) {
		r.deadLetter(d, reason, err)
		return
	}
	r.redeliver(d, err)
}

// redeliver gives a delivery back to come again after a delay that grows with each delivery.
func (r *Router) redeliver(d *delivery, err error) {
	if errors.Is(err, errStopping) {
		r.handBack(d)
		return
	}
	delay := redeliverDelay(d.deliveries)
	r.cfg.Log.Warn("event could not be routed; it comes again", "event_id", d.event.EventID, "sequence", d.seq,
		"deliveries", d.deliveries, "again_in", delay, "error", err)
	_ = d.msg.NakWithDelay(delay) // if it is lost, AckWait does the same
	r.cfg.Metrics.retried(1)
	r.inflight.remove(d)
}

// redeliverDelay doubles from one delivery to the next: 1s, 2s, 4s … 2m.
func redeliverDelay(deliveries uint64) time.Duration {
	delay := redeliverFirst
	for n := uint64(1); n < deliveries && delay < redeliverMost; n++ {
		delay *= 2
	}
	return min(delay, redeliverMost)
}

// deadLetter stores the dead letter and only then ends the delivery.
func (r *Router) deadLetter(d *delivery, reason string, cause error) {
	ctx, cancel := context.WithTimeout(context.Background(), flushWait)
	defer cancel()
	eventID, err := r.cfg.DeadLetters.Store(ctx, eventstream.Message{Subject: d.msg.Subject(), Header: d.msg.Headers(), Data: d.msg.Data(), Sequence: d.seq, StoredAt: d.stored}, d.deliveries, reason, describe(cause))
	if err != nil {
		r.setPassing(deadLettering, err) // it stays in the queue, and takes room there, until there is room for its letter
		r.redeliver(d, errors.Join(cause, err))
		return
	}
	r.setProblem(deadLettering, nil)
	r.cfg.Log.Warn("event became a dead letter", "event_id", eventID, "sequence", d.seq, "reason", reason, "error", cause)
	_ = d.msg.TermWithReason(reason) // if it is lost, the letter is stored once again under the same message ID
	r.cfg.Metrics.dead(reason)
	r.forget(d)
	r.inflight.remove(d)
}

// describe returns what is safe to show of an error.
func describe(err error) string {
	var known *core.Error
	if !errors.As(err, &known) {
		return core.MessageOf(err)
	}
	return known.Message
}

func (r *Router) failed(d *delivery) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures[d.seq]++
	return r.failures[d.seq]
}

func (r *Router) forget(d *delivery) {
	if d.deliveries < 2 {
		return
	}
	r.mu.Lock()
	delete(r.failures, d.seq)
	r.mu.Unlock()
}
