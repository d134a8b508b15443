package eventlog

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	core "github.com/activity-core/activity-core"
)

// The order of explanations.
const (
	rankDecided  = '0' // a row in the ledger
	rankMatched  = '1' // type and filters match; when is not asked for the order, since it has to be compiled
	rankSameType = '2' // what wants the event's type, or cannot be used
	rankOther    = '3'
)

// explained is an explanation with its place in the list.
type explained struct {
	rank byte
	core.EventExplanation
	// def is what is still to be concluded, or nil.
	def   *core.StoredDefinition
	entry *core.LedgerEntry
}

func (a *explained) compare(b *explained) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.ActivityName, b.ActivityName), cmp.Compare(a.ActivityID, b.ActivityID))
}

func (a *explained) cursor() string { return string(a.rank) + a.ActivityID + a.ActivityName }

const uuidLen = 36

// after reads a cursor.
func after(cursor string) (*explained, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // the list begins at its beginning
	}
	if len(cursor) <= 1+uuidLen || cursor[0] < rankDecided || cursor[0] > rankOther || !core.IsUUID(cursor[1:1+uuidLen]) {
		return nil, core.InvalidField("cursor", cursor, "was not made by this list; use the next_cursor of the page before")
	}
	return &explained{rank: cursor[0], EventExplanation: core.EventExplanation{ActivityID: cursor[1 : 1+uuidLen], ActivityName: cursor[1+uuidLen:]}}, nil
}

// Explain says for each event definition (or the one that ref names, by ID or name; "" means
// all) why it does or does not fire for an event. The event need not be stored or ever have
// been published. Those with a row in the ledger come first, deleted ones included, then those
// whose type and filters match, then those of the event's type, then the rest, each by name.
//
// The conditions are those of the definition as it is now, or was last; the verdict is the
// ledger's, from when the event was routed.
func (l *Log) Explain(ctx context.Context, e core.Event, ref string, p core.PageRequest) (page core.Page[core.EventExplanation], err error) {
	if p.Limit < 1 || p.Limit > 1000 {
		return page, core.InvalidField("limit", p.Limit, "must be from 1 to 1000")
	}
	from, err := after(p.Cursor)
	if err != nil {
		return page, err
	}
	x, err := newExplainer(&e, l.compile)
	if err != nil {
		return page, err
	}
	if ref != "" {
		one, err := l.explainOne(ctx, x, ref)
		if err == nil {
			page.Items = append(page.Items, one)
		}
		return page, err
	}
	list, err := l.explainAll(ctx, x, from, p.Limit+1)
	if err != nil {
		return page, err
	}
	if len(list) > p.Limit {
		list = list[:p.Limit]
		page.NextCursor = list[p.Limit-1].cursor()
	}
	for _, item := range list {
		out := item.EventExplanation
		if item.def != nil {
			if out, err = x.conclude(ctx, x.begin(item.def), item.def, item.entry); err != nil {
				return page, err
			}
		}
		page.Items = append(page.Items, out)
	}
	return page, nil
}

// explainAll returns the first most explanations that come after from. The index says which
// match; none is held against the event by itself before it is shown.
func (l *Log) explainAll(ctx context.Context, x *explainer, from *explained, most int) ([]explained, error) {
	entries, err := l.entries(ctx, x.candidate.Event.EventID)
	if err != nil {
		return nil, err
	}
	defs, matched, err := l.picture.definitions(ctx, l.record, x.candidate.Event)
	if err != nil {
		return nil, err
	}
	ranks := map[byte][]explained{}
	keep := func(item explained) {
		if from == nil || from.compare(&item) < 0 {
			ranks[item.rank] = append(ranks[item.rank], item)
		}
	}
	types := append([]string{x.candidate.Event.Type}, x.candidate.Event.AlsoTypes...)
	for _, d := range defs {
		entry := entries[d.def.ID]
		delete(entries, d.def.ID)
		item := explained{rank: rankOther, EventExplanation: core.EventExplanation{ActivityID: d.def.ID, ActivityName: d.def.Name}, def: &d.def, entry: entry}
		switch sameType := d.wants(types); {
		case entry != nil:
			item.rank = rankDecided
		case sameType:
			item.rank = rankSameType
			if matched[d.def.ID] {
				item.rank = rankMatched
			}
		}
		if len(ranks[item.rank]) < most || item.rank == rankDecided {
			keep(item)
		}
	}
	for _, entry := range entries { // what the event once matched, and no event starts any more
		out, err := l.explainGone(ctx, x, entry)
		if err != nil {
			return nil, err
		}
		keep(explained{rank: rankDecided, EventExplanation: out})
	}
	slices.SortFunc(ranks[rankDecided], func(a, b explained) int { return a.compare(&b) })
	all := slices.Concat(ranks[rankDecided], ranks[rankMatched], ranks[rankSameType], ranks[rankOther])
	return all[:min(most, len(all))], nil
}

