// Package envelope owns what an event looks like on the wire: activity-core's own JSON
// envelope, CloudEvents 1.0 (structured, batch and binary mode), the rules that every field
// obeys, and the NATS subject an event travels on.
//
// It is pure: bytes and headers in, [activitycore.Event] or a clear error out. It must not talk
// to NATS or HTTP, read a clock or keep anything. docs/events.md is its contract for people.
package envelope
