package slots

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/misfire"
)

// CheckRecord is what a [Checker] asks of the record.
type CheckRecord interface {
	Timelines
	DefinitionAny(ctx context.Context, id string) (core.StoredDefinition, error)
	Tombstones(ctx context.Context, after time.Time) ([]core.StoredDefinition, error)
	ChangesSince(ctx context.Context, since int64, limit int) ([]core.StoredDefinition, int64, error)
	CronKeys(ctx context.Context, activityID string, from, to time.Time) ([]string, error)
	LedgerEntries(ctx context.Context, f core.LedgerFilter, p core.PageRequest) (core.Page[core.LedgerEntry], error)
}

// MaxListed bounds the slots that a [CheckReport] lists one by one.
const MaxListed = 1000

// CheckReport is the comparison of expected slots with the ledger over a stretch of time.
type CheckReport struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Definitions is how many were looked at.
	Definitions int `json:"definitions"`
	// Expected slots, without those that may still wait, and how many of them have a row.
	Expected  int `json:"expected"`
	Accounted int `json:"accounted"`
	// Verdicts counts the ledger's rows of the time, causes of every kind.
	Verdicts map[core.Verdict]int `json:"verdicts"`
	// Waiting counts slots without a row that are within their grace, and causes recorded or
	// started within the last minute: it is too early to miss a verdict.
	Waiting int `json:"waiting"`
	// Missing lists expected slots without a row, at most MaxListed.
	Missing []MissingSlot `json:"missing"`
	// Open lists causes whose verdict is not final, at most MaxListed: recorded, and neither run
	// nor settled.
	Open []core.LedgerEntry `json:"open"`
	// Unexpected lists cron causes that ran although no version of their definition names the time
	// and nobody asked for it by hand, at most MaxListed: the schedule was not that of the
	// definition.
	Unexpected []core.LedgerEntry `json:"unexpected"`
	// OpenCount, MissingCount and UnexpectedCount are not bounded.
	OpenCount       int `json:"open_count"`
	MissingCount    int `json:"missing_count"`
	UnexpectedCount int `json:"unexpected_count"`

	// Names are those of the definitions looked at, by ID.
	Names map[string]string `json:"-"`
	// strange are the cron rows that no version asks for, by definition and cause key.
	strange map[[2]string]bool
}

// OK reports whether every expected slot and every recorded cause has its one final verdict,
// and nothing else ran.
func (r CheckReport) OK() bool {
	return r.MissingCount == 0 && r.OpenCount == 0 && r.UnexpectedCount == 0
}

// MissingSlot is an expected slot without a ledger row.
type MissingSlot struct {
	ActivityID   string    `json:"activity_id"`
	ActivityName string    `json:"activity_name"`
	Version      int64     `json:"definition_version"`
	NominalTime  time.Time `json:"nominal_time"`
}

// Checker proves that expected and accounted slots are the same.
type Checker struct {
	// Now is the clock; nil is time.Now.
	Now    func() time.Time
	record CheckRecord
	specs  specs
}

// NewChecker makes a checker.
func NewChecker(record CheckRecord) *Checker { return &Checker{record: record} }

