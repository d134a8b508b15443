//go:build !slim

package app

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/standardwebhook"
)

// post sends a body with headers; "Name: value" each. A nil body is none.
func post(t *testing.T, url string, body []byte, headers ...string) (int, []byte) {
	t.Helper()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}

// stored are all events of the stream, oldest first.
func stored(t *testing.T, url string) []core.EventListing {
	t.Helper()
	api, err := apiclient.New(url, apiToken)
	if err != nil {
		t.Fatal(err)
	}
	page, err := api.Events(t.Context(), apiclient.ListOptions{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(page.Items)-1; i < j; i, j = i+1, j-1 {
		page.Items[i], page.Items[j] = page.Items[j], page.Items[i]
	}
	return page.Items
}

const auth = "Authorization: Bearer " + apiToken

func TestEventsAreTakenInEveryFormOverHTTP(t *testing.T) {
	a := startWithoutTemporal(t)
	url := "http://" + a.APIListener.Addr().String()
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	binary := []string{"Ce-Specversion: 1.0", "Ce-Id: b", "Ce-Source: /s", "Ce-Type: x.y"}
	want := 0
	for _, c := range []struct {
		name, body string
		noBody     bool
		headers    []string
		status     int
		says       string   // in the answer of one that is refused
		payloads   []string // of what is stored
	}{
		{name: "envelope", body: `{"event_id": "e1", "type": "x.y", "payload": {"n": 123456789012345678901234567890}}`, status: 202, payloads: []string{`{"n":123456789012345678901234567890}`}},
		{name: "the deepest payload", body: `{"event_id": "deep", "type": "x.y", "payload": ` + deep + `}`, status: 202, payloads: []string{deep}},
		{name: "a deeper one", body: `{"event_id": "deeper", "type": "x.y", "payload": [` + deep + `]}`, status: 400, says: "nested deeper than 200 levels"},
		{name: "list", body: `[{"event_id": "l1", "type": "x.y", "payload": 1}, {"specversion": "1.0", "id": "l2", "source": "/s", "type": "x.y", "data": 2}]`, status: 202, payloads: []string{"1", "2"}},
		{name: "structured", body: `{"specversion": "1.0", "id": "s", "source": "/s", "type": "x.y", "data": {"a": 1}}`, headers: []string{"Content-Type: application/cloudevents+json; charset=utf-8"}, status: 202, payloads: []string{`{"a":1}`}},
		{name: "structured without data", body: `{"specversion": "1.0", "id": "s0", "source": "/s", "type": "x.y"}`, headers: []string{"Content-Type: application/cloudevents+json"}, status: 202, payloads: []string{"null"}},
		{name: "batch", body: `[{"specversion": "1.0", "id": "1", "source": "/b", "type": "x.y", "data": 1}, {"specversion": "1.0", "id": "2", "source": "/b", "type": "x.y"}]`, headers: []string{"Content-Type: application/cloudevents-batch+json"}, status: 202, payloads: []string{"1", "null"}},
		{name: "batch with a bad one", body: `[{"specversion": "1.0", "id": "3", "source": "/b", "type": "x.y"}, {"specversion": "1.0", "id": "4", "source": "/b"}]`, headers: []string{"Content-Type: application/cloudevents-batch+json"}, status: 422, says: "[1].type"},
		{name: "binary", body: `{"a": 1}`, headers: append(binary, "Content-Type: application/json"), status: 202, payloads: []string{`{"a":1}`}},
		{name: "binary list", body: `[1]`, headers: []string{"Ce-Specversion: 1.0", "Ce-Id: bl", "Ce-Source: /s", "Ce-Type: x.y"}, status: 202, payloads: []string{`[1]`}},
		{name: "binary text", body: `hello`, headers: []string{"Ce-Specversion: 1.0", "Ce-Id: bt", "Ce-Source: /s", "Ce-Type: x.y", "Content-Type: text/plain"}, status: 202, payloads: []string{`"hello"`}},
		{name: "binary without data", noBody: true, headers: []string{"Ce-Specversion: 1.0", "Ce-Id: b0", "Ce-Source: /s", "Ce-Type: x.y"}, status: 202, payloads: []string{"null"}},
		{name: "binary without type", noBody: true, headers: binary[:3], status: 422, says: "ce-type"},
		{name: "binary without specversion", body: `[1]`, headers: binary[1:], status: 422, says: "ce-specversion"},
		{name: "binary that promises JSON", body: `hello`, headers: append(binary[:4:4], "Content-Type: application/json"), status: 400, says: "is not the JSON"},
		{name: "nothing", noBody: true, status: 400, says: "the event is empty"},
		{name: "no JSON", body: `{"event_id": `, status: 400, says: "not valid JSON"},
		{name: "empty list", body: `[]`, status: 422, says: "holds no event"},
		{name: "no payload", body: `{"event_id": "p", "type": "x.y"}`, status: 422, says: "payload"},
		{name: "no type", body: `[{"event_id": "p", "type": "x.y", "payload": 1}, {"event_id": "q", "payload": 1}]`, status: 422, says: "event 1 of the list: type"},
	} {
		body := []byte(c.body)
		if c.noBody {
			body = nil
		}
		status, answer := post(t, url+"/events", body, append([]string{auth}, c.headers...)...)
		if status != c.status || !strings.Contains(string(answer), c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, answer, c.status, c.says)
		}
		all := stored(t, url)
		if len(all) != want+len(c.payloads) {
			t.Fatalf("%s: %d events are stored, want %d more than %d", c.name, len(all), len(c.payloads), want)
		}
		for i, payload := range c.payloads {
			e := all[want+i]
			if string(compact(t, e.Payload)) != payload || e.Type != "x.y" || e.Time.IsZero() {
				t.Errorf("%s: stored as %+v with %s, want %s", c.name, e, e.Payload, payload)
			}
		}
		want = len(all)
	}
	// Whose runs lie behind an event only those runs may say: else an outsider could keep
	// definitions from running.
	forged := `{"event_id": "forged", "type": "x.y", "payload": 1, "hops": 15, "chain": ["0193b0a4-7e1b-7c3d-9a54-0d1c5f7b2a11"]}`
	if status, answer := post(t, url+"/events", []byte(forged), auth); status != 202 {
		t.Errorf("an event with a chain: %d %s, want 202", status, answer)
	}
	if e := stored(t, url)[want]; e.Hops != 0 || len(e.Chain) != 0 {
		t.Errorf("a client's event is stored with %d hops and the chain %v, want none", e.Hops, e.Chain)
	}
	want++
	if status, _ := post(t, url+"/events", []byte(`{"event_id": "z", "type": "x.y", "payload": 1}`)); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	// The router reads every one of them.
	within(t, "the router has acknowledged all", func() bool {
		c, err := a.js.Consumer(t.Context(), core.EventStream, core.RouterDurable)
		return err == nil && c.CachedInfo().AckFloor.Stream == uint64(want)
	})
	if s, err := a.js.Stream(t.Context(), core.DeadLetterStream); err != nil || s.CachedInfo().State.Msgs != 0 {
		t.Errorf("what was accepted became a dead letter: %+v %v", s.CachedInfo().State, err)
	}
}

func compact(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func signed(body string) string { return signedWith(hookSecret, body) }

func TestHooksOfEverySourceOverHTTP(t *testing.T) {
	a := startWithoutTemporal(t)
	url := "http://" + a.APIListener.Addr().String()
	now := time.Now()
	key, err := standardwebhook.ParseSecret(standardSecret)
	if err != nil {
		t.Fatal(err)
	}
	standard := func(id string, sent time.Time, body string) []string {
		return []string{"Webhook-Id: " + id, "Webhook-Timestamp: " + strconv.FormatInt(sent.Unix(), 10), "Webhook-Signature: v1,AAAA " + key.Sign(id, sent, []byte(body))}
	}
	const push = `{"action": "opened", "repository": {"full_name": "acme/api"}}`
	const merge = `{"object_attributes": {"action": "open"}, "project": {"path_with_namespace": "acme/web"}}`
	const order = `{"type": "order.paid", "timestamp": "2026-03-01T09:30:00Z", "data": {"order": 7}}`
	for _, c := range []struct {
		name, source, body string
		headers            []string
		status             int
		id, eventType      string
		also               string
	}{
		{"gitea", "gitea", push, []string{"X-Gitea-Event: issues", "X-Gitea-Delivery: d1", "X-Gitea-Signature: " + signed(push)}, 202, "gitea:d1", "gitea.issues", "gitea.issues.opened"},
		{"gitea, changed", "gitea", push + " ", []string{"X-Gitea-Event: issues", "X-Gitea-Delivery: d2", "X-Gitea-Signature: " + signed(push)}, 401, "", "", ""},
		{"gitea, unsigned", "gitea", push, []string{"X-Gitea-Event: issues", "X-Gitea-Delivery: d3"}, 401, "", "", ""},
		{"gitea, signed with a part of the secret", "gitea", push, []string{"X-Gitea-Event: issues", "X-Gitea-Delivery: d4", "X-Gitea-Signature: " + signedWith(strings.Split(hookSecret, ",")[0], push)}, 401, "", "", ""},
		{"gitea, no delivery", "gitea", push, []string{"X-Gitea-Event: issues", "X-Gitea-Signature: " + signed(push)}, 422, "", "", ""},
		{"github, previous secret", "github", push, []string{"X-GitHub-Event: issues", "X-GitHub-Delivery: g1", "X-Hub-Signature-256: sha256=" + signed(push)}, 202, "github:g1", "github.issues", "github.issues.opened"},
		{"github, new secret", "github", push, []string{"X-GitHub-Event: ping", "X-GitHub-Delivery: g2", "X-Hub-Signature-256: sha256=" + signedWith("the-secret-to-come", push)}, 202, "github:g2", "github.ping", "github.ping.opened"},
		{"github, both as one", "github", push, []string{"X-GitHub-Event: ping", "X-GitHub-Delivery: g3", "X-Hub-Signature-256: sha256=" + signedWith("the-secret-to-come,"+hookSecret, push)}, 401, "", "", ""},
		{"github, no JSON", "github", "hello", []string{"X-GitHub-Event: ping", "X-GitHub-Delivery: g4", "X-Hub-Signature-256: sha256=" + signed("hello")}, 400, "", "", ""},
		{"standard", "standard", order, standard("m1", now, order), 202, "standard:m1", "standard.order.paid", ""},
		{"standard, old", "standard", order, standard("m2", now.Add(-6*time.Minute), order), 401, "", "", ""},
		{"standard, from the future", "standard", order, standard("m3", now.Add(6*time.Minute), order), 401, "", "", ""},
		{"standard, other id", "standard", order, append(standard("m4", now, order)[1:], "Webhook-Id: m5"), 401, "", "", ""},
		{"standard, no type", "standard", "{}", standard("m6", now, "{}"), 202, "standard:m6", "standard", ""},
		{"gitlab", "gitlab", merge, []string{"X-Gitlab-Event: Merge Request Hook", "Idempotency-Key: k1", "X-Gitlab-Token: " + hookSecret}, 202, "gitlab:k1", "gitlab.merge_request", "gitlab.merge_request.open"},
		{"gitlab before 17.4", "gitlab", merge, []string{"X-Gitlab-Event: Merge Request Hook", "X-Gitlab-Event-UUID: u1", "X-Gitlab-Token: " + hookSecret}, 202, "gitlab:u1." + hashOf(merge), "gitlab.merge_request", "gitlab.merge_request.open"},
		{"gitlab, wrong token", "gitlab", merge, []string{"X-Gitlab-Event: Merge Request Hook", "Idempotency-Key: k2", "X-Gitlab-Token: " + hookSecret + "x"}, 401, "", "", ""},
		{"gitlab, a part of the token", "gitlab", merge, []string{"X-Gitlab-Event: Merge Request Hook", "Idempotency-Key: k3", "X-Gitlab-Token: " + strings.Split(hookSecret, ",")[0]}, 401, "", "", ""},
		{"gitlab, no token", "gitlab", merge, []string{"X-Gitlab-Event: Merge Request Hook", "Idempotency-Key: k4"}, 401, "", "", ""},
		{"unknown", "bitbucket", push, nil, 404, "", "", ""},
	} {
		before := len(stored(t, url))
		for round := range 2 {
			status, answer := post(t, url+"/hooks/"+c.source, []byte(c.body), c.headers...)
			if status != c.status || bytes.Contains(answer, []byte(hookSecret)) {
				t.Errorf("%s: %d %s, want %d", c.name, status, answer, c.status)
			}
			var p wire.Published
			if c.status == 202 && (json.Unmarshal(answer, &p) != nil || len(p.Items) != 1 || p.Items[0].EventID != c.id || p.Items[0].Duplicate != (round == 1)) {
				t.Errorf("%s, round %d: %s", c.name, round, answer)
			}
		}
		all := stored(t, url)[before:]
		if c.status != 202 {
			if len(all) != 0 {
				t.Errorf("%s: refused and stored: %+v", c.name, all)
			}
			continue
		}
		if len(all) != 1 || all[0].EventID != c.id || all[0].Type != c.eventType || strings.Join(all[0].AlsoTypes, " ") != c.also || all[0].Source != c.source || string(compact(t, all[0].Payload)) != string(compact(t, []byte(c.body))) {
			t.Errorf("%s: stored %+v", c.name, all)
		}
	}
}

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:6])
}

