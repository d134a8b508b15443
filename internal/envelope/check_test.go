package envelope

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// valid is what checkJSON says, with encoding/json as the judge.
func agrees(t *testing.T, data []byte) {
	t.Helper()
	at, err := checkJSON(data, MaxDepth)
	if errors.Is(err, errDepth) {
		return
	}
	if want := json.Valid(data); (err == nil) != want {
		t.Fatalf("checkJSON(%q) = %d, %v; encoding/json says valid = %v", data, at, err, want)
	}
	if at < 0 || at > len(data) {
		t.Fatalf("checkJSON(%q): position %d", data, at)
	}
}

func TestCheckJSONAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range []string{
		``, ` `, `{}`, `[]`, `null`, `nul`, `true`, `tru e`, `0`, `-0`, `-`, `01`, `1.`, `1.5`, `.5`, `1e`, `1e+`, `1E-7`, `+1`, `"`, `"a`, `"\u12"`, `"\u12zz"`,
		`"\x"`, "\"\n\"", "\"\x7f\"", `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `[1,]`, `[1 2]`, `[1]]`, `{"a":1}{`, ` [ 1 , {"a" : [ ] } ] `, `{"a":1 "b":2}`, "\ufeff{}",
		`["\"\\\/\b\f\n\r\t\u00e9"]`, `{"a":{"b":{"c":[[[]]]}}}`, `{,}`, `[,]`, `{"a":1,,"b":2}`, `"\`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `[`, `[1`, `[1,`,
	} {
		agrees(t, []byte(s))
	}
	files, err := filepath.Glob("../webhook/testdata/github/*/*.json")
	if err != nil || len(files) != 91 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		agrees(t, data)
		for cut := 0; cut < len(data); cut += 1 + len(data)/50 {
			agrees(t, data[:cut])
		}
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	deepest := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	if _, err := checkJSON([]byte(deepest), MaxDepth); err != nil {
		t.Fatal(err)
	}
	if _, err := checkJSON([]byte("["+deepest+"]"), MaxDepth); !errors.Is(err, errDepth) {
		t.Fatal(err)
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"\u00e9",null,true]}`, `[1,]`, `"\`, `-`, `{"a":1}{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(agrees)
}

// What every event costs the router before it is matched.
func BenchmarkDecode(b *testing.B) {
	data := []byte(`{"event_id":"e-12-34567","type":"github.push","source":"github","time":"2026-03-01T09:30:00Z","payload":{"action":"opened","repository":{"id":1001,"full_name":"acme/api"},"text":"` +
		strings.Repeat("lorem ", 70) + `"}}`)
	h := Header{"Nats-Msg-Id": {"e-12-34567"}}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(h, data); err != nil {
			b.Fatal(err)
		}
	}
}
