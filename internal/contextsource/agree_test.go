package contextsource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/outbound"
)

// both read one server's answer, as a context source and as an action.
type both struct {
	source *Fetcher
	action *actionexec.Executor
	now    time.Time
}

func newBoth(t *testing.T) both {
	t.Helper()
	c := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(c.Close)
	now := time.Now()
	return both{New(Config{HTTP: c}), actionexec.New(actionexec.Config{HTTP: c, Now: func() time.Time { return now }}), now}
}

func (b both) perform(ctx context.Context, url string) (any, error) {
	res, err := b.action.Perform(ctx, core.Run{}, nil, core.PlannedAction{Type: core.ActionHTTPRequest, Key: "k", With: map[string]any{"method": "GET", "url": url}})
	if err != nil {
		return nil, err
	}
	v, err := core.DecodeData(res.Result)
	if err != nil {
		return nil, err
	}
	return v.(map[string]any)["body"], nil
}

func utf16Text(s string, big bool) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune("\uFEFF" + s)) {
		if lo, hi := byte(u), byte(u>>8); big {
			b.Write([]byte{hi, lo})
		} else {
			b.Write([]byte{lo, hi})
		}
	}
	return b.String()
}

// Two readers of one format must not disagree: what an answer says is the same for an action
// and for a context source.
func TestActionsAndContextSourcesReadAnAnswerAlike(t *testing.T) {
	want := map[string]any{"n": int64(9007199254740993), "u": uint64(18446744073709551615), "big": 1e+30, "f": 1.5, "s": "Grüße"}
	const text = `{"n": 9007199254740993, "u": 18446744073709551615, "big": 1000000000000000000000000000000, "f": 1.5, "s": "Grüße"}`
	latin1 := strings.ReplaceAll(strings.ReplaceAll(text, "ü", "\xfc"), "ß", "\xdf")
	for name, c := range map[string]struct{ media, body string }{
		"plain":                {"application/json", text},
		"a byte order mark":    {"application/json", "\uFEFF" + text},
		"a mark, and no type":  {"text/plain", "\uFEFF" + text},
		"UTF-16, little":       {"application/json", utf16Text(text, false)},
		"UTF-16, big":          {"application/json; charset=utf-16", utf16Text(text, true)},
		"Latin-1":              {"application/json; charset=ISO-8859-1", latin1},
		"a subtype":            {"application/vnd.api+json; charset=UTF-8", text},
		"an unknown charset":   {"application/json; charset=x-unheard-of", text},
		"a broken media type":  {"application/json; charset", text},
		"an upper-case type":   {"Application/JSON", text},
		"white space around":   {"application/json", "\r\n\t " + text + "\n"},
		"a mark, white space":  {"application/json", "\uFEFF\n " + text},
		"type of another kind": {"text/html; charset=utf-8", text},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.media)
			fmt.Fprint(w, c.body)
		}))
		b := newBoth(t)
		inContext, err := b.source.http(t.Context(), core.HTTPSource{URL: server.URL})
		if err != nil || !reflect.DeepEqual(inContext, any(want)) {
			t.Errorf("%s, context source: got %v, %v; want %v", name, inContext, err, want)
		}
		inAction, err := b.perform(t.Context(), server.URL)
		if err != nil || !reflect.DeepEqual(inAction, any(want)) {
			t.Errorf("%s, action: got %v, %v; want %v", name, inAction, err, want)
		}
		server.Close()
	}
}

func TestActionsAndContextSourcesWaitAlike(t *testing.T) {
	b := newBoth(t)
	for _, c := range []struct {
		after string
		want  time.Duration
	}{
		{"7", 7 * time.Second}, {"", 0}, {"soon", 0}, {"-1", 0}, {"99999999999999999999", outbound.LongestRetryAfter}, {"9223372036854775807", outbound.LongestRetryAfter},
		{"Sun, 01 Mar 2026 06:00:30 GMT", 30 * time.Second}, {"Sunday, 01-Mar-26 06:00:30 GMT", 30 * time.Second}, {"Sun, 01 Mar 2026 05:00:00 GMT", 0},
	} {
		for _, status := range []int{408, 425, 429, 500, 503} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", "Sun, 01 Mar 2026 06:00:00 GMT")
				w.Header().Set("Retry-After", c.after)
				w.WriteHeader(status)
			}))
			u, err := outbound.ParseURL(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			var later interface{ RetryAfter() time.Duration }
			_, err = (&fetch{Fetcher: b.source}).attempt(t.Context(), outbound.Request{Method: "GET", URL: u, MaxBytes: 1})
			if !errors.As(err, &later) || later.RetryAfter() != c.want || !core.IsCode(err, core.CodeUnavailable) {
				t.Errorf("context source, %d with %q: got %v, want to wait %v", status, c.after, err, c.want)
			}
			_, err = b.perform(t.Context(), server.URL)
			if !errors.As(err, &later) || later.RetryAfter() != c.want {
				t.Errorf("action, %d with %q: got %v, want to wait %v", status, c.after, err, c.want)
			}
			server.Close()
		}
	}
}

// An answer of 200 that holds nothing, or an error page of something in between, is no context.
func TestAnAnswerThatIsNoJSONIsNoContext(t *testing.T) {
	for name, c := range map[string]struct{ media, body, want string }{
		"nothing":       {"application/json", "", "an empty body"},
		"blanks":        {"application/json", " \n", "an empty body"},
		"an error page": {"text/html; charset=utf-8", "<html>proxy</html>", "text/html"},
		"half":          {"application/json", `{"a": `, "application/json that cannot be read"},
		"two values":    {"application/json", `{} {}`, "application/json that cannot be read"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.media)
			fmt.Fprint(w, c.body)
		}))
		v, err := newBoth(t).source.http(t.Context(), core.HTTPSource{URL: server.URL})
		if v != nil || !core.IsCode(err, core.CodeInvalid) || !strings.Contains(core.MessageOf(err), c.want) {
			t.Errorf("%s: got %v, %v; want invalid with %q", name, v, err, c.want)
		}
		server.Close()
	}
}

func TestAnAnswerBeyondMaxBytesNamesTheLimitThatIsInForce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `"0123456789"`) }))
	defer server.Close()
	_, err := newBoth(t).source.http(t.Context(), core.HTTPSource{URL: server.URL, MaxBytes: 7})
	if !core.IsCode(err, core.CodeTooLarge) || !strings.Contains(core.MessageOf(err), "max_bytes (7)") {
		t.Errorf("got %v, want too large with max_bytes (7)", err)
	}
}
