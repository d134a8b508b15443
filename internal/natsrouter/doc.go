// Package natsrouter owns the event half of activity-core: the two JetStream streams and the router's durable consumer, publishing
// with an acknowledgement, the router that turns stored events into started runs, the dead letters, and reading the
// event log back (list, tail, explain, replay).
//
// It must not evaluate rules, carry out actions or know SQL and Temporal: the ledger, the catalogue and the start of a
// run are ports. What an event looks like on the wire is internal/envelope's business, which definition wants it
// internal/eventmatch's.
//
// # How an event becomes runs
//
//	fetch → decode → refresh index → match → ledger (one transaction a batch) → starts → confirm → ack
//
// An event is acknowledged only after every match has its row in the ledger and every run was started, so whatever dies
// in between, the event is delivered again and the ledger says what is left to do. What cannot be routed goes to the
// dead-letter stream with its reason and only then leaves the event stream's queue.
package natsrouter
