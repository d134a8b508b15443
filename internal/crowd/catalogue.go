package crowd

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/changes"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// catalogue is the enabled cron definitions as last read, each with the time it is due next.
type catalogue struct {
	follower changes.Follower
	specs    cronspec.Cache
	zones    *zonedata.Release // by whose rules the specs are
	rows     map[string]*entry
}

type entry struct {
	row  core.StoredDefinition
	spec *cronspec.Spec
	next time.Time // zero: not computed yet, or none is left
	none bool
}

// refresh reads what has changed, and all specs anew where the zone data has.
func (c *catalogue) refresh(ctx context.Context, record Record) error {
	if zones := zonedata.Current(); c.zones != zones {
		c.zones = zones
		for _, e := range c.rows {
			c.put(e.row)
		}
	}
	return c.follower.Follow(ctx, record, func() { c.rows = make(map[string]*entry) }, c.put)
}

func (c *catalogue) put(row core.StoredDefinition) {
	delete(c.rows, row.ID)
	if !row.Live() || !row.Enabled || row.Paused != nil || row.TriggerType != core.TriggerCron {
		return
	}
	spec, err := c.specs.Parse(row.TriggerConfig.CronExpression, row.TriggerConfig.Timezone)
	if err != nil {
		return // it has no schedule either; reconciliation reports it
	}
	c.rows[row.ID] = &entry{row: row, spec: spec}
}

// due lists the definitions that have at among their times and had it before it came.
func (c *catalogue) due(at time.Time) []core.StoredDefinition {
	var out []core.StoredDefinition
	for _, e := range c.rows {
		if !e.none && e.next.Before(at) {
			next, ok := e.spec.Next(at.Add(-time.Nanosecond))
			e.next, e.none = next, !ok
		}
		if !e.none && e.next.Equal(at) && e.row.UpdatedAt.Before(at) {
			out = append(out, e.row)
		}
	}
	return out
}