// entries are the ledger's rows for an event, by definition.
func (l *Log) entries(ctx context.Context, eventID string) (map[string]*core.LedgerEntry, error) {
	entries := map[string]*core.LedgerEntry{}
	if eventID == "" {
		return entries, nil
	}
	for p := (core.PageRequest{Limit: 1000}); ; {
		page, err := l.record.LedgerEntries(ctx, core.LedgerFilter{EventID: eventID, Kind: core.CauseEvent}, p)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			entries[page.Items[i].ActivityID] = &page.Items[i]
		}
		if page.NextCursor == "" {
			return entries, nil
		}
		p.Cursor = page.NextCursor
	}
}

// explainOne explains a definition by ID or name, also a deleted one.
func (l *Log) explainOne(ctx context.Context, x *explainer, ref string) (none core.EventExplanation, err error) {
	def, err := l.record.Definition(ctx, ref)
	live := err == nil
	if core.IsCode(err, core.CodeNotFound) {
		id := ref
		if !core.IsUUID(ref) {
			id = core.DefinitionID(ref)
		}
		def.ID = id
	} else if err != nil {
		return none, err
	}
	notFound := err
	entry, err := l.entry(ctx, def.ID, x.candidate.Event.EventID)
	switch {
	case err != nil:
		return none, err
	case live && def.TriggerType == core.TriggerEvent:
		return x.explain(ctx, &def, entry)
	case entry != nil:
		return l.explainGone(ctx, x, entry)
	case live:
		return none, core.Errorf(core.CodeInvalid, "%s is fired by the clock (trigger_type: %s); no event starts it", def.Name, def.TriggerType)
	}
	def, err = l.record.DefinitionAny(ctx, def.ID)
	if core.IsCode(err, core.CodeNotFound) || err == nil && def.TriggerType != core.TriggerEvent {
		return none, notFound
	}
	if err != nil {
		return none, err
	}
	return x.explain(ctx, &def, nil)
}

// entry is the ledger's row of one definition for an event, or nil.
func (l *Log) entry(ctx context.Context, activityID, eventID string) (*core.LedgerEntry, error) {
	if eventID == "" {
		return nil, nil //nolint:nilnil // an event without an ID has no row
	}
	entry, err := l.record.LedgerEntry(ctx, activityID, core.EventCause(eventID).Key())
	if core.IsCode(err, core.CodeNotFound) {
		return nil, nil //nolint:nilnil // as said
	}
	return &entry, err
}

// explainGone explains a row whose definition was deleted, or is fired by the clock now, with
// the version that decided.
func (l *Log) explainGone(ctx context.Context, x *explainer, entry *core.LedgerEntry) (core.EventExplanation, error) {
	def, err := l.record.DefinitionVersion(ctx, entry.ActivityID, entry.DefinitionVersion)
	if core.IsCode(err, core.CodeNotFound) {
		return core.EventExplanation{ActivityID: entry.ActivityID, ActivityName: entry.ActivityID, DefinitionVersion: entry.DefinitionVersion,
			Conditions: []core.FilterExplanation{}, Verdict: entry.Verdict, RunID: entry.RunID, Summary: verdict(*entry)}, nil
	}
	if err != nil {
		return core.EventExplanation{}, err
	}
	out, err := x.explain(ctx, &def, entry)
	out.Summary = fmt.Sprintf("%s (no event starts it any more; this was version %d)", verdict(*entry), entry.DefinitionVersion)
	return out, err
}
