package httpapi_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi"
)

// upgradedRecord has a ledger row for "old", and keeps the event with it unless it only settled it.
type upgradedRecord struct {
	httpapi.Record
	source string
}

func (upgradedRecord) LedgerEntries(_ context.Context, f core.LedgerFilter, _ core.PageRequest) (core.Page[core.LedgerEntry], error) {
	if f.EventID == "old" {
		return core.Page[core.LedgerEntry]{Items: []core.LedgerEntry{{}}}, nil
	}
	return core.Page[core.LedgerEntry]{}, nil
}

func (r upgradedRecord) Event(_ context.Context, id string) (core.EventRecord, error) {
	if id != "old" || r.source == "" {
		return core.EventRecord{}, core.NotFound("event", id)
	}
	return core.EventRecord{Event: core.Event{EventID: id, Source: r.source}}, nil
}

// collected publishes into a list.
type collected []core.Event

func (c *collected) PublishEvents(_ context.Context, events []core.Event) ([]core.PublishReceipt, error) {
	*c = append(*c, events...)
	return make([]core.PublishReceipt, len(events)), nil
}

func hook(t *testing.T, c httpapi.Config, body io.Reader, headers map[string]string) int {
	t.Helper()
	c.Catalog = catalog.New(catalog.Config{})
	c.WebhookSecrets = map[string][]string{"github": {"a-secret-of-github"}}
	r := httptest.NewRequest(http.MethodPost, "/hooks/github", body)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	httpapi.New(c).ServeHTTP(w, r)
	return w.Code
}

func TestARedeliveryOfWhatAnOlderReleaseRecordedKeepsItsID(t *testing.T) {
	for name, c := range map[string]struct{ source, delivery, want string }{
		"recorded by an older release":             {"github", "old", "old"},
		"settled by an older release":              {"", "old", "old"},
		"the ID of another source's event":         {"/orders", "old", "github:old"},
		"a delivery that nobody has recorded yet":  {"github", "new", "github:new"},
		"an ID that is too long for an event's ID": {"github", strings.Repeat("x", 300), "github:sha256-"},
	} {
		mac := hmac.New(sha256.New, []byte("a-secret-of-github"))
		mac.Write([]byte("{}"))
		var published collected
		status := hook(t, httpapi.Config{Record: upgradedRecord{source: c.source}, Publisher: &published}, strings.NewReader("{}"), map[string]string{
			"X-GitHub-Event": "push", "X-GitHub-Delivery": c.delivery, "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil))})
		if status != http.StatusAccepted || len(published) != 1 || !strings.HasPrefix(published[0].EventID, c.want) {
			t.Errorf("%s: status %d, published %+v; want %s", name, status, published, c.want)
		}
	}
}

// sealed is a body that nobody may read.
type sealed struct{ read bool }

func (s *sealed) Read([]byte) (int, error) {
	s.read = true
	return 0, errors.New("sealed")
}

// Work before proof must not grow with what a stranger sends: docs/hostile-input.md.
func TestTheBodyOfAWebhookIsNotReadBeforeItsHeadersFit(t *testing.T) {
	for name, signature := range map[string]string{"none": "", "a long one": "sha256=" + strings.Repeat("0", 50_000), "no hex": "sha256=" + strings.Repeat("x", 64)} {
		var body sealed
		if status := hook(t, httpapi.Config{}, &body, map[string]string{"X-Hub-Signature-256": signature}); status != http.StatusUnauthorized || body.read {
			t.Errorf("%s: status %d, body read %v; want 401 and not read", name, status, body.read)
		}
	}
}
