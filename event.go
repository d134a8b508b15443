package activitycore

import (
	"encoding/json"
	"slices"
	"time"
)

// Event is the envelope of everything that arrives over NATS or HTTP.
type Event struct {
	EventID string          `json:"event_id"`
	Type    string          `json:"type"`
	Source  string          `json:"source,omitempty"`
	Subject string          `json:"subject,omitempty"`
	Time    time.Time       `json:"time"`
	Payload json.RawMessage `json:"payload"`
	// AlsoTypes are further types the event matches as (github.release.published
	// for github.release); set by ingest.
	AlsoTypes []string `json:"also_types,omitempty"`
	// Hops counts how many runs lie between the event's origin and it; publish_event
	// adds one and refuses above [MaxHops].
	Hops int `json:"hops,omitempty"`
	// Chain names the definitions whose runs lie between the origin and the event, oldest first, at
	// most [MaxHops]. It is shorter than Hops where an older version published one of them.
	Chain []string `json:"chain,omitempty"`
	// Extensions are CloudEvents' extension attributes: text, numbers and booleans by names of
	// small letters and digits.
	Extensions Extensions `json:"extensions,omitempty"`
}

// Follow puts an event that a run of a definition publishes behind the event that caused the
// run, nil for none. It reports false, and changes nothing, at the end of the longest chain
// allowed.
func (e *Event) Follow(cause *Event, activityID string) bool {
	var before Event
	if cause != nil {
		before = *cause
	}
	if before.Hops >= MaxHops {
		return false
	}
	e.Hops = before.Hops + 1
	e.Chain = append(slices.Clone(before.Chain), activityID)
	return true
}

// CausedBy reports whether a run of the definition caused the event, directly or through runs
// of others.
func (e *Event) CausedBy(activityID string) bool { return slices.Contains(e.Chain, activityID) }

// MaxHops bounds chains of runs that publish events that start runs.
const MaxHops = 16