// Check compares the slots of [since, until) of one definition, or of all if activityID is "",
// deleted ones included. A slot within its grace may rightly have no row yet and a cause
// recorded a moment ago no run: those are counted as waiting. CodeNotFound: the record has
// never known a definition with the ID.
func (c *Checker) Check(ctx context.Context, activityID string, since, until time.Time) (CheckReport, error) {
	report := CheckReport{
		Since: since.UTC(), Until: until.UTC(), Verdicts: make(map[core.Verdict]int),
		Names: make(map[string]string), strange: make(map[[2]string]bool),
	}
	if !since.Before(until) {
		return report, core.InvalidField("since", since, "must be before until (%s)", until.Format(time.RFC3339))
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	rows, err := c.rows(ctx, activityID, since)
	if err != nil {
		return report, err
	}
	for _, row := range rows {
		if err := c.definition(ctx, row, now(), &report); err != nil {
			return report, err
		}
	}
	return report, c.verdicts(ctx, activityID, now(), &report)
}

// rows are the definitions that may have slots since a time: one, or all. A deleted one keeps
// its slots up to the deletion, also once its schedule is gone and the record shows it to
// nobody else.
func (c *Checker) rows(ctx context.Context, activityID string, since time.Time) ([]core.StoredDefinition, error) {
	gone, err := c.record.Tombstones(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("read deleted definitions: %w", err)
	}
	if activityID == "" {
		rows, _, err := c.record.ChangesSince(ctx, 0, 1<<30)
		if err != nil {
			return nil, fmt.Errorf("read definitions: %w", err)
		}
		known := make(map[string]bool, len(rows))
		for _, row := range rows {
			known[row.ID] = true
		}
		for _, row := range gone {
			if !known[row.ID] {
				rows = append(rows, row)
			}
		}
		return rows, nil
	}
	for _, row := range gone {
		if row.ID == activityID {
			return []core.StoredDefinition{row}, nil
		}
	}
	row, err := c.record.DefinitionAny(ctx, activityID)
	if err == nil {
		return []core.StoredDefinition{row}, nil
	}
	if !core.IsCode(err, core.CodeNotFound) {
		return nil, err
	}
	// Deleted before the time in question: it had no slots, unless nobody ever heard of it.
	_, err = c.record.Versions(ctx, activityID, core.PageRequest{Limit: 1})
	return nil, err
}

// overdueMargin is what a watchdog may need to come to a slot whose grace is over: a few ticks.
const overdueMargin = 30 * time.Second

// inFlight is how long a cause may be recorded or started without its verdict before that is
// worth a word: twice what it takes until whoever lost it is replaced.
const inFlight = time.Minute

func (c *Checker) definition(ctx context.Context, row core.StoredDefinition, now time.Time, report *CheckReport) error {
	until := earlier(report.Until, now) // what is not due yet waits for nothing
	if row.DeletedAt != nil {
		until = earlier(until, *row.DeletedAt)
	}
	if !until.After(report.Since) {
		return nil
	}
	tl, err := c.specs.load(ctx, c.record, row.ID, report.Since, until)
	if err != nil {
		return err
	}
	keys, err := rowsOf(ctx, c.record, row.ID, report.Since, until)
	if err != nil {
		return err
	}
	if len(tl.segments) == 0 && len(keys) == 0 {
		return nil
	}
	report.Definitions++
	report.Names[row.ID] = row.Name
	overdue := now.Add(-max(leastGrace, misfire.TermsOf(row.TriggerConfig).Grace) - row.TriggerConfig.Jitter.Std() - overdueMargin)
	for s := range tl.slots(report.Since, until) {
		key := core.CronCause(s.Time).Key()
		if !keys[key] && !s.Time.Before(overdue) {
			report.Waiting++
			continue
		}
		report.Expected++
		if keys[key] {
			report.Accounted++
			delete(keys, key)
			continue
		}
		report.MissingCount++
		if len(report.Missing) < MaxListed {
			report.Missing = append(report.Missing, MissingSlot{ActivityID: row.ID, ActivityName: row.Name, Version: s.Version, NominalTime: s.Time})
		}
	}
	for key := range keys {
		report.strange[[2]string{row.ID, key}] = true
	}
	return nil
}

func (c *Checker) verdicts(ctx context.Context, activityID string, now time.Time, report *CheckReport) error {
	filter := core.LedgerFilter{ActivityID: activityID, Since: report.Since, Until: report.Until}
	for page := (core.PageRequest{Limit: 1000}); ; {
		entries, err := c.record.LedgerEntries(ctx, filter, page)
		if err != nil {
			return fmt.Errorf("read ledger: %w", err)
		}
		for _, e := range entries.Items {
			report.Verdicts[e.Verdict]++
			if report.strange[[2]string{e.ActivityID, e.CauseKey}] && e.Verdict == core.VerdictFired && !e.MakeUp {
				report.UnexpectedCount++
				if len(report.Unexpected) < MaxListed {
					report.Unexpected = append(report.Unexpected, e)
				}
			}
			if e.Verdict.Terminal() {
				continue
			}
			if now.Sub(e.UpdatedAt) < inFlight {
				report.Waiting++
				continue
			}
			report.OpenCount++
			if len(report.Open) < MaxListed {
				report.Open = append(report.Open, e)
			}
		}
		if page.Cursor = entries.NextCursor; page.Cursor == "" {
			return nil
		}
	}
}
