//go:build !slim

package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/telemetry"
)

const (
	hookSecret     = "It's a Secret, to Everybody"
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	apiToken       = "a-token-that-GitHub-does-not-know"
)

// startWithoutTemporal starts the API and the router as Start does, on a NATS server and a
// SQLite record of the test's own. The client of Temporal is real and never connects: what is
// tested with it starts no run and writes no schedule.
func startWithoutTemporal(t *testing.T) *App {
	t.Helper()
	return startAt(t, devstacktest.OwnNATS(t).URL(), filepath.Join(t.TempDir(), "record.db"), "127.0.0.1:0")
}

func startAt(t *testing.T, natsURL, record, addr string) *App {
	t.Helper()
	cfg, err := config.Load(config.Sources{Environ: []string{
		"ACTIVITY_CORE_WEBHOOKS_GITHUB_SECRET=the-secret-to-come", "ACTIVITY_CORE_WEBHOOKS_GITHUB_PREVIOUS_SECRET=" + hookSecret,
		"ACTIVITY_CORE_WEBHOOKS_GITEA_SECRET=" + hookSecret, "ACTIVITY_CORE_WEBHOOKS_GITLAB_SECRET=" + hookSecret, "ACTIVITY_CORE_WEBHOOKS_STANDARD_SECRET=" + standardSecret, "ACTIVITY_CORE_API_TOKEN=" + apiToken,
		"ACTIVITY_CORE_ROLES=api,router", "ACTIVITY_CORE_METRICS_ADDR=", "ACTIVITY_CORE_NATS_URL=" + natsURL,
	}})
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: record})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	a := &App{Options: Options{Config: cfg, Logger: slog.New(slog.DiscardHandler), Store: store, APIListener: listener, Version: "test"},
		tracing: &telemetry.Tracing{}, health: telemetry.NewHealth(), fatal: make(chan error, 4)}
	if a.metrics, err = telemetry.NewMetrics(); err != nil {
		t.Fatal(err)
	}
	if a.temporal, err = client.NewLazyClient(client.Options{}); err != nil {
		t.Fatal(err)
	}
	a.lifecycle.log = a.Logger
	a.lifecycle.add("store", nil, func(context.Context) error { return store.Close() })
	a.lifecycle.add("metrics", nil, a.metrics.Stop)
	a.lifecycle.add("NATS connection", a.dialNATS, a.closeNATS)
	a.lifecycle.add("parts", a.assemble, nil)
	for range 2 { // assemble adds parts
		if err := a.lifecycle.start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// delivery is one real payload with the ID that GitHub would give it.
type delivery struct {
	id, event string
	body      []byte
}

// realDeliveries are the payloads in internal/webhook/testdata: every one that
// @octokit/webhooks-examples has for these events.
func realDeliveries(t *testing.T) (out []delivery) {
	t.Helper()
	root := os.DirFS("../webhook/testdata/github")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(root, name)
		out = append(out, delivery{id: uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String(), event: path.Dir(name), body: body})
		return err
	})
	if err != nil || len(out) != 91 {
		t.Fatalf("%d payloads, want 91; %v", len(out), err)
	}
	return out
}

// deliver posts what GitHub would: the body may differ from the one that was signed.
func (d delivery) deliver(t *testing.T, url string, body []byte) (status int, answer []byte) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(d.body)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/hooks/github", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "GitHub-Hookshot/044aadd")
	r.Header.Set("X-GitHub-Event", d.event)
	r.Header.Set("X-GitHub-Delivery", d.id)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}

