package slots

import (
	"context"
	"fmt"
	"slices"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/retry"
)

// BackfillRecord is what a [Backfiller] asks of the record.
type BackfillRecord interface {
	ZoneHistory
	RecordCauses(ctx context.Context, recs []core.CauseRecord, at time.Time) ([]core.CauseState, error)
	ConfirmStarts(ctx context.Context, starts []core.Start, at time.Time) error
	LedgerEntries(ctx context.Context, f core.LedgerFilter, p core.PageRequest) (core.Page[core.LedgerEntry], error)
	Run(ctx context.Context, runID string) (core.Run, error)
	AppendAudit(ctx context.Context, e core.AuditEntry) error
}

// Backfiller starts the runs of past nominal times.
type Backfiller struct {
	// Record and Starter are required.
	Record  BackfillRecord
	Starter Starter
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx is over; nil is a timer. It belongs to Now's clock.
	Sleep func(ctx context.Context, d time.Duration) error
	specs
}

// Backfill makes sure, in order, that each nominal time of [req.From, req.To) that the
// definition's present version names, by the rules that its zone had then, has its run, once.
// It may be repeated, whole or from req.From on: what has its run or another final verdict
// keeps it. An answer without Next has come to the end, and its runs have ended. CodeInvalid:
// no cron trigger, or a request out of bounds.
func (b *Backfiller) Backfill(ctx context.Context, def core.StoredDefinition, req BackfillRequest) (BackfillResult, error) {
	times, err := b.times(ctx, def, req)
	if err != nil {
		return BackfillResult{}, err
	}
	f := &filling{Backfiller: b, def: def, req: req, open: slices.Clone(req.UnderWay), notBefore: req.NotBefore, result: extent(times)}
	if req.Within > 0 {
		f.deadline = b.now().Add(req.Within)
	}
	// A point from another process's clock must not stall this one.
	if latest := b.now().Add(req.interval()); f.notBefore.After(latest) {
		f.notBefore = latest
	}
	err = f.fill(ctx, times)
	if err == nil {
		err = f.audit(ctx)
	}
	return f.result, err
}

// Preview says what a backfill would do, and does nothing.
func (b *Backfiller) Preview(ctx context.Context, def core.StoredDefinition, req BackfillRequest) (BackfillResult, error) {
	times, err := b.times(ctx, def, req)
	if err != nil {
		return BackfillResult{}, err
	}
	r := extent(times)
	for len(times) > 0 {
		part := times[:min(len(times), backfillPart)]
		times = times[len(part):]
		verdicts, err := b.verdicts(ctx, def.ID, part)
		if err != nil {
			return r, err
		}
		for _, t := range part {
			switch v := verdicts[core.CronCause(t).Key()]; {
			case v == core.VerdictFired || v == core.VerdictStarted:
				r.Existing++
			case v.Terminal():
				r.Settled++
			default:
				r.WouldStart++
			}
		}
	}
	return r, nil
}

func extent(times []time.Time) (r BackfillResult) {
	if r.Total = len(times); r.Total > 0 {
		r.First, r.Last = times[0], times[len(times)-1]
	}
	return r
}

func (b *Backfiller) now() time.Time {
	now := time.Now
	if b.Now != nil {
		now = b.Now
	}
	return now().UTC().Truncate(time.Microsecond)
}

func (b *Backfiller) sleep(ctx context.Context, d time.Duration) error {
	if b.Sleep != nil {
		return b.Sleep(ctx, d)
	}
	return retry.Sleep(ctx, d)
}

// times lists the nominal times of a request that is within its bounds.
func (b *Backfiller) times(ctx context.Context, def core.StoredDefinition, req BackfillRequest) ([]time.Time, error) {
	if def.TriggerType != core.TriggerCron {
		return nil, core.InvalidField("trigger_type", def.TriggerType, "only a cron definition has nominal times to backfill")
	}
	if err := req.check(b.now()); err != nil {
		return nil, err
	}
	parts, err := b.parts(ctx, b.Record, def.TriggerConfig, req.From, req.To)
	if err != nil {
		return nil, err
	}
	var times []time.Time
	for _, p := range parts {
		for t := range p.spec.Between(p.from, p.to) {
			if len(times) == MaxBackfill {
				return nil, core.InvalidField("from", req.From, "the range has more than %d nominal times; backfill it in parts, the first ending at %s",
					MaxBackfill, t.Format(time.RFC3339))
			}
			times = append(times, t)
		}
	}
	return times, nil
}

// backfillPart is for how many nominal times the ledger is asked at once.
const backfillPart = 500

// verdicts reads the ledger's rows of nominal times, which ascend, by cause key.
func (b *Backfiller) verdicts(ctx context.Context, id string, times []time.Time) (map[string]core.Verdict, error) {
	out := make(map[string]core.Verdict, len(times))
	filter := core.LedgerFilter{ActivityID: id, Kind: core.CauseCron, Since: times[0], Until: times[len(times)-1].Add(time.Second)}
	for page := (core.PageRequest{Limit: backfillPart}); ; {
		rows, err := b.Record.LedgerEntries(ctx, filter, page)
		if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		for _, e := range rows.Items {
			out[e.CauseKey] = e.Verdict
		}
		if page.Cursor = rows.NextCursor; page.Cursor == "" {
			return out, nil
		}
	}
}
