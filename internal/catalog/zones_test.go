package catalog_test

import (
	"os"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
)

// The case tzdata-bc: zones whose governments changed their clocks in 2026. Release 2025c has
// each of them an hour off.
func TestTZDataBCEachZoneFiresAtTheInstantOfItsPresentRules(t *testing.T) {
	text, err := os.ReadFile("testdata/tzdata-bc/zones.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := document.Parse("zones.yaml", text, document.YAML)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"van-0730": "2026-11-28T14:30:00Z", "edm-0730": "2026-11-28T13:30:00Z",
		"casa-0730": "2026-11-28T07:30:00Z", "inuvik-0730": "2026-11-28T13:30:00Z",
	}
	aliases := map[string][]string{"edm-0730": {"Canada/Mountain", "America/Yellowknife"}, "van-0730": {"Canada/Pacific"}, "casa-0730": {"Africa/El_Aaiun"}}
	if len(docs) != len(want) {
		t.Fatalf("%d definitions, want %d", len(docs), len(want))
	}
	for _, d := range docs {
		def := d.Definition
		for _, zone := range append([]string{def.TriggerConfig.Timezone}, aliases[def.Name]...) {
			def.TriggerConfig.Timezone = zone
			spec, err := catalog.CronSpec(&def)
			if err != nil {
				t.Fatal(err)
			}
			next, _ := spec.Next(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
			if got := next.Format(time.RFC3339); got != want[def.Name] {
				t.Errorf("%s in %s fires at %s, want %s", def.Name, zone, got, want[def.Name])
			}
		}
	}
}
