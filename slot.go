package activitycore

import (
	"time"
)

// SlotState is what Temporal knows of the execution of one nominal time.
type SlotState string

// The slot states.
const (
	SlotAbsent SlotState = "absent" // there is no execution
	SlotOpen   SlotState = "open"   // its execution has not ended; it may wait for a worker
	SlotClosed SlotState = "closed" // its execution has ended
)

// Outage is an interval during which slots could not be carried out.
type Outage struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// What was out: process, temporal, worker.
	What string `json:"what"`
}

// ZoneRules are the rules of a time zone by which slots are named from an instant on, until
// those that follow.
type ZoneRules struct {
	Zone  string
	Since time.Time
	// Release is the release of the time zone database that the rules were taken from.
	Release string
	// Data is the zone's file in the format of RFC 9636.
	Data []byte
}

// Hold is an interval during which a definition was paused or disabled; Until is nil while it
// lasts.
type Hold struct {
	ActivityID string     `json:"activity_id"`
	From       time.Time  `json:"from"`
	Until      *time.Time `json:"until,omitempty"`
	Kind       string     `json:"kind"` // paused | disabled | deleted
	By         string     `json:"by,omitempty"`
	Reason     string     `json:"reason,omitempty"`
}
