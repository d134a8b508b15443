// Command build makes the program's archive of zones from IANA's text, with zic. With -check it
// makes none, and says whether the one that is there is what the text gives. In both cases the
// text must be the one that docs/adr/0010 names.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	text := flag.String("text", "internal/zonedata/tzdata.zi", "IANA's text in the compact form of a release")
	out := flag.String("out", "internal/zonedata/zoneinfo.zip", "the archive")
	adr := flag.String("adr", "docs/adr/0010-zone-data-has-a-life-of-its-own.md", "the record of which text it is")
	check := flag.Bool("check", false, "compare, and write nothing")
	flag.Parse()
	if err := build(*text, *out, *adr, *check); err != nil {
		fmt.Fprintln(os.Stderr, "zone data:", err)
		os.Exit(1)
	}
}

func build(text, out, adr string, check bool) error {
	data, err := os.ReadFile(text)
	if err != nil {
		return err
	}
	release, date, err := recorded(data, adr)
	if err != nil {
		return err
	}
	zones, err := compile(text)
	if err != nil {
		return err
	}
	if check {
		if err := compare(zones, out); err != nil {
			return err
		}
		fmt.Printf("%s is release %s, %d zones, as the text says\n", out, release, len(zones))
		return nil
	}
	archive, err := pack(zones, release, date)
	if err != nil {
		return err
	}
	fmt.Printf("%s: release %s, %d zones, %d bytes\n", out, release, len(zones), len(archive))
	return os.WriteFile(out, archive, 0o644) //nolint:gosec // a file of the repository
}

// recorded holds a text to the row that the decision record has for it, and returns the release
// and its day.
func recorded(text []byte, adr string) (release string, date time.Time, err error) {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	release, ok := strings.CutPrefix(string(first), "# version ")
	if !ok {
		return "", date, fmt.Errorf("the text begins with %q, want # version and the release", first)
	}
	page, err := os.ReadFile(adr) //nolint:gosec // a file of the repository
	if err != nil {
		return "", date, err
	}
	sum := sha256.Sum256(text)
	want := hex.EncodeToString(sum[:])
	row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(release) + ` \| (\d{4}-\d\d-\d\d) \| .* \| ` + "`([0-9a-f]{64})`" + ` \|$`).FindSubmatch(page)
	if row == nil {
		return "", date, fmt.Errorf("%s has no row for release %s: add | %s | day of the release | where the text comes from | `%s` |", adr, release, release, want)
	}
	if got := string(row[2]); got != want {
		return "", date, fmt.Errorf("the text of release %s has the checksum %s, %s says %s", release, want, adr, got)
	}
	date, err = time.Parse(time.DateOnly, string(row[1]))
	return release, date, err
}

// compile lets zic make the zones, in the slim form: with the rule at the end in place of forty
// years of changes.
func compile(text string) (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "zones")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	zic, err := exec.LookPath("zic")
	if err != nil {
		if zic = "/usr/sbin/zic"; !executable(zic) {
			return nil, errors.New("there is no zic: install the package that has it (Debian: libc-bin)")
		}
	}
	if msg, err := exec.Command(zic, "-b", "slim", "-d", dir, text).CombinedOutput(); err != nil { //nolint:gosec // a developer's tool
		return nil, fmt.Errorf("zic: %w\n%s", err, msg)
	}
	zones := map[string][]byte{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		zones[filepath.ToSlash(name)], err = os.ReadFile(path) //nolint:gosec // what zic has just made
		return err
	})
	return zones, err
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode()&0o111 != 0
}

// pack makes an archive whose bytes depend on nothing else. Nothing is compressed, as package
// time wants it of $ZONEINFO.
func pack(zones map[string][]byte, release string, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	zones["+VERSION"] = []byte(release + "\n")
	names := make([]string, 0, len(zones))
	for name := range zones {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		member, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: date})
		if err != nil {
			return nil, err
		}
		if _, err := member.Write(zones[name]); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// compare holds an archive to the zones that it should have. Another zic may write them
// otherwise; what counts is when clocks change.
func compare(zones map[string][]byte, out string) error {
	r, err := zip.OpenReader(out)
	if err != nil {
		return err
	}
	defer r.Close()
	left := len(zones)
	for _, f := range r.File {
		if f.Name == "+VERSION" {
			continue
		}
		want, ok := zones[f.Name]
		if !ok {
			return fmt.Errorf("%s has a zone %s, the text has none", out, f.Name)
		}
		left--
		in, err := f.Open()
		if err != nil {
			return err
		}
		got, err := io.ReadAll(in)
		in.Close()
		if err != nil {
			return err
		}
		if bytes.Equal(got, want) {
			continue
		}
		same, err := sameRules(got, want)
		if err != nil {
			return fmt.Errorf("zone %s of %s: %w", f.Name, out, err)
		}
		if !same {
			return fmt.Errorf("zone %s of %s is not what the text says: run make zone-data", f.Name, out)
		}
	}
	if left > 0 {
		return fmt.Errorf("%s lacks %d zones of the text: run make zone-data", out, left)
	}
	return nil
}

func sameRules(a, b []byte) (bool, error) {
	x, err := time.LoadLocationFromTZData("", a)
	if err != nil {
		return false, err
	}
	y, err := time.LoadLocationFromTZData("", b)
	if err != nil {
		return false, err
	}
	const first, last = -2208988800, 2208988800 // 1900 to 2040
	for unix := int64(first); unix < last; unix += 900 {
		_, p := time.Unix(unix, 0).In(x).Zone()
		_, q := time.Unix(unix, 0).In(y).Zone()
		if p != q {
			return false, fmt.Errorf("they differ at %s", time.Unix(unix, 0).UTC().Format(time.RFC3339))
		}
	}
	return true, nil
}
