package natsrouter

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	activitycore "github.com/activity-core/activity-core"
)

const (
	// scanMost bounds the messages one page looks at.
	scanMost = 50_000
	// scanFirst is how many messages the first step backwards reads; each further step reads twice as many, up to scanStep.
	scanFirst, scanStep = 256, 8192
	// scanWait bounds the wait for the next message of a range that is known to be there.
	scanWait = 5 * time.Second
)

// stored is a message of a stream.
type stored struct {
	subject string
	header  nats.Header
	data    []byte
	seq     uint64
	at      time.Time
}

// from is where reading a stream begins: a sequence, a time, or (zero) its first message. Until, if not 0, is the sequence before which it ends.
type from struct {
	seq   uint64
	at    time.Time
	until uint64
}

// ascend calls fn for every message that was stored when it was called, oldest first.
func ascend(ctx context.Context, js jetstream.JetStream, streamName string, f from, fn func(stored) error) error {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute}
	switch {
	case f.seq > 0:
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, f.seq
	case !f.at.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &f.at
	}
	consumer, err := js.CreateConsumer(ctx, streamName, cfg)
	if err != nil {
		return natsError(err, "read stream "+streamName)
	}
	defer func() { // it would go by itself after InactiveThreshold
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = js.DeleteConsumer(c, streamName, consumer.CachedInfo().Name)
	}()
	for left := consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.Fetch(int(min(left, scanFirst)), jetstream.FetchMaxWait(scanWait))
		if err != nil {
			return natsError(err, "read stream "+streamName)
		}
		got := uint64(0)
		for msg := range batch.Messages() {
			got++
			meta, err := msg.Metadata()
			if err != nil {
				return natsError(err, "read stream "+streamName)
			}
			if f.until > 0 && meta.Sequence.Stream >= f.until {
				return nil
			}
			if err := fn(stored{subject: msg.Subject(), header: msg.Headers(), data: msg.Data(), seq: meta.Sequence.Stream, at: meta.Timestamp.UTC()}); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return natsError(err, "read stream "+streamName)
		}
		if got == 0 { // removed while we read
			return nil
		}
		left -= got
	}
	return nil
}

// verdictOf says what to do with a message on the way back through a stream.
type verdictOf int

const (
	keep     verdictOf = iota
	passOver           // not wanted
	enough             // nor is anything before it
)

// descend lists a stream newest first. The cursor is the sequence of the last message looked at, so pages stay right while messages are added and removed.
func descend[T any](ctx context.Context, js jetstream.JetStream, streamName string, p activitycore.PageRequest, look func(stored) (T, verdictOf)) (page activitycore.Page[T], err error) {
	if p.Limit < 1 || p.Limit > 1000 {
		return page, activitycore.InvalidField("limit", p.Limit, "must be from 1 to 1000")
	}
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return page, natsError(err, "find stream "+streamName)
	}
	state := stream.CachedInfo().State
	end := state.LastSeq + 1 // everything from here on was looked at
	if p.Cursor != "" {
		if end, err = strconv.ParseUint(p.Cursor, 10, 64); err != nil {
			return page, activitycore.InvalidField("cursor", p.Cursor, "was not made by this list; use the next_cursor of the page before")
		}
		end = min(end, state.LastSeq+1)
	}
	looked := uint64(0)
	for width := uint64(scanFirst); end > state.FirstSeq && state.Msgs > 0; width = min(2*width, scanStep) {
		begin := max(end-min(width, end), state.FirstSeq)
		var window []stored
		err := ascend(ctx, js, streamName, from{seq: max(begin, 1), until: end}, func(m stored) error {
			window = append(window, m)
			return nil
		})
		if err != nil {
			return page, err
		}
		for i := len(window) - 1; i >= 0; i-- {
			item, verdict := look(window[i])
			if verdict == enough {
				return page, nil
			}
			if verdict == keep {
				page.Items = append(page.Items, item)
				if len(page.Items) == p.Limit {
					if window[i].seq > state.FirstSeq {
						page.NextCursor = strconv.FormatUint(window[i].seq, 10)
					}
					return page, nil
				}
			}
		}
		end = begin
		if looked += width; looked >= scanMost && end > state.FirstSeq {
			page.NextCursor = strconv.FormatUint(end, 10)
			return page, nil
		}
	}
	return page, nil
}

func wrongRange(since, until time.Time) error {
	return activitycore.InvalidField("until", until.Format(time.RFC3339), "%s", fmt.Sprintf("must be after since (%s)", since.Format(time.RFC3339)))
}
