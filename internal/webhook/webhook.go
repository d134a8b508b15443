package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/standardwebhook"
)

// Source is a kind of sender; it is the last part of the path /hooks/{source} and the first of
// the event's type.
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

// MinSecretBytes is how long a secret must be; whoever guesses it can send events.
const MinSecretBytes = 16

// CheckSecret says what is wrong with a secret that somebody wants to use, without showing it.
func CheckSecret(source Source, secret string) error {
	length, decoded := len(secret), ""
	if source == Standard {
		key, err := standardwebhook.ParseSecret(secret)
		if err != nil {
			return err
		}
		length, decoded = key.Len(), " (decoded)"
	}
	if length < MinSecretBytes {
		return fmt.Errorf("has %d bytes%s; use at least %d, for example from `openssl rand -hex 32`", length, decoded, MinSecretBytes)
	}
	return nil
}

// Delivery is a genuine webhook as an event.
type Delivery struct {
	core.Event
	// FormerID is the event_id that the same delivery got before IDs were scoped by their source.
	// What was recorded under it stays the same event.
	FormerID string
}

// FormerFits tells whether an event could have the former ID.
func (d Delivery) FormerFits() bool {
	return d.FormerID != "" && len(d.FormerID) <= envelope.MaxIDLength && fitText(d.FormerID)
}

// Former is the event as it was made of the same delivery before IDs were scoped, and before
// types of Standard Webhooks were mapped.
func (d Delivery) Former() core.Event {
	e := d.Event
	e.EventID = d.FormerID
	if e.Source == string(Standard) && len(e.AlsoTypes) == 1 {
		e.Type, e.AlsoTypes = e.AlsoTypes[0], []string{e.Type}
	}
	return e
}

func fitText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// Inbound is a request whose headers have been read, and whose body has not.
type Inbound struct {
	source Source
	header http.Header
	at     time.Time
	prove  prover
}

// Begin reads the headers of a request, before anybody reads its body: what can be refused by
// them alone is refused here, at a cost that does not grow with what a stranger sends. Now
// dates the event.
//
// Errors: CodeNotFound for an unknown source, CodeUnavailable while no secret is set,
// CodeUnauthorized for a proof that is missing or cannot be one, or a timestamp outside
// [standardwebhook.Tolerance].
func Begin(source Source, secrets []string, h http.Header, now time.Time) (*Inbound, error) {
	begin, _ := parts(source)
	if begin == nil {
		return nil, core.NotFound("webhook source", string(source))
	}
	secrets = usable(source, secrets)
	if len(secrets) == 0 {
		return nil, core.Errorf(core.CodeUnavailable,
			"no secret is set for webhooks from %s; set webhooks.%s.secret (ACTIVITY_CORE_WEBHOOKS_%s_SECRET)", source, source, strings.ToUpper(string(source)))
	}
	prove, err := begin(secrets, h, now)
	if err != nil {
		return nil, err
	}
	return &Inbound{source: source, header: h, at: now.UTC(), prove: prove}, nil
}

// Deliver proves that the request comes from somebody who knows one of the secrets, and returns
// the event it carries. The event's ID is {source}:{the sender's delivery ID}, so that a
// repeated delivery is recognised and no other source can take its place; its type is
// {source}.{event}, and where the body names an action it also has the type
// {source}.{event}.{action}.
//
// Errors: CodeUnauthorized for a wrong signature, and only after that CodeMalformed or
// CodeInvalid for what is wrong with a genuine request.
func (in *Inbound) Deliver(body []byte) (Delivery, error) {
	if err := in.prove(body); err != nil {
		return Delivery{}, err
	}
	_, translate := parts(in.source)
	read := readJSON
	if in.source == Standard {
		read = readAny
	}
	c, err := read(in.header, body)
	if err != nil {
		return Delivery{}, err
	}
	e, err := translate(in.header, c)
	if err != nil {
		return Delivery{}, err
	}
	d := Delivery{Event: e, FormerID: e.EventID}
	d.EventID = scopedID(in.source, e.EventID)
	d.Source, d.Time, d.Payload = string(in.source), in.at, c.payload
	return d, nil
}

