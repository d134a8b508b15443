package httpapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
)

func TestOpenAPIDescribesEveryRouteOfTheContract(t *testing.T) {
	h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{})})
	r := httptest.NewRequest("GET", "/openapi.json", nil)
	r.Host = "127.0.0.1:8010"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatalf("%d %v: %.300s", w.Code, err, w.Body)
	}
	if doc.OpenAPI[:3] != "3.1" {
		t.Errorf("OpenAPI %s, want 3.1", doc.OpenAPI)
	}
	for path, methods := range map[string][]string{
		"/activity-definitions": {"get", "post"}, "/activity-definitions/{ref}": {"get", "put", "delete"},
		"/activity-definitions/{ref}/trigger": {"post"}, "/activity-definitions/{ref}/pause": {"post"}, "/activity-definitions/{ref}/resume": {"post"},
		"/activity-definitions/{ref}/backfill": {"post"}, "/activity-definitions/{ref}/next": {"get"}, "/activity-definitions/{ref}/versions": {"get"},
		"/activity-definitions/{ref}/runs": {"get"}, "/dry-run": {"post"}, "/plan": {"post"}, "/apply": {"post"},
		"/events": {"get", "post"}, "/events/{id}": {"get"}, "/events/{id}/explain": {"get"}, "/events/replay": {"post"}, "/events/tail": {"get"}, "/hooks/github": {"post"},
		"/runs": {"get"}, "/runs/{id}": {"get"}, "/runs/{id}/cancel": {"post"}, "/runs/{id}/rerun": {"post"},
		"/tasks": {"get"}, "/tasks/{id}": {"get", "patch"}, "/dead-letters": {"get"}, "/dead-letters/replay": {"post"}, "/dead-letters/drop": {"post"}, "/dead-letters/{id}/replay": {"post"}, "/dead-letters/{id}": {"delete"},
		"/schedules": {"get"}, "/sync": {"post"}, "/ledger": {"get"}, "/audit": {"get"}, "/system": {"get"}, "/system/zone-data/plan": {"post"},
		"/secrets": {"get"}, "/secrets/{name}": {"get", "put", "delete"},
	} {
		for _, m := range methods {
			if doc.Paths[path][m] == nil {
				t.Errorf("%s %s is not described", m, path)
			}
		}
	}
}

func TestOpenAPIDescribesTheFieldsOfABackfill(t *testing.T) {
	h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{})})
	r := httptest.NewRequest("GET", "/openapi.json", nil)
	r.Host = "127.0.0.1:8010"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
				Required   []string       `json:"required"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for schema, fields := range map[string][]string{
		"Backfill":       {"from", "to", "rate", "parallel", "limit", "within", "dry_run", "under_way", "not_before"},
		"BackfillResult": {"total", "done", "started", "existing", "settled", "would_start", "first", "last", "next"},
		"BackfillPoint":  {"from", "under_way", "not_before"},
	} {
		for _, f := range fields {
			if doc.Components.Schemas[schema].Properties[f] == nil {
				t.Errorf("%s.%s is not described", schema, f)
			}
		}
	}
	if got := doc.Components.Schemas["Backfill"].Required; !slices.Equal(slices.Sorted(slices.Values(got)), []string{"from", "to"}) {
		t.Errorf("a backfill needs %v, want from and to", got)
	}
}
