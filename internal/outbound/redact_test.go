package outbound_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/activity-core/activity-core/internal/outbound"
)

// escapers are ways in which a server can write what it was sent.
var escapers = map[string]func(string) string{
	"as it is": func(s string) string { return s },
	"json":     inJSON,
	"json that escapes the slash": func(s string) string {
		return strings.ReplaceAll(inJSON(s), "/", `\/`)
	},
	"json, every character": func(s string) string {
		var b strings.Builder
		for i, unit := range utf16.Encode([]rune(s)) {
			fmt.Fprintf(&b, [2]string{`\u%04X`, `\u%04x`}[i%2], unit)
		}
		return b.String()
	},
	"json in json":          func(s string) string { return inJSON(inJSON(s)) },
	"json in json, slashes": func(s string) string { return inJSON(strings.ReplaceAll(inJSON(s), "/", `\/`)) },
	"percent":               url.QueryEscape,
	"percent of a path":     url.PathEscape,
	"percent, every byte": func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, [2]string{"%%%02X", "%%%02x"}[i%2], s[i])
		}
		return b.String()
	},
	"percent twice": func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"html":          html.EscapeString,
	"html of html":  func(s string) string { return html.EscapeString(html.EscapeString(s)) },
	"html, every character": func(s string) string {
		var b strings.Builder
		for i, r := range s {
			fmt.Fprintf(&b, [2]string{"&#%d;", "&#x%x;"}[i%2], r)
		}
		return b.String()
	},
	"hex":              func(s string) string { return hex.EncodeToString([]byte(s)) },
	"base64":           func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 for urls":  func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64 after one": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "yz")) },
	"base64 after two": func(s string) string { return base64.URLEncoding.EncodeToString([]byte("xy" + s + "z")) },
	"base64 in json": func(s string) string {
		return strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(s)), "/", `\/`)
	},
	"base64 in lines": func(s string) string { return wrapped(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64 percent":  func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
}

func inJSON(s string) string {
	text, _ := json.Marshal(s)
	return string(text[1 : len(text)-1])
}

func wrapped(s string) string {
	var lines []string
	for len(s) > 10 {
		lines, s = append(lines, s[:10]), s[10:]
	}
	return strings.Join(append(lines, s), "\r\n")
}

func TestASecretIsBlottedOutHoweverItsCharactersAreEscaped(t *testing.T) {
	for _, secret := range []string{"sk/live+8QZ=x\"7<&>'", "hunter22hunter", `back\slash\\er`, "pässwört/€🔑", "line\nbreak\ttab", "%41%2Bx&amp;", "a b c d e f"} {
		for name, escape := range escapers {
			for _, around := range [][2]string{{"", ""}, {`{"token": "`, `"}`}, {"before ", " after"}, {"%", "%"}, {`\\`, `\`}, {"&", "&"}} {
				text := around[0] + escape(secret) + around[1]
				got := string(outbound.Redact([]byte(text), secret))
				if !strings.Contains(got, "***") || strings.Contains(got, escape(secret)) {
					t.Errorf("%q, %s: %q came out as %q", secret, name, text, got)
				}
			}
		}
	}
}

// What is left beside a find in base64 must not give away the secret's first or last bytes.
func TestNothingOfASecretIsLeftInBase64(t *testing.T) {
	const secret = "hunter22+/hunter"
	for before := range 6 {
		for after := range 6 {
			text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("<", before) + secret + strings.Repeat(">", after)))
			got := string(outbound.Redact([]byte(text), secret))
			left, right, found := strings.Cut(got, "***")
			if !found || len(left)*6/8 > before || len(strings.TrimRight(right, "="))*6/8 > after {
				t.Errorf("%d before, %d after: %q came out as %q", before, after, text, got)
			}
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(random.UintN(256))
	}
	for _, text := range []string{
		"hunter2 hunter", "Bearer", base64.StdEncoding.EncodeToString(noise), hex.EncodeToString(noise), string(noise),
		strings.Repeat(`\`, 1<<20), strings.Repeat("%25", 1<<18), strings.Repeat("&amp;", 1<<18),
	} {
		if got := string(outbound.Redact([]byte(text), "Bearer hunter22")); got != text {
			t.Errorf("%.40q was changed to %.40q", text, got)
		}
	}
}

func TestUserAndPasswordOfBasicAreSecretsToo(t *testing.T) {
	secret := "Basic " + base64.StdEncoding.EncodeToString([]byte("robot:hunter22"))
	for _, text := range []string{"robot:hunter22", "password hunter22", secret, strings.TrimPrefix(secret, "Basic ")} {
		if got := string(outbound.Redact([]byte(text), secret)); strings.Contains(got, "hunter22") || !strings.Contains(got, "***") {
			t.Errorf("%q came out as %q", text, got)
		}
	}
}

func TestJSONStaysJSONWhenASecretIsBlottedOut(t *testing.T) {
	for _, secret := range []string{"nope-1234", "u0041-secret", `"quoted"`, `\back`, "/slash/"} {
		for _, text := range []string{"line\n" + secret[1:] + " x", secret, "\n" + secret + "\n", `\` + secret + `\`} {
			got := outbound.Redact([]byte(`{"v": "`+inJSON(text)+`"}`), secret)
			if !json.Valid(got) {
				t.Errorf("%q, secret %q: got %s", text, secret, got)
			}
		}
	}
}

// A secret comes back in places other than the body, and in charsets other than UTF-8.
func TestASecretIsBlottedOutOfHeadersLocationsAndEveryCharset(t *testing.T) {
	const secret = "hunter22/+x"
	mux := http.NewServeMux()
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Percent", url.QueryEscape(secret))
		w.Header().Set("X-Base64", base64.StdEncoding.EncodeToString([]byte("you: "+secret)))
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/at/"+url.PathEscape(secret)+"?token="+url.QueryEscape(secret))
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/utf16", func(w http.ResponseWriter, _ *http.Request) {
		out := []byte("\xff\xfe")
		for _, r := range "you sent " + secret {
			out = append(out, byte(r), 0)
		}
		_, _ = w.Write(out)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<10-10)+`hunter22\/\u002`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	for _, path := range []string{"/headers", "/moved", "/utf16", "/cut"} {
		for _, signed := range []bool{false, true} {
			r := request(t, "POST", server.URL+path)
			r.Body = []byte("x")
			if r.Hidden = []string{secret}; !signed {
				r.Hidden, r.Secret = nil, http.Header{"X-Token": {secret}}
			}
			res, err := c.Do(t.Context(), r)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			all := fmt.Sprintf("%s %v %v", res.Body, res.Header, res.Redirect("POST"))
			for _, leak := range []string{"hunter22", "Hunter22", url.QueryEscape(secret), "unter", base64.StdEncoding.EncodeToString([]byte(secret))[:8]} {
				if strings.Contains(all, leak) {
					t.Errorf("%s: %q is in %q", path, leak, all)
				}
			}
		}
	}
}

func TestASecretIsNoHeaderName(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-"+r.Header.Get("X-Token"), "named")
	}))
	defer server.Close()
	c := outbound.New(outbound.Config{Allow: loopback()})
	defer c.Close()
	r := request(t, "GET", server.URL)
	r.Secret.Set("X-Token", "hunter22")
	res, err := c.Do(t.Context(), r)
	if err != nil || len(res.Header["X-Hunter22"]) != 0 {
		t.Errorf("got %v, %v; want no header named like the secret", res, err)
	}
}

func BenchmarkRedact(b *testing.B) {
	for name, unit := range map[string]string{"prose": "the quick brown fox jumps over the lazy dog. ", "backslashes": `\`, "percent": "%25", "entities": "&amp;", "base64": "aHVudGVyMjI"} {
		b.Run(name, func(b *testing.B) {
			text := []byte(strings.Repeat(unit, 1<<20/len(unit)))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				outbound.Redact(text, "Bearer hunter22hunter22")
			}
		})
	}
}

func TestRetryAfterIsReadInSecondsAndAsADate(t *testing.T) {
	now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after, date string
		want        time.Duration
	}{
		{"7", "", 7 * time.Second}, {" 7 ", "", 7 * time.Second}, {"0", "", 0}, {"-3", "", 0}, {"1.5", "", 0}, {"", "", 0}, {"soon", "", 0},
		{"99999999999", "", outbound.LongestRetryAfter}, {"99999999999999999999999", "", outbound.LongestRetryAfter},
		{"Sun, 01 Mar 2026 06:00:30 GMT", "", 30 * time.Second},
		{"Sun, 01 Mar 2026 06:00:30 GMT", "Sun, 01 Mar 2026 06:00:10 GMT", 20 * time.Second},
		{"Sunday, 01-Mar-26 06:00:30 GMT", "", 30 * time.Second}, {"Sun Mar  1 06:00:30 2026", "", 30 * time.Second},
		{"Sun, 01 Mar 2026 05:00:00 GMT", "", 0}, {"Mon, 01 Mar 2027 06:00:00 GMT", "", outbound.LongestRetryAfter},
	} {
		h := http.Header{}
		h.Set("Retry-After", c.after)
		if c.date != "" {
			h.Set("Date", c.date)
		}
		if got := outbound.RetryAfter(h, now); got != c.want {
			t.Errorf("%q at %q: got %v, want %v", c.after, c.date, got, c.want)
		}
	}
}
