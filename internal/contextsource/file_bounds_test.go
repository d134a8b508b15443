package contextsource_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/contextsource"
)

// readFile lays a file into a context folder and fetches it.
func readFile(t *testing.T, ctx context.Context, name, content string) (any, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, func(c *contextsource.Config) { c.Dir = dir })
	all, err := f.Fetch(ctx, core.StoredDefinition{Definition: core.Definition{Context: map[string]core.ContextSource{"x": {File: name}}}})
	return all["x"], err
}

// Files of ten megabytes that are nothing but elements took more than a gigabyte and many seconds.
func TestAFileOfTooManyElementsIsRefusedWithinBoundedMemory(t *testing.T) {
	const size = 10 << 20
	wide := strings.Repeat("a,", 50_000) + "a\n"
	for name, content := range map[string]string{
		"list.yaml": strings.Repeat("- \n", size/3),
		"flow.yaml": "[" + strings.Repeat("a,", size/2) + "a]",
		"deep.yaml": strings.Repeat("- ", size/2) + "x",
		"map.yaml":  "a:\n" + strings.Repeat("  b: c\n", size/7),
		"list.json": "[" + strings.Repeat("[],", size/3) + "[]]",
		"wide.csv":  strings.Repeat(wide, size/len(wide)),
		"lines.txt": strings.Repeat("\n", size),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readFile(t, t.Context(), name, content)
		runtime.ReadMemStats(&after)
		if !core.IsCode(err, core.CodeInvalid) || !strings.Contains(core.MessageOf(err), "elements") || !strings.Contains(core.MessageOf(err), name) {
			t.Errorf("%s: want a refusal that names the file and its elements, got %v", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
			t.Errorf("%s: want at most 64 MiB allocated to refuse it, got %d MiB", name, grown>>20)
		}
	}
}

func TestAnOrdinaryLargeFileIsRead(t *testing.T) {
	row := "- name: repository\n  owner: somebody, somewhere\n  url: https://example.org/a/b\n"
	v, err := readFile(t, t.Context(), "repos.yaml", strings.Repeat(row, 30_000))
	list, ok := v.([]any)
	if err != nil || !ok || len(list) != 30_000 {
		t.Errorf("want 30000 items, got %d, %v", len(list), err)
	}
}

func TestReadingAFileEndsWithItsRun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the run was canceled"))
	if _, err := readFile(t, ctx, "big.yaml", "- a: "+strings.Repeat("b ", 4<<20)); !core.IsCode(err, core.CodeUnavailable) {
		t.Errorf("want an interruption, got %v", err)
	}
}

// Latin-1 and UTF-16 were read, and each letter that is not ASCII became U+FFFD.
func TestAFileThatIsNotUTF8IsRefused(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"a.txt":   {"b\ncaf\xe9\n", "line 2: the byte 0xE9 is not UTF-8"},
		"a.csv":   {"id\ncaf\xe9\n", "line 2: the byte 0xE9 is not UTF-8"},
		"a.json":  {"{\"a\":\"caf\xe9\"}", "line 1: the byte 0xE9 is not UTF-8"},
		"a.yaml":  {"a: caf\xe9\n", "line 1: the byte 0xE9 is not UTF-8"},
		"b.txt":   {"\xff\xfea\x00", "is UTF-16; save it as UTF-8"},
		"b.csv":   {"\xfe\xff\x00a", "is UTF-16; save it as UTF-8"},
		"b.json":  {"\xff\xfe1\x00", "is UTF-16; save it as UTF-8"},
		"ok.txt":  {"caf\u00e9 \ufffd\n", ""},
		"ok.yaml": {"\xff\xfea\x00:\x00 \x001\x00", ""},
	} {
		v, err := readFile(t, t.Context(), name, c.content)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, %v, want the error %q", name, v, err, c.want)
		}
	}
}
