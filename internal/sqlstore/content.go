package sqlstore

import (
	"context"
	"slices"
	"sort"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

// claims are the events that the records and settlements of one call come with.
type claims struct {
	at time.Time
	// events are those of the records, then those of the settlements; nil where there is none.
	events []*core.Event
	// keep are those to be kept, the first of each ID, which first points to.
	keep  map[string]core.EventRecord
	first map[string]*core.Event
}

func claimsOf(recs []core.CauseRecord, settlements []core.Settlement, at time.Time) (claims, error) {
	c := claims{at: ts(at), events: make([]*core.Event, 0, len(recs)+len(settlements)),
		keep: map[string]core.EventRecord{}, first: map[string]*core.Event{}}
	for _, r := range recs {
		c.events = append(c.events, r.Event)
		if r.Event == nil {
			continue
		}
		if err := checkEvent(r.Event); err != nil {
			return c, err
		}
		if _, twice := c.keep[r.Event.EventID]; !twice {
			c.keep[r.Event.EventID] = core.EventRecord{Event: *r.Event, StreamSeq: r.StreamSeq, At: c.at}
			c.first[r.Event.EventID] = r.Event
		}
	}
	for _, x := range settlements {
		c.events = append(c.events, x.Event)
		if x.Event == nil {
			continue
		}
		if err := checkEvent(x.Event); err != nil {
			return c, err
		}
	}
	return c, nil
}

// settle keeps each event once and returns, for each claim, how its event differs from the one
// that is kept. What was kept before is read only where an event comes again.
func (c claims) settle(ctx context.Context, s *Store, q Querier) ([]*core.EventConflict, error) {
	kept, err := s.insertEvents(ctx, q, c.keep)
	if err != nil {
		return nil, err
	}
	compared := map[*core.Event]*core.EventConflict{} // the matches of one event share it
	for id := range kept {
		compared[c.first[id]] = nil // it is the one that is kept
	}
	var again []string
	asked := map[string]bool{}
	for _, e := range c.events {
		if e == nil || asked[e.EventID] {
			continue
		}
		asked[e.EventID] = true
		if _, made := kept[e.EventID]; !made {
			again = append(again, e.EventID)
		}
	}
	if err := findEvents(ctx, q, again, kept); err != nil {
		return nil, err
	}
	out := make([]*core.EventConflict, len(c.events))
	for i, e := range c.events {
		if e == nil {
			continue
		}
		first, known := kept[e.EventID]
		if !known { // of a settlement: nothing ran for it
			continue
		}
		conflict, done := compared[e]
		if !done {
			given := *e
			given.Source, given.Subject = clean(e.Source), clean(e.Subject)
			conflict = envelope.Conflict(&first, &given)
			compared[e] = conflict
		}
		out[i] = conflict
	}
	return out, nil
}

// insertEvents keeps events that have no row, in the order of their IDs, and returns them.
func (s *Store) insertEvents(ctx context.Context, q Querier, events map[string]core.EventRecord) (map[string]core.EventRecord, error) {
	ids := make([]string, 0, len(events))
	for id := range events {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	made := make(map[string]core.EventRecord, len(ids))
	err := s.insert(ctx, q, `INSERT INTO events (`+eventColumns+`)`, `ON CONFLICT (event_id) DO NOTHING RETURNING event_id`, len(ids), func(i int) []any {
		r := events[ids[i]]
		e := &r.Event
		var payload any
		if len(e.Payload) > 0 {
			payload = []byte(e.Payload)
		}
		return []any{e.EventID, e.Type, clean(e.Source), clean(e.Subject), ts(e.Time), payload, encodeList(e.AlsoTypes), e.Hops,
			int64(r.StreamSeq), r.At, encodeList(e.Chain), encodeExtensions(e.Extensions)}
	}, func(r scanner) error {
		var id string
		err := r.Scan(&id)
		if err == nil {
			kept := events[id]
			kept.Event.Source, kept.Event.Subject = clean(kept.Event.Source), clean(kept.Event.Subject)
			made[id] = kept
		}
		return err
	})
	return made, err
}

// findEvents reads those of the events that are kept into found.
func findEvents(ctx context.Context, q Querier, ids []string, found map[string]core.EventRecord) error {
	for part := range slices.Chunk(ids, inChunk) {
		var b statement
		b.add(`SELECT ` + eventColumns + ` FROM events WHERE event_id IN `)
		in(&b, part)
		rows, err := list(ctx, q, scanEvent, b.String(), b.args...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			found[r.Event.EventID] = r
		}
	}
	return nil
}
