package cronspec

import (
	_ "embed"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"sync"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/zonedata"
)

const zoneExample = "write an IANA name such as Europe/Berlin, or UTC"

var (
	//go:embed windowszones.txt
	windowsText string
	//go:embed places.txt
	placesText string
)

// windowsZones are the zones by what Windows calls them, in lower case.
var windowsZones = sync.OnceValue(func() map[string]string {
	zones := make(map[string]string)
	for line := range strings.Lines(windowsText) {
		if name, zone, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && !strings.HasPrefix(line, "#") && name != "UTC" {
			zones[strings.ToLower(name)] = zone
		}
	}
	for _, us := range []string{"Eastern", "Central", "Mountain", "Pacific"} { // as Rails has them
		zones[strings.ToLower(us)+" time (us & canada)"] = zones[strings.ToLower(us)+" standard time"]
	}
	return zones
})

// places are the zones of cities and countries that are none themselves, by [zoneKey].
var places = sync.OnceValue(func() map[string]string {
	zones := make(map[string]string)
	for line := range strings.Lines(placesText) {
		zone, names, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		for _, name := range strings.Fields(names) {
			zones[zoneKey(name)] = zone
		}
	}
	return zones
})

// zoneError refuses a name that is no zone and says which was meant. Where that could put a
// schedule hours off, it names none.
func zoneError(release *zonedata.Release, name string) *ParseError {
	e := &ParseError{Field: FieldZone, Value: name, Reason: "is not an IANA zone name", Hint: zoneExample}
	meant := func(zone, hint string) *ParseError {
		e.Remedy, e.Hint = &Remedy{Timezone: zone, Same: true}, hint
		return e
	}
	key := zoneKey(name)
	switch {
	case strings.EqualFold(name, "local"):
		e.Hint = "the machine's own zone differs from machine to machine: " + zoneExample
		return e
	case len(name) > 64:
		e.Value = name[:40] + "…"
		return e
	}
	if zone, hint := offsetHint(release, name); zone != "" {
		return meant(zone, hint)
	}
	if zone := windowsZones()[strings.ToLower(strings.Join(strings.Fields(name), " "))]; release.Has(zone) {
		return meant(zone, fmt.Sprintf("write %q, which is the zone that Windows calls so", zone))
	}
	if zone := placeZone(key); release.Has(zone) {
		return meant(zone, fmt.Sprintf("write %q, whose clocks are those of that place", zone))
	}
	if zone := likeZone(release, release.Zones(), key); zone != "" {
		return meant(zone, fmt.Sprintf("did you mean %q?", zone))
	}
	if isAbbreviation(key) {
		e.Hint = "abbreviations mean different zones in different places: " + zoneExample
	}
	return e
}

// zoneRegions are what stands before the slash in the database, and the countries that stand
// for one of them.
var zoneRegions = map[string]string{"africa": "africa", "america": "america", "antarctica": "antarctica", "arctic": "arctic", "asia": "asia", "atlantic": "atlantic",
	"australia": "australia", "europe": "europe", "indian": "indian", "pacific": "pacific", "etc": "etc",
	"us": "america", "usa": "america", "canada": "america", "brazil": "america", "mexico": "america", "chile": "america", "argentina": "america"}

// placeZone is the zone of a known city or country. One that is put into another part of the
// world is another place of that name.
func placeZone(key string) string {
	region, place, qualified := cutLast(key, "/")
	if !qualified {
		place = key
	}
	zone := places()[place]
	if zone == "" {
		return ""
	}
	of, isRegion := zoneRegions[region]
	if qualified && isRegion && !strings.HasPrefix(strings.ToLower(zone), of+"/") {
		return ""
	}
	return zone
}

// ambiguousPlaces are cities of the database that are as well known elsewhere.
var ambiguousPlaces = map[string]bool{"cordoba": true, "merida": true, "san_juan": true}

// likeZone is the zone of almost that spelling, "" for none, and also where zones of different
// clocks are as near as that.
func likeZone(release *zonedata.Release, zones iter.Seq[string], wanted string) string {
	best := ""
	_, _, qualified := cutLast(wanted, "/")
	nearest := len(wanted)
	var near []string
	consider := func(key, zone string) {
		limit := spellingLimit(wanted, key)
		d := core.EditDistance(wanted, key, limit+1)
		if d > limit {
			return
		}
		near = append(near, zone)
		if d < nearest || d == nearest && zone < best {
			best, nearest = zone, d
		}
	}
	for zone := range zones {
		key := zoneKey(zone)
		if key == wanted {
			return zone
		}
		consider(key, zone)
		if region, city, ok := strings.Cut(key, "/"); !qualified && ok && region != "etc" && !strings.Contains(city, "/") && !ambiguousPlaces[city] {
			consider(city, zone) // "berlin" means Europe/Berlin
		}
	}
	for place, zone := range places() {
		region, _, _ := strings.Cut(zoneKey(zone), "/")
		consider(region+"/"+place, zone)
		if !qualified {
			consider(place, zone)
		}
	}
	if !sameClocks(release, near) {
		return ""
	}
	return best
}

// spellingLimit is how many letters may be wrong. One makes another zone of an abbreviation, an
// offset or a short name.
func spellingLimit(wanted, key string) int {
	longest := 0
	_, _, qualified := cutLast(wanted, "/")
	for _, name := range []string{wanted, key} {
		_, city, ok := cutLast(name, "/")
		if !ok {
			city = name
		}
		longest = max(longest, len(city))
	}
	switch {
	case isAbbreviation(wanted) || strings.ContainsAny(wanted, "+0123456789") || longest < 6:
		return 0
	case longest < 8 || !qualified:
		return 1
	}
	return 2
}

func isAbbreviation(key string) bool { return len(key) <= len("cest") }

func sameClocks(release *zonedata.Release, zones []string) bool {
	for _, zone := range zones {
		first, _ := release.Data(zones[0])
		if other, ok := release.Data(zone); zone != zones[0] && (!ok || !SameRules(first, other)) {
			return false
		}
	}
	return true
}

// fixedOffset finds what says how far a zone is from UTC: "UTC+2", "GMT-5", "+02:00".
var fixedOffset = regexp.MustCompile(`^(?i:UTC|GMT)?([+-])([0-9]{1,2})(?::?00)?$`)

// offsetHint is for a fixed offset; "" for everything else. The names of the database count
// westward, as POSIX does: Etc/GMT-2 is two hours ahead of UTC.
func offsetHint(release *zonedata.Release, name string) (zone, hint string) {
	parts := fixedOffset.FindStringSubmatch(name)
	if parts == nil {
		return "", ""
	}
	hours := strings.TrimPrefix(parts[2], "0")
	if hours == "" || hours == "0" {
		return "UTC", `did you mean "UTC"?`
	}
	turned, side := "-", "ahead of"
	if parts[1] == "-" {
		turned, side = "+", "behind"
	}
	zone = "Etc/GMT" + turned + hours
	if !release.Has(zone) {
		return "", ""
	}
	return zone, fmt.Sprintf("for %s h %s UTC all year write %q, whose sign is the other way round, or the name of a place, such as Europe/Berlin, to follow its clock changes",
		hours, side, zone)
}

func zoneKey(name string) string {
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
