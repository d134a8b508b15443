// Package eventmatch owns the question "which definitions want this event?": it
// parses the filters of an event trigger, holds all of them in an index that is
// updated one definition at a time, and finds the matching ones for an event in
// time that grows with what matches, not with how many definitions there are.
//
// It must not do I/O, read a clock, log, or evaluate CEL: the optional `when` of
// a trigger is the caller's business, after a match.
//
// # How the parts fit
//
//   - [ParsePattern] turns event types and a decoded `filters:` document into a
//     [Pattern]: a list of alternatives (one per combination of `$or` branches),
//     each a list of conditions that must all hold.
//   - [Index] files every alternative under one condition, its anchor: the one
//     fewest other definitions share. [Index.Match] reads the payload once,
//     keeps only the values at paths some definition of this type looks at,
//     looks each up among the anchors, and checks the few candidates in full.
//   - [Reference] and [Explain] answer the same question slowly and plainly on
//     decoded JSON. Tests hold the index to the reference; people read Explain.
//
// The meaning of every operator is that of Amazon EventBridge event patterns,
// written down with examples in docs/filters.md, which a test runs.
package eventmatch
