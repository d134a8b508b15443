package eventstream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

// letterRoom is kept free below the server's max_payload, so that an event that was accepted
// also fits into the dead-letter stream with the headers that say why.
const letterRoom = 8 << 10

// Publisher stores events in the event stream and waits until JetStream has them.
type Publisher struct {
	js      jetstream.JetStream
	now     func() time.Time
	metrics Metrics
}

// Metrics are the publisher's measuring points. Either may be nil; both may be called from
// several goroutines.
type Metrics struct {
	// Published counts events that were stored for the first time.
	Published func()
	// Duplicate counts events that JetStream's window knew.
	Duplicate func()
}

// NewPublisher makes a publisher; now is the clock that dates events without a time.
func NewPublisher(js jetstream.JetStream, now func() time.Time, m Metrics) *Publisher {
	return &Publisher{js: js, now: now, metrics: m}
}

// PublishEvent stores one event and returns after JetStream acknowledged it. The event_id is
// its Nats-Msg-Id, whatever its source, so publishing it again is harmless and the answer says
// so.
//
// Errors: CodeConflict where the stream's window holds the event_id with other content
// ([envelope.Differences]); CodeInvalid, CodeMalformed and CodeTooLarge for what is wrong with
// the event; CodeUnavailable if NATS does not answer or the stream is full. After
// CodeUnavailable the event may be stored or not: publish it again with the same event_id.
func (p *Publisher) PublishEvent(ctx context.Context, e core.Event) (core.PublishReceipt, error) {
	msg, err := p.message(e)
	if err != nil {
		return core.PublishReceipt{}, err
	}
	ack, err := p.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(core.EventStream))
	if err != nil {
		return core.PublishReceipt{}, Error(err, "store the event")
	}
	if err := p.conflict(ctx, msg, ack); err != nil {
		return core.PublishReceipt{}, err
	}
	return p.receipt(e.EventID, ack), nil
}

// PublishEvents stores many events with one round trip for all. Every event is checked before
// the first is sent; receipts are in the order of the events. After an error of another kind
// some may be stored: publish all again with the same IDs.
func (p *Publisher) PublishEvents(ctx context.Context, events []core.Event) ([]core.PublishReceipt, error) {
	msgs := make([]*nats.Msg, len(events))
	for i, e := range events {
		var err error
		if msgs[i], err = p.message(e); err != nil {
			if len(events) == 1 {
				return nil, err
			}
			return nil, core.Wrap(core.CodeOf(err), err, "[%d] %s", i, core.MessageOf(err))
		}
	}
	var conflict error // of the first event that has one; the others are stored all the same
	receipts := make([]core.PublishReceipt, 0, len(events))
	futures := make([]jetstream.PubAckFuture, 0, publishWindow)
	for next := 0; len(receipts) < len(msgs); {
		for len(futures) < publishWindow && next < len(msgs) {
			f, err := p.js.PublishMsgAsync(msgs[next], jetstream.WithExpectStream(core.EventStream), jetstream.WithStallWait(publishStall))
			if err != nil {
				return nil, Error(err, fmt.Sprintf("store event %d of %d", next, len(events)))
			}
			futures = append(futures, f)
			next++
		}
		select {
		case ack := <-futures[0].Ok():
			if err := p.conflict(ctx, msgs[len(receipts)], ack); err != nil && conflict == nil {
				conflict = err
				if len(events) > 1 {
					conflict = core.Wrap(core.CodeOf(err), err, "[%d] %s", len(receipts), core.MessageOf(err))
				}
			}
			receipts = append(receipts, p.receipt(events[len(receipts)].EventID, ack))
			futures = append(futures[:0], futures[1:]...)
		case err := <-futures[0].Err():
			return nil, Error(err, fmt.Sprintf("store event %d of %d", len(receipts), len(events)))
		case <-ctx.Done():
			return nil, Error(context.Cause(ctx), fmt.Sprintf("store event %d of %d", len(receipts), len(events)))
		}
	}
	if conflict != nil {
		return nil, conflict
	}
	return receipts, nil
}

const (
	// publishWindow bounds the events in flight: asynchronous publishing is ten times as fast.
	publishWindow = 256
	// publishStall is how long to wait for room in the client library's own window, which others
	// may share.
	publishStall = 5 * time.Second
)

func (p *Publisher) message(e core.Event) (*nats.Msg, error) {
	if e.Time.IsZero() {
		e.Time = p.now()
	}
	e.Time = e.Time.UTC()
	data, err := envelope.Encode(e)
	if err != nil {
		return nil, err
	}
	msg := nats.NewMsg(envelope.Subject(e.Type))
	msg.Data = data
	msg.Header.Set(jetstream.MsgIDHeader, envelope.MessageID(e.EventID))
	if limit := p.js.Conn().MaxPayload() - letterRoom; int64(len(data)) > limit {
		return nil, core.Errorf(core.CodeTooLarge,
			"the event is %d bytes long; at most %d fit: send a reference to the data instead, or raise max_payload of the NATS server", len(data), limit)
	}
	return msg, nil
}

func (p *Publisher) receipt(eventID string, ack *jetstream.PubAck) core.PublishReceipt {
	count := p.metrics.Published
	if ack.Duplicate {
		count = p.metrics.Duplicate
	}
	if count != nil {
		count()
	}
	return core.PublishReceipt{EventID: eventID, Sequence: ack.Sequence, Duplicate: ack.Duplicate}
}