func TestEveryRealGitHubDeliveryIsStoredOnceAndAForgedOneNever(t *testing.T) {
	a := startWithoutTemporal(t)
	url := "http://" + a.APIListener.Addr().String()
	deliveries := realDeliveries(t)
	stored := func(stream string) uint64 {
		t.Helper()
		s, err := a.js.Stream(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State.Msgs
	}
	for i, d := range deliveries {
		// The forgeries come first, so that it is not the delivery's ID that keeps them out.
		for _, at := range []int{0, len(d.body) / 2, len(d.body) - 1} {
			forged := bytes.Clone(d.body)
			forged[at] ^= 1
			if status, answer := d.deliver(t, url, forged); status != http.StatusUnauthorized {
				t.Errorf("%s %d, byte %d changed: %d %s", d.event, i, at, status, answer)
			}
		}
		if n := stored(core.EventStream); n != uint64(i) {
			t.Fatalf("%s %d: %d events are stored after its forgeries, want %d", d.event, i, n, i)
		}
		for _, again := range []bool{false, true} {
			status, answer := d.deliver(t, url, d.body)
			var receipt wire.Published
			if err := json.Unmarshal(answer, &receipt); status != http.StatusAccepted || err != nil {
				t.Fatalf("%s %d: %d %s", d.event, i, status, answer)
			}
			want := []core.PublishReceipt{{EventID: "github:" + d.id, Sequence: uint64(i) + 1, Duplicate: again}}
			if !slices.Equal(receipt.Items, want) {
				t.Errorf("%s %d: receipt %+v, want %+v", d.event, i, receipt.Items, want)
			}
		}
		if n := stored(core.EventStream); n != uint64(i)+1 {
			t.Fatalf("%s %d: %d events are stored after it came twice, want %d", d.event, i, n, i+1)
		}
	}
	listedAsDelivered(t, url, deliveries)

	// And the router can read every one of them.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		c, err := a.js.Consumer(t.Context(), core.EventStream, core.RouterDurable)
		if err != nil {
			t.Fatal(err)
		}
		if c.CachedInfo().AckFloor.Stream == uint64(len(deliveries)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the router stands at %+v", c.CachedInfo().AckFloor)
		}
	}
	if n := stored(core.DeadLetterStream); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// listedAsDelivered holds the pages of GET /events against what was delivered, in that order.
func listedAsDelivered(t *testing.T, url string, deliveries []delivery) {
	t.Helper()
	api, err := apiclient.New(url, apiToken)
	if err != nil {
		t.Fatal(err)
	}
	var listed []core.EventListing
	for o := (apiclient.ListOptions{Limit: 20}); ; {
		page, err := api.Events(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) > o.Limit {
			t.Fatalf("a page of %d items, asked for %d", len(page.Items), o.Limit)
		}
		listed = append(listed, page.Items...)
		if o.Cursor = page.NextCursor; o.Cursor == "" {
			break
		}
	}
	slices.Reverse(listed) // newest first
	if len(listed) != len(deliveries) {
		t.Fatalf("%d events are listed, want %d", len(listed), len(deliveries))
	}
	actions := 0
	for i, d := range deliveries {
		var sent struct {
			Action     string `json:"action"`
			Repository struct {
				FullName string `json:"full_name"`
			} `json:"repository"`
		}
		if err := json.Unmarshal(d.body, &sent); err != nil {
			t.Fatal(err)
		}
		e := listed[i]
		var also []string
		if sent.Action != "" {
			actions++
			also = []string{"github." + d.event + "." + sent.Action}
		}
		if e.EventID != "github:"+d.id || e.Type != "github."+d.event || !slices.Equal(e.AlsoTypes, also) || e.Source != "github" ||
			e.Subject != sent.Repository.FullName || e.Sequence != uint64(i)+1 || len(e.MatchedBy) != 0 {
			t.Errorf("%s %d is listed as %s %s %q of %s, subject %q, sequence %d", d.event, i, e.EventID, e.Type, e.AlsoTypes, e.Source, e.Subject, e.Sequence)
		}
		want, err := core.DecodeJSON(d.body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := core.DecodeJSON(e.Payload); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %d: the payload changed (%v): %.300s", d.event, i, err, e.Payload)
		}
	}
	if actions == 0 || actions == len(deliveries) {
		t.Errorf("%d of %d payloads have an action: both kinds should be among them", actions, len(deliveries))
	}
}
