package crowd

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
)

// SlotPolicy is asked at admission whether a slot is to run: nil means yes.
type SlotPolicy interface {
	Decide(ctx context.Context, def core.StoredDefinition, nominal, now time.Time) (*core.Settlement, error)
}

// OverlapRecord is what an [Overlap] asks of the record.
type OverlapRecord interface {
	Runs(ctx context.Context, f core.RunFilter, p core.PageRequest) (core.Page[core.Run], error)
	LedgerEntry(ctx context.Context, activityID, causeKey string) (core.LedgerEntry, error)
}

// Executions tells of the execution of a slot.
type Executions interface {
	SlotState(ctx context.Context, activityID string, nominal time.Time) (core.SlotState, error)
}

// Overlap adds to a policy what a schedule cannot know: that the run of an earlier slot, which
// was started here, is still open. Under the misfire policy skip such a slot is skipped, as the
// schedule does with runs of its own.
type Overlap struct {
	Policy     SlotPolicy
	Record     OverlapRecord
	Executions Executions
}

// openLooked bounds the open runs of one definition that are looked at.
const openLooked = 20

// Decide asks the policy first, and then for an overlap.
func (o Overlap) Decide(ctx context.Context, def core.StoredDefinition, nominal, now time.Time) (*core.Settlement, error) {
	verdict, err := o.Policy.Decide(ctx, def, nominal, now)
	if err != nil || verdict != nil || !ours(def) {
		return verdict, err
	}
	page, err := o.Record.Runs(ctx, core.RunFilter{ActivityID: def.ID, Status: core.RunRunning, Kind: core.CauseCron},
		core.PageRequest{Limit: openLooked})
	if err != nil {
		return nil, fmt.Errorf("read open runs: %w", err)
	}
	for _, run := range page.Items {
		if run.Cause.NominalTime == nil || !run.Cause.NominalTime.Before(nominal) {
			continue
		}
		overlaps, err := o.overlaps(ctx, run)
		if err != nil {
			return nil, err
		}
		if overlaps {
			return &core.Settlement{
				ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version, Cause: core.CronCause(nominal),
				Verdict: core.VerdictSkipped, Reason: "overlap: the run of " + run.Cause.Key() + " was still open",
			}, nil
		}
	}
	return nil, nil //nolint:nilnil // nil means: let it run
}

// overlaps reports whether an open run is that of a slot in its own time and really goes on. A
// backfill or a make-up holds nothing up, and neither does a run that ended without the record
// knowing.
func (o Overlap) overlaps(ctx context.Context, run core.Run) (bool, error) {
	entry, err := o.Record.LedgerEntry(ctx, run.ActivityID, run.Cause.Key())
	if err != nil {
		return false, fmt.Errorf("read the ledger row of an open run: %w", err)
	}
	if entry.MakeUp {
		return false, nil
	}
	state, err := o.Executions.SlotState(ctx, run.ActivityID, *run.Cause.NominalTime)
	if err != nil {
		return false, fmt.Errorf("look at an open run: %w", err)
	}
	return state == core.SlotOpen, nil
}
