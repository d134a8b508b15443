package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
)

func scanZoneRules(r scanner) (z core.ZoneRules, err error) {
	err = r.Scan(&z.Zone, timeInto{&z.Since}, &z.Release, &z.Data)
	return z, err
}

const zoneRulesColumns = `zone, since, release, data`

// ZoneRules lists the rules that a zone, or every zone if it is "", has had, by zone and then
// oldest first.
func (s *Store) ZoneRules(ctx context.Context, zone string) ([]core.ZoneRules, error) {
	if zone == "" {
		out, err := list(ctx, s.engine.Reader(), scanZoneRules, `SELECT `+zoneRulesColumns+` FROM zone_rules ORDER BY zone, since`)
		return out, s.translate("list zone rules", err)
	}
	out, err := list(ctx, s.engine.Reader(), scanZoneRules, `SELECT `+zoneRulesColumns+` FROM zone_rules WHERE zone = $1 ORDER BY since`, zone)
	return out, s.translate("list zone rules", err)
}

// AdoptZoneRules adds rules that differ from the latest of their zone. Two that decide at once
// do not add the same rules twice, and where a clock is behind, rules begin after those that
// they follow.
func (s *Store) AdoptZoneRules(ctx context.Context, rules []core.ZoneRules) error {
	for _, z := range rules {
		if err := checkKey("zone", z.Zone); err != nil {
			return err
		}
		if z.Zone == "" || z.Since.IsZero() || len(z.Data) == 0 {
			return core.InvalidField("zone", z.Zone, "needs a name, a time from which its rules hold, and their data")
		}
	}
	if len(rules) == 0 {
		return nil
	}
	return s.write(ctx, "adopt zone rules", func(ctx context.Context, q Querier) error {
		if _, _, err := one(ctx, q, value[string], `SELECT name FROM locks WHERE name = 'zone_rules'`+s.dialect.ForUpdate); err != nil {
			return err
		}
		for _, z := range rules {
			last, found, err := one(ctx, q, scanZoneRules, `SELECT `+zoneRulesColumns+` FROM zone_rules WHERE zone = $1 ORDER BY since DESC LIMIT 1`, z.Zone)
			if err != nil {
				return fmt.Errorf("read the rules of %s: %w", z.Zone, err)
			}
			if found && bytes.Equal(last.Data, z.Data) {
				continue
			}
			since := ts(z.Since)
			if found && !since.After(last.Since) {
				since = ts(last.Since.Add(time.Microsecond))
			}
			if _, err := exec(ctx, q, `INSERT INTO zone_rules (`+zoneRulesColumns+`) VALUES ($1,$2,$3,$4)`, z.Zone, since, clean(z.Release), z.Data); err != nil {
				return err
			}
		}
		return nil
	})
}
