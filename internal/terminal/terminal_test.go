package terminal

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// hostile are texts that steer a terminal, or hide what they say.
var hostile = []string{
	"\x1b]0;owned\x07", "\x1b[2J\x1b[1;1H", "\u009b2J", "\x9b31m", "a\rb", "\b\b\bok", "\x7f", "\u202eexe.gpj", "\u2066x\u2069", "\u200e\u200f\u061c",
	"a\u2028b\u2029c", "\ufeffid", "a\u200bb\u00adc\u2063d", "\U000e0041\U000e007f", "\ufff9a\ufffab\ufffb", "\xff\xfe", "\x00", "\x1bPq\x1b\\", "\u0085next",
}

func write(t testing.TB, w *Writer, out *bytes.Buffer, pieces ...string) string {
	t.Helper()
	for _, p := range pieces {
		if n, err := w.Write([]byte(p)); err != nil || n != len(p) {
			t.Fatalf("Write(%q): want %d and no error, got %d and %v", p, len(p), n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestNothingSteersTheTerminal(t *testing.T) {
	for _, s := range hostile {
		var out bytes.Buffer
		got := write(t, NewWriter(&out), &out, "title: "+s+" end\n")
		if !utf8.ValidString(got) {
			t.Errorf("%q: want UTF-8, got %q", s, got)
		}
		for _, r := range got {
			if !Shown(r) {
				t.Errorf("%q: want no %U in the output, got %q", s, r, got)
			}
		}
		if !strings.HasPrefix(got, "title: ") || !strings.HasSuffix(got, " end\n") {
			t.Errorf("%q: want the rest of the line as it is, got %q", s, got)
		}
	}
}

func TestOrdinaryTextStaysAsItIs(t *testing.T) {
	for s, want := range map[string]string{
		"plain\n\ttext\n": "plain\n\ttext\n", "Grüße, 世界 👩‍💻 e\u0301 नी\n": "Grüße, 世界 👩‍💻 e\u0301 नी\n", "a\r\nb\r\n": "a\nb\n",
		"lone\rreturn": `lone\u000dreturn`, "\x1b[0m": `\u001b[0m`, "\xff": `\xff`, "\u202e": `\u202e`, "\U000e0041": `\U000e0041`, "end\r": `end\x0d`,
	} {
		var out bytes.Buffer
		if got := write(t, NewWriter(&out), &out, s); got != want {
			t.Errorf("%q: want %q, got %q", s, want, got)
		}
	}
}

func TestACharacterMayComeInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOf(rapid.OneOf(rapid.String(), rapid.SampledFrom(hostile))).Draw(t, "text"), "")
		var whole, split bytes.Buffer
		w := NewWriter(&whole)
		_, _ = w.Write([]byte(s))
		_ = w.Flush()
		v := NewWriter(&split)
		for rest := s; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			_, _ = v.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		_ = v.Flush()
		if whole.String() != split.String() {
			t.Fatalf("in pieces: want %q, got %q", whole.String(), split.String())
		}
	})
}

func TestEscapedJSONIsTheSameValue(t *testing.T) {
	for _, s := range hostile {
		text, err := json.Marshal(map[string]string{"k": s})
		if err != nil {
			t.Fatal(err)
		}
		raw := bytes.ReplaceAll(text, []byte(`\u2028`), []byte("\u2028")) // as a raw message has it
		var out bytes.Buffer
		for name, safe := range map[string][]byte{"JSON": JSON(raw), "writer": []byte(write(t, NewJSONWriter(&out), &out, string(raw)))} {
			var got, want map[string]string
			if err := json.Unmarshal(safe, &got); err != nil {
				t.Fatalf("%s of %q is no JSON: %v: %q", name, s, err, safe)
			}
			_ = json.Unmarshal(text, &want)
			if got["k"] != want["k"] {
				t.Errorf("%s of %q: want %q, got %q", name, s, want["k"], got["k"])
			}
			for _, r := range string(safe) {
				if !Shown(r) {
					t.Errorf("%s of %q: want no %U, got %q", name, s, r, safe)
				}
			}
		}
	}
}

func TestYAMLEscapesAreReadBack(t *testing.T) {
	for _, s := range []string{"\u202eexe", "\U000e0041", "\u009b2J", "\u2028"} {
		text, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: s})
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := yaml.Unmarshal([]byte(Text(string(text))), &got); err != nil || got != s {
			t.Errorf("%q: want the same after reading it back, got %q, %v", s, got, err)
		}
	}
}

func TestOnlyProseIsCutAndOnlyToTheWidth(t *testing.T) {
	rows := [][]string{{"ID", "ERROR", "AT"}, {strings.Repeat("i", 36), strings.Repeat("e", 90) + "\nmore", "now"}, {"世界", "short", "then"}}
	var whole, cut bytes.Buffer
	_ = Table(&whole, rows, 0, "ERROR")
	if !strings.Contains(whole.String(), strings.Repeat("e", 90)+" more") {
		t.Errorf("without a width: want the whole text, got\n%s", whole.String())
	}
	_ = Table(&cut, rows, 80, "ERROR")
	for _, l := range strings.Split(strings.TrimSpace(cut.String()), "\n") {
		if n := Columns(l); n > 80 {
			t.Errorf("want at most 80 columns, got %d: %s", n, l)
		}
	}
	if !strings.Contains(cut.String(), strings.Repeat("i", 36)) || !strings.Contains(cut.String(), "…") {
		t.Errorf("want whole IDs and a cut error, got\n%s", cut.String())
	}
	lines := strings.Split(cut.String(), "\n")
	if a, b := strings.Index(lines[0], "ERROR"), strings.Index(lines[2], "short"); a+2 != b { // two characters of three bytes take two columns each
		t.Errorf("want columns below each other, got\n%s", cut.String())
	}
}

func TestDetailsAreWhole(t *testing.T) {
	var out bytes.Buffer
	long := strings.Repeat("why ", 100)
	_ = Details(&out, [][]string{{"error", long + "\nand more"}, {"empty", ""}, {"run", "r1"}})
	want := "error  " + long + "\n       and more\nrun    r1\n"
	if out.String() != want {
		t.Errorf("want %q, got %q", want, out.String())
	}
}
