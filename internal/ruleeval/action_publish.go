package ruleeval

import (
	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

var publishEvent = ActionSpec{
	Type:      core.ActionPublishEvent,
	Doc:       "Publishes an event, which may start runs of other definitions; its result is {event_id, sequence, duplicate}.",
	Publishes: "type",
	Params: []Param{
		{Name: "type", Kind: KindString, Required: true, Position: PositionType, MaxLen: envelope.MaxTypeLength, Doc: "The event's type, for example sbom.refreshed."},
		{Name: "source", Kind: KindString, Position: PositionEventText, MaxLen: envelope.MaxTextLength, Doc: "Who says so; activity-core/<definition> if absent."},
		{Name: "subject", Kind: KindString, Position: PositionEventText, MaxLen: envelope.MaxTextLength, Doc: "What it is about."},
		{Name: "payload", Kind: KindAny, Doc: "The event's payload; {} if absent."},
		{Name: "event_id", Kind: KindString, Position: PositionEventID, MaxLen: envelope.MaxIDLength, Doc: "The event's ID; the action's idempotency key if absent."},
		{Name: "extensions", Kind: KindMap, Elem: &Param{Kind: KindAny}, Doc: "Extension attributes: text, numbers or booleans by names of small letters and digits."},
	},
	Example: map[string]any{"type": "sbom.refreshed"},
	decode:  decodePublish,
}

// PublishEventParams are the parameters of publish_event.
type PublishEventParams struct {
	Type, Source, Subject string
	Payload               any // never nil; an empty map if absent
	EventID               string
	Extensions            map[string]any // nil if absent
}

func decodePublish(f fields) any {
	p := &PublishEventParams{Type: f.text("type", ""), Source: f.text("source", ""), Subject: f.text("subject", ""),
		Payload: f["payload"], EventID: f.text("event_id", "")}
	p.Extensions, _ = f["extensions"].(map[string]any)
	if p.Payload == nil {
		p.Payload = map[string]any{}
	}
	return p
}
