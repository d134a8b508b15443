package eventlog

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventtrigger"
)

// Record is what the event log asks of the store; its rules are those of the ports in the root
// package.
type Record interface {
	Definition(ctx context.Context, idOrName string) (core.StoredDefinition, error)
	DefinitionAny(ctx context.Context, id string) (core.StoredDefinition, error)
	DefinitionVersion(ctx context.Context, id string, version int64) (core.StoredDefinition, error)
	LedgerEntry(ctx context.Context, activityID, causeKey string) (core.LedgerEntry, error)
	LedgerEntries(ctx context.Context, f core.LedgerFilter, p core.PageRequest) (core.Page[core.LedgerEntry], error)
	Event(ctx context.Context, eventID string) (core.EventRecord, error)
	EventMatches(ctx context.Context, eventIDs []string, limit int) (map[string]core.EventMatches, error)
	core.Catalogue
}

// Log reads the event stream back: what arrived, what became of it, and why.
type Log struct {
	js      jetstream.JetStream
	record  Record
	compile eventtrigger.CompileWhen
	picture picture
}

// New makes a reader of the event stream.
func New(js jetstream.JetStream, record Record) *Log {
	return &Log{js: js, record: record, compile: eventtrigger.CompileCEL}
}

// Filter restricts a list of events; zero fields do not.
type Filter struct {
	// Type is one of the event's types, also_types included.
	Type string
	// Since and Until restrict when the stream stored the event: [Since, Until).
	Since, Until time.Time
}

// ListEvents lists stored events, newest first, each with the names of the definitions that
// have a ledger row for it. Messages that are no events are left out: they are dead letters. It
// looks at some 4,000 events at most, and ends a page at some 32 MiB: a page may be short, or
// empty, and still have a NextCursor.
func (l *Log) ListEvents(ctx context.Context, f Filter, p core.PageRequest) (core.Page[core.EventListing], error) {
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return core.Page[core.EventListing]{}, wrongRange(f.Since, f.Until)
	}
	if !f.Until.IsZero() && p.Cursor == "" {
		end, err := eventstream.FirstAt(ctx, l.js, core.EventStream, f.Until)
		if err != nil {
			return core.Page[core.EventListing]{}, err
		}
		p.Cursor = strconv.FormatUint(end, 10) // what is newer is not looked through
	}
	page, err := eventstream.Descend(ctx, l.js, core.EventStream, p, func(m eventstream.Message) (core.EventListing, eventstream.Choice) {
		switch {
		case !f.Until.IsZero() && !m.StoredAt.Before(f.Until):
			return core.EventListing{}, eventstream.PassOver
		case m.StoredAt.Before(f.Since):
			return core.EventListing{}, eventstream.Enough
		}
		if f.Type != "" && !mayHaveType(m, f.Type) {
			return core.EventListing{}, eventstream.PassOver
		}
		e, err := m.Event()
		if err != nil || f.Type != "" && e.Type != f.Type && !slices.Contains(e.AlsoTypes, f.Type) {
			return core.EventListing{}, eventstream.PassOver
		}
		return core.EventListing{Event: e, Sequence: m.Sequence, StoredAt: m.StoredAt}, eventstream.Keep
	})
	if err != nil {
		return page, err
	}
	return page, l.matched(ctx, page.Items, matchesInList)
}

// mayHaveType says no only of a message that cannot be an event of a type: its bytes do not
// hold the type, nor an escape that could stand for some of it. To decode a message costs a
// hundred times as much.
func mayHaveType(m eventstream.Message, eventType string) bool {
	if bytes.Contains(m.Data, []byte(eventType)) || bytes.IndexByte(m.Data, '\\') >= 0 {
		return true
	}
	for _, values := range m.Header { // a CloudEvent in binary mode has its attributes there
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, eventType) || strings.Contains(v, "%") }) {
			return true
		}
	}
	return false
}

// How many of the definitions that an event matched are named, in a list and of one event; the
// others are counted.
const (
	matchesInList = 100
	matchesOfOne  = 1000
)

// matched fills in the definitions that have a ledger row for events, at most limit of each.
func (l *Log) matched(ctx context.Context, events []core.EventListing, limit int) error {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.EventID
	}
	matches, err := l.record.EventMatches(ctx, ids, limit)
	for i := range events {
		of := matches[events[i].EventID]
		events[i].MatchedBy, events[i].MatchedMore = of.Names, of.More
	}
	return err
}

