package eventstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

const (
	// scanMost bounds the messages one page looks at: some 20 ms. Who wants more asks for the next
	// page.
	scanMost = 4_000
	// scanWhole bounds those of one page where the pages after it are asked for at once.
	ScanWhole = 50_000
	// scanFirst is how many messages the first step backwards reads; each further step reads twice
	// as many, up to scanStep.
	scanFirst, scanStep = 256, 8192
	// scanBytes bounds the messages that one step holds, by their average size.
	scanBytes = 64 << 20
	// pageBytes is about how much one page has.
	pageBytes = 32 << 20
	// scanWait bounds the wait for the next message of a range that is known to be there.
	scanWait = 5 * time.Second
	// scanTries is how often messages that do not arrive are asked for.
	scanTries = 3
)

// Message is a message of a stream.
type Message struct {
	Subject  string
	Header   nats.Header
	Data     []byte
	Sequence uint64
	StoredAt time.Time
}

// From is where reading a stream begins: a sequence, a time, or (zero) its first message.
// Until, if not 0, is the sequence before which it ends. Most, if not 0, is how many messages
// are asked for at a time, at most. Only messages of Subject are read, if it is not "", and
// without their data if HeadersOnly.
type From struct {
	Sequence    uint64
	At          time.Time
	Until       uint64
	Most        uint64
	Subject     string
	HeadersOnly bool
}

// Ascend calls fn for every message that was stored when it was called, oldest first. Messages
// that were lost on their way (the connection broke while the server sent them) are asked for
// again; if that is in vain it returns CodeUnavailable, so that nil means that fn saw all of
// them.
func Ascend(ctx context.Context, js jetstream.JetStream, streamName string, f From, fn func(Message) error) error {
	for idle := 0; ; {
		last, whole, err := pass(ctx, js, streamName, f, fn)
		if err != nil || whole {
			return err
		}
		if last > 0 {
			f.Sequence, idle = last+1, 0
		} else if idle++; idle == scanTries {
			return core.Errorf(core.CodeUnavailable, "read stream %s: messages from sequence %d on do not arrive; try again", streamName, f.Sequence)
		}
	}
}

// pass reads a stream once, until it has what was stored when it began (then whole is true), or
// a message is missing. Last is the sequence of the last message that fn saw, or 0.
func pass(ctx context.Context, js jetstream.JetStream, streamName string, f From, fn func(Message) error) (last uint64, whole bool, err error) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
		FilterSubject: f.Subject, HeadersOnly: f.HeadersOnly}
	switch {
	case f.Sequence > 0:
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, f.Sequence
	case !f.At.IsZero():
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &f.At
	}
	consumer, err := js.CreateConsumer(ctx, streamName, cfg)
	if err != nil {
		return 0, false, Error(err, "read stream "+streamName)
	}
	defer func() { // it would go by itself after InactiveThreshold
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = js.DeleteConsumer(c, streamName, consumer.CachedInfo().Name)
	}()
	seen := uint64(0)
	for left := consumer.CachedInfo().NumPending; seen < left; {
		batch, err := consumer.Fetch(int(min(left-seen, cmp.Or(f.Most, scanFirst))), jetstream.FetchMaxWait(scanWait), jetstream.FetchMaxBytes(FetchBytes(js)))
		if err != nil {
			return last, false, Error(err, "read stream "+streamName)
		}
		before := seen
		for msg := range batch.Messages() {
			meta, err := msg.Metadata()
			if err != nil {
				return last, false, Error(err, "read stream "+streamName)
			}
			if seen++; meta.Sequence.Consumer != seen { // those between were sent, and lost
				return last, false, nil
			}
			if f.Until > 0 && meta.Sequence.Stream >= f.Until {
				return last, true, nil
			}
			if err := fn(Message{Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data(), Sequence: meta.Sequence.Stream, StoredAt: meta.Timestamp.UTC()}); err != nil {
				return last, false, err
			}
			last = meta.Sequence.Stream
			if ctx.Err() != nil {
				return last, false, context.Cause(ctx)
			}
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return last, false, Error(err, "read stream "+streamName)
		}
		if seen == before { // lost, or removed while we read: the next pass tells
			return last, false, nil
		}
	}
	return last, true, nil
}

// FetchBytes bounds what is asked for at a time. The server gives a connection up when 64 MiB
// wait to be read from it (max_pending), and what it had sent is lost. A single message must
// fit, with its headers and its subject.
func FetchBytes(js jetstream.JetStream) int {
	return max(16<<20, int(js.Conn().MaxPayload())+1<<16)
}

