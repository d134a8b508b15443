package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// calls is the port behind the routes: it writes down what reaches it.
type calls []string

func (c *calls) Set(_ context.Context, name, value string, hosts []string, by core.Actor) (wire.Secret, error) {
	*c = append(*c, "set "+name+" "+value+" by "+string(by))
	return wire.Secret{Name: name, Hosts: hosts, UpdatedAt: time.Unix(0, 0).UTC()}, nil
}

func (c *calls) Get(_ context.Context, name string) (wire.Secret, error) {
	*c = append(*c, "get "+name)
	return wire.Secret{}, core.NotFound("secret", name)
}

func (c *calls) List(context.Context) ([]wire.Secret, error) {
	*c = append(*c, "list")
	return nil, nil
}

func (c *calls) Delete(_ context.Context, name string, by core.Actor) error {
	*c = append(*c, "delete "+name+" by "+string(by))
	return nil
}

func TestTheRoutesOfSecrets(t *testing.T) {
	const put = `{"value": "hunter22", "hosts": ["api.example"]}`
	for _, c := range []struct {
		method, path, body, token string
		status                    int
		reached                   []string
		says                      string
	}{
		{"PUT", "/secrets/t", put, "the-right-token-1", 200, []string{"set t hunter22 by token"}, `"hosts":["api.example"]`},
		{"GET", "/secrets", "", "the-right-token-1", 200, []string{"list"}, `"items":[]`},
		{"GET", "/secrets/t", "", "the-right-token-1", 404, []string{"get t"}, "not_found"},
		{"DELETE", "/secrets/t", "", "the-right-token-1", 204, []string{"delete t by token"}, ""},
		{"PUT", "/secrets/t", put, "the-wrong-token-1", 401, nil, "unauthorized"},
		{"PUT", "/secrets/t", put, "", 401, nil, "unauthorized"},
		{"GET", "/secrets", "", "", 401, nil, "unauthorized"},
		{"GET", "/secrets/t", "", "", 401, nil, "unauthorized"},
		{"DELETE", "/secrets/t", "", "", 401, nil, "unauthorized"},
		{"POST", "/secrets/t", put, "the-right-token-1", 405, nil, "PUT"},
		{"PUT", "/secrets/t", `{"value": "hunter22", "host": "api.example"}`, "the-right-token-1", 400, nil, "nothing else"},
		{"PUT", "/secrets/t", `{"value": {"hunter22": 1}, "hosts": []}`, "the-right-token-1", 400, nil, "nothing else"},
		{"PUT", "/secrets/t", put + put, "the-right-token-1", 400, nil, "after the JSON object"},
		{"PUT", "/secrets/t", "", "the-right-token-1", 400, nil, "malformed"},
		{"PUT", "/secrets/t", `{"value": "` + strings.Repeat("hunter22", 80_000) + `", "hosts": ["a"]}`, "the-right-token-1", 413, nil, "too_large"},
	} {
		var reached calls
		h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{}), Secrets: &reached, Token: "the-right-token-1"})
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || !slices.Equal(reached, c.reached) || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), "hunter22") {
			t.Errorf("%s %s %.80s: %d %.300s, reached %v", c.method, c.path, c.body, w.Code, w.Body, reached)
		}
	}
	h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{})})
	r := httptest.NewRequest("GET", "/secrets", nil)
	r.Host = "127.0.0.1"
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a port: %d", w.Code)
	}
}
