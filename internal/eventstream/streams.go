package eventstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
)

// ReasonConflict is the reason of a dead letter whose event_id is that of another event, which the
// record keeps: the router gives it, and letters are looked up by it.
const ReasonConflict = "conflict"

// Options say how the streams and the router's durable consumer are to be.
type Options struct {
	// MaxBytes bounds the event stream; default 2 GiB. When it is full, publishing fails: nothing
	// stored is pushed out.
	MaxBytes int64
	// DeadLetterMaxBytes bounds the dead-letter stream; default 256 MiB.
	DeadLetterMaxBytes int64
	// MaxAge removes events older than this, consumed or not; 0, the default, keeps them.
	MaxAge time.Duration
	// DuplicateWindow is how long JetStream itself recognises a repeated event_id; default 2m. The
	// ledger recognises it for ever: the window only saves storing and routing it, and costs memory
	// for each ID in it.
	DuplicateWindow time.Duration
	// Replicas of both streams and the router's state, 1 to 5; default 1, and 3 in production.
	Replicas int
	// AckWait is after how long without a sign of life a delivered event is delivered again;
	// default 60s. The router gives a sign of life every quarter of it, however long a start takes.
	AckWait time.Duration
	// MaxAckPending bounds the events delivered to all routers together and not yet acknowledged;
	// default 4,096. Times the seconds of a start it must stay below half of AckWait × parallel
	// starts: 4,096 × 0.1 s ≤ 30 s × 16.
	MaxAckPending int
	// RecreateRouterConsumer allows making the durable consumer again, from the recorded
	// acknowledgement floor, after it was deleted. Without it that is an error, since a consumer
	// made anew would replay the stream from where it begins.
	RecreateRouterConsumer bool
}

// Defaults of [Options].
const (
	DefaultMaxBytes           = 2 << 30
	DefaultDeadLetterMaxBytes = 256 << 20
	DefaultDuplicateWindow    = 2 * time.Minute
	DefaultAckWait            = time.Minute
	DefaultMaxAckPending      = 4096
)

func (o Options) withDefaults() Options {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.DeadLetterMaxBytes == 0 {
		o.DeadLetterMaxBytes = DefaultDeadLetterMaxBytes
	}
	if o.DuplicateWindow == 0 {
		o.DuplicateWindow = DefaultDuplicateWindow
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.AckWait == 0 {
		o.AckWait = DefaultAckWait
	}
	if o.MaxAckPending == 0 {
		o.MaxAckPending = DefaultMaxAckPending
	}
	return o
}

// Ensure makes the streams and the router's durable consumer, or compares those that exist with
// opts. A difference that loses nothing is updated; any other is CodeConflict and says what to
// do. Several processes may call it at once.
func Ensure(ctx context.Context, js jetstream.JetStream, opts Options) error {
	opts = opts.withDefaults()
	state, err := OpenState(ctx, js, opts.Replicas)
	if err != nil {
		return err
	}
	mark, err := state.Read(ctx)
	if err != nil {
		return err
	}
	if err := ensureStream(ctx, js, eventStream(opts), mark, opts); err != nil {
		return err
	}
	if err := ensureStream(ctx, js, deadLetterStream(opts), nil, opts); err != nil {
		return err
	}
	return ensureConsumer(ctx, js, state, mark, opts)
}

func eventStream(o Options) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        core.EventStream,
		Description: "Events that activity-core matches against definitions",
		Subjects:    []string{core.EventSubjects},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		Storage:     jetstream.FileStorage,
		MaxBytes:    o.MaxBytes,
		MaxAge:      o.MaxAge,
		Duplicates:  o.DuplicateWindow,
		Replicas:    o.Replicas,
		AllowDirect: true,
		MaxMsgs:     -1, MaxMsgsPerSubject: -1, MaxConsumers: -1, MaxMsgSize: -1,
	}
}

func deadLetterStream(o Options) jetstream.StreamConfig {
	c := eventStream(o)
	c.Name = core.DeadLetterStream
	c.Description = "Events that activity-core could not route, with the reason"
	c.Subjects = []string{core.DeadLetterSubjects}
	c.MaxBytes = o.DeadLetterMaxBytes
	c.MaxAge = 0 // a dead letter waits for a person
	return c
}

