package slots

import (
	"bytes"
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// parts are what a cron trigger names in [from, to), by the rules that its zone had at each
// time: new rules are an edit like any other, from which slots of the past keep what they were.
func (s *specs) parts(ctx context.Context, record ZoneHistory, t core.TriggerConfig, from, to time.Time) ([]segment, error) {
	var history []core.ZoneRules
	if t.Timezone != "" && t.Timezone != "UTC" {
		var err error
		if history, err = record.ZoneRules(ctx, t.Timezone); err != nil {
			return nil, fmt.Errorf("read the rules of zone %s: %w", t.Timezone, err)
		}
	}
	if len(history) == 0 {
		spec, err := s.parse(t)
		if err != nil {
			return nil, err
		}
		return []segment{{from: from, to: to, spec: spec}}, nil
	}
	first := history[0]
	if before, ok := zonedata.Baseline().Data(t.Timezone); ok {
		first = core.ZoneRules{Data: before}
	}
	first.Since = time.Time{}
	var out []segment
	rules := append([]core.ZoneRules{first}, history...)
	for i, z := range rules {
		part := segment{from: later(from, z.Since), to: to}
		if i+1 < len(rules) {
			part.to = earlier(to, rules[i+1].Since)
		}
		if !part.from.Before(part.to) {
			continue
		}
		var err error
		if part.spec, err = s.parseWith(t, z.Data); err != nil {
			return nil, err
		}
		out = append(out, part)
	}
	return out, nil
}

// parseWith reads a trigger by the given rules of its zone, which mostly are those of this process.
func (s *specs) parseWith(t core.TriggerConfig, rules []byte) (*cronspec.Spec, error) {
	if present, ok := zonedata.Current().Data(t.Timezone); ok && bytes.Equal(present, rules) {
		return s.parse(t)
	}
	spec, err := s.cache.ParseWith(t.CronExpression, t.Timezone, rules)
	if err != nil {
		return nil, fmt.Errorf("cron expression of a stored definition: %w", err)
	}
	return spec, nil
}

// changedSince reports whether the rules of a zone have changed after a time.
func (s *specs) changedSince(ctx context.Context, record ZoneHistory, zone string, t time.Time) (bool, error) {
	if zone == "" {
		return false, nil
	}
	history, err := record.ZoneRules(ctx, zone)
	if err != nil {
		return false, fmt.Errorf("read the rules of zone %s: %w", zone, err)
	}
	return len(history) > 0 && history[len(history)-1].Since.After(t), nil
}
