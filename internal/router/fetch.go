package router

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// slabSize is how many deliveries are allocated together. One that is held keeps its slab, so
// it stays small.
const slabSize = 16

// fetchLoop pulls events in, never more than there is room for: what it asks for it can keep alive.
func (r *Router) fetchLoop(ctx context.Context) {
	delay := retryFirst
	for !r.isStopping() && ctx.Err() == nil {
		n, changed := r.inflight.reserve(min(r.cfg.Batch, r.cfg.MaxInFlight/4+1), r.cfg.Batch)
		if changed != nil {
			select {
			case <-changed:
			case <-r.stopping:
			}
			continue
		}
		got, err := r.fetch(n)
		r.inflight.release(n - got)
		if err == nil {
			delay = retryFirst
			continue
		}
		if !errors.Is(err, errNoConsumer) { // reopen said why
			r.setProblem(fetching, eventstream.Error(err, fetching))
		}
		select {
		case <-time.After(delay):
			delay = min(2*delay, retryMost)
		case <-r.stopping:
		}
		r.reopen(ctx)
	}
}

// fetch reads up to n events and returns when it has them, or after FetchWait.
func (r *Router) fetch(n int) (got int, err error) {
	consumer := r.getConsumer()
	if consumer == nil {
		return 0, errNoConsumer
	}
	batch, err := consumer.Fetch(n, jetstream.FetchMaxWait(r.cfg.FetchWait), jetstream.FetchMaxBytes(eventstream.FetchBytes(r.cfg.JetStream)))
	if err != nil {
		return 0, err
	}
	messages := batch.Messages()
	ds := make([]*delivery, 0, n)
	var slab []delivery // one allocation for many
	for first := range messages {
		ds = r.accept(ds[:0], first, &slab)
	more: // whatever is there already comes along, and nothing is waited for
		for {
			select {
			case msg, ok := <-messages:
				if !ok {
					break more
				}
				ds = r.accept(ds, msg, &slab)
			default:
				break more
			}
		}
		r.inflight.take(ds)
		r.cfg.Metrics.consumed(len(ds))
		got += len(ds)
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
		return got, err
	}
	r.setProblem(fetching, nil)
	return got, nil
}

func (r *Router) accept(ds []*delivery, msg jetstream.Msg, slab *[]delivery) []*delivery {
	if len(*slab) == 0 {
		*slab = make([]delivery, slabSize)
	}
	d := &(*slab)[0]
	*slab = (*slab)[1:]
	d.msg = msg
	if meta, err := msg.Metadata(); err == nil { // always there on a message from a consumer
		d.seq, d.deliveries, d.stored = meta.Sequence.Stream, meta.NumDelivered, meta.Timestamp
	}
	d.alive.Store(r.cfg.Now().UnixNano())
	return append(ds, d)
}

// errNoConsumer: the durable was found to be another one than the router's.
var errNoConsumer = errors.New("there is no consumer to read from")

// reopen looks the durable up again: the server may have lost it. It is never made anew here,
// and one that somebody else made in its place is used only if it goes on where this one was.
func (r *Router) reopen(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reopenWait)
	defer cancel()
	consumer, err := r.cfg.JetStream.Consumer(ctx, core.EventStream, core.RouterDurable)
	if err != nil {
		r.setProblem(fetching, eventstream.Error(err, "find consumer "+core.RouterDurable))
		return
	}
	if err := r.state.Follow(ctx, consumer.CachedInfo()); err != nil {
		r.setProblem(fetching, err)
		r.setConsumer(nil)
		return
	}
	r.setConsumer(consumer)
}
