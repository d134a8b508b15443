package natsrouter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

// conflict tells whether a message that JetStream took for a repeat says something else than the one that it has: the sender used one event_id for two
// events, and the second would be lost. A first copy that is not there any more can no longer be compared: then it is a repeat.
func (p *Publisher) conflict(ctx context.Context, msg *nats.Msg, ack *jetstream.PubAck) error {
	if !ack.Duplicate {
		return nil
	}
	const doing = "compare the event with the one of its event_id"
	stream, err := p.js.Stream(ctx, activitycore.EventStream)
	if err != nil {
		return natsError(err, doing)
	}
	raw, err := stream.GetMsg(ctx, ack.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return natsError(err, doing)
	}
	stored, err := envelope.Decode(envelope.Header(raw.Header), raw.Data)
	if err != nil { // no event: it becomes a dead letter under the ID it came with
		return nil //nolint:nilerr // there is nothing to compare
	}
	given, err := envelope.Decode(nil, msg.Data)
	if err != nil {
		return err
	}
	other := differences(given, stored)
	if len(other) == 0 {
		return nil
	}
	const message = "is that of another event, stored at sequence %d with another %s; give each event an ID of its own, and send the same content when you repeat one"
	fault := activitycore.InvalidField("event_id", given.EventID, message, ack.Sequence, strings.Join(other, ", "))
	fault.Code = activitycore.CodeConflict
	return fault
}

// differences names the fields in which two events of one ID differ. What a repeat changes by itself does not count: the time, which the
// publisher may have filled in, the trace, and what ingest adds.
func differences(a, b activitycore.Event) (fields []string) {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"type", a.Type == b.Type},
		{"source", a.Source == b.Source},
		{"subject", a.Subject == b.Subject},
		{"payload", bytes.Equal(compacted(a.Payload), compacted(b.Payload))},
		{"extensions", bytes.Equal(untraced(a.Extensions).JSON(), untraced(b.Extensions).JSON())},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}

func compacted(payload []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, payload) != nil {
		return payload
	}
	return b.Bytes()
}

// untraced leaves out what names the attempt and not the event.
func untraced(x activitycore.Extensions) activitycore.Extensions {
	x = maps.Clone(x)
	delete(x, "traceparent")
	delete(x, "tracestate")
	return x
}
