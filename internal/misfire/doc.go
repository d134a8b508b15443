// Package misfire decides what becomes of a slot that did not simply run on time.
//
// Each misfire policy is one row of a table (rule.go). Whoever has to know what becomes of a slot
// gathers the [Facts] and carries out the [Decision]: admission, the watchdog, the make-up after a
// schedule was written, and the preview. None of them asks which policy it is. The promises are in
// docs/misfire.md.
package misfire
