package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

// The API tells the faults of form and meaning of every definition in a body at once, each with
// its place in that body.
func TestEveryFaultOfABodyIsToldAtOnce(t *testing.T) {
	const (
		one = `{"name": "x", "trigger_type": "cron",
 "trigger_config": {"cron_expression": "61 * * * *", "misfire_grace": "0s"}, "rules": [{"name": "r", "when": "tru",
 "actions": [{"type": "create_task", "with": {"title": "t"}}]}]}`
		event = `{"name": "y", "trigger_type": "event", "trigger_config": {"filters": {"a": [{"prefx": 1}]}, "event_type": "a"}, "foo": 1,
 "rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]}`
	)
	s := server(t)
	for name, c := range map[string]struct {
		path, media, body string
		want              []string
	}{
		"one":             {"/activity-definitions", "application/json", one, []string{"2:40 trigger_config.cron_expression", "2:71 trigger_config.misfire_grace", "2:110 rules[0].when"}},
		"several":         {"/apply", "application/json", `{"definitions": [` + one + `, ` + event + `]}`, []string{"2:40 definitions[0].trigger_config.cron_expression", "2:71 definitions[0].trigger_config.misfire_grace", "2:110 definitions[0].rules[0].when", "3:153 definitions[1].trigger_config.filters.a[0].prefx", "3:179 definitions[1].foo"}},
		"several in YAML": {"/plan", "application/yaml", "name: x\ntrigger_type: corn\n---\nname: y\ntrigger_type: cron\ntrigger_config: {cron_expression: x, jitter: 1}\n", []string{"1:1 rules", "2:15 trigger_type", "4:1 rules", "6:35 trigger_config.cron_expression", "6:46 trigger_config.jitter"}},
		"a dry run":       {"/dry-run", "application/json", `{"definition": ` + event + `}`, []string{"1:87 trigger_config.filters.a[0].prefx", "1:113 foo"}},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.media)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var p struct{ Errors []core.FieldError }
			if err := json.NewDecoder(res.Body).Decode(&p); err != nil || res.StatusCode != http.StatusUnprocessableEntity {
				t.Fatalf("status %d, %v", res.StatusCode, err)
			}
			var got []string
			for _, f := range p.Errors {
				where, _, _ := strings.Cut(f.String(), ": ")
				got = append(got, where+" "+f.Location)
				if f.Message == "" {
					t.Errorf("%s says nothing", f.Location)
				}
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
