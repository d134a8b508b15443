package cronspec

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/activity-core/activity-core/internal/zonedata"
)

// zone-hint: what a person had and the zone that the hint must name, "" for none.
func TestTheHintForAZoneNamesTheOneThatWasMeant(t *testing.T) {
	for name, want := range map[string]string{
		"Asia/Beijing": "Asia/Shanghai", "America/San_Francisco": "America/Los_Angeles", "Asia/Bangalore": "Asia/Kolkata", "Berlin": "Europe/Berlin",
		"W. Europe Standard Time": "Europe/Berlin", "Eastern Standard Time": "America/New_York", "China Standard Time": "Asia/Shanghai",
		"w. europe  standard time": "Europe/Berlin", "India Standard Time": "Asia/Kolkata", "UTC-02": "Etc/GMT+2", "GMT Standard Time": "Europe/London",
		"Pacific Time (US & Canada)": "America/Los_Angeles", "beijing": "Asia/Shanghai", "San Francisco": "America/Los_Angeles", "Europe/Munich": "Europe/Berlin",
		"Germany/Hamburg": "Europe/Berlin", "US/Seattle": "America/Los_Angeles", "Germany": "Europe/Berlin", "India": "Asia/Kolkata", "Asia/Mumbai": "Asia/Kolkata",
		"Asia/Bejing": "Asia/Shanghai", "America/San_Fransisco": "America/Los_Angeles", "America/Washington_DC": "America/New_York", "Europe/Kyiw": "",
		"Africa/Cape Town": "Africa/Johannesburg", "America/NewYork": "America/New_York", "Amerika/New_York": "America/New_York", "Asia/Abu_Dhabi": "Asia/Dubai",
		"Australia/Melborne": "Australia/Melbourne", "Asia/Singapur": "Asia/Singapore", "America/London": "", "America/Birmingham": "", "Portland": "", "Cordoba": "", "Europe/Springfield": "",
		"America/Paris": "", "Asia/Bali": "Asia/Makassar", "San Juan": "", "Eastern": "",
	} {
		_, err := Parse([]string{"0 6 * * *"}, name)
		var refusal *ParseError
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want a refusal that names it", name, err)
			continue
		}
		got := ""
		if refusal.Remedy != nil {
			got = refusal.Remedy.Timezone
		}
		if got != want || got != "" && !strings.Contains(refusal.Hint, got) {
			t.Errorf("%s: the hint is %q for %q, want %q", name, refusal.Hint, got, want)
		}
	}
}

func TestEveryZoneOfEveryTableExists(t *testing.T) {
	for _, table := range []map[string]string{windowsZones(), places()} {
		for name, zone := range table {
			if _, err := LoadZone(zone); err != nil {
				t.Errorf("%s means %s: %v", name, zone, err)
			}
		}
	}
	for name, zone := range places() {
		if _, err := LoadZone(name); err == nil {
			t.Errorf("%s is a zone itself, and a place of %s", name, zone)
		}
	}
	if len(windowsZones()) < 130 || len(places()) < 300 {
		t.Errorf("%d names of Windows and %d places, want 130 and 300", len(windowsZones()), len(places()))
	}
}

// The table is CLDR's as the Go release has it: whoever updates Go sees here what changed.
func TestWindowsZonesAreThoseOfCLDR(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src", "time", "zoneinfo_abbrs_windows.go")) //nolint:staticcheck // the test runs where Go is
	if err != nil {
		t.Skip(err)
	}
	for _, row := range regexp.MustCompile(`(?m)^\t"(.+)":\s+\{.*\},?\s*// (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		if row[1] == "UTC" {
			continue // no name of Windows alone
		}
		got := windowsZones()[strings.ToLower(row[1])]
		a, _ := zonedata.BuiltIn().Data(got)
		if b, ok := zonedata.BuiltIn().Data(row[2]); !ok || !SameRules(a, b) {
			t.Errorf("%s is %q here, want %q", row[1], got, row[2])
		}
	}
}

// Each zone in turn is taken for a place that nobody knows: what is spelled like it must not
// put a schedule off at any time.
func TestSpellingNeverLeadsToOtherClocks(t *testing.T) {
	release := zonedata.BuiltIn()
	without := func(left string) iter.Seq[string] {
		return func(yield func(string) bool) {
			for zone := range release.Zones() {
				if zone != left && !yield(zone) {
					return
				}
			}
		}
	}
	for zone := range release.Zones() {
		if strings.HasPrefix(zone, "Etc/") {
			continue
		}
		got := likeZone(release, without(zone), zoneKey(zone))
		if got == "" || zoneKey(got) == zoneKey(zone) {
			continue
		}
		a, _ := release.Data(zone)
		b, _ := release.Data(got)
		if !SameRules(a, b) {
			t.Errorf("if %s were unknown the hint would name %s, whose clocks differ", zone, got)
		}
	}
}
