package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/standardwebhook"
)

const secret = "It's a Secret to Everybody"

var now = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

func signHex(key string, body []byte) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

func githubHeaders(event, delivery string, body []byte) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-GitHub-Event", event)
	h.Set("X-GitHub-Delivery", delivery)
	h.Set("X-Hub-Signature-256", "sha256="+signHex(secret, body))
	return h
}

// The example of GitHub's documentation, "Validating webhook deliveries".
func TestGitHubsOwnExampleIsAccepted(t *testing.T) {
	h := http.Header{}
	h.Set("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	prove, err := beginGitHub([]string{secret}, h, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := prove([]byte("Hello, World!")); err != nil {
		t.Fatal(err)
	}
}

func TestEveryRealGitHubPayloadIsAcceptedAndRefusedOnceAByteChanged(t *testing.T) {
	files := 0
	root := os.DirFS("testdata/github")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		event := path.Dir(name)
		h := githubHeaders(event, name, body)
		e, err := Verify(GitHub, []string{"", "an older secret", secret}, h, body, now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return nil
		}
		var doc struct {
			Action     string `json:"action"`
			Repository struct {
				FullName string `json:"full_name"`
			} `json:"repository"`
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			return err
		}
		if e.Type != "github."+event || e.EventID != "github:"+name || e.FormerID != name || e.Subject != doc.Repository.FullName || !bytes.Equal(e.Payload, body) {
			t.Errorf("%s: wrong event %+v", name, e)
		}
		if want := "github." + event + "." + doc.Action; doc.Action != "" && (len(e.AlsoTypes) != 1 || e.AlsoTypes[0] != want) {
			t.Errorf("%s: also types %v, want %s", name, e.AlsoTypes, want)
		}
		if err := envelope.Validate(e.Event); err != nil {
			t.Errorf("%s: the event cannot be published: %v", name, err)
		}
		for _, i := range []int{0, len(body) / 2, len(body) - 1} {
			changed := bytes.Clone(body)
			changed[i] ^= 1
			if _, err := Verify(GitHub, []string{secret}, h, changed, now); !core.IsCode(err, core.CodeUnauthorized) {
				t.Errorf("%s: byte %d changed: %v", name, i, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files != 91 {
		t.Fatalf("%d payloads, want 91", files)
	}
}

func TestGitHubFormsCarryTheirJSONInAField(t *testing.T) {
	body := []byte("payload=%7B%22action%22%3A%22opened%22%7D")
	h := githubHeaders("issues", "d1", body)
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	e, err := Verify(GitHub, []string{secret}, h, body, now)
	if err != nil {
		t.Fatal(err)
	}
	if string(e.Payload) != `{"action":"opened"}` || e.AlsoTypes[0] != "github.issues.opened" {
		t.Fatalf("%+v", e)
	}
}

func TestGiteaSignsWithoutPrefix(t *testing.T) {
	body := []byte(`{"repository":{"full_name":"acme/api"},"ref":"refs/heads/main"}`)
	h := http.Header{}
	h.Set("X-Gitea-Event", "push")
	h.Set("X-Gitea-Delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473")
	h.Set("X-Gitea-Signature", signHex(secret, body))
	e, err := Verify(Gitea, []string{secret}, h, body, now)
	if err != nil {
		t.Fatal(err)
	}
	if e.Type != "gitea.push" || e.Subject != "acme/api" {
		t.Fatalf("%+v", e)
	}
	h.Set("X-Gitea-Signature", signHex("another", body))
	if _, err := Verify(Gitea, []string{secret}, h, body, now); !core.IsCode(err, core.CodeUnauthorized) {
		t.Fatal(err)
	}
}

func TestGitLabSendsItsTokenAndNamesEventsInWords(t *testing.T) {
	body := []byte(`{"object_kind":"merge_request","object_attributes":{"action":"open"},"project":{"path_with_namespace":"acme/api"}}`)
	h := http.Header{}
	h.Set("X-Gitlab-Event", "Merge Request Hook")
	h.Set("X-Gitlab-Token", secret)
	h.Set("X-Gitlab-Event-UUID", "13792a34-cac6-4fda-95a8-c58e00a3954e")
	e, err := Verify(GitLab, []string{secret}, h, body, now)
	if err != nil {
		t.Fatal(err)
	}
	if e.Type != "gitlab.merge_request" || e.AlsoTypes[0] != "gitlab.merge_request.open" || !strings.HasPrefix(e.EventID, "gitlab:13792a34-cac6-4fda-95a8-c58e00a3954e.") {
		t.Fatalf("%+v", e)
	}
	h.Set("Idempotency-Key", "a-key")
	if e, err = Verify(GitLab, []string{secret}, h, body, now); err != nil || e.EventID != "gitlab:a-key" {
		t.Fatalf("%+v %v", e, err)
	}
	h.Set("X-Gitlab-Token", secret[:len(secret)-1])
	if _, err := Verify(GitLab, []string{secret}, h, body, now); !core.IsCode(err, core.CodeUnauthorized) {
		t.Fatal(err)
	}
}

func signStandard(secret, id string, sent time.Time, body []byte) string {
	key, err := standardwebhook.ParseSecret(secret)
	if err != nil {
		panic(err)
	}
	return key.Sign(id, sent, body)
}

func TestStandardWebhooks(t *testing.T) {
	const key, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_1"
	body := []byte(`{"type":"invoice.paid","timestamp":"2026-03-01T09:30:00Z","data":{"id":7}}`)
	request := func(sent time.Time, signature string) http.Header {
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", "1772357400")
		h.Set("webhook-signature", signature)
		if !sent.Equal(now) {
			t.Fatalf("the test's timestamp is not %s", sent)
		}
		return h
	}
	good := signStandard(key, id, now, body)
	for name, c := range map[string]struct {
		signature string
		at        time.Time
		body      []byte
		ok        bool
	}{
		"a genuine one":               {good, now, body, true},
		"after another version":       {"v1a,xyz v1,AAAA " + good, now, body, true},
		"just in time":                {good, now.Add(standardwebhook.Tolerance), body, true},
		"a replay":                    {good, now.Add(standardwebhook.Tolerance + time.Second), body, false},
		"from the future":             {good, now.Add(-standardwebhook.Tolerance - time.Second), body, false},
		"another body":                {good, now, append(bytes.Clone(body), ' '), false},
		"no signature":                {"", now, body, false},
		"a signature that is no list": {"v1,!!!", now, body, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Verify(Standard, []string{key}, request(now, c.signature), c.body, c.at)
			if c.ok && (err != nil || e.Type != "standard.invoice.paid" || e.EventID != "standard:"+id) {
				t.Fatalf("%+v %v", e, err)
			}
			if !c.ok && !core.IsCode(err, core.CodeUnauthorized) {
				t.Fatalf("accepted or wrong error: %v", err)
			}
		})
	}
}

func TestWithoutASecretNothingIsAccepted(t *testing.T) {
	body := []byte(`{}`)
	h := githubHeaders("push", "d1", body)
	h.Set("X-Hub-Signature-256", "sha256="+signHex("", body))
	for _, secrets := range [][]string{nil, {""}} {
		if _, err := Verify(GitHub, secrets, h, body, now); !core.IsCode(err, core.CodeUnavailable) {
			t.Fatalf("%v", err)
		}
	}
	if _, err := Verify("bitbucket", []string{secret}, h, body, now); !core.IsCode(err, core.CodeNotFound) {
		t.Fatal(err)
	}
}

func TestErrorsNeverShowTheSecretOrTheRightSignature(t *testing.T) {
	body := []byte(`{}`)
	h := githubHeaders("push", "d1", body)
	right := signHex(secret, body)
	h.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("00", 32))
	_, err := Verify(GitHub, []string{secret}, h, body, now)
	if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), right) {
		t.Fatalf("%v", err)
	}
}

// With an empty key anybody can sign.
func TestAnEmptyKeyIsNoSecret(t *testing.T) {
	h := http.Header{}
	h.Set(standardwebhook.HeaderID, "m1")
	h.Set(standardwebhook.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	body := []byte(`{"type": "x"}`)
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte("m1." + h.Get(standardwebhook.HeaderTimestamp) + "." + string(body)))
	h.Set(standardwebhook.HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	if _, err := Verify(Standard, []string{"whsec_"}, h, body, now); !core.IsCode(err, core.CodeUnavailable) {
		t.Error("whsec_ alone:", err)
	}
	if _, err := Verify(Standard, []string{"whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, h, body, now); !core.IsCode(err, core.CodeUnauthorized) {
		t.Error("whsec_ alone beside a good one:", err)
	}
}
