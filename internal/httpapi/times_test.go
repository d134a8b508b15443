package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// fills remembers the backfill that was asked for.
type fills struct {
	httpapi.Slots
	got *wire.Backfill
}

func (f fills) Backfill(_ context.Context, _ core.StoredDefinition, in wire.Backfill, _ core.Actor) (wire.BackfillResult, error) {
	*f.got = in
	return wire.BackfillResult{}, nil
}

// oneStore has one cron definition.
type oneStore struct{ halfStore }

func (oneStore) Definition(context.Context, string) (core.StoredDefinition, error) {
	d := core.Definition{Name: "nightly", TriggerType: core.TriggerCron, TriggerConfig: core.TriggerConfig{CronExpression: core.StringList{"0 4 * * *"}},
		Rules: []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}}}
	d.Normalize()
	return core.StoredDefinition{Definition: d, Version: 1}, nil
}

// A body takes a time in each form that a flag and a query parameter do, and names the field of
// one that cannot be read.
func TestTimesOfBodiesAreReadLikeFlags(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	var got wire.Backfill
	s := server(t, func(c *httpapi.Config) {
		c.Now, c.Slots, c.Catalog = func() time.Time { return now }, fills{got: &got}, catalog.New(catalog.Config{Store: oneStore{}})
	})
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-03-01T00:00:00Z": day, "2026-03-01t01:00:00+01:00": day, "2026-03-01": day, "2026-03-01T00:00": day, "2026-03-01 00:00": day, "7d": now.AddDate(0, 0, -7), "1h30m": now.Add(-90 * time.Minute),
	} {
		body := strings.ReplaceAll(`{"from":"T","to":"T","under_way":["T"],"not_before":"T"}`, "T", text)
		a, answer := ask(t, "POST", s.URL+"/activity-definitions/nightly/backfill", http.Header{"Content-Type": {"application/json"}}, body)
		wanted := wire.Backfill{BackfillPoint: wire.BackfillPoint{From: want, UnderWay: []time.Time{want}, NotBefore: &want}, To: want}
		if a.StatusCode != 200 || !reflect.DeepEqual(got, wanted) {
			t.Errorf("backfill %s: %d %s, %+v; want %+v", body, a.StatusCode, answer, got, wanted)
		}
		a, answer = ask(t, "POST", s.URL+"/dry-run", http.Header{"Content-Type": {"application/json"}}, strings.ReplaceAll(`{"definition":"nightly","at":"T"}`, "T", text))
		if a.StatusCode != 200 || !strings.Contains(answer, want.Format(time.RFC3339)) {
			t.Errorf("dry-run at %s: %d %s, want a run at %s", text, a.StatusCode, answer, want.Format(time.RFC3339))
		}
	}
	const good = "2026-03-01"
	for body, field := range map[string]string{
		`{"from":"yesterday","to":"` + good + `"}`:                                   "from",
		`{"from":"` + good + `","to":""}`:                                            "to",
		`{"from":"` + good + `","to":"` + good + `","under_way":["2026-03-01","x"]}`: "under_way[1]",
		`{"from":"` + good + `","to":"` + good + `","not_before":""}`:                "not_before",
		`{"definition":"nightly","at":"2026-13-01"}`:                                 "at",
		`{"definition":"nightly","at":""}`:                                           "at",
	} {
		path := "/activity-definitions/nightly/backfill"
		if field == "at" {
			path = "/dry-run"
		}
		a, answer := ask(t, "POST", s.URL+path, http.Header{"Content-Type": {"application/json"}}, body)
		var p problem
		if err := json.Unmarshal([]byte(answer), &p); err != nil || p.Errors == nil || len(*p.Errors) != 1 {
			t.Fatalf("%s: %s %v, want a problem with one field", body, answer, err)
		}
		if f := (*p.Errors)[0]; a.StatusCode != 422 || f.Location != field || !strings.Contains(f.Message, core.InstantForms) {
			t.Errorf("%s: %d %+v, want 422, the field %s and %q", body, a.StatusCode, f, field, core.InstantForms)
		}
	}
}

// escaped has JSON as encoding/json stores it.
type escaped struct{ halfRecord }

func (escaped) AuditEntries(context.Context, string, core.PageRequest) (core.Page[core.AuditEntry], error) {
	return core.Page[core.AuditEntry]{Items: []core.AuditEntry{{Detail: json.RawMessage(`{"a":"\u003cb\u003e \u0026 \\u003c \u0001"}`)}}}, nil
}

func TestAnswersShowSignsAsThemselves(t *testing.T) {
	s := server(t, func(c *httpapi.Config) { c.Record = escaped{} })
	a, text := ask(t, "GET", s.URL+"/audit", nil, "")
	if want := `"detail":{"a":"<b> & \\u003c \u0001"}`; a.StatusCode != 200 || !strings.Contains(text, want) || !strings.HasSuffix(text, "}\n") {
		t.Errorf("%d %s, want %s in it", a.StatusCode, text, want)
	}
}
