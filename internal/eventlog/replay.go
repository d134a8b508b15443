package eventlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventtrigger"
	"github.com/activity-core/activity-core/internal/launch"
)

// ReplayRecord is what a replay asks of the store.
type ReplayRecord interface {
	launch.Record
	DefinitionAny(ctx context.Context, id string) (core.StoredDefinition, error)
	LedgerEntry(ctx context.Context, activityID, causeKey string) (core.LedgerEntry, error)
	Event(ctx context.Context, eventID string) (core.EventRecord, error)
}

// Replayer holds stored events against a definition.
type Replayer struct {
	js      jetstream.JetStream
	record  ReplayRecord
	starter launch.Starter
	compile eventtrigger.CompileWhen
	now     func() time.Time
}

// NewReplayer makes a replayer; now is the clock of ledger rows.
func NewReplayer(js jetstream.JetStream, record ReplayRecord, starter launch.Starter, now func() time.Time) *Replayer {
	return &Replayer{js: js, record: record, starter: starter, compile: eventtrigger.CompileCEL, now: now}
}

// Replay looks at stored events, oldest first, and calls each (if not nil) for every match. It
// can be repeated and interrupted: the ledger keeps a second pass from starting anything twice.
//
// A dry run works with any document. Starting needs the document to be the stored one: a run
// carries out the rules of the stored version, and a document that was never applied has none.
// CodeConflict says so.
func (r *Replayer) Replay(ctx context.Context, req core.ReplayRequest, each func(core.ReplayMatch) error) (core.ReplayReport, error) {
	var report core.ReplayReport
	now := r.now()
	if req.Until.IsZero() {
		req.Until = now
	}
	if req.Definition.TriggerType != core.TriggerEvent {
		return report, core.InvalidField("trigger_type", string(req.Definition.TriggerType), "must be event: events do not start a definition that the clock fires")
	}
	if !req.From.Before(req.Until) {
		return report, core.InvalidField("from", req.From.Format(time.RFC3339), "must be before %s", req.Until.Format(time.RFC3339))
	}
	if req.Definition.ID == "" {
		req.Definition.ID = core.DefinitionID(req.Definition.Name)
	}
	row := core.StoredDefinition{Definition: req.Definition}
	if !req.DryRun {
		stored, err := r.deployed(ctx, req.Definition)
		if err != nil {
			return report, err
		}
		row = stored
	}
	triggers, err := eventtrigger.Of(&row, r.compile)
	if err != nil {
		return report, err
	}
	would := map[string]bool{} // runs that a dry run would have started by now

	err = eventstream.Ascend(ctx, r.js, core.EventStream, eventstream.From{At: req.From, Sequence: req.FromSequence}, func(m eventstream.Message) error {
		if !m.StoredAt.Before(req.Until) {
			return errEnough
		}
		if req.MaxEvents > 0 && report.Events == req.MaxEvents || req.Limit > 0 && report.Matched == req.Limit {
			report.NextSequence = m.Sequence
			return errEnough
		}
		report.Events++
		e, err := m.Event()
		var decisions []eventtrigger.Decision
		if err == nil {
			decisions, err = triggers.Decide(ctx, &eventtrigger.Candidate{Event: &e})
		}
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			report.Malformed++
			return nil
		}
		if len(decisions) == 0 {
			return nil
		}
		trigger := decisions[0]
		match := core.ReplayMatch{EventID: e.EventID, Type: e.Type, Sequence: m.Sequence, StoredAt: m.StoredAt}
		switch trigger.Outcome {
		case eventtrigger.NoMatch, eventtrigger.Cycle:
			return nil
		case eventtrigger.Failed:
			match.Error = trigger.Reason
		case eventtrigger.Runs, eventtrigger.Deleted, eventtrigger.Disabled, eventtrigger.Paused: // a dry run asks what would be if it were in use
		}
		if err := r.settle(ctx, req, trigger.Trigger, &e, &match, &report, would); err != nil {
			return fmt.Errorf("event %s: %w", e.EventID, err)
		}
		if each != nil {
			if err := each(match); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return report, err
}

// errEnough ends reading a stream early.
var errEnough = errors.New("enough")

// deployed returns the stored definition if it is what the document says.
func (r *Replayer) deployed(ctx context.Context, doc core.Definition) (core.StoredDefinition, error) {
	row, err := r.record.DefinitionAny(ctx, doc.ID)
	if core.IsCode(err, core.CodeNotFound) || err == nil && !row.Live() {
		return row, core.Errorf(core.CodeConflict, "%s is not deployed: apply it first, then replay; or ask for a dry run", doc.Name)
	}
	if err != nil {
		return row, err
	}
	if !sameFiring(row.Definition, doc) {
		return row, core.Errorf(core.CodeConflict,
			"the document of %s is not the deployed version %d: apply it first, then replay, since runs carry out the deployed rules; or ask for a dry run", doc.Name, row.Version)
	}
	if !row.Effective() {
		return row, core.Errorf(core.CodeConflict, "%s is disabled or paused: enable or resume it first; or ask for a dry run", doc.Name)
	}
	return row, nil
}

// sameFiring tells whether two documents fire for the same events and do the same then.
// Documents may come from different decoders, so it is their JSON that counts.
func sameFiring(a, b core.Definition) bool {
	head := func(d core.Definition) []byte {
		data, err := json.Marshal([]any{d.TriggerConfig, d.Context, d.Vars, d.Rules})
		if err != nil {
			return nil
		}
		return data
	}
	x, y := head(a), head(b)
	return x != nil && bytes.Equal(x, y)
}

// settle finds out what the ledger knows of a match and, unless it is a dry run, starts what is
// missing.
func (r *Replayer) settle(ctx context.Context, req core.ReplayRequest, t *eventtrigger.Trigger, e *core.Event, match *core.ReplayMatch, report *core.ReplayReport, would map[string]bool) error {
	cause := core.EventCause(e.EventID)
	match.RunID = core.RunID(core.WorkflowID(t.ID, cause))
	report.Matched++
	if conflict, err := r.conflict(ctx, e); err != nil || conflict != nil {
		if conflict != nil {
			match.Error, match.RunID = conflict.Fault().Message, ""
			report.Failed++
		}
		return err
	}
	entry, err := r.record.LedgerEntry(ctx, t.ID, cause.Key())
	switch {
	case err == nil:
		match.Verdict, match.RunID = entry.Verdict, entry.RunID
		report.InLedger++
		return nil
	case !core.IsCode(err, core.CodeNotFound):
		return err
	case match.Error != "":
		match.RunID = ""
		report.Failed++
		return nil
	case req.DryRun && would[match.RunID]:
		match.Repeated = true
		report.Repeated++
		return nil
	case req.DryRun:
		would[match.RunID] = true
		report.WouldRun++
		return nil
	}
	launcher := launch.Launcher{Record: r.record, Starter: r.starter, Now: r.now}
	state, err := launcher.Put(ctx, core.CauseRecord{ActivityID: t.ID, ActivityName: t.Name, DefinitionVersion: t.Version,
		Cause: cause, Event: e, StreamSeq: match.Sequence})
	if state.Conflict != nil { // kept a moment ago
		match.Error, match.RunID = core.MessageOf(err), ""
		report.Failed++
		return nil
	}
	if err != nil {
		return err
	}
	if !launch.Due(state.Entry) {
		match.Verdict, match.RunID = state.Entry.Verdict, state.Entry.RunID // the router was faster
		report.InLedger++
		return nil
	}
	if _, err := launcher.Start(ctx, t.ID, cause); err != nil {
		return err
	}
	match.Started = true
	report.Started++
	return nil
}

// conflict tells whether the record keeps another event under the event_id: then the router
// made a dead letter of this one.
func (r *Replayer) conflict(ctx context.Context, e *core.Event) (*core.EventConflict, error) {
	kept, err := r.record.Event(ctx, e.EventID)
	if core.IsCode(err, core.CodeNotFound) {
		return nil, nil //nolint:nilnil // nothing is kept under its ID
	}
	if err != nil {
		return nil, err
	}
	return envelope.Conflict(&kept, e), nil
}
