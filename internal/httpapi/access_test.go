package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/httpguard"
	"github.com/activity-core/activity-core/internal/telemetry"
)

// A series is kept for ever: what a client may choose must not make one.
func TestWhatClientsChooseBecomesNoLabel(t *testing.T) {
	metrics, err := telemetry.NewMetrics()
	if err != nil {
		t.Fatal(err)
	}
	h := httpguard.Handler(httpguard.Config{Refuse: httpapi.Refuse}, httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{Store: halfStore{}}), Record: halfRecord{}, Observe: metrics.APIRequest}))
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same requests each time
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('A' + random.IntN(26))
		}
		return string(b)
	}
	ask := func(method, path string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method, r.URL.Path, r.RequestURI = method, path, path
		r.Host = "127.0.0.1"
		r.Header.Set("User-Agent", word(20))
		r.Header.Set("Origin", "http://"+word(20))
		r.Header.Set("Content-Type", word(20))
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	series := func() (n, bytes int) {
		w := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return strings.Count(w.Body.String(), "\nactivity_core_api_requests_total{"), w.Body.Len()
	}
	round := func(times int) {
		for i := range times {
			length := 3 + i%20
			if i%50 == 7 {
				length = 900_000
			}
			ask(word(length), "/runs/"+word(5))
			ask(word(6), "/hooks/"+word(8))
			ask(word(4), "/"+word(5))
			ask(http.MethodPost, "/hooks/"+word(5))
			ask(http.MethodGet, "/runs/"+word(9))
			ask(http.MethodGet, "/events/"+word(9)+"/explain")
		}
	}
	round(10)
	before, _ := series()
	round(300)
	after, bytes := series()
	if before == 0 || after > before || bytes > 100_000 {
		t.Errorf("%d series and %d bytes of metrics after 1,800 random requests, %d series after 60: want no more", after, bytes, before)
	}
}

func TestALongMethodIsRefusedAsAProblem(t *testing.T) {
	h := httpguard.Handler(httpguard.Config{Refuse: httpapi.Refuse}, httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{})}))
	r := httptest.NewRequest(http.MethodGet, "/runs", nil)
	r.Method = strings.Repeat("X", 900_000)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if body := w.Body.String(); w.Code != 405 || !strings.Contains(body, `"code":"invalid"`) || !strings.Contains(body, `"location":"method"`) || len(body) > 1000 || w.Header().Get("Allow") == "" {
		t.Errorf("%d, %d bytes, %.300s; want a short problem document with status 405", w.Code, len(body), body)
	}
}

func TestReadinessTellsStrangersThatAndNotWhy(t *testing.T) {
	health := telemetry.NewHealth()
	health.Add("store", func(context.Context) error {
		return errors.New("failed to connect to `user=activity database=prod`: 10.1.2.3:5432: refused")
	})
	health.Add("nats", func(context.Context) error { return nil })
	health.Tell("schedules", func(context.Context) string { return "12 of payroll.* wait" })
	for name, c := range map[string]struct {
		token, auth, header string
		told                bool
	}{
		"no token is asked for, at this machine":        {"", "", "", true},
		"no token is asked for, through a proxy":        {"", "", "X-Forwarded-For", false},
		"a token is asked for, and there is none":       {"the-right-token-1", "", "", false},
		"a token is asked for, and it is another one":   {"the-right-token-1", "Bearer the-wrong-token-1", "", false},
		"a token is asked for, and it is the right one": {"the-right-token-1", "Bearer the-right-token-1", "X-Forwarded-For", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, func(c2 *httpapi.Config) { c2.Health, c2.Token = health, c.token })
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/readyz", nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.auth != "" {
				r.Header.Set("Authorization", c.auth)
			}
			if c.header != "" {
				r.Header.Set(c.header, "1.2.3.4")
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			raw, err := io.ReadAll(answer.Body)
			body := string(raw)
			if err != nil || answer.StatusCode != 503 || !strings.Contains(body, `"store"`) || !strings.Contains(body, `"nats":"ok"`) {
				t.Fatalf("%d %s %v, want 503 and the names of the parts", answer.StatusCode, body, err)
			}
			for _, secret := range []string{"activity database", "10.1.2.3", "payroll"} {
				if strings.Contains(body, secret) != c.told {
					t.Errorf("%q is told: %v, want %v: %s", secret, !c.told, c.told, body)
				}
			}
		})
	}
}

func TestAProcessWithoutATokenServesNobodyThroughAProxy(t *testing.T) {
	for header, value := range map[string]string{"Forwarded": "for=1.2.3.4", "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Real-IP": "1.2.3.4", "Via": "1.1 nginx"} {
		for _, token := range []string{"", "the-right-token-1"} {
			t.Run(fmt.Sprintf("%s, token %q", header, token), func(t *testing.T) {
				r := httptest.NewRequest(http.MethodGet, "/runs/there", nil)
				r.Host = "127.0.0.1:8010"
				r.Header.Set(header, value)
				want := 403
				if token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
					want = 200
				}
				w := httptest.NewRecorder()
				httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{}), Record: halfRecord{}, Token: token}).ServeHTTP(w, r)
				if w.Code != want {
					t.Errorf("%d %s, want %d", w.Code, w.Body, want)
				}
				if want == 403 && !strings.Contains(w.Body.String(), "api.token") {
					t.Errorf("%s names no remedy", w.Body)
				}
			})
		}
	}
}

func TestAPageOfAnotherSiteReadsNothing(t *testing.T) {
	for mode, want := range map[string]int{"no-cors script": 403, "cors empty": 403, "navigate iframe": 403, "navigate document": 200} {
		t.Run(mode, func(t *testing.T) {
			kind, dest, _ := strings.Cut(mode, " ")
			r := httptest.NewRequest(http.MethodGet, "/docs", nil)
			r.Host = "localhost:8010"
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", kind)
			r.Header.Set("Sec-Fetch-Dest", dest)
			w := httptest.NewRecorder()
			httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{})}).ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%d, want %d", w.Code, want)
			}
		})
	}
}
