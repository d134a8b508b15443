package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	core "github.com/activity-core/activity-core"
)

const eventColumns = `event_id, type, source, subject, event_time, payload, also_types, hops, stream_seq, created_at, chain, extensions`

func scanEvent(r scanner) (core.EventRecord, error) {
	var e core.EventRecord
	var payload []byte
	var alsoTypes, chain, extensions string
	var seq int64
	err := r.Scan(&e.Event.EventID, &e.Event.Type, &e.Event.Source, &e.Event.Subject, timeInto{&e.Event.Time}, &payload,
		&alsoTypes, &e.Event.Hops, &seq, timeInto{&e.At}, &chain, &extensions)
	if err != nil {
		return e, err
	}
	if len(payload) > 0 {
		e.Event.Payload = payload
	}
	e.StreamSeq = uint64(seq)
	if e.Event.Extensions, err = decodeExtensions(extensions); err != nil {
		return e, err
	}
	e.NoExtensions = extensions == ""
	if e.Event.AlsoTypes, err = decodeList(alsoTypes); err != nil {
		return e, err
	}
	e.Event.Chain, err = decodeList(chain)
	return e, err
}

func checkEvent(e *core.Event) error {
	if e.EventID == "" {
		return core.InvalidField("event.event_id", "", "must not be empty")
	}
	if err := checkKey("event.event_id", e.EventID); err != nil {
		return err
	}
	return checkKey("event.type", e.Type)
}

// noExtensions is what is kept of an event without extensions; versions that knew none left the
// column empty.
const noExtensions = "{}"

func encodeExtensions(x core.Extensions) string {
	if len(x) == 0 {
		return noExtensions
	}
	return clean(string(x.JSON()))
}

func decodeExtensions(text string) (x core.Extensions, err error) {
	if text == "" || text == noExtensions {
		return nil, nil
	}
	return x, json.Unmarshal([]byte(text), &x)
}

// Event finds an event kept with a cause.
func (s *Store) Event(ctx context.Context, eventID string) (core.EventRecord, error) {
	e, found, err := one(ctx, s.engine.Reader(), scanEvent, `SELECT `+eventColumns+` FROM events WHERE event_id = $1`, clean(eventID))
	if err != nil {
		return e, s.translate("find event", err)
	}
	if !found {
		return e, core.NotFound("event", clean(eventID))
	}
	return e, nil
}

// EventList lists events, of one type if it is given, newest first.
func (s *Store) EventList(ctx context.Context, eventType string, p core.PageRequest) (core.Page[core.EventRecord], error) {
	var none core.Page[core.EventRecord]
	tag := listTag("events", eventType)
	after, err := openPage(tag, 1, p)
	if err != nil {
		return none, err
	}
	l := &listing{table: "events", columns: eventColumns, order: []string{"created_at", "event_id"}, descending: true, limit: p.Limit}
	if l.equal("type", eventType); after != nil {
		l.after = []any{after.time(), after.Keys[0]}
	}
	rows, err := read(ctx, s, l, scanEvent)
	if err != nil {
		return none, s.translate("list events", err)
	}
	return closePage(tag, rows, p.Limit, func(e core.EventRecord) (time.Time, []string) {
		return e.At, []string{e.Event.EventID}
	}), nil
}

// EventTypes lists the different types of kept events, at most limit. It steps from type to
// type along the index, whatever number of events there is.
func (s *Store) EventTypes(ctx context.Context, limit int) ([]string, error) {
	types, err := list(ctx, s.engine.Reader(), func(r scanner) (string, error) {
		var t string
		return t, r.Scan(&t)
	}, `WITH RECURSIVE types(type) AS (
		SELECT (SELECT MIN(type) FROM events)
		UNION ALL
		SELECT (SELECT MIN(e.type) FROM events e WHERE e.type > types.type) FROM types WHERE types.type IS NOT NULL
	) SELECT type FROM types WHERE type IS NOT NULL LIMIT $1`, limit)
	if err != nil {
		return nil, s.translate("list event types", err)
	}
	return types, nil
}
