package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/sqlite"
)

func post(t *testing.T, s *httptest.Server, path, media string, body []byte) (int, []byte) {
	t.Helper()
	res, err := http.Post(s.URL+path, media, bytes.NewReader(body)) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, out.Bytes()
}

// counted is a record that says whether it was asked.
type counted struct {
	catalog.Store
	asked int
}

func (c *counted) DefinitionsNamed(ctx context.Context, names []string) ([]core.StoredDefinition, error) {
	c.asked++
	return c.Store.DefinitionsNamed(ctx, names)
}

// A million empty definitions took minutes of CPU and an answer of hundreds of megabytes.
func TestManyFaultyDefinitionsGetAShortAnswer(t *testing.T) {
	s := server(t)
	for name, c := range map[string]struct {
		body     string
		status   int
		contains []string
	}{
		"as many as are allowed":    {`{"definitions":[` + strings.Repeat("{},\n", catalog.MaxApply-1) + `{}]}`, 422, []string{"definitions[0]", " more faults; mend these first"}},
		"one more":                  {`{"definitions":[` + strings.Repeat("{},", catalog.MaxApply) + `{}]}`, 413, []string{"more than 10000 definitions"}},
		"a million":                 {`{"definitions":[` + strings.Repeat("{},", 1_000_000) + `{}]}`, 413, []string{"more than 10000 definitions"}},
		"and what follows is wrong": {`{"definitions":[` + strings.Repeat("{},", catalog.MaxApply) + `nonsense`, 413, []string{"more than 10000 definitions"}},
	} {
		for _, path := range []string{"/plan", "/apply"} {
			status, answer := post(t, s, path, "application/json", []byte(c.body))
			if status != c.status || len(answer) > 100_000 {
				t.Errorf("%s to %s: status %d, %d bytes; want %d and at most 100,000 bytes", name, path, status, len(answer), c.status)
			}
			for _, want := range c.contains {
				if !bytes.Contains(answer, []byte(want)) {
					t.Errorf("%s to %s: %q is not in %.300s", name, path, want, answer)
				}
			}
		}
	}
	status, answer := post(t, s, "/apply", "application/yaml", []byte(strings.Repeat("--- {a: b}\n", 15_000)))
	if status < 400 || len(answer) > 100_000 {
		t.Errorf("15,000 YAML documents: status %d, %d bytes; want a refusal of at most 100,000 bytes", status, len(answer))
	}
}

// Reading takes each byte once: where a fault stands is found by going on from the one before.
func TestFaultsOfManyDefinitionsHaveTheirPlaces(t *testing.T) {
	s := server(t)
	body := "{\"definitions\": [\n  " + `{"name": "a", "trigger_type": "event", "trigger_config": {"event_type": "x"}, "rules": []},` + "\n\n    " + `{"nam": 1}, {"name": "b",` + "\n" + `  "trigger_type": "never"}` + "\n]}"
	_, answer := post(t, s, "/plan", "application/json", []byte(body))
	var p struct{ Errors []core.FieldError }
	if err := json.Unmarshal(answer, &p); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{}
	for _, f := range p.Errors {
		places[f.Location] = fmt.Sprintf("%d:%d", f.Line, f.Column)
	}
	for location, want := range map[string]string{"definitions[1].nam": "4:6", "definitions[2].trigger_type": "5:19"} {
		if places[location] != want {
			t.Errorf("%s is at %q, want %s; all: %v", location, places[location], want, places)
		}
	}
}

// gone is a body's client that leaves: its context ends while definitions are still read.
func TestAnApplyEndsWhenItsClientLeaves(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := &counted{Store: store}
	h := httpapi.New(httpapi.Config{Catalog: catalog.New(catalog.Config{Store: c}), Record: store})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for media, body := range map[string]string{
		"application/json": `{"definitions":[{"name":"a","trigger_type":"event","trigger_config":{"event_type":"x"},"rules":[{"name":"r","actions":[{"type":"create_task","with":{"title":"t"}}]}]}]}`,
		"application/yaml": "{name: a, trigger_type: event, trigger_config: {event_type: x}, rules: [{name: r, actions: [{type: create_task, with: {title: t}}]}]}",
	} {
		req := httptest.NewRequest(http.MethodPost, "/apply", strings.NewReader(body)).WithContext(ctx)
		req.Host = "localhost"
		req.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code == http.StatusForbidden || w.Code == http.StatusOK {
			t.Errorf("%s: the answer is %d", media, w.Code)
		}
		if c.asked != 0 {
			t.Errorf("%s: the record was asked for a client that had left", media)
		}
		if _, err := store.Definition(t.Context(), "a"); !core.IsCode(err, core.CodeNotFound) {
			t.Errorf("%s: saved for a client that had left: %v", media, err)
		}
	}
	if _, err := catalog.New(catalog.Config{Store: c}).Plan(ctx, catalog.Batch{Definitions: make([]core.Definition, 3)}); !errors.Is(err, context.Canceled) {
		t.Errorf("a plan whose context has ended: %v, want that", err)
	}
}

func TestTheBodyOfAnApplyIsReadAsBefore(t *testing.T) {
	s := server(t)
	for body, want := range map[string]string{
		`[]`:                                   "malformed",
		`{"definitions": {}}`:                  "malformed",
		`{"definitions": 5}`:                   "malformed",
		`{"definitions": [{}`:                  "malformed",
		`{"definitons": []}`:                   "malformed",
		`{"prune": "yes"}`:                     "malformed",
		`{"definitions": [5]}`:                 "invalid",
		`{"definitions": [{}], "prune": true}`: "invalid",
	} {
		_, answer := post(t, s, "/plan", "application/json", []byte(body))
		var p struct{ Code string }
		if err := json.Unmarshal(answer, &p); err != nil || p.Code != want {
			t.Errorf("%s is %s, want %s: %.200s", body, p.Code, want, answer)
		}
	}
}
