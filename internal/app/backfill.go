package app

import (
	"context"
	"encoding/json"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/slots"
)

func (b slotBook) Backfill(ctx context.Context, def core.StoredDefinition, in wire.Backfill, by core.Actor) (wire.BackfillResult, error) {
	req, err := backfillRequest(in)
	if err != nil {
		return wire.BackfillResult{}, err
	}
	filler := &slots.Backfiller{Record: b.app.Store, Starter: b.app.starter}
	if in.DryRun {
		r, err := filler.Preview(ctx, def, req)
		out := backfillResult(r)
		out.WouldStart = &r.WouldStart
		return out, err
	}
	if in.NotBefore == nil { // the first part, or all of it
		detail, err := json.Marshal(map[string]time.Time{"from": req.From, "to": req.To})
		if err != nil {
			return wire.BackfillResult{}, err
		}
		req.Audit = []core.AuditEntry{{At: time.Now().UTC(), By: by, Action: "run.backfill", Object: def.Name, Detail: detail}}
	}
	r, err := filler.Backfill(ctx, def, req)
	return backfillResult(r), err
}

// backfillRequest takes what the body says in place of the defaults.
func backfillRequest(in wire.Backfill) (slots.BackfillRequest, error) {
	req := slots.NewBackfill(in.From.UTC(), in.To.UTC())
	for _, t := range in.UnderWay {
		req.UnderWay = append(req.UnderWay, t.UTC())
	}
	if in.NotBefore != nil {
		req.NotBefore = in.NotBefore.UTC()
	}
	if in.Rate != nil {
		req.Rate = *in.Rate
	}
	if in.Parallel != nil {
		req.Parallel = *in.Parallel
	}
	if in.Limit != nil {
		req.Limit = *in.Limit
	}
	if in.Within != "" {
		within, err := core.ParseDuration(in.Within)
		if err != nil || within <= 0 {
			return req, core.InvalidField("within", in.Within, "must be a duration longer than 0, such as 1s")
		}
		req.Within = within.Std()
	}
	return req, nil
}

func backfillResult(r slots.BackfillResult) wire.BackfillResult {
	out := wire.BackfillResult{
		Total: r.Total, Done: r.Done, Started: r.Started, Existing: r.Existing, Settled: r.Settled,
		First: moment(r.First), Last: moment(r.Last), Slots: r.Total, Existed: r.Existing + r.Settled,
	}
	if n := r.Next; n != nil {
		out.Next = &wire.BackfillPoint{From: n.From, UnderWay: n.UnderWay, NotBefore: moment(n.NotBefore)}
	}
	return out
}

// moment is nil for a zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
