package deadletter

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// Headers of a dead letter. The message's own headers stand beside them under their own names,
// other than those that steer JetStream (Nats-…), which get originalPrefix so that they mean
// nothing here.
const (
	headerReason     = "Activity-Reason"
	headerDetail     = "Activity-Detail"
	headerSubject    = "Activity-Subject"
	headerSequence   = "Activity-Sequence"
	headerDeliveries = "Activity-Deliveries"
	headerAt         = "Activity-At"
	headerEventID    = "Activity-Event-Id"
	headerEventType  = "Activity-Event-Type"
	headerElsewhere  = "Activity-Data-Elsewhere" // the data did not fit: it is in the event stream at Activity-Sequence
	ownPrefix        = "Activity-"
	originalPrefix   = "Original-"
	natsPrefix       = "Nats-"
)

// maxDetail bounds the text of the reason.
const maxDetail = 1024

// Queue reads and settles the dead-letter stream.
type Queue struct {
	js  jetstream.JetStream
	now func() time.Time
}

// New makes the reader; now is the clock that dates letters.
func New(js jetstream.JetStream, now func() time.Time) *Queue {
	return &Queue{js: js, now: now}
}

// Store writes a dead letter for a message that was delivered so often, and returns under which
// event ID, "" if it has none. A second letter for the same message and reason is recognised by
// JetStream for as long as its window lasts.
func (q *Queue) Store(ctx context.Context, m eventstream.Message, deliveries uint64, reason, detail string) (eventID string, err error) {
	msg := nats.NewMsg(core.DeadLetterPrefix + reason)
	msg.Data = m.Data
	for name, values := range m.Header {
		if hasPrefixFold(name, natsPrefix) || hasPrefixFold(name, ownPrefix) {
			name = originalPrefix + name
		}
		msg.Header[name] = values
	}
	set := func(name, value string) { msg.Header.Set(name, headerSafe(value)) }
	set(jetstream.MsgIDHeader, fmt.Sprintf("dead-%d-%s", m.Sequence, reason))
	set(headerReason, reason)
	set(headerDetail, detail)
	set(headerSubject, m.Subject)
	set(headerSequence, strconv.FormatUint(m.Sequence, 10))
	set(headerDeliveries, strconv.FormatUint(deliveries, 10))
	set(headerAt, q.now().UTC().Format(time.RFC3339Nano))
	eventID, eventType := namesOf(m)
	set(headerEventID, eventID)
	set(headerEventType, eventType)
	if int64(msg.Size()) > q.js.Conn().MaxPayload() { // a foreign publisher used all the room there is
		msg.Data = nil
		set(headerElsewhere, "true")
	}
	_, err = q.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(core.DeadLetterStream))
	if eventstream.Full(err) {
		return eventID, core.Wrap(core.CodeUnavailable, err,
			"cannot store the dead letter: stream %s is full; replay or drop letters (activity-core dead-letters), or give it more room (nats stream edit %s --max-bytes)", core.DeadLetterStream, core.DeadLetterStream)
	}
	if err != nil {
		return eventID, eventstream.Error(err, "store the dead letter")
	}
	return eventID, nil
}

// headerSafe makes text fit for a NATS header, one line.
func headerSafe(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "") + "…"
	}
	return s
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// Filter restricts a list; zero fields do not.
type Filter struct {
	Reason string
	Type   string
}

func (f Filter) wants(l core.DeadLetter) bool {
	return (f.Reason == "" || f.Reason == l.Reason) && (f.Type == "" || f.Type == l.Type)
}

// List lists dead letters, newest first, without their data. It looks at some 4,000 letters at
// most: a page may be short, or empty, and still have a NextCursor.
func (q *Queue) List(ctx context.Context, f Filter, p core.PageRequest) (core.Page[core.DeadLetter], error) {
	return eventstream.Descend(ctx, q.js, core.DeadLetterStream, p, func(m eventstream.Message) (core.DeadLetter, eventstream.Choice) {
		l := letter(m)
		l.Data = nil
		if !f.wants(l) {
			return l, eventstream.PassOver
		}
		return l, eventstream.Keep
	})
}

// Show returns one dead letter with its data.
func (q *Queue) Show(ctx context.Context, id uint64) (core.DeadLetter, error) {
	m, err := eventstream.Read(ctx, q.js, core.DeadLetterStream, id)
	if err != nil {
		return core.DeadLetter{}, err
	}
	if m.Header.Get(headerElsewhere) == "" {
		return letter(m), nil
	}
	l := letter(m)
	original, err := eventstream.Read(ctx, q.js, core.EventStream, l.Sequence)
	if err != nil {
		return l, core.Wrap(core.CodeOf(err), err, "the data of dead letter %d is not in the event stream any more (sequence %d)", id, l.Sequence)
	}
	l.Data = original.Data
	return l, nil
}