// FirstAt is the sequence of the first message that was stored at a time or later, or the one
// that the next message will have.
func FirstAt(ctx context.Context, js jetstream.JetStream, streamName string, at time.Time) (uint64, error) {
	doing := "read stream " + streamName
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return 0, Error(err, doing)
	}
	first := stream.CachedInfo().State.LastSeq + 1
	found := errors.New("found")
	err = Ascend(ctx, js, streamName, From{At: at, Most: 1}, func(m Message) error {
		first = min(first, m.Sequence)
		return found
	})
	if errors.Is(err, found) {
		err = nil
	}
	return first, err
}

// Choice says what to do with a message on the way back through a stream.
type Choice int

const (
	Keep     Choice = iota
	PassOver        // not wanted
	Enough          // nor is anything before it
)

// Descend lists a stream newest first, up to Limit messages and some 32 MiB. The cursor is the
// sequence of the last message looked at, so pages stay right while messages are added and
// removed.
func Descend[T any](ctx context.Context, js jetstream.JetStream, streamName string, p core.PageRequest, look func(Message) (T, Choice)) (core.Page[T], error) {
	return DescendUpTo(ctx, js, streamName, p, scanMost, look)
}

// DescendUpTo is Descend with a bound on the messages that it looks at.
func DescendUpTo[T any](ctx context.Context, js jetstream.JetStream, streamName string, p core.PageRequest, bound uint64, look func(Message) (T, Choice)) (page core.Page[T], err error) {
	if p.Limit < 1 || p.Limit > 1000 {
		return page, core.InvalidField("limit", p.Limit, "must be from 1 to 1000")
	}
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return page, Error(err, "find stream "+streamName)
	}
	state := stream.CachedInfo().State
	end := state.LastSeq + 1 // everything from here on was looked at
	if p.Cursor != "" {
		if end, err = strconv.ParseUint(p.Cursor, 10, 64); err != nil {
			return page, core.InvalidField("cursor", p.Cursor, "was not made by this list; use the next_cursor of the page before")
		}
		end = min(end, state.LastSeq+1)
	}
	average := max(state.Bytes/max(state.Msgs, 1), 1)
	most := min(max(scanBytes/average, 1), scanStep)
	looked, kept := uint64(0), 0
	for width := min(max(uint64(p.Limit), 100), scanFirst, most); end > state.FirstSeq && state.Msgs > 0; width = min(2*width, most, bound-looked) {
		begin := max(end-min(width, end), state.FirstSeq)
		var window []Message
		err := Ascend(ctx, js, streamName, From{Sequence: max(begin, 1), Until: end}, func(m Message) error {
			window = append(window, m)
			return nil
		})
		if err != nil {
			return page, err
		}
		for i := len(window) - 1; i >= 0; i-- {
			item, verdict := look(window[i])
			if verdict == Enough {
				return page, nil
			}
			if verdict == Keep {
				page.Items = append(page.Items, item)
				if kept += len(window[i].Data); len(page.Items) == p.Limit || kept >= pageBytes {
					if window[i].Sequence > state.FirstSeq {
						page.NextCursor = strconv.FormatUint(window[i].Sequence, 10)
					}
					return page, nil
				}
			}
		}
		end = begin
		if looked += width; looked >= bound && end > state.FirstSeq {
			page.NextCursor = strconv.FormatUint(end, 10)
			return page, nil
		}
	}
	return page, nil
}

// Event reads a message as an event. One that names no time is dated when it was stored.
func (m Message) Event() (core.Event, error) {
	e, err := envelope.Decode(envelope.Header(m.Header), m.Data)
	if err == nil && e.Time.IsZero() {
		e.Time = m.StoredAt
	}
	return e, err
}

// Read reads one message of a stream. Errors: CodeNotFound if the stream does not have it (any
// more).
func Read(ctx context.Context, js jetstream.JetStream, streamName string, seq uint64) (Message, error) {
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return Message{}, Error(err, "find stream "+streamName)
	}
	raw, err := stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		what := "event at sequence"
		if streamName == core.DeadLetterStream {
			what = "dead letter"
		}
		return Message{}, core.Wrap(core.CodeNotFound, err, "there is no %s %d", what, seq)
	}
	if err != nil {
		return Message{}, Error(err, fmt.Sprintf("read message %d of stream %s", seq, streamName))
	}
	return Message{Subject: raw.Subject, Header: raw.Header, Data: raw.Data, Sequence: raw.Sequence, StoredAt: raw.Time.UTC()}, nil
}