func signedWith(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestAnUnpublishedEventIsExplainedAsItWouldBePublished(t *testing.T) {
	a := startWithoutTemporal(t)
	url := "http://" + a.APIListener.Addr().String()
	def := `{"name": "recent", "trigger_type": "event", "trigger_config": {"event_type": "x.y", "filters": {"n": 18446744073709551617}, "when": "event.time > timestamp('2020-01-01T00:00:00Z')"},
		"rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]}`
	if status, answer := post(t, url+"/activity-definitions", []byte(def), auth, "Content-Type: application/json"); status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
	explain := func(event string) (int, wire.Page[core.EventExplanation], string) {
		t.Helper()
		status, answer := post(t, url+"/events/explain", []byte(fmt.Sprintf(`{"event": %s}`, event)), auth, "Content-Type: application/json")
		var page wire.Page[core.EventExplanation]
		if err := json.Unmarshal(answer, &page); err != nil {
			t.Fatalf("%d %s: %v", status, answer, err)
		}
		return status, page, string(answer)
	}
	for _, event := range []string{
		`{"event_id": "new", "type": "x.y", "payload": {"n": 18446744073709551617}}`,
		`{"specversion": "1.0", "id": "new", "source": "/s", "type": "x.y", "data": {"n": 18446744073709551617}}`,
		`{"event_id": "new", "type": "x.y", "time": "2026-03-01T09:30:00+01:00", "payload": {"n": 18446744073709551617.0}}`,
	} {
		status, page, answer := explain(event)
		if status != http.StatusOK || len(page.Items) != 1 || !page.Items[0].Matched || !strings.Contains(answer, "18446744073709551617") {
			t.Errorf("%s: %d %s", event, status, answer)
		}
	}
	if status, page, answer := explain(`{"event_id": "old", "type": "x.y", "time": "2019-03-01T09:30:00Z", "payload": {"n": 18446744073709551617}}`); status != http.StatusOK || page.Items[0].Matched {
		t.Errorf("an old one: %d %s", status, answer)
	}
	for event, says := range map[string]string{`{"type": "x.y", "payload": 1}`: "event.event_id", `null`: "event", `{"specversion": "1.0", "id": "1"}`: "event.source"} {
		if status, _, answer := explain(event); status != http.StatusUnprocessableEntity || !strings.Contains(answer, says) {
			t.Errorf("%s: %d %s, want it to name %s", event, status, answer, says)
		}
	}
}
