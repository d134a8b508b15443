//go:build !slim

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

func TestASecretIsReadFromStandardInputOrAFileAndNeverFromTheCommandLine(t *testing.T) {
	var got []wire.SecretValue
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var v wire.SecretValue
		if r.Method != http.MethodPut || r.URL.Path != "/secrets/token" || json.NewDecoder(r.Body).Decode(&v) != nil {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		got = append(got, v)
		_ = json.NewEncoder(w).Encode(wire.Secret{Name: "token", Hosts: v.Hosts, UpdatedAt: time.Unix(0, 0)})
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token.txt")
	if err := os.WriteFile(file, []byte("hunter22\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("x", maxSecret+1)
	for _, c := range []struct {
		args  string
		stdin string
		code  int
		want  string
	}{
		{"secret set token --host a.example --host b.example", "hunter22\n", exitOK, "hunter22"},
		{"secret set token --host a.example", "  hunter22\r\n", exitOK, "  hunter22"},
		{"secret set token --host a.example --from-file " + file, "not this", exitOK, "hunter22\n"},
		{"secret set token hunter22 --host a.example", "", exitUsage, ""},
		{"secret set token --value=hunter22 --host a.example", "", exitUsage, ""},
		{"secret set token", "hunter22", exitUsage, ""},
		{"secret set token --host a.example", "\n", exitUsage, ""},
		{"secret set token --host a.example", "hunter22\xff", exitUsage, ""},
		{"secret set token --host a.example", large, exitUsage, ""},
		{"secret set token --host a.example --from-file " + file + ".none", "", exitUsage, ""},
	} {
		got = nil
		var out bytes.Buffer
		args := slices.Insert(strings.Fields(c.args), 2, "--server", server.URL)
		code := run(t.Context(), environment{args: args, stdin: strings.NewReader(c.stdin), stdout: &out, stderr: &out})
		if code != c.code || (len(got) == 1) != (c.code == exitOK) || len(got) == 1 && got[0].Value != c.want {
			t.Errorf("%s: exit %d, sent %q\n%s", c.args, code, got, &out)
		}
		if strings.Contains(out.String(), "hunter22") {
			t.Errorf("%s prints the secret:\n%s", c.args, &out)
		}
	}
}
