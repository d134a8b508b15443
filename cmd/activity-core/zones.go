package main

import (
	"context"
	"fmt"
	"time"

	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// useZoneData makes a command read zones where the environment says. Servers do so themselves,
// and follow the files.
func (c *cli) useZoneData() error {
	path := c.lookup(config.EnvName("timezone_data"))
	if path == "" {
		return nil
	}
	release, err := zonedata.Open(path)
	if err != nil {
		return usageError("%s: %w", config.EnvName("timezone_data"), err)
	}
	zonedata.Use(release)
	return nil
}

// zoneDataText says which release this program carries or reads.
func zoneDataText() string {
	r := zonedata.Current()
	date := "of unknown date"
	if !r.Date().IsZero() {
		date = "of " + r.Date().Format(time.DateOnly)
	}
	return fmt.Sprintf("zone data %s %s, %s", r.Name(), date, r.Source())
}

// planZones asks the server what a release of the zone data would change.
func (c *cli) planZones(ctx context.Context, path string, exit bool) error {
	release, err := zonedata.Open(path)
	if err != nil {
		return usageError("--timezone-data: %w", err)
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	body := wire.ZoneDataPlan{Release: release.Name(), Zones: map[string][]byte{}}
	for page := (apiclient.ListOptions{Limit: 1000, Filter: map[string]string{"trigger_type": "cron"}}); ; {
		defs, err := api.Definitions(ctx, page)
		if err != nil {
			return err
		}
		for _, d := range defs.Items {
			if data, ok := release.Data(d.TriggerConfig.Timezone); ok {
				body.Zones[d.TriggerConfig.Timezone] = data
			}
		}
		if page.Cursor = defs.NextCursor; page.Cursor == "" {
			break
		}
	}
	plan, err := api.PlanZones(ctx, body)
	if err != nil {
		return err
	}
	if err := c.print(plan, func() { c.showZonePlan(plan) }); err != nil {
		return err
	}
	if exit && len(plan.Changes) > 0 {
		return &exitError{code: exitDifferences}
	}
	return nil
}

func (c *cli) showZonePlan(p catalog.ZonePlan) {
	for _, d := range p.Changes {
		c.say("%s  %s  next %s (now %s)", d.Name, d.Timezone, moment(d.NextAfter), moment(d.NextBefore))
		if d.Held != "" {
			c.say("           will not fire: %s", d.Held)
		}
		more := ""
		if d.AtLeast {
			more = " at least"
		}
		c.say("           in the coming year%s %d times go, the first %s; %d come, the first %s", more, d.Gone, moment(d.FirstGone), d.New, moment(d.FirstNew))
	}
	for _, zone := range p.Missing {
		c.say("%s is in no file of release %s", zone, p.Release)
	}
	c.say("plan: from release %s to %s fires of %d definitions move, those of %d do not", p.InForce, p.Release, len(p.Changes), p.Unchanged)
}

// moment is a time that may be none.
func moment(t *time.Time) string {
	if t == nil {
		return "none"
	}
	return t.UTC().Format(time.RFC3339)
}
