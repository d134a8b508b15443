package catalog

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// ZonePlan is what another release of the time zone database would change.
type ZonePlan struct {
	// Release is the other one, InForce the one that the server goes by.
	Release string `json:"release"`
	InForce string `json:"in_force"`
	// Definitions with a fire of the coming year that moves, by name; those that are held are among
	// them.
	Changes []ZoneChange `json:"changes"`
	// Unchanged counts the other cron definitions.
	Unchanged int `json:"unchanged"`
	// Missing are zones of definitions that the other release was not given for.
	Missing []string `json:"missing,omitempty"`
}

// ZoneChange is one definition whose fires another release would move.
type ZoneChange struct {
	Name     string `json:"name"`
	ID       string `json:"id"`
	Timezone string `json:"timezone"`
	// NextBefore and NextAfter are the next fire by the rules in force and by the others.
	NextBefore *time.Time `json:"next_before,omitempty"`
	NextAfter  *time.Time `json:"next_after,omitempty"`
	// Gone and New count the fires of the coming year that only the rules in force have, and that
	// only the others have; each up to [MaxZoneFires], which AtLeast then says.
	Gone    int  `json:"gone"`
	New     int  `json:"new"`
	AtLeast bool `json:"at_least,omitempty"`
	// FirstGone and FirstNew are the first of them.
	FirstGone *time.Time `json:"first_gone,omitempty"`
	FirstNew  *time.Time `json:"first_new,omitempty"`
	// Held says why none of these fires as things are: paused or disabled. Empty otherwise.
	Held string `json:"held,omitempty"`
}

// MaxZoneFires bounds the fires of one definition that are compared.
const MaxZoneFires = 20_000

// PlanZones compares the coming year of every cron definition by the zone data in force with
// what other files of zones would make of it. Nothing is stored. CodeInvalid: a file that is
// not in the format of RFC 9636.
func (s *Service) PlanZones(ctx context.Context, release string, zones map[string][]byte) (ZonePlan, error) {
	plan := ZonePlan{Release: release, InForce: zonedata.Current().Name(), Changes: []ZoneChange{}}
	for zone, data := range zones {
		if _, err := time.LoadLocationFromTZData(zone, data); err != nil {
			return plan, core.InvalidField(fmt.Sprintf("zones[%q]", zone), nil, "is no file of a zone (%v); send what zic makes", err)
		}
	}
	missing := map[string]bool{}
	for req := (core.PageRequest{Limit: 1000}); ; {
		page, err := s.Store.Definitions(ctx, core.DefinitionFilter{TriggerType: core.TriggerCron}, req)
		if err != nil {
			return plan, err
		}
		for _, d := range page.Items {
			change, err := s.planZone(d, zones, missing)
			if err != nil {
				return plan, err
			}
			if change == nil {
				plan.Unchanged++
				continue
			}
			plan.Changes = append(plan.Changes, *change)
		}
		if req.Cursor = page.NextCursor; req.Cursor == "" {
			plan.Missing = sortedKeys(missing)
			return plan, nil
		}
	}
}

// planZone is what the files make of one definition; nil if nothing of it moves.
func (s *Service) planZone(d core.StoredDefinition, zones map[string][]byte, missing map[string]bool) (*ZoneChange, error) {
	zone := d.TriggerConfig.Timezone
	if zone == "" || zone == "UTC" {
		return nil, nil //nolint:nilnil // UTC has no rules
	}
	data, ok := zones[zone]
	if !ok {
		missing[zone] = true
		return nil, nil //nolint:nilnil // as the comment says
	}
	if present, _ := zonedata.Current().Data(zone); cronspec.SameRules(present, data) {
		return nil, nil //nolint:nilnil // as the comment says
	}
	before, err := CronSpec(&d.Definition)
	if err != nil {
		return nil, err
	}
	after, err := cronspec.ParseWith(d.TriggerConfig.CronExpression, zone, data)
	if err != nil {
		return nil, core.InvalidField(fmt.Sprintf("zones[%q]", zone), nil, "%v", err)
	}
	c := ZoneChange{Name: d.Name, ID: d.ID, Timezone: zone, Held: heldBy(&d.Definition, d.Paused)}
	now := s.now()
	c.compare(before, after, now, now.AddDate(1, 0, 0))
	if c.Gone+c.New == 0 {
		return nil, nil //nolint:nilnil // as the comment says
	}
	if t, ok := before.Next(now); ok {
		c.NextBefore = &t
	}
	if t, ok := after.Next(now); ok {
		c.NextAfter = &t
	}
	return &c, nil
}

// compare counts what only one of two specs fires at, in [from, to).
func (c *ZoneChange) compare(before, after *cronspec.Spec, from, to time.Time) {
	a, okA := before.Next(from)
	b, okB := after.Next(from)
	for n := 0; okA && a.Before(to) || okB && b.Before(to); n++ {
		if n == MaxZoneFires {
			c.AtLeast = true
			return
		}
		switch {
		case okA && okB && a.Equal(b):
			a, okA = before.Next(a)
			b, okB = after.Next(b)
		case okA && (!okB || a.Before(b)):
			if c.Gone++; c.FirstGone == nil {
				first := a
				c.FirstGone = &first
			}
			a, okA = before.Next(a)
		default:
			if c.New++; c.FirstNew == nil {
				first := b
				c.FirstNew = &first
			}
			b, okB = after.Next(b)
		}
	}
}
