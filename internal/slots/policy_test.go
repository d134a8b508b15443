package slots_test

import (
	"context"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

// countedRecord counts the reads that a policy asks for.
type countedRecord struct {
	slots.PolicyRecord
	reads int
}

func (r *countedRecord) Versions(ctx context.Context, id string, p core.PageRequest) (core.Page[core.StoredDefinition], error) {
	r.reads++
	return r.PolicyRecord.Versions(ctx, id, p)
}

func (r *countedRecord) Holds(ctx context.Context, id string, from, to time.Time) ([]core.Hold, error) {
	r.reads++
	return r.PolicyRecord.Holds(ctx, id, from, to)
}

func (r *countedRecord) Outages(ctx context.Context, from, to time.Time) ([]core.Outage, error) {
	r.reads++
	return r.PolicyRecord.Outages(ctx, from, to)
}

func (r *countedRecord) LedgerEntry(ctx context.Context, id, key string) (core.LedgerEntry, error) {
	r.reads++
	return r.PolicyRecord.LedgerEntry(ctx, id, key)
}

func TestAdmittingASlotOnTimeCostsOneReadOfTheRecord(t *testing.T) {
	eachPolicy(t, func(t *testing.T, w *world, d core.Definition) {
		row, err := w.store.DefinitionAny(t.Context(), d.ID)
		w.must(err)
		record := &countedRecord{PolicyRecord: w.store}
		verdict, err := slots.NewPolicy(record, nil).Decide(t.Context(), row, at("10:01"), at("10:01:02"))
		if err != nil || verdict != nil || record.reads != 1 {
			t.Errorf("verdict %+v, error %v, %d reads; want none, none, 1", verdict, err, record.reads)
		}
	})
}
