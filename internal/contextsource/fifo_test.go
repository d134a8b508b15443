//go:build !windows

package contextsource_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/contextsource"
)

// A pipe that nobody writes to hung a run, with a thread for each try, and nothing could cancel it.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "socket.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := fetcher(t, func(c *contextsource.Config) { c.Dir = dir })
	for _, name := range []string{"pipe.json", "folder.json", "socket.json"} {
		_, err := fetch(t, f, core.ContextSource{File: name})
		if err == nil || core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
}

// What was documented as refused passed, and numbers became other numbers.
func TestContextFilesHaveNoOtherValueThanWasTyped(t *testing.T) {
	dir := t.TempDir()
	f := fetcher(t, func(c *contextsource.Config) { c.Dir = dir })
	for text, want := range map[string]string{
		"- id: 0123": "quote it", "v: 1.10": "quote it", "v: 1234e56": "quote it", "v: 1_000": "quote it", "v: 0x1F": "quote it",
		"v: 1.23456789012345678": "quote it", "v: .inf": "quote", "<<: {a: 1}": "merge keys", "!!str a: 1": "tags are not supported", "a: !!str 1": "tags are not supported",
	} {
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if v, err := fetch(t, f, core.ContextSource{File: "a.yaml"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v; want it refused: %s", text, v, err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte(`{"v": 1.10}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := fetch(t, f, core.ContextSource{File: "a.json"}); err == nil || !strings.Contains(err.Error(), "quote it") {
		t.Errorf("a.json: got %v, %v; want it refused", v, err)
	}
}
