package eventstream

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

// conflict tells whether a message that JetStream took for a repeat says something else than
// the one that it has: the sender used one event_id for two events, and the second would be
// lost. A first copy that is not there any more can no longer be compared: then it is a repeat.
func (p *Publisher) conflict(ctx context.Context, msg *nats.Msg, ack *jetstream.PubAck) error {
	if !ack.Duplicate {
		return nil
	}
	const doing = "compare the event with the one of its event_id"
	stream, err := p.js.Stream(ctx, core.EventStream)
	if err != nil {
		return Error(err, doing)
	}
	raw, err := stream.GetMsg(ctx, ack.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return Error(err, doing)
	}
	stored, err := envelope.Decode(envelope.Header(raw.Header), raw.Data)
	if err != nil { // no event: it becomes a dead letter under the ID it came with
		return nil //nolint:nilerr // there is nothing to compare
	}
	given, err := envelope.Decode(nil, msg.Data)
	if err != nil {
		return err
	}
	if other := envelope.Conflict(&core.EventRecord{Event: stored, StreamSeq: ack.Sequence}, &given); other != nil {
		return other.Fault()
	}
	return nil
}
