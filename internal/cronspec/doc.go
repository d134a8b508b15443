// Package cronspec owns the clock's rules: it parses cron expressions and zones, lists the
// instants at which they fire, compiles that list for a Temporal schedule, and decides what
// becomes of instants that were missed. It must not read a clock, start anything, log, or
// import Temporal: values in, values out.
//
// An expression has the five fields minute, hour, day-of-month, month and day-of-week, with
// lists, ranges and steps, or is one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly
// and @annually. A [Spec] is one or more expressions read in one IANA zone; where two of them
// name the same instant it fires once.
//
// Days: when day-of-month and day-of-week are both restricted, a day that satisfies either
// fires, as in Vixie cron; a field that begins with "*" (also "*/2") does not count as
// restricted, and then both must hold.
//
// Clock changes: an expression whose hour field begins with "*" (or names every hour) follows
// elapsed time, so it fires whenever the wall clock shows a matching time, in both passes of a
// repeated hour. Every other expression names fixed times: one that a forward change skips
// fires once, later by the length of the gap; one that a backward change shows twice fires the
// first time only. docs/cron.md has the reasons and the examples.
//
// Instants are listed up to the end of the year [MaxYear], the last year that a Temporal
// calendar can hold.
package cronspec
