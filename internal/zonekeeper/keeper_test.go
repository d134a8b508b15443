package zonekeeper_test

import (
	"archive/zip"
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/zonedata"
	"github.com/activity-core/activity-core/internal/zonekeeper"
)

var start = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// bed is a record, a file of zone data, and a clock.
type bed struct {
	*testing.T
	store core.Store
	path  string
	clock time.Time

	mu      sync.Mutex
	changed int
	seen    core.ZoneDataState
}

func newBed(t *testing.T) *bed {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(); zonedata.Use(nil) })
	return &bed{T: t, store: store, path: filepath.Join(t.TempDir(), "zones.zip"), clock: start}
}

// archive is the built-in release under another name, with other rules for zones: those of the
// zones named.
func archive(t *testing.T, release string, as map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	put := func(name string, data []byte) {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("+VERSION", []byte(release))
	for zone := range zonedata.BuiltIn().Zones() {
		from := zone
		if other := as[zone]; other != "" {
			from = other
		}
		data, _ := zonedata.BuiltIn().Data(from)
		put(zone, data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// write replaces the file, later than before by any clock of a file system.
func (b *bed) write(data []byte) {
	b.Helper()
	if err := os.WriteFile(b.path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.clock = b.clock.Add(time.Minute)
	if err := os.Chtimes(b.path, b.clock, b.clock); err != nil {
		b.Fatal(err)
	}
}

// keeper is one of a process; its Start is called, its background ends at once.
func (b *bed) keeper(path string) *zonekeeper.Keeper {
	b.Helper()
	k := zonekeeper.New(zonekeeper.Config{
		Record: b.store, Path: path, Every: time.Hour, Now: func() time.Time { return b.clock },
		Changed:  func() { b.mu.Lock(); b.changed++; b.mu.Unlock() },
		Observed: func(s core.ZoneDataState) { b.mu.Lock(); b.seen = s; b.mu.Unlock() },
	})
	if err := k.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = k.Stop(context.Background()) })
	return k
}

func (b *bed) look(k *zonekeeper.Keeper) {
	b.Helper()
	if err := k.Look(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func (b *bed) rules(zone string) []string {
	b.Helper()
	all, err := b.store.ZoneRules(b.Context(), zone)
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, z := range all {
		out = append(out, z.Release+" "+z.Since.Format("15:04"))
	}
	return out
}

// hour is when 07:30 of a zone is, by what the process goes by.
func (b *bed) hour(zone string) string {
	b.Helper()
	spec, err := cronspec.Parse([]string{"30 7 * * *"}, zone)
	if err != nil {
		b.Fatal(err)
	}
	next, _ := spec.Next(start)
	return next.Format("15:04")
}

func (b *bed) want(what string, got any, want string) {
	b.Helper()
	text := ""
	switch v := got.(type) {
	case string:
		text = v
	case []string:
		text = strings.Join(v, ", ")
	}
	if text != want {
		b.Errorf("%s: %q, want %q", what, text, want)
	}
}

func TestAnUpdatedProgramTakesItsNewerRulesIntoTheRecordOnce(t *testing.T) {
	b := newBed(t)
	k := b.keeper("")
	b.want("Vancouver, whose rules are newer than 2025c", b.rules("America/Vancouver"), zonedata.BuiltIn().Name()+" 12:00")
	b.want("Berlin, whose rules are the same", b.rules("Europe/Berlin"), "")
	if all := b.rules(""); len(all) != 18 {
		t.Errorf("%d zones with new rules, want the 18 that differ from 2025c", len(all))
	}
	b.clock = b.clock.Add(time.Hour)
	b.look(k)
	b.keeper("")
	b.want("after more looks and another start", b.rules("America/Vancouver"), zonedata.BuiltIn().Name()+" 12:00")
	if b.changed != 0 {
		t.Errorf("%d changes in a process that has had the same rules all the time", b.changed)
	}
	if zonedata.Current() != zonedata.BuiltIn() {
		t.Error("the process goes by something else than the built-in release")
	}
	if b.seen.Release != zonedata.BuiltIn().Name() || b.seen.Source != "built in" || b.seen.Date == "" || b.seen.AgeDays < 30 || b.seen.Old {
		t.Errorf("state %+v", b.seen)
	}
}

func TestFilesThatChangeAreReadWithoutARestart(t *testing.T) {
	b := newBed(t)
	b.write(archive(t, "2027a", nil))
	k := b.keeper(b.path)
	b.want("Berlin at first", b.hour("Europe/Berlin"), "06:30")
	b.write(archive(t, "2027b", map[string]string{"Europe/Berlin": "Asia/Tokyo"}))
	b.look(k)
	b.want("Berlin while the file may still be written", b.hour("Europe/Berlin"), "06:30")
	b.look(k)
	b.want("Berlin after the file has stayed the same", b.hour("Europe/Berlin"), "22:30")
	b.want("its rules in the record", b.rules("Europe/Berlin"), "2027b 12:02")
	if b.changed != 2 { // from built in to 2027a, and to 2027b
		t.Errorf("%d changes, want 2", b.changed)
	}
	if s := k.State(); s.Release != "2027b" || s.Source != b.path || s.Problem != "" || s.Followed != 0 {
		t.Errorf("state %+v", s)
	}

	// What cannot be read changes nothing, and is said.
	b.write([]byte("PK half of it"))
	b.look(k)
	b.look(k)
	if s := k.State(); s.Release != "2027b" || !strings.Contains(s.Problem, "is no zip archive") {
		t.Errorf("state after a broken file %+v", s)
	}
	b.want("Berlin", b.hour("Europe/Berlin"), "22:30")
	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
	b.look(k)
	if s := k.State(); s.Release != "2027b" || s.Problem == "" {
		t.Errorf("state without the file %+v", s)
	}
	b.write(archive(t, "2027c", nil))
	b.look(k)
	b.look(k)
	b.want("Berlin's rules, taken back by a newer release", b.rules("Europe/Berlin"), "2027b 12:02, 2027c 12:04")
	b.want("Berlin", b.hour("Europe/Berlin"), "06:30")
	if s := k.State(); s.Problem != "" {
		t.Errorf("the problem stays: %+v", s)
	}
}

// Replicas must not rewrite each other's schedules in turns: the newer release counts for all,
// whoever starts last.
func TestAReplicaWithOlderZoneDataGoesByTheNewerRulesOfTheRecord(t *testing.T) {
	b := newBed(t)
	old := b.keeper("")
	b.want("Berlin of the old replica", b.hour("Europe/Berlin"), "06:30")
	b.write(archive(t, "2027a", map[string]string{"Europe/Berlin": "Asia/Tokyo"}))
	b.keeper(b.path)
	zonedata.Use(nil) // both are in this process; now the old one looks
	b.look(old)
	b.want("Berlin of the old replica, when it has looked", b.hour("Europe/Berlin"), "22:30")
	b.want("Vancouver of the old replica", b.hour("America/Vancouver"), "14:30")
	if s := old.State(); s.Followed != 1 || s.Release != zonedata.BuiltIn().Name() {
		t.Errorf("state of the old replica %+v, want one zone that follows", s)
	}
	b.clock = b.clock.Add(time.Hour)
	again := b.keeper("") // the old replica is started anew, last of all
	b.want("the record", b.rules("Europe/Berlin"), "2027a 12:01")
	b.want("Berlin of the restarted replica", b.hour("Europe/Berlin"), "22:30")
	b.look(again)
	b.want("the record after another look", b.rules("Europe/Berlin"), "2027a 12:01")
}

// Who runs the program for long without an update is told at its start.
func TestOldZoneDataIsWarnedAboutAtStart(t *testing.T) {
	for days, want := range map[int]bool{30: false, 200: true} {
		b := newBed(t)
		b.clock = zonedata.BuiltIn().Date().AddDate(0, 0, days)
		var log bytes.Buffer
		k := zonekeeper.New(zonekeeper.Config{Record: b.store, Every: time.Hour, Now: func() time.Time { return b.clock }, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := k.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		warned := strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), "zone data is old") && strings.Contains(log.String(), "timezone_data")
		if s := k.State(); warned != want || s.Old != want || s.AgeDays != days {
			t.Errorf("after %d days: warned %t, state %+v, want %t; log: %s", days, warned, s, want, log.String())
		}
	}
}

func TestOtherBytesOfTheSameRulesChangeNothing(t *testing.T) {
	b := newBed(t)
	b.keeper("")
	before := b.rules("")
	b.write(archive(t, "2027a", map[string]string{"Europe/Berlin": "Europe/Vienna"})) // the same since 1980
	b.keeper(b.path)
	b.want("the record", strings.Join(b.rules(""), ", "), strings.Join(before, ", "))
}

func TestAPathWithoutZoneDataIsRefusedAtStartWithKeyValueAndRemedy(t *testing.T) {
	b := newBed(t)
	k := zonekeeper.New(zonekeeper.Config{Record: b.store, Path: "/nowhere/zoneinfo"})
	err := k.Start(t.Context())
	if !core.IsCode(err, core.CodeInvalid) {
		t.Fatalf("%v, want invalid", err)
	}
	for _, want := range []string{"timezone_data", "/nowhere/zoneinfo", "no such file", "give a folder such as /usr/share/zoneinfo"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
