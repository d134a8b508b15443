// Package activitycore is the vocabulary of activity-core: what an activity
// definition, a cause, a run and a task are, how they are identified, what can
// go wrong with them, and the small ports through which the rest of the
// program reaches its record.
//
// It owns names and rules that hold whatever Temporal, NATS or the database
// do. It imports the standard library only, does no I/O and reads no clock.
//
// Data flows one way:
//
//	cause → match → ledger → start → plan → actions
package activitycore
