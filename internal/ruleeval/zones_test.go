package ruleeval_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// titleOf evaluates the title of one task at an instant.
func titleOf(t *testing.T, title string, at time.Time) (string, error) {
	t.Helper()
	def := core.Definition{Name: "d", TriggerType: core.TriggerCron, TriggerConfig: core.TriggerConfig{CronExpression: []string{"@daily"}},
		Rules: []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": title}}}}}}
	p, err := ruleeval.CompileSaved(&def)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := planOf(p, t.Context(), ruleeval.Input{Run: ruleeval.RunInfo{Time: at}})
	if err != nil {
		return "", err
	}
	return plan.Actions[0].With["title"].(string), nil
}

const everyPart = "${string(run.time.getFullYear('America/Vancouver')) + '-' + string(run.time.getMonth('America/Vancouver')) + '-' + string(run.time.getDate('America/Vancouver'))" +
	" + ' ' + string(run.time.getDayOfMonth('America/Vancouver')) + ' ' + string(run.time.getDayOfYear('America/Vancouver')) + ' ' + string(run.time.getDayOfWeek('America/Vancouver'))" +
	" + ' ' + string(run.time.getHours('America/Vancouver')) + ':' + string(run.time.getMinutes('America/Vancouver')) + ':' + string(run.time.getSeconds('America/Vancouver'))" +
	" + '.' + string(run.time.getMilliseconds('America/Vancouver'))}"

// The process with the lie sees what one without it does. Package time reads ZONEINFO once, so
// that it has to be another process.
func TestZonesInExpressionsAreThoseOfTheZoneDataWhateverZONEINFOSays(t *testing.T) {
	at := time.Date(2026, 11, 28, 7, 10, 5, 6e6, time.UTC) // 00:10 in Vancouver, where 2025c has 23:10 of the day before
	const want = "2026-10-28 27 331 6 0:10:5.6"
	if got, err := titleOf(t, everyPart, at); err != nil || got != want {
		t.Fatalf("the parts in Vancouver: %s, %v, want %s", got, err, want)
	}
	const child = "RULEEVAL_TEST_ZONEINFO_CHILD"
	if os.Getenv(child) != "" {
		loc, err := time.LoadLocation("America/Vancouver")
		if err != nil || at.In(loc).Hour() != 16 {
			t.Fatalf("package time does not take Tokyo for Vancouver: %v", err)
		}
		return
	}
	lie := t.TempDir()
	tokyo, _ := zonedata.BuiltIn().Data("Asia/Tokyo")
	if err := os.MkdirAll(filepath.Join(lie, "America"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lie, "America", "Vancouver"), tokyo, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "ZONEINFO="+lie, child+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with a ZONEINFO that lies: %v\n%s", err, out)
	}
}

func TestZonesInExpressionsFollowTheZoneData(t *testing.T) {
	at := time.Date(2026, 11, 28, 14, 30, 0, 0, time.UTC)
	const title = "${string(run.time.getHours('America/Vancouver'))}"
	before := zonedata.Use(zonedata.Baseline())
	got, err := titleOf(t, title, at)
	zonedata.Use(before)
	if err != nil || got != "6" {
		t.Errorf("with release 2025c: %s, %v, want 6", got, err)
	}
	if got, err := titleOf(t, title, at); err != nil || got != "7" {
		t.Errorf("with the built-in release: %s, %v, want 7", got, err)
	}
}

func TestOffsetsAndNoZoneAreReadAsCELDoes(t *testing.T) {
	at := time.Date(2026, 11, 28, 14, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{"": "14:30", "UTC": "14:30", "+02:00": "16:30", "-05:30": "9:0", "02:00": "16:30", "-00:30": "14:0", "Asia/Kolkata": "20:0"} {
		got, err := titleOf(t, "${string(run.time.getHours('"+zone+"')) + ':' + string(run.time.getMinutes('"+zone+"'))}", at)
		if err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", zone, got, err, want)
		}
	}
}

// A definition that was saved before zones were checked goes on; the expression fails where it
// is evaluated.
func TestAZoneThatIsNoneInASavedDefinitionFailsWhereItIsEvaluated(t *testing.T) {
	if got, err := titleOf(t, "${false ? string(run.time.getHours('Berlin')) : 'fine'}", time.Unix(0, 0)); err != nil || got != "fine" {
		t.Errorf("%s, %v, want fine", got, err)
	}
	_, err := titleOf(t, "${string(run.time.getHours('Berlin'))}", time.Unix(0, 0))
	if err == nil || !strings.Contains(err.Error(), `did you mean "Europe/Berlin"?`) {
		t.Errorf("%v, want an error with the remedy", err)
	}
}