func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig, mark *Mark, opts Options) error {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if mark != nil && mark.AckFloor > 0 {
			if !opts.RecreateRouterConsumer {
				return core.Errorf(core.CodeConflict,
					"stream %s is gone, although the router has read it up to sequence %d: restore it from a backup, connect to the right NATS account, or allow starting with an empty one (nats.recreate_consumer)",
					want.Name, mark.AckFloor)
			}
			want.FirstSeq = mark.AckFloor + 1 // sequences in ledger and dead letters keep their meaning
		}
		if _, err = js.CreateStream(ctx, want); err != nil {
			return Error(err, "create stream "+want.Name)
		}
		return nil
	}
	if err != nil {
		return Error(err, "look up stream "+want.Name)
	}
	info := stream.CachedInfo()
	if want.Name == core.DeadLetterStream { // no setting says how much room it has: what an operator gave it when it was full stays
		want.MaxBytes = max(want.MaxBytes, info.Config.MaxBytes)
	}
	next, changes, err := mergeStream(info, want)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return nil
	}
	if _, err := js.UpdateStream(ctx, next); err != nil {
		return Error(err, fmt.Sprintf("update stream %s (%v)", want.Name, changes))
	}
	return nil
}

// settings are the names of those that a merge changes.
type settings []string

// set applies a wanted setting if the present one differs.
func (s *settings) set(name string, differs bool, apply func()) {
	if differs {
		apply()
		*s = append(*s, name)
	}
}

// mergeStream is the pure part: what to change in a stream that exists, or why it cannot be
// used. What we have no opinion on (placement, compression, metadata, …) stays as the operator
// set it.
func mergeStream(info *jetstream.StreamInfo, want jetstream.StreamConfig) (next jetstream.StreamConfig, changes settings, err error) {
	have := info.Config
	next = have
	refuse := func(setting string, is, wanted any, why string) {
		if err == nil {
			err = core.Errorf(core.CodeConflict,
				"stream %s exists with %s %v, not %v: %s; change it with `nats stream edit`, or rename the old stream and its subjects", want.Name, setting, is, wanted, why)
		}
	}
	switch {
	case have.Retention != want.Retention:
		refuse("retention", have.Retention, want.Retention, "another policy deletes events that were read, which breaks replay")
	case have.Storage != want.Storage:
		refuse("storage", have.Storage, want.Storage, "memory loses events with the server")
	case have.Sealed:
		refuse("sealed", true, false, "nothing can be stored in it")
	case have.NoAck:
		refuse("no_ack", true, false, "an event could be lost without a word")
	case have.Mirror != nil:
		refuse("mirror", have.Mirror.Name, "none", "nothing can be published to a mirror")
	case have.MaxMsgsPerSubject > 0:
		refuse("max_msgs_per_subject", have.MaxMsgsPerSubject, "no limit", "events would push each other out")
	case want.MaxBytes < have.MaxBytes && uint64(want.MaxBytes) < info.State.Bytes:
		refuse("max_bytes", have.MaxBytes, want.MaxBytes, fmt.Sprintf("it already holds %d bytes", info.State.Bytes))
	case want.MaxAge > 0 && (have.MaxAge == 0 || want.MaxAge < have.MaxAge) && info.State.Msgs > 0:
		refuse("max_age", have.MaxAge, want.MaxAge, "the change would delete stored events")
	}
	if err != nil {
		return next, nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(want.Subjects), func(s string) bool { return slices.Contains(have.Subjects, s) })
	changes.set("subjects", len(missing) > 0, func() { next.Subjects = append(slices.Clone(have.Subjects), missing...) })
	changes.set("discard", have.Discard != want.Discard, func() { next.Discard = want.Discard })
	changes.set("max_bytes", have.MaxBytes != want.MaxBytes, func() { next.MaxBytes = want.MaxBytes })
	changes.set("max_age", have.MaxAge != want.MaxAge, func() { next.MaxAge = want.MaxAge })
	changes.set("duplicate_window", have.Duplicates != want.Duplicates, func() { next.Duplicates = want.Duplicates })
	changes.set("replicas", have.Replicas != want.Replicas, func() { next.Replicas = want.Replicas })
	changes.set("allow_direct", !have.AllowDirect, func() { next.AllowDirect = true })
	return next, changes, nil
}
