// Package eventtrigger holds an event against the definitions that events start.
//
// What it answers is what the router does, what a replay would do and what an explanation words. It
// reads the catalogue through a port, and knows no stream, no ledger and no start of a run.
package eventtrigger
