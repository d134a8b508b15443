package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/standardwebhook"
)

const standardTestSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func standardRequest(id, contentType string, body []byte) http.Header {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	h.Set("webhook-signature", signStandard(standardTestSecret, id, now, body))
	return h
}

// The sample standard-webhooks: the specification leaves the body to the sender, and a refused
// delivery is lost.
func TestTheBodyOfAStandardWebhookIsTheSendersBusiness(t *testing.T) {
	const asJSON = "application/json"
	for body, want := range map[[2]string]struct{ typ, also, payload string }{
		{asJSON, `{"user":{"id":"u1"},"email_data":{"token":"t"}}`}: {"standard", "", ""},
		{asJSON, `{"event_type":"invoice.paid","data":{}}`}:         {"standard.invoice.paid", "", ""},
		{asJSON, `{"type":"Invoice Paid"}`}:                         {"standard.invoice_paid", "", ""},
		{asJSON, `{"type":"Invoice/Paid"}`}:                         {"standard.invoice_paid", "standard.Invoice/Paid", ""},
		{asJSON, `{"type":7,"event_type":"x"}`}:                     {"standard.x", "", ""},
		{asJSON, `{"Type":"x"}`}:                                    {"standard", "", ""},
		{asJSON, `{"type":"` + strings.Repeat("x", 300) + `"}`}:     {"standard." + strings.Repeat("x", 191), "", ""},
		{asJSON, `[1,2]`}:                                           {"standard", "", ""},
		{asJSON, `7`}:                                               {"standard", "", ""},
		{asJSON, "\ufeff" + `{"type":"x"}`}:                         {"standard.x", "", `{"type":"x"}`},
		{asJSON, `{"type":`}:                                        {"standard", "", `"{\"type\":"`},
		{"", `{"type":"x"}`}:                                        {"standard.x", "", ""},
		{"text/plain", `{"type":"x"}`}:                              {"standard.x", "", ""},
		{"text/plain", `7`}:                                         {"standard", "", `"7"`},
		{"application/octet-stream", "\xff\x00"}:                    {"standard", "", `"/wA="`},
		{"application/x-www-form-urlencoded", `a=1&b=2`}:            {"standard", "", `"a=1\u0026b=2"`},
		{"", ""}: {"standard", "", "null"},
	} {
		h := standardRequest("msg_1", body[0], []byte(body[1]))
		d, err := Verify(Standard, []string{standardTestSecret}, h, []byte(body[1]), now)
		if err != nil {
			t.Errorf("%q: %v; want it accepted", body, err)
			continue
		}
		if want.payload == "" {
			want.payload = body[1]
		}
		if d.Type != want.typ || strings.Join(d.AlsoTypes, " ") != want.also || string(d.Payload) != want.payload {
			t.Errorf("%q: type %s %v, payload %s; want %s %s, %s", body, d.Type, d.AlsoTypes, d.Payload, want.typ, want.also, want.payload)
		}
		if err := envelope.Validate(d.Event); err != nil {
			t.Errorf("%q: the event cannot be published: %v", body, err)
		}
	}
	deep := strings.Repeat("[", 300) + strings.Repeat("]", 300)
	if _, err := Verify(Standard, []string{standardTestSecret}, standardRequest("m", asJSON, []byte(deep)), []byte(deep), now); !core.IsCode(err, core.CodeMalformed) {
		t.Errorf("300 levels: %v; want malformed", err)
	}
}

// Event IDs of one source must not take the place of another's.
func TestAnIDIsThatOfItsSource(t *testing.T) {
	body := []byte(`{}`)
	id := func(id string) string {
		d, err := Verify(Standard, []string{standardTestSecret}, standardRequest(id, "", body), body, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := envelope.Validate(d.Event); err != nil {
			t.Errorf("the event cannot be published: %v", err)
		}
		return d.EventID
	}
	github, err := Verify(GitHub, []string{secret}, githubHeaders("push", "d1", body), body, now)
	if err != nil || github.EventID == id("d1") || github.EventID != "github:d1" {
		t.Errorf("github's d1 is %s (%v), and standard's %s; want two IDs", github.EventID, err, id("d1"))
	}
	long := strings.Repeat("x", 256)
	if a, b := id(long), id(long+"y"); a == b || !strings.HasPrefix(a, "standard:sha256-") {
		t.Errorf("IDs that are too long became %s and %s; want two hashes", a, b)
	}
	if got := id("\xff"); !strings.HasPrefix(got, "standard:sha256-") {
		t.Errorf("an ID that is no text became %s; want a hash", got)
	}
}

func TestMembersOfABodyAreCaseSensitive(t *testing.T) {
	body := []byte(`{"Action":"closed","action":"opened","ACTION":"x","Repository":{"full_name":"evil/x"},"repository":{"Full_Name":"y","full_name":"acme/api"}}`)
	d, err := Verify(GitHub, []string{secret}, githubHeaders("issues", "d1", body), body, now)
	if err != nil || d.Subject != "acme/api" || d.AlsoTypes[0] != "github.issues.opened" {
		t.Errorf("subject %s, also %v, %v; want acme/api, github.issues.opened", d.Subject, d.AlsoTypes, err)
	}
}

func TestWhatHeadersRefuseNeedsNoBody(t *testing.T) {
	for source, h := range map[Source]http.Header{
		GitHub:   {"X-Hub-Signature-256": {"sha256=" + strings.Repeat("0", 60_000)}},
		Gitea:    {"X-Gitea-Signature": {strings.Repeat("0", 60_000)}},
		GitLab:   {"X-Gitlab-Token": {"wrong"}},
		Standard: {standardwebhook.HeaderID: {"m1"}, standardwebhook.HeaderTimestamp: {"1"}, standardwebhook.HeaderSignature: {"v1,x"}},
	} {
		if _, err := Begin(source, []string{standardTestSecret}, h, now); !core.IsCode(err, core.CodeUnauthorized) {
			t.Errorf("%s: %v; want unauthorized before a body is read", source, err)
		}
	}
}
