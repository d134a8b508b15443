// Package temporalschedule keeps Temporal's schedules equal to the record: one schedule for
// each cron definition that is to have one, firing at exactly the instants of cronspec and
// starting RunActivityWorkflow.
//
// A [Reconciler] observes what is there (one listing, no description of what the listing
// already tells), compares it with what the record asks for ([Diff], a pure function), applies
// the difference and verifies it. A converged system is never written to. It owns the schedules
// whose ID has our prefix and whose memo carries our owner marker, and touches no other. It
// must not decide what a missed slot becomes, start runs, or change the record in any way but
// two: a pause that somebody made in Temporal is adopted, and the tombstone of a deleted
// definition is purged once its schedule is gone.
//
// Requests are built from Temporal's own messages rather than through the SDK's schedule
// client: that one sends no conflict token, so an update could undo one that it never saw.
package temporalschedule
