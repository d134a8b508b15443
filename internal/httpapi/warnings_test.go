package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
)

// savingStore takes every change and has none.
type savingStore struct{ halfStore }

func (savingStore) ApplyChanges(_ context.Context, changes []core.DefinitionChange, _ core.Actor, at time.Time) ([]core.StoredDefinition, error) {
	var out []core.StoredDefinition
	for _, c := range changes {
		out = append(out, core.StoredDefinition{Definition: c.Definition, Version: 1, CreatedAt: at, UpdatedAt: at})
	}
	return out, nil
}

func (savingStore) DefinitionsNamed(context.Context, []string) ([]core.StoredDefinition, error) {
	return nil, nil
}

func (savingStore) AppendAudit(context.Context, core.AuditEntry) error { return nil }

// The warnings stand beside the answer, each with its place in the body, and change no verdict.
func TestWarningsStandBesideTheAnswer(t *testing.T) {
	const (
		job     = `"trigger_type": "cron", "rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "t"}}]}], "trigger_config": {"cron_expression": `
		uneven  = `{"name": "uneven", ` + job + `"*/7 * * * *"}}`
		even    = `{"name": "even", ` + job + `"*/5 * * * *"}}`
		inYAML  = "name: yaml\ntrigger_type: cron\ntrigger_config: {cron_expression: '0 0 1-7 * MON'}\nrules:\n  - name: r\n    actions: [{type: create_task, with: {title: t}}]\n"
		created = http.StatusCreated
	)
	s := server(t, func(c *httpapi.Config) { c.Catalog = catalog.New(catalog.Config{Store: savingStore{}}) })
	for name, c := range map[string]struct {
		path, media, body string
		status            int
		want              string
	}{
		"create":         {"/activity-definitions", "application/json", uneven, created, "1:170 uneven cron-uneven-step"},
		"create in YAML": {"/activity-definitions", "application/yaml", inYAML, created, "3:35 yaml cron-either-day"},
		"nothing to say": {"/activity-definitions", "application/json", even, created, ""},
		"plan":           {"/plan", "application/json", "{\"definitions\": [" + even + ",\n  " + uneven + "]}", http.StatusOK, "2:172 uneven cron-uneven-step"},
		"apply":          {"/apply", "application/yaml", inYAML, http.StatusOK, "3:35 yaml cron-either-day"},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := http.Post(s.URL+c.path, c.media, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var answer struct{ Warnings []core.Warning }
			if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != c.status {
				t.Fatalf("status %d, %v; want %d", res.StatusCode, err, c.status)
			}
			got := ""
			for _, w := range answer.Warnings {
				where, _, _ := strings.Cut(w.String(), ": ")
				got += where + " " + w.Definition + " " + w.Code
				if w.Message == "" || w.Remedy == "" || w.Location != "trigger_config.cron_expression" {
					t.Errorf("the warning says too little: %+v", w)
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
