package cronspec_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"
)

// What the machine has of zones must not decide when a definition fires, or replicas would disagree and rewrite each other's
// schedules.
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

// The copy is that of the Go release this is built with. After a change of Go: go generate ./internal/cronspec, and the version.
// That concerns those who work on it, in CI, and not somebody who builds with another Go.
func TestTheZoneDataIsThatOfTheGoRelease(t *testing.T) {
	if os.Getenv("CI") == "" {
		t.Skip("set CI=1 to compare the built-in zone data with that of this Go release")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("there is no go command: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(root)), "lib", "time")
	theirs, err := os.ReadFile(filepath.Join(dir, "zoneinfo.zip"))
	if err != nil {
		t.Skipf("this Go has no zone data of its own: %v", err)
	}
	ours, err := os.ReadFile("zoneinfo.zip")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, theirs) {
		t.Errorf("zoneinfo.zip differs from %s: run go generate ./internal/cronspec and set ZoneDataVersion", dir)
	}
	page, err := os.ReadFile("../../docs/cron.md")
	if err != nil || !strings.Contains(string(page), "release "+cronspec.ZoneDataVersion) {
		t.Errorf("docs/cron.md does not name release %s (%v)", cronspec.ZoneDataVersion, err)
	}
	script, err := os.ReadFile(filepath.Join(dir, "update.bash"))
	if err != nil {
		t.Skipf("its version is not told: %v", err)
	}
	if version := regexp.MustCompile(`(?m)^DATA=(\S+)$`).FindSubmatch(script); version == nil || string(version[1]) != cronspec.ZoneDataVersion {
		t.Errorf("ZoneDataVersion is %s, the Go release has %s", cronspec.ZoneDataVersion, version)
	}
}

func TestEveryZoneLoadsAsPackageTimeReadsIt(t *testing.T) {
	zones := slices.Collect(cronspec.Zones())
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
