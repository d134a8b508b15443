package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/sqlite"
)

// checks is the port of ledger checks: it says which definition was asked for.
type checks struct{ httpapi.Slots }

func (checks) Check(_ context.Context, activityID string, _, _ time.Time) (wire.LedgerCheck, error) {
	return wire.LedgerCheck{Missing: []wire.LedgerGap{{ActivityID: activityID}}}, nil
}

func TestAListOfADefinitionThatNeverWasIsRefused(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := server(t, func(c *httpapi.Config) {
		c.Catalog, c.Record, c.Slots = catalog.New(catalog.Config{Store: store}), store, checks{}
	})
	ids := map[string]string{}
	for _, name := range []string{"weekly-sbom", "nightly-check", "gone"} {
		d := core.Definition{Name: name, TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{EventType: core.StringList{"x"}},
			Rules: []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}}}
		if name == "gone" {
			d.ID = "0193b0a4-7e1b-7c3d-9a54-0d1c5f7b2a11" // which its name does not tell
		}
		d.Normalize()
		stored, err := store.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: d}}, "test", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = stored[0].ID
		_, err = store.RecordCauses(t.Context(), []core.CauseRecord{{ActivityID: d.ID, ActivityName: name, DefinitionVersion: 1, Cause: core.ManualCause("k")}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
	}
	gone, err := store.ApplyChanges(t.Context(), []core.DefinitionChange{{Delete: true, Definition: core.Definition{ID: ids["gone"]}, ExpectVersion: 1}}, "test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PurgeTombstone(t.Context(), ids["gone"], gone[0].Version); err != nil {
		t.Fatal(err)
	}
	never := "0193b0a4-7e1b-7c3d-9a54-0d1c5f7b2a12"
	for _, route := range []string{"/runs", "/tasks", "/ledger", "/ledger/check"} {
		for ref, want := range map[string]string{
			"weekly-sbm": `no definition has or had the name "weekly-sbm"; did you mean "weekly-sbom"?`,
			"nope":       `no definition has or had the name "nope"`,
			"gonne":      `no definition has or had the name "gonne"`, // a deleted one is not suggested
			never:        "no definition has or had this ID",
		} {
			res, err := http.Get(s.URL + route + "?activity=" + url.QueryEscape(ref))
			if err != nil {
				t.Fatal(err)
			}
			f := (*readProblem(t, res, 422, core.CodeInvalid).Errors)[0]
			if f.Location != "activity" || f.Value != ref || f.Message != want {
				t.Errorf("%s %s: %+v, want %s", route, ref, f, want)
			}
		}
		for _, ref := range []string{"", "weekly-sbom", ids["weekly-sbom"], "gone", ids["gone"]} {
			res, err := http.Get(s.URL + route + "?activity=" + ref)
			if err != nil {
				t.Fatal(err)
			}
			var answer any
			err = json.NewDecoder(res.Body).Decode(&answer)
			res.Body.Close()
			id := ids[ref]
			if core.IsUUID(ref) {
				id = ref
			}
			// Tasks have none; the others show the definition that was asked for, and no other.
			text := fmt.Sprint(answer)
			if err != nil || res.StatusCode != 200 || route != "/tasks" && ref != "" && (!strings.Contains(text, id) || strings.Contains(text, ids["nightly-check"])) {
				t.Errorf("%s %q: status %d, %v: %.300s", route, ref, res.StatusCode, err, text)
			}
		}
	}
}