// Event finds a stored event by its ID: through the store if a definition matched it, otherwise
// by looking through the stream from its end. The stream knows no such index: among millions of
// events an old one takes seconds. CodeNotFound if it is in neither.
func (l *Log) Event(ctx context.Context, eventID string) (core.EventListing, error) {
	found, err := l.record.Event(ctx, eventID)
	if err == nil {
		listing := []core.EventListing{{Event: found.Event, Sequence: found.StreamSeq, StoredAt: l.storedAt(ctx, found)}}
		err := l.matched(ctx, listing, matchesOfOne)
		return listing[0], err
	}
	if !core.IsCode(err, core.CodeNotFound) {
		return core.EventListing{}, err
	}
	for p := (core.PageRequest{Limit: 1}); ; {
		page, err := eventstream.DescendUpTo(ctx, l.js, core.EventStream, p, eventstream.ScanWhole, func(m eventstream.Message) (core.EventListing, eventstream.Choice) {
			e, err := m.Event()
			if err != nil || e.EventID != eventID {
				return core.EventListing{}, eventstream.PassOver
			}
			return core.EventListing{Event: e, Sequence: m.Sequence, StoredAt: m.StoredAt}, eventstream.Keep
		})
		if err != nil {
			return core.EventListing{}, err
		}
		if len(page.Items) > 0 {
			err := l.matched(ctx, page.Items, matchesOfOne)
			return page.Items[0], err
		}
		if page.NextCursor == "" {
			return core.EventListing{}, core.NotFound("event", eventID)
		}
		p.Cursor = page.NextCursor
	}
}

// LastSequence is the sequence of the newest message of the event stream, 0 while it never had one.
func (l *Log) LastSequence(ctx context.Context) (uint64, error) {
	stream, err := l.js.Stream(ctx, core.EventStream)
	if err != nil {
		return 0, eventstream.Error(err, "find stream "+core.EventStream)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

const (
	// tailAhead bounds the events that lie ready for a slow reader; each has up to 1 MiB.
	tailAhead = 64
	// tailIdle is how long NATS keeps the consumer of a tail whose process died.
	tailIdle = 30 * time.Second
)

// Tail calls fn for each event that is stored after a sequence, in order and none left out,
// until ctx ends (nil) or fn returns an error, which it returns. To begin now, pass
// LastSequence. It lives through a short absence of NATS, and after a longer one returns
// CodeUnavailable: go on from the last sequence that was seen. MatchedBy is empty: the router
// may not have seen the event yet.
func (l *Log) Tail(ctx context.Context, after uint64, fn func(core.EventListing) error) error {
	const doing = "follow stream " + core.EventStream
	// By sequence, and not DeliverNew: nats.go makes the consumer anew after an interruption, and
	// must then know where to go on, also before the first event.
	consumer, err := l.js.OrderedConsumer(ctx, core.EventStream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1, InactiveThreshold: tailIdle,
		MaxResetAttempts: 1, // further ones could not be interrupted
	})
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return eventstream.Error(err, doing)
	}
	defer l.forget(ctx, consumer)
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(tailAhead, eventstream.FetchBytes(l.js)))
	if err != nil {
		return eventstream.Error(err, doing)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if ctx.Err() != nil {
			return nil // the caller has seen enough
		}
		if err != nil {
			return eventstream.Error(err, doing)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return eventstream.Error(err, doing)
		}
		m := eventstream.Message{Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data(), Sequence: meta.Sequence.Stream, StoredAt: meta.Timestamp.UTC()}
		e, err := m.Event()
		if err != nil {
			continue // the router makes a dead letter of it
		}
		if err := fn(core.EventListing{Event: e, Sequence: m.Sequence, StoredAt: m.StoredAt}); err != nil {
			return err
		}
	}
}

// forget removes a tail's consumer, which NATS would otherwise keep for tailIdle.
func (l *Log) forget(ctx context.Context, consumer jetstream.Consumer) {
	info := consumer.CachedInfo()
	if info == nil {
		return
	}
	c, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = l.js.DeleteConsumer(c, core.EventStream, info.Name) // it goes by itself
}

// storedAt is when the stream stored an event that the record knows. If the stream does not
// have it any more, it is when the record got it, a moment later.
func (l *Log) storedAt(ctx context.Context, found core.EventRecord) time.Time {
	if found.StreamSeq == 0 { // it came with a trigger, not through the stream
		return found.At
	}
	m, err := eventstream.Read(ctx, l.js, core.EventStream, found.StreamSeq)
	if err != nil {
		return found.At
	}
	if e, err := m.Event(); err != nil || e.EventID != found.Event.EventID { // another stream, whose sequences begin anew
		return found.At
	}
	return m.StoredAt
}

func wrongRange(since, until time.Time) error {
	return core.InvalidField("until", until.Format(time.RFC3339), "%s", fmt.Sprintf("must be after since (%s)", since.Format(time.RFC3339)))
}
