package cronspec

import (
	"bytes"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/activity-core/activity-core/internal/zonedata"
)

// Zones yields the IANA zone names that [Parse] accepts, in ascending order.
func Zones() iter.Seq[string] { return zonedata.Current().Zones() }

// LoadZone is the zone of that name in the zone data that this process goes by, whatever $ZONEINFO and the machine's files say. It
// is what to call in place of [time.LoadLocation]. The name must not be empty. The error is a [*ParseError], with a hint.
func LoadZone(name string) (*time.Location, error) { return loadZone(zonedata.Current(), name) }

func loadZone(release *zonedata.Release, name string) (*time.Location, error) {
	loc, ok := release.Location(name)
	if !ok {
		return nil, &ParseError{Field: FieldZone, Value: name, Reason: "is not an IANA zone name", Hint: zoneHint(name)}
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

// data is the file of the zone that Temporal is given. Where the rules are those that the zone has always had here, the bytes are,
// too: zic, its options and the years before 2002 make other files of the same rules, and other bytes would rewrite its schedules.
func (z *zoneRules) data() []byte {
	z.canonical.Do(func() {
		z.bytes = z.file
		for _, r := range []*zonedata.Release{zonedata.Baseline(), zonedata.BuiltIn()} {
			if known, ok := r.Data(z.name); ok && SameRules(known, z.file) {
				z.bytes = known
				return
			}
		}
	})
	return z.bytes
}

// SameRules reports whether two files of a zone, in the format of RFC 9636, give the same offset at every instant from the year 2002 to
// the end of [MaxYear]. Names of the time, and what was before, do not count.
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

// zoneHint names the zone that was probably meant. Where a likeness could be hours off, as between abbreviations, it names none.
func zoneHint(name string) string {
	const example = "write an IANA name such as Europe/Berlin, or UTC"
	if strings.EqualFold(name, "local") {
		return "the machine's own zone differs from machine to machine: " + example
	}
	if len(name) > 64 {
		return example
	}
	if hint := offsetHint(name); hint != "" {
		return hint
	}
	wanted := zoneKey(name)
	abbreviated := len(wanted) <= len("cest")
	best, bestDistance := "", max(2, len(wanted)/3)+1
	if abbreviated || strings.ContainsAny(wanted, "+0123456789") { // one letter, or one digit, makes another zone of it
		bestDistance = 1
	}
	for zone := range Zones() {
		key := zoneKey(zone)
		if key == wanted {
			return fmt.Sprintf("did you mean %q?", zone)
		}
		d := editDistance(wanted, key)
		if _, city, ok := cutLast(key, "/"); ok && !strings.Contains(wanted, "/") {
			d = min(d, editDistance(wanted, city)) // "berlin" means Europe/Berlin
		}
		if d < bestDistance {
			best, bestDistance = zone, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case abbreviated:
		return "abbreviations mean different zones in different places: " + example
	}
	return example
}

// fixedOffset finds what says how far a zone is from UTC: "UTC+2", "GMT-5", "+02:00".
var fixedOffset = regexp.MustCompile(`^(?i:UTC|GMT)?([+-])([0-9]{1,2})(?::?00)?$`)

// offsetHint is for a fixed offset; "" for everything else. The names of the database count westward, as POSIX does: Etc/GMT-2 is
// two hours ahead of UTC.
func offsetHint(name string) string {
	parts := fixedOffset.FindStringSubmatch(name)
	if parts == nil {
		return ""
	}
	hours := strings.TrimPrefix(parts[2], "0")
	if hours == "" || hours == "0" {
		return `did you mean "UTC"?`
	}
	turned, side := "-", "ahead of"
	if parts[1] == "-" {
		turned, side = "+", "behind"
	}
	zone := "Etc/GMT" + turned + hours
	if !zonedata.Current().Has(zone) {
		return ""
	}
	return fmt.Sprintf("for %s h %s UTC all year write %q, whose sign is the other way round, or the name of a place, such as Europe/Berlin, to follow its clock changes",
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

// editDistance counts the insertions, deletions and replacements that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
