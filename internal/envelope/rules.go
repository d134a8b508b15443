package envelope

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
)

// Limits on the fields of an event, in bytes unless said otherwise.
const (
	// MaxIDLength bounds event_id. With the source's hash appended, a CloudEvent's id may have up
	// to MaxIDLength - 1 - sourceHashLength.
	MaxIDLength = 256
	// MaxTypeLength bounds type and each of also_types: it becomes part of a NATS subject.
	MaxTypeLength = 200
	// MaxTextLength bounds source and subject.
	MaxTextLength = 2048
	// MaxAlsoTypes bounds the list also_types.
	MaxAlsoTypes = 16
)

// typeBytes are what a type may consist of, besides letters and digits: what DNS names, URIs
// and URNs need, and nothing that is a wildcard or a separator in NATS or white space to
// people.
const typeBytes = "._-:/@+=~"

// Validate checks every field of an event as publishers must have filled it in: the same rules
// hold for events that are published and for those that are read. The payload must be one valid
// JSON value; absent means null. Errors are CodeInvalid (CodeMalformed for a payload that is no
// JSON) and name the field.
func Validate(e core.Event) error {
	if err := validateHead(e); err != nil {
		return err
	}
	if len(e.Payload) == 0 {
		return nil
	}
	return CheckPayload(e.Payload)
}

// CheckPayload tells whether a payload is one JSON value that an event may carry. Errors are
// CodeMalformed and name the byte.
func CheckPayload(payload []byte) error {
	if !utf8.Valid(payload) {
		if isUTF16(payload) {
			return malformedField("payload", "is UTF-16; save it as UTF-8")
		}
		return malformedField("payload", "is not valid UTF-8")
	}
	switch at, problem := checkJSON(payload, MaxDepth); {
	case errors.Is(problem, errDepth):
		return malformedField("payload", fmt.Sprintf("is nested deeper than %d levels", MaxDepth))
	case problem != nil:
		return malformedField("payload", fmt.Sprintf("is not valid JSON at byte %d: %v", at+1, problem))
	}
	return nil
}

func validateHead(e core.Event) error {
	if err := checkID("event_id", e.EventID, MaxIDLength); err != nil {
		return err
	}
	if err := checkType("type", e.Type); err != nil {
		return err
	}
	if err := checkText("source", e.Source); err != nil {
		return err
	}
	if err := checkText("subject", e.Subject); err != nil {
		return err
	}
	if len(e.AlsoTypes) > MaxAlsoTypes {
		return invalidField("also_types", len(e.AlsoTypes), "lists %d types, more than %d", len(e.AlsoTypes), MaxAlsoTypes)
	}
	for _, t := range e.AlsoTypes {
		if err := checkType("also_types", t); err != nil {
			return err
		}
	}
	if e.Hops < 0 || e.Hops > core.MaxHops {
		return invalidField("hops", e.Hops, "is %d; at most %d runs may lie between an event and its origin: look for a definition that publishes what it fires on", e.Hops, core.MaxHops)
	}
	if len(e.Chain) > core.MaxHops {
		return invalidField("chain", len(e.Chain), "lists %d definitions, more than %d", len(e.Chain), core.MaxHops)
	}
	for i, id := range e.Chain {
		if !core.IsUUID(id) {
			return invalidField(fmt.Sprintf("chain[%d]", i), shorten(id), "must be the ID of a definition, a UUID")
		}
	}
	if err := checkExtensions(e.Extensions); err != nil {
		return err
	}
	return checkTime(e.Time)
}

// CheckID tells whether a text may be an event_id; CheckText whether one may be a source or a
// subject. The error is a sentence without the text.
func CheckID(id string) error { return sentence(checkID("", id, MaxIDLength)) }

// CheckText see [CheckID].
func CheckText(s string) error { return sentence(checkText("", s)) }

// sentence is a field's fault without the field, which the caller names.
func sentence(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(core.MessageOf(err), ": "))
}

func checkID(name, id string, most int) error {
	switch {
	case id == "":
		return invalidField(name, nil, "is missing; give each event an ID of its own, such as a UUID: it is what makes a repeated delivery harmless")
	case len(id) > most:
		return invalidField(name, shorten(id), "is %d bytes long; at most %d are allowed", len(id), most)
	case !utf8.ValidString(id):
		return invalidField(name, nil, "is not valid UTF-8")
	}
	if i := strings.IndexFunc(id, unicode.IsControl); i >= 0 {
		return invalidField(name, shorten(id), "contains a control character at byte %d", i)
	}
	return nil
}

func checkType(name, t string) error {
	switch {
	case t == "":
		return invalidField(name, nil, "is missing; name what happened, such as \"github.push\"")
	case len(t) > MaxTypeLength:
		return invalidField(name, shorten(t), "is %d bytes long; at most %d are allowed", len(t), MaxTypeLength)
	}
	for i := 0; i < len(t); i++ {
		if !typeByte(t[i]) {
			r, _ := utf8.DecodeRuneInString(t[i:])
			return invalidField(name, shorten(t), "contains %q at byte %d; a type consists of letters, digits and %s", r, i, typeBytes)
		}
	}
	return nil
}

func typeByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(typeBytes, c) >= 0
}

func checkText(name, s string) error {
	switch {
	case len(s) > MaxTextLength:
		return invalidField(name, shorten(s), "is %d bytes long; at most %d are allowed", len(s), MaxTextLength)
	case !utf8.ValidString(s):
		return invalidField(name, nil, "is not valid UTF-8")
	}
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		return invalidField(name, shorten(s), "contains a control character at byte %d", i)
	}
	return nil
}

// checkTime refuses times that JSON cannot carry (RFC 3339 has four-digit years).
func checkTime(t time.Time) error {
	if y := t.Year(); y < 0 || y > 9999 {
		return invalidField("time", nil, "has the year %d; write an RFC 3339 time such as 2026-03-01T09:30:00Z", y)
	}
	return nil
}

func parseTime(name, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := core.ParseRFC3339(s)
	if err != nil {
		return time.Time{}, invalidField(name, shorten(s), "%v", err)
	}
	return t, nil
}

// sourceHashLength is how many hex digits of SHA-256 of a CloudEvent's source are appended to
// its id: 48 bits, enough that two of a few million sources that reuse each other's ids do not
// meet.
const sourceHashLength = 12

// CloudEventID returns the event_id of a CloudEvent: CloudEvents are unique by source and id
// together, so it is the id, a dot and the first 12 hex digits of SHA-256(source). The same
// event always gets the same event_id, however it arrived.
func CloudEventID(id, source string) string {
	sum := sha256.Sum256([]byte(source))
	return id + "." + hex.EncodeToString(sum[:])[:sourceHashLength]
}

// messageIDHash begins the Nats-Msg-Id of an event whose event_id is not its own.
const messageIDHash = "sha256-"

// MessageID returns the Nats-Msg-Id of an event: its event_id, unless that could not travel in
// a NATS header unchanged (anything but visible ASCII), in which case it is "sha256-" and the
// hash of it. An event_id that begins like that is hashed too: it could be the hash of another
// one, and JetStream would drop its event as a repeat. It does not depend on the source.
func MessageID(eventID string) string {
	plain := !strings.HasPrefix(eventID, messageIDHash)
	for i := 0; plain && i < len(eventID); i++ {
		plain = eventID[i] > ' ' && eventID[i] < 0x7f
	}
	if plain {
		return eventID
	}
	sum := sha256.Sum256([]byte(eventID))
	return messageIDHash + hex.EncodeToString(sum[:])
}
