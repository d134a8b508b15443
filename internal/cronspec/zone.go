package cronspec

import (
	_ "embed"
	"fmt"
	"iter"
	"strings"
	"time"
	_ "time/tzdata" // zones load on a machine that has no zone files, too
)

// zoneNames lists every zone name of the IANA data that this Go release embeds, one a line, sorted. Only these names are
// accepted, so a definition that one replica can read, every replica can read.
//
//go:generate sh -c "unzip -Z1 $(go env GOROOT)/lib/time/zoneinfo.zip | grep -v -e '/$' -e '^Factory$' | LC_ALL=C sort > zones.txt"
//go:embed zones.txt
var zoneNames string

// Zones yields the IANA zone names that [Parse] accepts, in ascending order.
func Zones() iter.Seq[string] {
	return strings.SplitSeq(strings.TrimSuffix(zoneNames, "\n"), "\n")
}

func isZoneName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "\r\n") && strings.Contains("\n"+zoneNames, "\n"+name+"\n")
}

func loadZone(name string) (*time.Location, error) {
	if !isZoneName(name) {
		return nil, &ParseError{Field: FieldZone, Value: name, Reason: "is not an IANA zone name", Hint: zoneHint(name)}
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, &ParseError{Field: FieldZone, Value: name, Reason: fmt.Sprintf("cannot be loaded: %v", err),
			Hint: "check the ZONEINFO variable and the machine's zone files"}
	}
	return loc, nil
}

// zoneHint names the zone that was probably meant.
func zoneHint(name string) string {
	const example = "write an IANA name such as Europe/Berlin, or UTC"
	if strings.EqualFold(name, "local") {
		return "the machine's own zone differs from machine to machine: " + example
	}
	if len(name) > 64 {
		return example
	}
	wanted := zoneKey(name)
	best, bestDistance := "", max(2, len(wanted)/3)+1
	for zone := range Zones() {
		key := zoneKey(zone)
		d := editDistance(wanted, key)
		if _, city, ok := cutLast(key, "/"); ok && !strings.Contains(wanted, "/") {
			d = min(d, editDistance(wanted, city)) // "berlin" means Europe/Berlin
		}
		if d < bestDistance {
			best, bestDistance = zone, d
		}
	}
	if best == "" {
		return example
	}
	return fmt.Sprintf("did you mean %q?", best)
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
