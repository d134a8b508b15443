package activitycore

import (
	"time"
)

// Cause is what made (or would make) a definition fire. Exactly one run ever
// exists for each (definition, cause).
type Cause struct {
	Kind CauseKind `json:"kind"`
	// NominalTime is the slot of a cron cause, whole seconds, UTC.
	NominalTime *time.Time `json:"nominal_time,omitempty"`
	// EventID identifies the event of an event cause.
	EventID string `json:"event_id,omitempty"`
	// IdempotencyKey identifies a manual cause: the caller's key, or a UUIDv7.
	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// CauseKind says which of the three causes it is; it is also the value of the
// search attribute activity_trigger.
type CauseKind string

// The kinds of cause.
const (
	CauseCron   CauseKind = "cron"
	CauseEvent  CauseKind = "event"
	CauseManual CauseKind = "manual"
)

// CronCause is the cause of one nominal time.
func CronCause(nominal time.Time) Cause {
	t := nominal.UTC().Truncate(time.Second)
	return Cause{Kind: CauseCron, NominalTime: &t}
}

// EventCause is the cause of one event.
func EventCause(eventID string) Cause { return Cause{Kind: CauseEvent, EventID: eventID} }

// ManualCause is the cause of one manual trigger.
func ManualCause(idempotencyKey string) Cause {
	return Cause{Kind: CauseManual, IdempotencyKey: idempotencyKey}
}

// Key is the cause's identity within its definition, as kept in the ledger:
// "cron-<RFC 3339>", "manual-<encoded key>" or the encoded event ID. It is the
// part of the workflow ID after the colon.
func (c Cause) Key() string {
	switch c.Kind {
	case CauseCron:
		return "cron-" + FormatNominal(*c.NominalTime)
	case CauseManual:
		return "manual-" + EncodeKey(c.IdempotencyKey)
	case CauseEvent:
	}
	return EncodeKey(c.EventID)
}
