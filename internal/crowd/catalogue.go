package crowd

import (
	"context"
	"fmt"
	"strings"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
)

// catalogue is the enabled cron definitions as last read, each with the time it is due next.
type catalogue struct {
	revision int64
	rows     map[string]*entry
	// specs are shared: the same few expressions are used over and over.
	specs map[string]*cronspec.Spec
}

type entry struct {
	row  activitycore.StoredDefinition
	spec *cronspec.Spec
	next time.Time // zero: not computed yet, or none is left
	none bool
}

const rowsPerRead = 5000

// refresh reads what has changed. A revision that went back means that the database was restored: everything is read again.
func (c *catalogue) refresh(ctx context.Context, record Record) error {
	revision, err := record.Revision(ctx)
	if err != nil {
		return fmt.Errorf("read the catalogue's revision: %w", err)
	}
	if c.rows == nil || revision < c.revision {
		*c = catalogue{rows: make(map[string]*entry), specs: make(map[string]*cronspec.Spec)}
	}
	for c.revision < revision {
		rows, upTo, err := record.ChangesSince(ctx, c.revision, rowsPerRead)
		if err != nil {
			return fmt.Errorf("read definitions: %w", err)
		}
		for _, row := range rows {
			c.put(row)
		}
		if upTo <= c.revision {
			break
		}
		c.revision = upTo
	}
	return nil
}

func (c *catalogue) put(row activitycore.StoredDefinition) {
	delete(c.rows, row.ID)
	if !row.Live() || !row.Enabled || row.Paused != nil || row.TriggerType != activitycore.TriggerCron {
		return
	}
	key := row.TriggerConfig.Timezone + "\n" + strings.Join(row.TriggerConfig.CronExpression, "\n")
	spec := c.specs[key]
	if spec == nil {
		var err error
		if spec, err = cronspec.Parse(row.TriggerConfig.CronExpression, row.TriggerConfig.Timezone); err != nil {
			return // it has no schedule either; reconciliation reports it
		}
		c.specs[key] = spec
	}
	c.rows[row.ID] = &entry{row: row, spec: spec}
}

// due lists the definitions that have at among their times and had it before it came.
func (c *catalogue) due(at time.Time) []activitycore.StoredDefinition {
	var out []activitycore.StoredDefinition
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
