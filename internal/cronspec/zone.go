package cronspec

import (
	"bytes"
	"slices"
	"time"

	"github.com/activity-core/activity-core/internal/zonedata"
)

// LoadZone is the zone of that name in the zone data that this process goes by, whatever
// $ZONEINFO and the machine's files say. It is what to call in place of [time.LoadLocation].
// The name must not be empty. The error is a [*ParseError], with a hint.
func LoadZone(name string) (*time.Location, error) { return loadZone(zonedata.Current(), name) }

func loadZone(release *zonedata.Release, name string) (*time.Location, error) {
	loc, ok := release.Location(name)
	if !ok {
		return nil, zoneError(release, name)
	}
	return loc, nil
}

// rulesOf are the rules of a zone in a release. An empty name means UTC.
func rulesOf(release *zonedata.Release, name string) (*zoneRules, error) {
	if name == "" {
		name = "UTC"
	}
	loc, err := loadZone(release, name)
	if err != nil {
		return nil, err
	}
	data, _ := release.Data(name)
	return &zoneRules{name: name, loc: loc, file: data}, nil
}

// data is the file of the zone that Temporal is given. Where the rules are those of every
// version of the program, the bytes are, too: zic, its options and the years before 2002 make
// other files of the same rules, and other bytes would rewrite its schedules.
func (z *zoneRules) data() []byte {
	z.canonical.Do(func() {
		z.bytes = z.file
		if known, ok := zonedata.Baseline().Data(z.name); ok && SameRules(known, z.file) {
			z.bytes = known
		}
	})
	return z.bytes
}

// SameRules reports whether two files of a zone, in the format of RFC 9636, give the same
// offset at every instant from the year 2002 to the end of [MaxYear]. Names of the time, and
// what was before, do not count.
func SameRules(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, err := time.LoadLocationFromTZData("", a)
	if err != nil {
		return false
	}
	y, err := time.LoadLocationFromTZData("", b)
	if err != nil {
		return false
	}
	return periodAt(x, firstCompiled).offset == periodAt(y, firstCompiled).offset &&
		slices.Equal(changesIn(x, firstCompiled, lastUnix), changesIn(y, firstCompiled, lastUnix))
}
