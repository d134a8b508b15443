package eventstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
)

func routerConsumer(o Options) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       core.RouterDurable,
		Description:   "activity-core's event router; shared by all routers; do not delete",
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       o.AckWait,
		MaxDeliver:    -1, // a message beyond a limit would be parked without a trace
		MaxAckPending: o.MaxAckPending,
		ReplayPolicy:  jetstream.ReplayInstantPolicy,
	}
}

// ensureConsumer makes the durable consumer, or compares the one that exists with the
// configuration and with what is recorded of it.
func ensureConsumer(ctx context.Context, js jetstream.JetStream, state *State, mark *Mark, opts Options) error {
	want := routerConsumer(opts)
	stream, err := js.Stream(ctx, core.EventStream)
	if err != nil {
		return Error(err, "look up stream "+core.EventStream)
	}
	consumer, err := stream.Consumer(ctx, want.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		if mark != nil {
			if want.OptStartSeq, err = restartAt(mark, stream.CachedInfo().State, opts); err != nil {
				return err
			}
			want.DeliverPolicy = jetstream.DeliverByStartSequencePolicy
		}
		if consumer, err = stream.CreateConsumer(ctx, want); err != nil {
			return Error(err, "create consumer "+want.Durable)
		}
	} else if err != nil {
		return Error(err, "look up consumer "+want.Durable)
	}
	info := consumer.CachedInfo()
	next, changes, err := mergeConsumer(info.Config, want)
	if err != nil {
		return err
	}
	if err := state.Follow(ctx, info); err != nil { // before anything of it is changed
		return err
	}
	if len(changes) > 0 {
		if _, err := stream.UpdateConsumer(ctx, next); err != nil {
			return Error(err, fmt.Sprintf("update consumer %s (%v)", want.Durable, changes))
		}
	}
	return nil
}

// restartAt is the sequence at which a consumer made again begins.
func restartAt(mark *Mark, stream jetstream.StreamState, opts Options) (uint64, error) {
	switch {
	case !opts.RecreateRouterConsumer:
		return 0, core.Errorf(core.CodeConflict,
			"consumer %s is gone, although it had read stream %s up to sequence %d: made anew it would read all of the stream again. Restore it from a backup, or allow making it again from there (nats.recreate_consumer; the ledger keeps events read twice from running twice)",
			core.RouterDurable, core.EventStream, mark.AckFloor)
	case stream.LastSeq < mark.AckFloor: // from there on it would pass over all that is stored next
		return 0, core.Errorf(core.CodeConflict,
			"consumer %s had read stream %s up to sequence %d, but the stream ends at %d: it is another one, or lost its end. To read it from its beginning, delete key %s of bucket %s; the ledger keeps events read twice from running twice",
			core.RouterDurable, core.EventStream, mark.AckFloor, stream.LastSeq, core.RouterDurable, stateBucket)
	}
	return mark.AckFloor + 1, nil
}

// mergeConsumer is the pure part for the durable consumer.
func mergeConsumer(have, want jetstream.ConsumerConfig) (next jetstream.ConsumerConfig, changes settings, err error) {
	next = have
	refuse := func(setting string, is, wanted any) {
		if err == nil {
			err = core.Errorf(core.CodeConflict,
				"consumer %s exists with %s %v, not %v, which cannot be changed while it lives: stop the routers, note its ack floor, delete it and allow making it again from there (nats.recreate_consumer)",
				want.Durable, setting, is, wanted)
		}
	}
	if have.AckPolicy != want.AckPolicy {
		refuse("ack_policy", have.AckPolicy, want.AckPolicy)
	}
	// A consumer made again from the recorded floor starts by sequence; it misses nothing.
	if p := have.DeliverPolicy; p != jetstream.DeliverAllPolicy && p != jetstream.DeliverByStartSequencePolicy {
		refuse("deliver_policy", have.DeliverPolicy, want.DeliverPolicy)
	}
	if have.ReplayPolicy != want.ReplayPolicy {
		refuse("replay_policy", have.ReplayPolicy, want.ReplayPolicy)
	}
	if have.DeliverSubject != "" {
		refuse("deliver_subject", have.DeliverSubject, "none (a pull consumer)")
	}
	if err != nil {
		return next, nil, err
	}
	changes.set("ack_wait", have.AckWait != want.AckWait, func() { next.AckWait = want.AckWait })
	changes.set("max_ack_pending", have.MaxAckPending != want.MaxAckPending, func() { next.MaxAckPending = want.MaxAckPending })
	changes.set("max_deliver", have.MaxDeliver != want.MaxDeliver, func() { next.MaxDeliver = want.MaxDeliver })
	changes.set("backoff", len(have.BackOff) > 0, func() { next.BackOff = nil })
	changes.set("headers_only", have.HeadersOnly, func() { next.HeadersOnly = false })
	changes.set("filter_subjects", have.FilterSubject != "" || len(have.FilterSubjects) > 0, func() { next.FilterSubject, next.FilterSubjects = "", nil })
	changes.set("max_batch", have.MaxRequestBatch > 0, func() { next.MaxRequestBatch = 0 })
	changes.set("inactive_threshold", have.InactiveThreshold > 0, func() { next.InactiveThreshold = 0 })
	return next, changes, nil
}
