package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sort"

	"github.com/google/uuid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/launch"
)

// TriggerRequest starts a run by hand.
type TriggerRequest struct {
	// Inputs become `inputs` in expressions; a JSON object, or nil.
	Inputs json.RawMessage
	// Event becomes `event` in expressions, or nil.
	Event *core.Event
	// IdempotencyKey makes the trigger at-most-once; empty: a new UUIDv7.
	IdempotencyKey string
}

// Triggered is the run that a trigger led to.
type Triggered struct {
	RunID      string
	WorkflowID string
	// Existed is true if the same idempotency key had been used before: nothing new was started.
	Existed bool
}

const (
	maxIdempotencyKey = 1024
	maxInputs         = 256 << 10
)

// Trigger starts a run of a definition by hand, also of a disabled or paused one. The cause
// is in the ledger before the start, so a trigger that was answered is carried out even if
// Temporal was away: the sweeper starts it.
func (s *Service) Trigger(ctx context.Context, ref string, req TriggerRequest, by core.Actor) (Triggered, error) {
	return s.trigger(ctx, ref, req, by)
}

// trigger is Trigger, with more entries for the audit trail beside its own.
func (s *Service) trigger(ctx context.Context, ref string, req TriggerRequest, by core.Actor, more ...core.AuditEntry) (Triggered, error) {
	if err := checkTriggerRequest(&req); err != nil {
		return Triggered{}, err
	}
	def, err := s.Store.Definition(ctx, ref)
	if err != nil {
		return Triggered{}, err
	}
	cause := core.ManualCause(req.IdempotencyKey)
	return s.start(ctx, core.CauseRecord{
		ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version,
		Cause: cause, Inputs: req.Inputs, Event: req.Event,
		Audit: append([]core.AuditEntry{{At: s.now(), By: by, Action: "run.trigger", Object: def.Name}}, more...),
	})
}

func checkTriggerRequest(req *TriggerRequest) error {
	if len(req.IdempotencyKey) > maxIdempotencyKey {
		return core.InvalidField("Idempotency-Key", nil, "has %d bytes, at most %d are allowed", len(req.IdempotencyKey), maxIdempotencyKey)
	}
	if req.IdempotencyKey == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		req.IdempotencyKey = id.String()
	}
	if len(req.Inputs) > maxInputs {
		return core.Errorf(core.CodeTooLarge, "inputs have %d bytes, at most %d are allowed", len(req.Inputs), maxInputs)
	}
	if trimmed := bytes.TrimSpace(req.Inputs); len(trimmed) > 0 {
		if _, err := core.DecodeJSON(trimmed); err != nil {
			return core.InvalidField("inputs", nil, "is not JSON: %v", err)
		} else if v, err := core.DecodeTyped(trimmed); err != nil {
			return core.InvalidField("inputs", nil, "%v", err)
		} else if _, ok := v.(map[string]any); !ok && v != nil {
			return core.InvalidField("inputs", string(trimmed[:min(len(trimmed), 100)]), "must be a JSON object, such as {\"team\": \"blue\"}")
		}
	}
	if req.Event != nil {
		if err := core.ValidateEventType(req.Event.Type); err != nil {
			return core.InvalidField("event.type", req.Event.Type, "%s", err)
		}
	}
	return nil
}

// start records a cause and starts its run. If Temporal does not answer after the cause is
// recorded, the answer is still success: the row is pending and the sweeper starts it.
func (s *Service) start(ctx context.Context, rec core.CauseRecord) (Triggered, error) {
	launcher := launch.Launcher{Record: s.Store, Starter: s.Runs, Now: s.now}
	state, err := launcher.Put(ctx, rec)
	if err != nil {
		return Triggered{}, err
	}
	out := Triggered{RunID: core.RunID(state.Entry.WorkflowID), WorkflowID: state.Entry.WorkflowID, Existed: !state.Inserted}
	if !launch.Due(state.Entry) || s.Runs == nil {
		return out, nil
	}
	if _, err := launcher.Start(ctx, rec.ActivityID, rec.Cause); err != nil {
		s.Logger.WarnContext(ctx, "run is recorded but not started or not confirmed yet; the sweeper will repeat it",
			"activity_id", rec.ActivityID, "workflow_id", out.WorkflowID, "error", err)
	}
	return out, nil
}

// Cancel asks a run to stop. A finished run is CodeConflict.
func (s *Service) Cancel(ctx context.Context, runID string, by core.Actor) (core.Run, error) {
	run, err := s.Store.Run(ctx, runID)
	if err != nil {
		return core.Run{}, err
	}
	if run.Status.Final() {
		return run, core.Errorf(core.CodeConflict, "run %s is already %s", runID, run.Status)
	}
	if s.Runs == nil {
		return run, core.Errorf(core.CodeUnavailable, "this process cannot reach Temporal")
	}
	if err := s.Runs.CancelRun(ctx, run.WorkflowID); err != nil {
		return run, err
	}
	s.Audit(ctx, core.AuditEntry{By: by, Action: "run.cancel", Object: runID})
	return run, nil
}

// Rerun starts a new run, by hand, with the inputs and event of an earlier one and the
// definition as it is now. The key makes it at-most-once.
func (s *Service) Rerun(ctx context.Context, runID, key string, by core.Actor) (Triggered, error) {
	run, err := s.Store.Run(ctx, runID)
	if err != nil {
		return Triggered{}, err
	}
	inputs, event, err := s.Store.RunRequest(ctx, runID)
	if err != nil {
		return Triggered{}, err
	}
	req := TriggerRequest{Inputs: inputs, Event: event}
	if key != "" {
		req.IdempotencyKey = "rerun-" + runID + "-" + key
	}
	return s.trigger(ctx, run.ActivityID, req, by, core.AuditEntry{At: s.now(), By: by, Action: "run.rerun", Object: runID})
}

func fieldsOf(err error) []core.FieldError {
	var e *core.Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
