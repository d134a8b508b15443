package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// openPostgres is a fresh record; the test is skipped where there is no PostgreSQL.
func openPostgres(tb testing.TB) core.Store {
	tb.Helper()
	cfg := postgres.Config{URL: postgrestest.Database(tb)}
	err := postgres.Migrate(tb.Context(), cfg, func(ctx context.Context, m *sqlstore.Migrator) error {
		_, err := m.Up(ctx)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := postgres.Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func openSQLite(tb testing.TB) core.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), sqlite.Config{Path: filepath.Join(tb.TempDir(), "record.db")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// manyDefinitions is the body of an apply, every second definition with a schedule; version is
// in each document.
func manyDefinitions(tb testing.TB, n int, version string) []byte {
	tb.Helper()
	var in struct {
		Definitions []map[string]any `json:"definitions"`
	}
	for i := range n {
		d := map[string]any{
			"name": fmt.Sprintf("d-%05d", i), "description": "version " + version, "trigger_type": "event",
			"trigger_config": map[string]any{"event_type": fmt.Sprintf("com.example.t%d", i), "filters": map[string]any{"ref": []any{map[string]any{"prefix": "refs/tags/"}}}},
			"rules": []any{map[string]any{"name": "r", "when": "run.cause != 'manual'", "actions": []any{
				map[string]any{"type": "create_task", "with": map[string]any{"title": "check ${run.time}", "labels": []any{"a", "b"}}},
			}}},
		}
		if i%2 == 0 {
			d["trigger_type"] = "cron"
			d["trigger_config"] = map[string]any{"cron_expression": fmt.Sprintf("%d %d * * *", i%60, i/60%24), "timezone": "Europe/Berlin"}
		}
		in.Definitions = append(in.Definitions, d)
	}
	body, err := json.Marshal(in)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// BenchmarkApply answers plan and apply of many definitions, half of them with a schedule, as
// the API does: 5,000, or as many as ACTIVITY_CORE_BENCH_N says. Temporal has no part in it.
func BenchmarkApply(b *testing.B) {
	n := 5000
	if given, err := strconv.Atoi(os.Getenv("ACTIVITY_CORE_BENCH_N")); err == nil {
		n = given
	}
	for name, open := range map[string]func(testing.TB) core.Store{"sqlite": openSQLite, "postgres": openPostgres} {
		b.Run(name, func(b *testing.B) {
			first, second := manyDefinitions(b, n, "1"), manyDefinitions(b, n, "2")
			for b.Loop() {
				store := open(b)
				h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{Store: store}), Record: store})
				answer := func(what, path string, body []byte) {
					req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
					req.Host = "localhost"
					req.Header.Set("Content-Type", "application/json")
					w := httptest.NewRecorder()
					began := time.Now()
					h.ServeHTTP(w, req)
					b.ReportMetric(time.Since(began).Seconds(), what+"-s")
					if w.Code != http.StatusOK {
						b.Fatalf("%s: %d %.500s", what, w.Code, w.Body)
					}
				}
				answer("plan", "/plan", first)
				answer("create", "/apply", first)
				answer("unchanged", "/apply", first)
				answer("update", "/apply", second)
				answer("prune", "/apply", []byte(`{"definitions":[],"prune":true}`))
			}
		})
	}
}
