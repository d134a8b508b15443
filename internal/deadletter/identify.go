package deadletter

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/eventstream"
)

// identify finds out what a message that is no event would have been, so that its dead letter
// can be found: by what it says of itself, its headers, or where it was published. Nothing is
// checked, and either may stay empty.
func identify(subject string, header nats.Header, data []byte) (eventID, eventType string) {
	var said struct {
		EventID     json.RawMessage `json:"event_id"`
		Type        json.RawMessage `json:"type"`
		ID          json.RawMessage `json:"id"`
		Source      json.RawMessage `json:"source"`
		SpecVersion json.RawMessage `json:"specversion"`
	}
	_ = json.Unmarshal(core.WithoutBOM(data), &said) // of what is no JSON object it reads nothing
	eventID, eventType = text(said.EventID), text(said.Type)
	id, source := text(said.ID), text(said.Source)
	if len(said.SpecVersion) == 0 {
		id = ""
	}
	for name, values := range header { // names in any case
		if len(values) == 0 {
			continue
		}
		value, err := url.PathUnescape(values[0])
		if err != nil {
			value = values[0]
		}
		switch strings.ToLower(name) {
		case "ce-id":
			id = value
		case "ce-source":
			source = value
		case "ce-type":
			eventType = value
		}
	}
	if eventID == "" && id != "" {
		eventID = envelope.CloudEventID(id, source)
	}
	if replayed, is := header[headerEventID]; eventID == "" && is { // the Nats-Msg-Id is the replay's
		eventID = replayed[0]
	} else if eventID == "" {
		eventID = header.Get(nats.MsgIdHdr)
	}
	if eventType == "" { // activity.{type, escaped}, if it was published as recommended
		escaped := strings.TrimPrefix(subject, strings.TrimSuffix(core.EventSubjects, ">"))
		if unescaped, err := url.PathUnescape(escaped); err == nil && envelope.Subject(unescaped) == subject {
			eventType = unescaped
		}
	}
	return eventID, eventType
}

// text is a JSON string's value, or "".
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// namesOf are the event ID and the type of a message: the event's, or what it would have been.
func namesOf(m eventstream.Message) (eventID, eventType string) {
	if e, err := m.Event(); err == nil {
		return e.EventID, e.Type
	}
	return identify(m.Subject, m.Header, m.Data)
}
