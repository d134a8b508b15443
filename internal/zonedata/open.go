package zonedata

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Bounds of a release: IANA's has some 600 zones of at most 4 kB, and its text has 110 kB.
const (
	maxFiles    = 5_000
	maxFileSize = 1 << 20
)

// releaseName is IANA's form, with what distributors may add, such as 2026f-dirty.
var releaseName = regexp.MustCompile(`^(19|20)[0-9]{2}[a-z]{1,2}([-.+][A-Za-z0-9.+-]{1,20})?$`)

// Remedy says what [Open] takes.
const Remedy = "give a folder such as /usr/share/zoneinfo, or a zip archive of one, as zic makes it from IANA's text"

// Open reads the release in a folder or in a zip archive. It must have every zone that the
// built-in release has, or definitions that are valid would no longer be. Errors name what is
// wrong and what would be right.
func Open(path string) (*Release, error) {
	st, err := os.Stat(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("%q cannot be opened (%w); %s", path, err, Remedy)
	}
	var r *Release
	switch {
	case st.IsDir():
		r, err = readFolder(path)
	case st.Mode().IsRegular():
		r, err = openZip(path, st.Size())
	default:
		err = errors.New("is neither a folder nor a file")
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w; %s", path, err, Remedy)
	}
	if missing := r.lacks(BuiltIn()); len(missing) > 0 {
		return nil, fmt.Errorf("%q lacks %d of the zones of release %s, such as %s; install the package with the old names as well (Debian: tzdata-legacy), "+
			"or build it with IANA's file backward", path, len(missing), BuiltIn().Name(), missing[0])
	}
	r.source = path
	return r, nil
}

func (r *Release) lacks(of *Release) (missing []string) {
	for _, zone := range of.zones {
		if !r.Has(zone) {
			missing = append(missing, zone)
		}
	}
	return missing
}

func openZip(path string, size int64) (*Release, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's own path
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readZip(file, size, "")
}

func readFolder(path string) (*Release, error) {
	var c collector
	err := walk(path, func(name, file string, st fs.FileInfo) error {
		if !c.wants(name) {
			return nil
		}
		in, err := os.Open(file) //nolint:gosec // below the operator's own folder
		if err != nil {
			return err
		}
		if err := c.add(name, in, st.ModTime()); err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.release("")
}

// walk calls do for each file below a folder, with its name in the folder. It follows links to
// files, of which a folder of zones has many, and none to folders.
func walk(root string, do func(name, file string, st fs.FileInfo) error) error {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if name != "." && (!zoneFile(name) || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		st, err := os.Stat(file)
		if err != nil || !st.Mode().IsRegular() {
			return nil //nolint:nilerr // a link that leads nowhere is no zone
		}
		return do(name, file, st)
	})
}

// Fingerprint changes when the files of a path do. It reads no file.
func Fingerprint(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !st.IsDir() {
		return stamp(st), nil
	}
	var b strings.Builder
	err = walk(path, func(name, _ string, st fs.FileInfo) error {
		fmt.Fprintf(&b, "%s %s\n", name, stamp(st))
		return nil
	})
	return b.String(), err
}

func stamp(st fs.FileInfo) string {
	return fmt.Sprintf("%d %d", st.Size(), st.ModTime().UnixNano())
}

// collector gathers the files of a release.
type collector struct {
	files    map[string][]byte
	versions map[string]string
	dates    map[string]time.Time
}

// wants reports whether a file is worth reading, by its name.
func (c *collector) wants(name string) bool {
	return zoneFile(name) && !strings.HasPrefix(name, ".") && (filepath.Ext(name) == "" || name == "tzdata.zi")
}

// add reads a file, and closes it.
func (c *collector) add(name string, in io.ReadCloser, date time.Time) error {
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxFileSize+1))
	switch {
	case err != nil:
		return fmt.Errorf("cannot be read (%w)", err)
	case len(data) > maxFileSize:
		return fmt.Errorf("is larger than %d bytes", maxFileSize)
	case len(c.files) >= maxFiles:
		return fmt.Errorf("is one file too many: at most %d are read", maxFiles)
	}
	if c.files == nil {
		c.files, c.versions, c.dates = map[string][]byte{}, map[string]string{}, map[string]time.Time{}
	}
	switch {
	case isTZif(data):
		c.files[name] = data
	default:
		if version := versionFrom(name, data); version != "" {
			c.versions[name], c.dates[name] = version, date
		}
	}
	return nil
}

// release makes the release of what was added; name is for one that no file tells.
func (c *collector) release(name string) (*Release, error) {
	if len(c.files) == 0 {
		return nil, errors.New("holds no zone")
	}
	for _, file := range versionFiles {
		if version := c.versions[file]; version != "" {
			return newRelease(c.files, version, c.dates[file])
		}
	}
	if name == "" {
		return nil, errors.New("does not tell its release, by which replicas agree on the newer one: " +
			"add tzdata.zi, which begins with # version 2026f, or a file +VERSION with the release in it")
	}
	return newRelease(c.files, name, time.Time{})
}
