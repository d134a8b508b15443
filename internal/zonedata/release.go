package zonedata

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The built-in data is made by `make zone-data` from the text of IANA beside it
// (docs/adr/0010). baseline.zip is release 2025c as the Go release 1.26 carries it: what every
// version of the program had that kept no record of its zone data.
var (
	//go:embed zoneinfo.zip
	builtInArchive []byte
	//go:embed baseline.zip
	baselineArchive []byte
)

// OldAfter is the age from which a release is worth a warning. Some three to eight come out a year.
const OldAfter = 180 * 24 * time.Hour

// BuiltInSource is the [Release.Source] of the data that the program carries.
const BuiltInSource = "built in"

// Release is one release of the time zone database, whole and in memory: it stays as it is when
// its files change. It is immutable and safe for concurrent use.
type Release struct {
	name   string
	source string
	date   time.Time
	zones  []string // ascending
	files  map[string][]byte

	locations sync.Map // zone → *time.Location
}

// Name is IANA's name of the release, such as 2026f. Names of later releases sort after those
// of earlier ones.
func (r *Release) Name() string { return r.name }

// Source is where the release was read from: [BuiltInSource], or a path.
func (r *Release) Source() string { return r.source }

// Date is the day of the release, or the latest day that it can be of; zero where nothing tells.
func (r *Release) Date() time.Time { return r.date }

// Age is how long ago the release came out, at least; zero where nothing tells.
func (r *Release) Age(now time.Time) time.Duration {
	if r.date.IsZero() || now.Before(r.date) {
		return 0
	}
	return now.Sub(r.date)
}

// Old reports whether there have probably been newer releases for a while.
func (r *Release) Old(now time.Time) bool { return r.Age(now) > OldAfter }

// Zones yields the names of its zones, in ascending order.
func (r *Release) Zones() iter.Seq[string] { return slices.Values(r.zones) }

// With is the release with other rules for some zones.
func (r *Release) With(rules map[string][]byte) (*Release, error) {
	files := maps.Clone(r.files)
	maps.Copy(files, rules)
	out, err := newRelease(files, r.name, r.date)
	if err != nil {
		return nil, err
	}
	out.source = r.source
	return out, nil
}

// Equal reports whether two releases have the same name, source and files.
func (r *Release) Equal(other *Release) bool {
	return r == other || r.name == other.name && r.source == other.source && maps.EqualFunc(r.files, other.files, bytes.Equal)
}

// Has reports whether it has a zone of that very name.
func (r *Release) Has(zone string) bool { return r.files[zone] != nil }

// Data is a zone's file in the format of RFC 9636, which must not be changed. ok is false if
// there is no zone of that very name.
func (r *Release) Data(zone string) (data []byte, ok bool) {
	data, ok = r.files[zone]
	return data, ok
}

// Location is a zone as package time uses it. ok is false if there is no zone of that very name.
func (r *Release) Location(zone string) (loc *time.Location, ok bool) {
	if known, found := r.locations.Load(zone); found {
		return known.(*time.Location), true
	}
	data, ok := r.files[zone]
	if !ok {
		return nil, false
	}
	loc, err := time.LoadLocationFromTZData(zone, data)
	if err != nil {
		return nil, false // every file was read once when the release was opened
	}
	known, _ := r.locations.LoadOrStore(zone, loc)
	return known.(*time.Location), true
}

var (
	builtIn  = sync.OnceValue(func() *Release { return embedded(builtInArchive, "") })
	baseline = sync.OnceValue(func() *Release { return embedded(baselineArchive, "2025c") })
	current  atomic.Pointer[Release]
)

// BuiltIn is the release that the program carries.
func BuiltIn() *Release { return builtIn() }

// Baseline is the release of the versions of the program that kept no record of theirs.
func Baseline() *Release { return baseline() }

// Current is the release that this process goes by: the one given to [Use], or [BuiltIn].
func Current() *Release {
	if r := current.Load(); r != nil {
		return r
	}
	return BuiltIn()
}

// Use makes a release the one that this process goes by, from the next time it reads a zone;
// nil is [BuiltIn]. It returns the one that was before.
func Use(r *Release) (before *Release) {
	before = Current()
	current.Store(r)
	return before
}

// embedded opens an archive of the program, which a test has opened before. name is for one
// that does not tell its own.
func embedded(archive []byte, name string) *Release {
	r, err := readZip(bytes.NewReader(archive), int64(len(archive)), name)
	if err != nil {
		panic(fmt.Sprintf("the built-in zone data: %v", err))
	}
	r.source = BuiltInSource
	return r
}

// newRelease makes a release of files. It reads each zone once, so that none fails later.
func newRelease(files map[string][]byte, name string, date time.Time) (*Release, error) {
	r := &Release{name: name, date: date, files: files}
	for zone := range files {
		r.zones = append(r.zones, zone)
	}
	slices.Sort(r.zones)
	for _, zone := range r.zones {
		if _, err := time.LoadLocationFromTZData(zone, files[zone]); err != nil {
			return nil, fmt.Errorf("its zone %s cannot be read (%w); it was cut off, or is not in the TZif format that zic writes", zone, err)
		}
	}
	if year, err := time.Parse("2006", r.name[:min(4, len(r.name))]); err == nil {
		if last := year.AddDate(1, 0, -1); r.date.Before(year) || r.date.After(last) {
			r.date = last // files are often younger than what they hold, or have no date
		}
	}
	return r, nil
}

// zoneFile reports whether a file of an archive or folder is one of a zone, by its name alone.
// right/ counts leap seconds, posix/ has every zone once more, and Factory is what a machine
// has until somebody sets its zone.
func zoneFile(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	switch first {
	case "right", "posix", "posixrules", "localtime", "Factory", "":
		return false
	}
	return true
}

// isTZif reports whether a file begins as one of a zone does.
func isTZif(data []byte) bool { return bytes.HasPrefix(data, []byte("TZif")) }

// versionFrom finds the release's name in one of the files that tell it: +VERSION, or IANA's
// text tzdata.zi.
func versionFrom(file string, data []byte) string {
	first, _, _ := strings.Cut(string(data[:min(len(data), 100)]), "\n")
	if file == "tzdata.zi" {
		var ok bool
		if first, ok = strings.CutPrefix(first, "# version "); !ok {
			return ""
		}
	}
	if name := strings.TrimSpace(first); releaseName.MatchString(name) {
		return name
	}
	return ""
}

// versionFiles tell the name of a release, in the order in which they are believed.
var versionFiles = []string{"+VERSION", "tzdata.zi"}

func readZip(in io.ReaderAt, size int64, name string) (*Release, error) {
	archive, err := zip.NewReader(in, size)
	if err != nil {
		return nil, fmt.Errorf("it is no zip archive (%w)", err)
	}
	var c collector
	for _, f := range archive.File {
		name := strings.TrimPrefix(f.Name, "zoneinfo/")
		if f.FileInfo().IsDir() || !c.wants(name) {
			continue
		}
		part, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("its member %s cannot be opened (%w)", f.Name, err)
		}
		if err := c.add(name, part, f.Modified); err != nil {
			return nil, fmt.Errorf("its member %s %w", f.Name, err)
		}
	}
	return c.release(name)
}
