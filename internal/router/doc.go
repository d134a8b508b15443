// Package router turns stored events into started runs.
//
// It must not evaluate rules, carry out actions or know SQL and Temporal: the ledger, the
// catalogue, the dead letters and the start of a run are ports. What an event looks like on the
// wire is internal/envelope's business, which definition wants it internal/eventtrigger's.
//
// # How an event becomes runs
//
//	fetch → decode → refresh index → match → ledger (one transaction a batch) → starts →
//	confirm → ack
//
// An event is acknowledged only after every match has its row in the ledger and every run was
// started, so whatever dies in between, the event is delivered again and the ledger says what is
// left to do. What cannot be routed goes to the dead letters with its reason and only then leaves
// the event stream's queue.
package router
