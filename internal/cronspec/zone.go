package cronspec

import (
	"archive/zip"
	_ "embed"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// ZoneDataVersion is the release of the IANA time zone database that is built in.
const ZoneDataVersion = "2025c"

// zoneArchive is the copy that the Go release carries (lib/time/zoneinfo.zip, public domain). Package time would look into
// $ZONEINFO and the machine's files first and take its own copy last, so that a definition could fire at other instants on
// each machine. time/tzdata has the same bytes and lets nobody read them.
//
//go:generate sh -c "cp $(go env GOROOT)/lib/time/zoneinfo.zip zoneinfo.zip"
//go:embed zoneinfo.zip
var zoneArchive string

// zoneFiles are the zones of the archive.
type zoneFiles struct {
	names  []string // ascending
	byName map[string]*zip.File
}

var openZones = sync.OnceValues(func() (zoneFiles, error) {
	z := zoneFiles{byName: make(map[string]*zip.File)}
	archive, err := zip.NewReader(strings.NewReader(zoneArchive), int64(len(zoneArchive)))
	if err != nil {
		return z, fmt.Errorf("open the built-in zone data: %w", err)
	}
	for _, f := range archive.File {
		if f.FileInfo().IsDir() || f.Name == "Factory" { // what a machine has until somebody sets its zone
			continue
		}
		z.names = append(z.names, f.Name)
		z.byName[f.Name] = f
	}
	slices.Sort(z.names)
	return z, nil
})

// Zones yields the IANA zone names that [Parse] accepts, in ascending order.
func Zones() iter.Seq[string] {
	zones, _ := openZones()
	return slices.Values(zones.names)
}

// loadZone reads a zone from what is built in, and from nowhere else. data is its file, in the format of RFC 8536.
func loadZone(name string) (loc *time.Location, data []byte, err error) {
	zones, err := openZones()
	if err != nil {
		return nil, nil, err
	}
	file, ok := zones.byName[name]
	if !ok {
		return nil, nil, &ParseError{Field: FieldZone, Value: name, Reason: "is not an IANA zone name", Hint: zoneHint(name)}
	}
	in, err := file.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("open the built-in zone %s: %w", name, err)
	}
	if data, err = io.ReadAll(in); err == nil {
		loc, err = time.LoadLocationFromTZData(name, data)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the built-in zone %s: %w", name, err)
	}
	return loc, data, nil
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
	zones, _ := openZones()
	zone := "Etc/GMT" + turned + hours
	if _, ok := zones.byName[zone]; !ok {
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
