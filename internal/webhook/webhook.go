package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	activitycore "github.com/activity-core/activity-core"
)

// Source is a kind of sender; it is the last part of the path /hooks/{source} and the first of the event's type.
type Source string

// The sources.
const (
	GitHub   Source = "github"
	Gitea    Source = "gitea"
	GitLab   Source = "gitlab"
	Standard Source = "standard"
)

// Sources lists every source.
func Sources() []Source { return []Source{GitHub, Gitea, GitLab, Standard} }

// Tolerance is how far the timestamp of a Standard Webhook may lie from now, as its specification recommends: older
// ones could be replays.
const Tolerance = 5 * time.Minute

// MinSecretBytes is how long a secret must be; whoever guesses it can send events.
const MinSecretBytes = 16

// CheckSecret says what is wrong with a secret that somebody wants to use, without showing it.
func CheckSecret(source Source, secret string) error {
	key := []byte(secret)
	if source == Standard {
		key = standardKey(secret)
		if encoded, ok := strings.CutPrefix(secret, standardPrefix); ok {
			if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
				return errors.New("begins with whsec_, and base64 does not follow; copy all of it from the sender")
			}
		}
	}
	if len(key) < MinSecretBytes {
		return fmt.Errorf("has %d bytes%s; use at least %d, for example from `openssl rand -hex 32`", len(key), map[bool]string{true: " (decoded)"}[source == Standard], MinSecretBytes)
	}
	return nil
}

// Verify proves that a request comes from somebody who knows one of the secrets, and returns the event it carries. The
// event's ID is the sender's delivery ID, so that a repeated delivery is recognised; its type is {source}.{event}, and
// where the body names an action it also has the type {source}.{event}.{action}.
//
// Errors: CodeNotFound for an unknown source, CodeUnavailable while no secret is set, CodeUnauthorized for a missing or
// wrong signature or a timestamp outside [Tolerance], and only after that CodeMalformed or CodeInvalid for what is
// wrong with a genuine request.
func Verify(source Source, secrets []string, h http.Header, body []byte, now time.Time) (activitycore.Event, error) {
	secrets = usable(source, secrets)
	check, translate := parts(source)
	switch {
	case check == nil:
		return activitycore.Event{}, activitycore.NotFound("webhook source", string(source))
	case len(secrets) == 0:
		return activitycore.Event{}, activitycore.Errorf(activitycore.CodeUnavailable,
			"no secret is set for webhooks from %s; set webhooks.%s.secret (ACTIVITY_CORE_WEBHOOKS_%s_SECRET)", source, source, strings.ToUpper(string(source)))
	}
	if err := check(secrets, h, body, now); err != nil {
		return activitycore.Event{}, err
	}
	body, err := jsonBody(h, body)
	if err != nil {
		return activitycore.Event{}, err
	}
	e, err := translate(h, body)
	if err != nil {
		return activitycore.Event{}, err
	}
	e.Source, e.Time, e.Payload = string(source), now.UTC(), body
	return e, nil
}

type (
	checker    func(secrets []string, h http.Header, body []byte, now time.Time) error
	translator func(h http.Header, body []byte) (activitycore.Event, error)
)

func parts(source Source) (checker, translator) {
	switch source {
	case GitHub:
		return checkGitHub, translateGitHub
	case Gitea:
		return checkGitea, translateGitea
	case GitLab:
		return checkGitLab, translateGitLab
	case Standard:
		return checkStandard, translateStandard
	}
	return nil, nil
}

// checkGitHub: X-Hub-Signature-256 is "sha256=" and the hex HMAC of the body.
func checkGitHub(secrets []string, h http.Header, body []byte, _ time.Time) error {
	const header = "X-Hub-Signature-256"
	digits, ok := strings.CutPrefix(h.Get(header), "sha256=")
	if !ok {
		return unauthorized(header, "is missing or does not begin with sha256=; set a secret on GitHub's webhook")
	}
	return checkHex(header, digits, secrets, body)
}

// checkGitea: X-Gitea-Signature is the hex HMAC-SHA256 of the body. Forgejo sends it as well.
func checkGitea(secrets []string, h http.Header, body []byte, _ time.Time) error {
	const header = "X-Gitea-Signature"
	if h.Get(header) == "" {
		return unauthorized(header, "is missing; set a secret on Gitea's webhook")
	}
	return checkHex(header, h.Get(header), secrets, body)
}

// checkGitLab: X-Gitlab-Token is the secret itself. Hashing both sides first hides their lengths from the comparison.
func checkGitLab(secrets []string, h http.Header, _ []byte, _ time.Time) error {
	const header = "X-Gitlab-Token"
	if h.Get(header) == "" {
		return unauthorized(header, "is missing; set a secret token on GitLab's webhook")
	}
	got := sha256.Sum256([]byte(h.Get(header)))
	match := 0
	for _, s := range secrets {
		want := sha256.Sum256([]byte(s))
		match |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	if match == 0 {
		return unauthorized(header, "is not the secret token that is set here")
	}
	return nil
}

func checkHex(header, digits string, secrets []string, body []byte) error {
	got, err := hex.DecodeString(digits)
	if err != nil || len(got) != sha256.Size {
		return unauthorized(header, "is not a SHA-256 HMAC in hex digits")
	}
	match := false
	for _, s := range secrets {
		match = hmac.Equal(got, sum([]byte(s), body)) || match
	}
	if !match {
		return unauthorized(header, "does not fit the body and the secret that is set here")
	}
	return nil
}

func sum(key []byte, chunks ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, c := range chunks {
		mac.Write(c)
	}
	return mac.Sum(nil)
}

func unauthorized(header, message string) error {
	return &activitycore.Error{Code: activitycore.CodeUnauthorized, Message: header + ": " + message,
		Fields: []activitycore.FieldError{{Location: header, Message: message}}}
}

// jsonBody returns the JSON that a genuine request carries: its body, or the field payload of a form, which GitHub and
// Gitea send if they are set to application/x-www-form-urlencoded.
func jsonBody(h http.Header, body []byte) ([]byte, error) {
	if media, _, _ := mime.ParseMediaType(h.Get("Content-Type")); media == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil || !form.Has("payload") {
			return nil, activitycore.Errorf(activitycore.CodeMalformed, "the form holds no field payload; set the webhook's content type to application/json")
		}
		body = []byte(form.Get("payload"))
	}
	if !json.Valid(body) || !utf8.Valid(body) {
		return nil, activitycore.Errorf(activitycore.CodeMalformed, "the body is not JSON; set the webhook's content type to application/json")
	}
	return body, nil
}

// usable leaves out what would be an empty key, with which anybody can sign.
func usable(source Source, secrets []string) []string {
	var out []string
	for _, s := range secrets {
		if s != "" && (source != Standard || len(standardKey(s)) > 0) {
			out = append(out, s)
		}
	}
	return out
}

func missing(header, what string) error {
	return activitycore.InvalidField(header, nil, "is missing; it carries %s", what)
}

// typed joins the parts of an event's type.
func typed(source Source, event string) string { return fmt.Sprintf("%s.%s", source, event) }