// scopedID is a delivery's ID within its source. One that no event can have for its length or
// its bytes is known by its hash.
func scopedID(source Source, id string) string {
	scoped := string(source) + ":" + id
	if len(scoped) <= envelope.MaxIDLength && fitText(scoped) {
		return scoped
	}
	sum := sha256.Sum256([]byte(id))
	return string(source) + ":sha256-" + hex.EncodeToString(sum[:])
}

type (
	// prover is what is left of a proof once the headers are read.
	prover     func(body []byte) error
	beginner   func(secrets []string, h http.Header, now time.Time) (prover, error)
	translator func(h http.Header, body content) (core.Event, error)
)

func parts(source Source) (beginner, translator) {
	switch source {
	case GitHub:
		return beginGitHub, translateGitHub
	case Gitea:
		return beginGitea, translateGitea
	case GitLab:
		return beginGitLab, translateGitLab
	case Standard:
		return beginStandard, translateStandard
	}
	return nil, nil
}

// beginGitHub: X-Hub-Signature-256 is "sha256=" and the hex HMAC of the body.
func beginGitHub(secrets []string, h http.Header, _ time.Time) (prover, error) {
	const header = "X-Hub-Signature-256"
	digits, ok := strings.CutPrefix(h.Get(header), "sha256=")
	if !ok {
		return nil, unauthorized(header, "is missing or does not begin with sha256=; set a secret on GitHub's webhook")
	}
	return beginHex(header, digits, secrets)
}

// beginGitea: X-Gitea-Signature is the hex HMAC-SHA256 of the body. Forgejo sends it as well.
func beginGitea(secrets []string, h http.Header, _ time.Time) (prover, error) {
	const header = "X-Gitea-Signature"
	if h.Get(header) == "" {
		return nil, unauthorized(header, "is missing; set a secret on Gitea's webhook")
	}
	return beginHex(header, h.Get(header), secrets)
}

// beginGitLab: X-Gitlab-Token is the secret itself, so no body is needed. Hashing both sides
// first hides their lengths from the comparison.
func beginGitLab(secrets []string, h http.Header, _ time.Time) (prover, error) {
	const header = "X-Gitlab-Token"
	if h.Get(header) == "" {
		return nil, unauthorized(header, "is missing; set a secret token on GitLab's webhook")
	}
	got := sha256.Sum256([]byte(h.Get(header)))
	match := 0
	for _, s := range secrets {
		want := sha256.Sum256([]byte(s))
		match |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	if match == 0 {
		return nil, unauthorized(header, "is not the secret token that is set here")
	}
	return func([]byte) error { return nil }, nil
}

func beginHex(header, digits string, secrets []string) (prover, error) {
	wrong := unauthorized(header, "is not a SHA-256 HMAC in hex digits")
	if len(digits) != hex.EncodedLen(sha256.Size) {
		return nil, wrong
	}
	got, err := hex.DecodeString(digits)
	if err != nil {
		return nil, wrong
	}
	return func(body []byte) error {
		match := false
		for _, s := range secrets { // one HMAC each, and there are two at most
			match = hmac.Equal(got, sum([]byte(s), body)) || match
		}
		if !match {
			return unauthorized(header, "does not fit the body and the secret that is set here")
		}
		return nil
	}, nil
}

func sum(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return mac.Sum(nil)
}

func unauthorized(header, message string) error {
	return &core.Error{Code: core.CodeUnauthorized, Message: header + ": " + message,
		Fields: []core.FieldError{{Location: header, Message: message}}}
}

// usable leaves out what would be an empty key, with which anybody can sign.
func usable(source Source, secrets []string) []string {
	var out []string
	for _, s := range secrets {
		if s != "" && (source != Standard || len(standardKeys([]string{s})) > 0) {
			out = append(out, s)
		}
	}
	return out
}

func missing(header, what string) error {
	return core.InvalidField(header, nil, "is missing; it carries %s", what)
}

// typed joins the parts of an event's type, as much of them as a type may have.
func typed(source Source, event string) string {
	t := string(source) + "." + event
	return t[:min(len(t), envelope.MaxTypeLength)]
}
