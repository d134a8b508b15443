package zonedata_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/zonedata"
)

func TestTheBuiltInReleaseIsTheOneThatTheDocsName(t *testing.T) {
	text, err := os.ReadFile("tzdata.zi")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	name := zonedata.BuiltIn().Name()
	for page, want := range map[string]string{
		"../../docs/adr/0010-zone-data-has-a-life-of-its-own.md": "| " + name + " | " + zonedata.BuiltIn().Date().Format(time.DateOnly) + " |",
		"../../docs/cron.md": "release " + name,
	} {
		body, err := os.ReadFile(page)
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s does not have %q (%v)", page, want, err)
		}
	}
	adr, err := os.ReadFile("../../docs/adr/0010-zone-data-has-a-life-of-its-own.md")
	if err != nil || !strings.Contains(string(adr), hex.EncodeToString(sum[:])) {
		t.Errorf("the ADR does not have the checksum %x of tzdata.zi (%v)", sum, err)
	}
	if !strings.HasPrefix(string(text), "# version "+name+"\n") {
		t.Errorf("tzdata.zi begins with %q, the archive is release %s", text[:20], name)
	}
}

// What is embedded is what IANA's text gives. zic is in Debian's libc-bin and in every libc's
// package.
func TestTheArchiveIsWhatTheTextSays(t *testing.T) {
	if _, err := exec.LookPath("zic"); err != nil {
		if _, err := os.Stat("/usr/sbin/zic"); err != nil {
			t.Skip("there is no zic")
		}
	}
	cmd := exec.Command("go", "run", "./internal/zonedata/build", "-check")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBaselineIsTheReleaseOfEarlierVersions(t *testing.T) {
	if got := zonedata.Baseline().Name(); got != "2025c" {
		t.Errorf("baseline: %s, want 2025c", got)
	}
	for zone := range zonedata.Baseline().Zones() {
		if !zonedata.BuiltIn().Has(zone) {
			t.Errorf("%s was a zone in 2025c, and is none now", zone)
		}
	}
}

// folder lays a release out as an operating system does.
func folder(t *testing.T, r *zonedata.Release, version string) string {
	t.Helper()
	dir := t.TempDir()
	for zone := range r.Zones() {
		data, _ := r.Data(zone)
		path := filepath.Join(dir, filepath.FromSlash(zone))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	extra := map[string]string{"zone.tab": "AD\t+4230+00131\tEurope/Andorra\n", "leapseconds": "# none\n"}
	if version != "" {
		extra["tzdata.zi"] = "# version " + version + "\n"
	}
	for name, text := range extra {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"localtime": "/nowhere/localtime", "posix": "Europe", "NewName": "Europe/Berlin"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func archive(t *testing.T, files map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, data := range files {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2027, 1, 20, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "zones.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func filesOf(r *zonedata.Release) map[string][]byte {
	files := map[string][]byte{}
	for zone := range r.Zones() {
		files[zone], _ = r.Data(zone)
	}
	return files
}

func TestAFolderAndAnArchiveAreOpenedAlike(t *testing.T) {
	files := filesOf(zonedata.Baseline())
	files["America/Coyhaique"], _ = zonedata.BuiltIn().Data("America/Coyhaique")
	files["+VERSION"] = []byte("2027a\n")
	files["right/Europe/Berlin"] = files["Asia/Tokyo"]
	for what, path := range map[string]string{"folder": folder(t, zonedata.Baseline(), "2027a"), "archive": archive(t, files)} {
		r, err := zonedata.Open(path)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if r.Name() != "2027a" || r.Source() != path {
			t.Errorf("%s: release %s of %s, want 2027a of %s", what, r.Name(), r.Source(), path)
		}
		for _, no := range []string{"localtime", "posix/Berlin", "zone.tab", "leapseconds", "right/Europe/Berlin", "tzdata.zi", "+VERSION", "", "Local", "europe/berlin"} {
			if _, ok := r.Location(no); ok || r.Has(no) {
				t.Errorf("%s: %q counts as a zone", what, no)
			}
		}
		loc, ok := r.Location("America/Vancouver")
		if got := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC).In(loc).Format("-07"); !ok || got != "-08" {
			t.Errorf("%s: Vancouver is at %s, want -08 as in 2025c", what, got)
		}
	}
	if r, err := zonedata.Open(folder(t, zonedata.Baseline(), "2025c")); err != nil || r.Date().Year() != 2025 || !r.Has("NewName") {
		t.Errorf("a release of 2025 in younger files: %v, %v, want a date in 2025 and links followed", r, err)
	}
}

func TestWhatIsNoReleaseIsRefusedWithARemedy(t *testing.T) {
	text := filepath.Join(t.TempDir(), "zones.txt")
	if err := os.WriteFile(text, []byte("Europe/Berlin"), 0o600); err != nil {
		t.Fatal(err)
	}
	few, cut := filesOf(zonedata.BuiltIn()), filesOf(zonedata.BuiltIn())
	delete(few, "US/Pacific")
	few["+VERSION"], cut["+VERSION"] = []byte("2027a"), []byte("2027a")
	cut["Asia/Tokyo"] = cut["Asia/Tokyo"][:60]
	for path, want := range map[string]string{
		"/nowhere/zoneinfo": "no such file or directory",
		text:                "is no zip archive",
		t.TempDir():         "holds no zone",
		archive(t, nil):     "holds no zone",
		archive(t, few):     "lacks 1 of the zones of release " + zonedata.BuiltIn().Name() + ", such as US/Pacific",
		archive(t, cut):     "zone Asia/Tokyo cannot be read",
		folder(t, zonedata.Baseline(), "2026-06"): "does not tell its release",
		"/dev/null": "is neither a folder nor a file",
	} {
		_, err := zonedata.Open(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "zic") && !strings.Contains(err.Error(), "install") {
			t.Errorf("%s: %v, want the path, %q and a remedy", path, err, want)
		}
	}
}

func TestTheFingerprintChangesWithTheFiles(t *testing.T) {
	dir := folder(t, zonedata.Baseline(), "2025c")
	before, err := zonedata.Fingerprint(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := zonedata.Fingerprint(dir); again != before {
		t.Error("it changes by itself")
	}
	if err := os.WriteFile(filepath.Join(dir, "America", "Vancouver"), []byte("TZif"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after, _ := zonedata.Fingerprint(dir); after == before {
		t.Error("a zone has changed, and the fingerprint has not")
	}
}

func TestAReleaseIsOldAfterHalfAYear(t *testing.T) {
	r := zonedata.BuiltIn()
	for days, want := range map[int]bool{-5: false, 29: false, 179: false, 181: true} {
		if got := r.Old(r.Date().AddDate(0, 0, days)); got != want {
			t.Errorf("after %d days it is old: %t, want %t", days, got, want)
		}
	}
	if !slices.IsSorted(slices.Collect(r.Zones())) {
		t.Error("the zones are not sorted")
	}
}