// Drop removes a dead letter for good.
func (q *Queue) Drop(ctx context.Context, id uint64) error {
	stream, err := q.js.Stream(ctx, core.DeadLetterStream)
	if err != nil {
		return eventstream.Error(err, "find stream "+core.DeadLetterStream)
	}
	if _, err := eventstream.Read(ctx, q.js, core.DeadLetterStream, id); err != nil {
		return err
	}
	if err := stream.DeleteMsg(ctx, id); err != nil {
		return eventstream.Error(err, fmt.Sprintf("delete dead letter %d", id))
	}
	return nil
}

// Replay publishes a dead letter to its original subject, with its original headers, the same
// event_id and a Nats-Msg-Id of its own, and then removes it. If the process dies in between,
// the letter stays, and replaying it again is harmless: the ledger knows the event.
func (q *Queue) Replay(ctx context.Context, id uint64) (core.PublishReceipt, error) {
	l, err := q.Show(ctx, id)
	if err != nil {
		return core.PublishReceipt{}, err
	}
	msg := nats.NewMsg(l.Subject)
	msg.Data = l.Data
	if err := json.Unmarshal(l.Headers, &msg.Header); err != nil {
		return core.PublishReceipt{}, core.Wrap(core.CodeInternal, err, "dead letter %d has unreadable headers", id)
	}
	maps.DeleteFunc(msg.Header, func(name string, _ []string) bool { return hasPrefixFold(name, natsPrefix) })
	msg.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("replay-%d-%d", id, l.At.UnixNano()))
	msg.Header.Set(headerEventID, l.EventID) // where the message does not say it, its own Nats-Msg-Id did
	ack, err := q.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(core.EventStream))
	if err != nil {
		return core.PublishReceipt{}, eventstream.Error(err, fmt.Sprintf("publish dead letter %d again", id))
	}
	receipt := core.PublishReceipt{EventID: l.EventID, Sequence: ack.Sequence, Duplicate: ack.Duplicate}
	return receipt, q.Drop(ctx, id)
}

// ReplayAll replays every dead letter that the filter wants and that was there when it was
// called, oldest first. It returns how many it replayed, also with an error.
func (q *Queue) ReplayAll(ctx context.Context, f Filter) (int, error) {
	ids, err := q.all(ctx, f)
	if err != nil {
		return 0, err
	}
	for n, id := range ids {
		if _, err := q.Replay(ctx, id); err != nil {
			return n, fmt.Errorf("dead letter %d: %w", id, err)
		}
	}
	return len(ids), nil
}

// DropAll removes every dead letter that the filter wants and that was there when it was called.
func (q *Queue) DropAll(ctx context.Context, f Filter) (int, error) {
	ids, err := q.all(ctx, f)
	if err != nil {
		return 0, err
	}
	for n, id := range ids {
		if err := q.Drop(ctx, id); err != nil {
			return n, fmt.Errorf("dead letter %d: %w", id, err)
		}
	}
	return len(ids), nil
}

func (q *Queue) all(ctx context.Context, f Filter) (ids []uint64, err error) {
	err = eventstream.Ascend(ctx, q.js, core.DeadLetterStream, eventstream.From{}, func(m eventstream.Message) error {
		if l := letter(m); f.wants(l) {
			ids = append(ids, l.ID)
		}
		return nil
	})
	return ids, err
}

// letter reads a dead letter from its message.
func letter(m eventstream.Message) core.DeadLetter {
	l := core.DeadLetter{
		ID:      m.Sequence,
		EventID: m.Header.Get(headerEventID),
		Type:    m.Header.Get(headerEventType),
		Subject: m.Header.Get(headerSubject),
		Reason:  m.Header.Get(headerReason),
		Detail:  m.Header.Get(headerDetail),
		At:      m.StoredAt.UTC(),
		Data:    m.Data,
	}
	l.Deliveries, _ = strconv.Atoi(m.Header.Get(headerDeliveries))
	l.Sequence, _ = strconv.ParseUint(m.Header.Get(headerSequence), 10, 64)
	if at, err := time.Parse(time.RFC3339Nano, m.Header.Get(headerAt)); err == nil {
		l.At = at
	}
	original := nats.Header{}
	for name, values := range m.Header {
		switch {
		case hasPrefixFold(name, originalPrefix+natsPrefix), hasPrefixFold(name, originalPrefix+ownPrefix):
			original[name[len(originalPrefix):]] = values
		case !hasPrefixFold(name, natsPrefix) && !hasPrefixFold(name, ownPrefix):
			original[name] = values
		}
	}
	l.Headers, _ = json.Marshal(original) // strings always marshal
	return l
}
