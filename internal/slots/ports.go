package slots

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
)

// Timelines is what is needed to know which slots a definition had: its versions, the rules of
// its zone, and when it was held.
type Timelines interface {
	ZoneHistory
	Versions(ctx context.Context, id string, p core.PageRequest) (core.Page[core.StoredDefinition], error)
	Holds(ctx context.Context, activityID string, from, to time.Time) ([]core.Hold, error)
}

// ZoneHistory tells the rules that zones have had.
type ZoneHistory interface {
	ZoneRules(ctx context.Context, zone string) ([]core.ZoneRules, error)
}

// PolicyRecord is what a [Policy] asks of the record.
type PolicyRecord interface {
	Timelines
	Outages(ctx context.Context, from, to time.Time) ([]core.Outage, error)
	LedgerEntry(ctx context.Context, activityID, causeKey string) (core.LedgerEntry, error)
}

// Record is what the [Watchdog] asks of the record. Both stores implement it by the rules of
// the root package's ports.
type Record interface {
	PolicyRecord
	DefinitionAny(ctx context.Context, id string) (core.StoredDefinition, error)
	core.Catalogue
	AccountedUntil(ctx context.Context, activityIDs []string) (map[string]time.Time, error)
	Tombstones(ctx context.Context, after time.Time) ([]core.StoredDefinition, error)
	Advance(ctx context.Context, marks map[string]time.Time) error
	CronKeys(ctx context.Context, activityID string, from, to time.Time) ([]string, error)
	LedgerEntries(ctx context.Context, f core.LedgerFilter, p core.PageRequest) (core.Page[core.LedgerEntry], error)
	RecordCauses(ctx context.Context, recs []core.CauseRecord, at time.Time) ([]core.CauseState, error)
	ConfirmStarts(ctx context.Context, starts []core.Start, at time.Time) error
	PendingCauses(ctx context.Context, before time.Time, limit int) ([]core.CauseRecord, error)
	Settle(ctx context.Context, s []core.Settlement, at time.Time) ([]core.LedgerEntry, error)
	Runs(ctx context.Context, f core.RunFilter, p core.PageRequest) (core.Page[core.Run], error)
	Run(ctx context.Context, runID string) (core.Run, error)
}

// Starter starts the one run of a cause that is in the ledger. An execution that exists is no
// error.
type Starter interface {
	StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error)
}

// Scheduler tells what the engine that fires the slots knows of them.
type Scheduler interface {
	// Backlog says which slots the definition's schedule has still to start: any, if buffered is
	// more than 0, and otherwise those from next on. A zero next and no buffer mean that it will
	// start none: it is paused, or does not exist. CodeConflict: it is paused, and the record does
	// not know of it yet; reconciliation will tell it.
	Backlog(ctx context.Context, activityID string) (buffered int64, next time.Time, err error)
	// SlotState says whether the execution of a slot exists.
	SlotState(ctx context.Context, activityID string, nominal time.Time) (core.SlotState, error)
}

// Metrics are the package's measuring points. Any of them may be nil.
type Metrics struct {
	// Settled counts slots that the watchdog gave a verdict.
	Settled func(verdict core.Verdict, n int)
	// MadeUp counts a make-up run; late is how long after its nominal time it was started.
	MadeUp func(late time.Duration)
	// Outage counts a recorded outage.
	Outage func(what string, length time.Duration)
	// Overdue is told after each tick how many slots wait for a verdict beyond their grace.
	Overdue func(slots int)
}

func (m Metrics) settled(entries []core.Settlement) {
	if m.Settled == nil {
		return
	}
	counts := make(map[core.Verdict]int)
	for _, e := range entries {
		counts[e.Verdict]++
	}
	for v, n := range counts {
		m.Settled(v, n)
	}
}

func (m Metrics) madeUp(late time.Duration) {
	if m.MadeUp != nil {
		m.MadeUp(late)
	}
}

func (m Metrics) outage(o core.Outage) {
	if m.Outage != nil {
		m.Outage(o.What, o.To.Sub(o.From))
	}
}

func (m Metrics) overdue(n int) {
	if m.Overdue != nil {
		m.Overdue(n)
	}
}
