package cronspec_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// What the machine has of zones must not decide when a definition fires, or replicas would
// disagree and rewrite each other's schedules.
func TestZoneRulesComeFromTheProgramAlone(t *testing.T) {
	describe := func() string {
		spec, err := cronspec.Parse([]string{"30 2 * * *"}, "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		from := time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC)
		ts, err := spec.CompileAt(from)
		if err != nil {
			t.Fatal(err)
		}
		out := []string{ts.Hash()}
		for _, f := range spec.Fires(from, 4) {
			out = append(out, f.Local)
		}
		return strings.Join(out, " ")
	}
	before := describe()
	if !strings.Contains(before, "2026-03-29T03:30:00+02:00") {
		t.Fatalf("Berlin does not change its clocks: %s", before)
	}
	// Package time reads ZONEINFO once, so that a process of its own has to see it.
	const child = "CRONSPEC_TEST_ZONEINFO_CHILD"
	if os.Getenv(child) != "" {
		if loc, err := time.LoadLocation("Europe/Berlin"); err != nil || !strings.HasPrefix(time.Unix(0, 0).In(loc).Format(time.RFC3339), "1970-01-01T09:00") {
			t.Fatalf("package time does not take the machine's zone: %v", err)
		}
		if want := os.Getenv(child); before != want {
			t.Fatalf("with other zone files on the machine: %s\nwithout: %s", before, want)
		}
		return
	}
	fake := t.TempDir()
	if err := os.MkdirAll(filepath.Join(fake, "Europe"), 0o755); err != nil {
		t.Fatal(err)
	}
	tokyo, err := cronspec.Parse([]string{"0 0 * * *"}, "Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := tokyo.CompileAt(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(fake, "Europe", "Berlin"), compiled.ZoneData, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestZoneRulesComeFromTheProgramAlone$")
	cmd.Env = append(os.Environ(), "ZONEINFO="+fake, child+"="+before)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The spec's own rules count, and where nothing changes for a zone, not a byte of what Temporal
// is given.
func TestOnlyAZoneWhoseRulesChangeIsCompiledOtherwise(t *testing.T) {
	at := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	hashOf := func(r *zonedata.Release, zone string) string {
		p := cronspec.Parser{Release: r}
		spec, err := p.Parse([]string{"30 7 * * *"}, zone)
		if err != nil {
			t.Fatal(err)
		}
		ts, err := spec.CompileAt(at)
		if err != nil {
			t.Fatal(err)
		}
		return ts.Hash()
	}
	var moved []string
	for zone := range zonedata.BuiltIn().Zones() {
		if !zonedata.Baseline().Has(zone) {
			continue
		}
		before, _ := zonedata.Baseline().Data(zone)
		after, _ := zonedata.BuiltIn().Data(zone)
		same, alike := cronspec.SameRules(before, after), hashOf(zonedata.Baseline(), zone) == hashOf(zonedata.BuiltIn(), zone)
		if same != alike {
			t.Errorf("%s: same rules %t, same hash %t", zone, same, alike)
		}
		if !alike {
			moved = append(moved, zone)
		}
	}
	for _, zone := range []string{"Africa/Casablanca", "Africa/El_Aaiun", "America/Edmonton", "America/Inuvik", "America/Vancouver", "America/Winnipeg", "Canada/Pacific"} {
		if !slices.Contains(moved, zone) {
			t.Errorf("%s has new rules in release %s, and its hash is the same", zone, zonedata.BuiltIn().Name())
		}
	}
	for _, zone := range []string{"Europe/Berlin", "America/Sao_Paulo", "EST5EDT", "America/New_York"} { // Sao_Paulo has other bytes
		if slices.Contains(moved, zone) {
			t.Errorf("%s has the rules it had, and another hash", zone)
		}
	}
	t.Logf("from %s to %s %d zones have new rules: %s", zonedata.Baseline().Name(), zonedata.BuiltIn().Name(), len(moved), strings.Join(moved, " "))
}

func TestRulesOfAnotherTimeAreReadAsTheyWere(t *testing.T) {
	rules, _ := zonedata.Baseline().Data("America/Vancouver")
	then, err := cronspec.ParseWith([]string{"30 7 * * *"}, "America/Vancouver", rules)
	if err != nil {
		t.Fatal(err)
	}
	after := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	if got, _ := then.Next(after); !got.Equal(after.Add(15*time.Hour + 30*time.Minute)) {
		t.Errorf("by release 2025c the next is %s, want 15:30Z", got)
	}
	if _, err := cronspec.ParseWith([]string{"30 7 * * *"}, "America/Vancouver", []byte("TZif2")); err == nil || !strings.Contains(err.Error(), "America/Vancouver") {
		t.Errorf("rules that are cut off: %v, want an error that names the zone", err)
	}
}

func TestACacheAndThePackageFollowTheZoneData(t *testing.T) {
	var cache cronspec.Cache
	after := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	next := func(parse func([]string, string) (*cronspec.Spec, error)) string {
		spec, err := parse([]string{"30 7 * * *"}, "America/Vancouver")
		if err != nil {
			t.Fatal(err)
		}
		at, _ := spec.Next(after)
		return at.Format("15:04")
	}
	for name, parse := range map[string]func([]string, string) (*cronspec.Spec, error){"Cache": cache.Parse, "Parse": cronspec.Parse} {
		if got := next(parse); got != "14:30" {
			t.Errorf("%s with the built-in data: %s, want 14:30", name, got)
		}
		before := zonedata.Use(zonedata.Baseline())
		got := next(parse)
		zonedata.Use(before)
		if got != "15:30" {
			t.Errorf("%s after a change to release 2025c: %s, want 15:30", name, got)
		}
		if got := next(parse); got != "14:30" {
			t.Errorf("%s after the change back: %s, want 14:30", name, got)
		}
	}
}

func TestEveryZoneLoadsAsPackageTimeReadsIt(t *testing.T) {
	zones := slices.Collect(zonedata.Current().Zones())
	if len(zones) < 590 || !slices.IsSorted(zones) || slices.Contains(zones, "Factory") {
		t.Fatalf("%d zones, sorted: %t", len(zones), slices.IsSorted(zones))
	}
	for _, zone := range zones {
		spec, err := cronspec.Parse([]string{"0 6 * * *"}, zone)
		if err != nil {
			t.Fatal(err)
		}
		if spec.Zone() != zone || spec.Location().String() != zone {
			t.Errorf("%s is called %s and %s", zone, spec.Zone(), spec.Location())
		}
	}
}

// A hint that is followed must not put a schedule hours off.
func TestTheHintForAZoneNamesNoneThatIsHoursOff(t *testing.T) {
	for name, want := range map[string]string{
		"berlin": `did you mean "Europe/Berlin"?`, "Europe/berlin": `did you mean "Europe/Berlin"?`, "Europ/Berlin": `did you mean "Europe/Berlin"?`,
		"new york": `did you mean "America/New_York"?`, "rome": `did you mean "Europe/Rome"?`, "utc": `did you mean "UTC"?`, "est5edt": `did you mean "EST5EDT"?`,
		"UTC+0": `did you mean "UTC"?`, "+00:00": `did you mean "UTC"?`,
		"UTC+1": `for 1 h ahead of UTC all year write "Etc/GMT-1"`, "GMT+2": `for 2 h ahead of UTC all year write "Etc/GMT-2"`,
		"utc-05:00": `for 5 h behind UTC all year write "Etc/GMT+5"`, "+0900": `for 9 h ahead of UTC all year write "Etc/GMT-9"`,
		"PST": "abbreviations mean different zones", "Z": "abbreviations mean different zones", "CEST": "abbreviations mean different zones",
		"UTC+05:30": "write an IANA name such as", "UTC+25": "write an IANA name such as", "EST5EDX": "write an IANA name such as", "Mars/Phobos": "write an IANA name such as",
		"Local": "differs from machine to machine",
	} {
		_, err := cronspec.Parse([]string{"0 6 * * *"}, name)
		var refusal *cronspec.ParseError
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Hint, want) {
			t.Errorf("%s: %v, want %q in the hint", name, err, want)
		}
	}
}
