package deadletter

import (
	"context"
	"encoding/json"
	"strconv"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// Bounds of a look for conflicts.
const (
	// conflictsMost is how many conflicts are told of one event.
	conflictsMost = 20
	// conflictsWithin is among how many of the newest dead letters they are looked for.
	conflictsWithin = 50_000
)

// Conflicts returns the letters of events that came with the event_id of another one, newest
// first, with what differs: the newest 20 of those among the newest 50,000 letters.
func (q *Queue) Conflicts(ctx context.Context, e core.EventListing) ([]core.ConflictingEvent, error) {
	ids, err := q.conflicts(ctx, e)
	if err != nil {
		return nil, err
	}
	var out []core.ConflictingEvent
	for i := len(ids) - 1; i >= 0 && len(out) < conflictsMost; i-- {
		l, err := q.Show(ctx, ids[i])
		switch gone := core.IsCode(err, core.CodeNotFound); {
		case gone && l.ID == 0: // settled meanwhile
			continue
		case err != nil && !gone:
			return nil, err
		}
		out = append(out, conflicting(l, &e.Event))
	}
	return out, nil
}

// conflicts returns the IDs of the letters, oldest first. It reads the headers of letters of
// that reason, and nothing else.
func (q *Queue) conflicts(ctx context.Context, e core.EventListing) (ids []uint64, err error) {
	stream, err := q.js.Stream(ctx, core.DeadLetterStream)
	if err != nil {
		return nil, eventstream.Error(err, "find stream "+core.DeadLetterStream)
	}
	from := eventstream.From{Sequence: 1, Subject: core.DeadLetterPrefix + eventstream.ReasonConflict, HeadersOnly: true}
	if last := stream.CachedInfo().State.LastSeq; last > conflictsWithin {
		from.Sequence = last - conflictsWithin + 1
	}
	id, own := headerSafe(e.EventID), strconv.FormatUint(e.Sequence, 10)
	err = eventstream.Ascend(ctx, q.js, core.DeadLetterStream, from, func(m eventstream.Message) error {
		if m.Header.Get(headerEventID) == id && m.Header.Get(headerSequence) != own {
			ids = append(ids, m.Sequence)
		}
		return nil
	})
	return ids, err
}

// conflicting is a letter beside the event that has its ID.
func conflicting(l core.DeadLetter, kept *core.Event) core.ConflictingEvent {
	x := core.ConflictingEvent{DeadLetter: l.ID, Sequence: l.Sequence, At: l.At, Differs: []string{}}
	var header envelope.Header
	err := json.Unmarshal(l.Headers, &header)
	if err == nil {
		x.Event, err = envelope.Decode(header, l.Data)
	}
	if x.Time.IsZero() {
		x.Time = l.At
	}
	if err != nil { // it was an event when it was routed
		x.EventID, x.Type, x.DataGone = l.EventID, l.Type, true
		return x
	}
	x.Differs = append(x.Differs, envelope.Differences(kept, &x.Event)...)
	return x
}
