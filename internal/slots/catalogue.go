package slots

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/changes"
)

// catalogue is the record's definitions as last seen, so that a tick reads only what has changed.
type catalogue struct {
	follower changes.Follower
	// buried says that the deleted definitions have been read since the last beginning from
	// nothing.
	buried bool
	rows   map[string]core.StoredDefinition
	// marks are how far each definition is known to be accounted for. The record's are the same or
	// further behind.
	marks map[string]time.Time
	// saved are the marks that the record has.
	saved map[string]time.Time
	// changed is when the rules of each zone have last changed.
	changed map[string]time.Time
}

// tombstoneReach is how long after its deletion a definition is still asked for slots without a
// verdict, by a process that has not seen the deletion itself.
const tombstoneReach = 31 * 24 * time.Hour

// refresh reads what has changed. Whoever begins from nothing is not told of definitions that
// are deleted and whose schedule is gone, and their last slots may still be without a verdict.
func (c *catalogue) refresh(ctx context.Context, record Record, now time.Time) error {
	if err := c.follow(ctx, record); err != nil {
		return err
	}
	if !c.buried {
		gone, err := record.Tombstones(ctx, now.Add(-tombstoneReach))
		if err != nil {
			return fmt.Errorf("read deleted definitions: %w", err)
		}
		for _, row := range gone {
			if _, ok := c.rows[row.ID]; !ok {
				c.rows[row.ID] = row
			}
		}
		c.buried = true
	}
	if err := c.loadZones(ctx, record); err != nil {
		return err
	}
	return c.loadMarks(ctx, record)
}

func (c *catalogue) loadZones(ctx context.Context, record Record) error {
	rules, err := record.ZoneRules(ctx, "")
	if err != nil {
		return fmt.Errorf("read the rules of zones: %w", err)
	}
	c.changed = make(map[string]time.Time)
	for _, z := range rules {
		c.changed[z.Zone] = z.Since
	}
	return nil
}

func (c *catalogue) follow(ctx context.Context, record Record) error {
	reset := func() {
		c.buried = false
		c.rows = make(map[string]core.StoredDefinition)
		c.marks, c.saved = make(map[string]time.Time), make(map[string]time.Time)
	}
	return c.follower.Follow(ctx, record, reset, func(row core.StoredDefinition) { c.rows[row.ID] = row })
}

// loadMarks asks how far definitions are accounted for that fire by cron, or may have done so
// in an earlier version.
func (c *catalogue) loadMarks(ctx context.Context, record Record) error {
	var unknown []string
	for id, row := range c.rows {
		if _, ok := c.marks[id]; !ok && (row.TriggerType == core.TriggerCron || row.Version > 1) {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	marks, err := record.AccountedUntil(ctx, unknown)
	if err != nil {
		return fmt.Errorf("read how far slots are accounted for: %w", err)
	}
	for _, id := range unknown {
		if mark, ok := marks[id]; ok {
			c.marks[id], c.saved[id] = mark, mark
			continue
		}
		c.marks[id] = c.rows[id].CreatedAt
	}
	return nil
}

// work is one definition with overdue slots, or possibly so.
type work struct {
	row         core.StoredDefinition
	mark, until time.Time
	// lost are make-ups that were recorded and not started, ascending.
	lost []Slot
}

// due lists the definitions that may have slots between their mark and the end of their grace,
// and moves the marks of the others forward: those whose present version and rules of the zone
// are as old as the mark and name no time in between. overdue says up to when a definition's
// slots are overdue.
func (c *catalogue) due(s *specs, overdue func(core.StoredDefinition) time.Time) []work {
	var out []work
	for id, mark := range c.marks {
		row := c.rows[id]
		until := overdue(row)
		if row.DeletedAt != nil {
			until = earlier(until, *row.DeletedAt)
		}
		if row.TriggerType != core.TriggerCron { // earlier versions may have slots, this one has none
			until = earlier(until, row.UpdatedAt)
		}
		if !until.After(mark) {
			continue
		}
		if !row.UpdatedAt.After(mark) && !c.changed[row.TriggerConfig.Timezone].After(mark) {
			if spec, err := s.parse(row.TriggerConfig); err == nil {
				if next, ok := spec.Next(mark.Add(-time.Nanosecond)); !ok || !next.Before(until) {
					c.marks[id] = until
					continue
				}
			}
		}
		out = append(out, work{row: row, mark: mark, until: until})
	}
	return out
}

// believe takes the record's marks of the definitions in due where they lie behind those it is
// known to have had: the record was restored from a backup while this process went on, and the
// slots since have lost their rows.
func (c *catalogue) believe(ctx context.Context, record Record, due []work) error {
	ids := make([]string, 0, len(due))
	for _, item := range due {
		if _, saved := c.saved[item.row.ID]; saved {
			ids = append(ids, item.row.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	marks, err := record.AccountedUntil(ctx, ids)
	if err != nil {
		return fmt.Errorf("read how far slots are accounted for: %w", err)
	}
	for i, item := range due {
		saved, ok := c.saved[item.row.ID]
		if !ok {
			continue
		}
		mark, ok := marks[item.row.ID]
		if !ok {
			mark = item.row.CreatedAt
		}
		if mark.Before(saved) {
			due[i].mark, c.marks[item.row.ID], c.saved[item.row.ID] = mark, mark, mark
		}
	}
	return nil
}

// saveEvery is how far the record's marks may lag behind where there was no slot.
const saveEvery = time.Hour

// unsaved returns the marks that the record should know: those of definitions in done, and
// those that lag far behind.
func (c *catalogue) unsaved(done map[string]bool) map[string]time.Time {
	out := make(map[string]time.Time)
	for id, mark := range c.marks {
		if mark.After(c.saved[id]) && (done[id] || mark.Sub(c.saved[id]) > saveEvery) {
			out[id] = mark
		}
	}
	return out
}
