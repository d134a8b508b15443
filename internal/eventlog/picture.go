package eventlog

import (
	"cmp"
	"context"
	"slices"
	"sync"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/changes"
	"github.com/activity-core/activity-core/internal/eventmatch"
	"github.com/activity-core/activity-core/internal/eventtrigger"
)

// pictured is a live event definition, whether enabled or not, with what keeps it from being
// used, if anything does.
type pictured struct {
	def    core.StoredDefinition
	broken error
}

// wants reports whether one of the types is one that the definition names; so does one that
// cannot be used, which is told in any case.
func (p *pictured) wants(types []string) bool {
	return p.broken != nil || slices.ContainsFunc(p.def.TriggerConfig.EventType, func(t string) bool { return slices.Contains(types, t) })
}

// picture is the catalogue's event definitions, read once and followed, so that an explanation
// does not read all of them for each of its pages.
type picture struct {
	mu       sync.Mutex
	follower changes.Follower
	byID     map[string]*pictured
	byName   []*pictured // nil: to be sorted anew; who has it does not change it
	index    *eventmatch.Index
}

// definitions are those as of now, by name, and which of them an event matches by type and filters.
func (p *picture) definitions(ctx context.Context, catalogue core.Catalogue, e *core.Event) ([]*pictured, map[string]bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []eventmatch.Change
	err := p.follower.Follow(ctx, catalogue, func() {
		p.byID, p.byName, p.index, found = map[string]*pictured{}, nil, eventmatch.NewIndex(), nil
	}, func(row core.StoredDefinition) { found = append(found, p.put(row)) })
	if len(found) > 0 { // also after an error: the follower does not hand these over again
		p.index.Apply(found...)
	}
	if err != nil {
		return nil, nil, err
	}
	ids, err := eventtrigger.Match(p.index, e, nil)
	if err != nil {
		return nil, nil, err
	}
	matched := make(map[string]bool, len(ids))
	for _, id := range ids {
		matched[string(id)] = true
	}
	if p.byName == nil {
		p.byName = make([]*pictured, 0, len(p.byID))
		for _, d := range p.byID {
			p.byName = append(p.byName, d)
		}
		slices.SortFunc(p.byName, func(a, b *pictured) int {
			return cmp.Or(cmp.Compare(a.def.Name, b.def.Name), cmp.Compare(a.def.ID, b.def.ID))
		})
	}
	return p.byName, matched, nil
}

func (p *picture) put(row core.StoredDefinition) eventmatch.Change {
	p.byName = nil
	change := eventmatch.Change{ID: eventmatch.ID(row.ID)}
	if delete(p.byID, row.ID); !row.Live() || row.TriggerType != core.TriggerEvent {
		return change
	}
	d := &pictured{def: row}
	if change.Pattern, d.broken = eventtrigger.ParsePattern(&row); d.broken != nil {
		change.Pattern = nil
	}
	p.byID[row.ID] = d
	return change
}
