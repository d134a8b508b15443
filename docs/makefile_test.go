package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A package that moves, or a test that is renamed, must not leave a target behind that runs
// nothing.
func TestTheMakefileNamesWhatExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join("..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range regexp.MustCompile(`\./((?:internal|cmd)/[\w/-]+)`).FindAllStringSubmatch(string(makefile), -1) {
		if dir := strings.TrimSuffix(path[1], "/"); !isDir(filepath.Join("..", dir)) {
			t.Errorf("the Makefile names ./%s, which is not there", dir)
		}
	}
	var tests strings.Builder
	for _, dir := range []string{"sqlite", "postgres", "eventlog"} { // those of bench-lists
		files, err := filepath.Glob(filepath.Join("..", "internal", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
		}
	}
	for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(string(makefile), -1) {
		if !strings.Contains(tests.String(), "func "+name+"(") {
			t.Errorf("the Makefile runs %s, which is in none of its packages", name)
		}
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
