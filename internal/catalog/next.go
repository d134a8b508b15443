package catalog

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// MaxNext is the most fire times one preview may list.
const MaxNext = 1000

// NextFire is one coming fire time, as people and programs want to read it.
type NextFire struct {
	UTC   time.Time `json:"utc"`
	Local string    `json:"local"`
	// Note says what a clock change does to this time; empty on ordinary days.
	Note string `json:"note,omitempty"`
}

// NextFires are a definition's coming fire times.
type NextFires struct {
	Timezone string `json:"timezone"`
	// ZoneData is the release of the time zone database that the times are made by.
	ZoneData string     `json:"zone_data"`
	Items    []NextFire `json:"items"`
	// Held says why none of these will fire as things are: paused or disabled. Empty otherwise.
	Held string `json:"held,omitempty"`
}

// Next lists the next count fire times strictly after the given instant (zero: now), 1 to
// [MaxNext]. They come from the function that also makes the Temporal schedule.
func (s *Service) Next(ctx context.Context, ref string, after time.Time, count int) (NextFires, error) {
	if count < 1 || count > MaxNext {
		return NextFires{}, core.InvalidField("count", count, "must be between 1 and %d", MaxNext)
	}
	def, err := s.Store.Definition(ctx, ref)
	if err != nil {
		return NextFires{}, err
	}
	spec, err := CronSpec(&def.Definition)
	if err != nil {
		return NextFires{}, err
	}
	if after.IsZero() {
		after = s.now()
	}
	out := NextFires{Timezone: spec.Zone(), ZoneData: zonedata.Current().Name(), Items: []NextFire{}, Held: heldBy(&def.Definition, def.Paused)}
	for _, f := range spec.Fires(after, count) {
		out.Items = append(out.Items, NextFire{UTC: f.UTC, Local: f.Local, Note: f.Note})
	}
	return out, nil
}
