// Package slots accounts for every nominal time of every cron definition. Temporal fires most
// of them; this package says what becomes of the others: those that came late out of an outage
// ([Policy], asked at admission), those that never came ([Watchdog]), those of the past that
// somebody asks for ([Backfill]) — and proves that none is without a verdict ([Checker]).
// [Heartbeat] records when the system was out, so that late and missed can be told apart.
//
// It works on ports alone: the record, a starter of runs and an observer of schedules. It must
// not know Temporal, and it holds no state that another replica would need: the ledger's unique
// key decides between replicas.
//
// docs/misfire.md states the rules for each cause and policy; the tests carry the same names.
package slots
