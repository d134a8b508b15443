package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

func fieldsOf(err error) []core.FieldError {
	var e *core.Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}

// definitionActions are the routes below one definition, and dry-run.
func (s *server) definitionActions() {
	type triggerInput struct {
		RefPath
		IdempotencyKey string        `header:"Idempotency-Key" doc:"at most one run for this key"`
		Body           *wire.Trigger `required:"false"`
	}
	trigger := op(http.MethodPost, definitionsURL+"/{ref}/trigger", "trigger", tagDefinitions, "Start a run by hand")
	trigger.DefaultStatus = http.StatusAccepted
	register(s, trigger, func(ctx context.Context, in *triggerInput) (*body[wire.Triggered], error) {
		req := catalog.TriggerRequest{IdempotencyKey: in.IdempotencyKey}
		if in.Body != nil {
			var err error
			if req.Event, err = s.eventIn(in.Body.Event); err != nil {
				return nil, err
			}
			if req.Event != nil {
				ofNoRun(req.Event)
			}
			req.Inputs = in.Body.Inputs
		}
		return triggered(s.Catalog.Trigger(ctx, in.Ref, req, actor(ctx)))
	})

	type pauseInput struct {
		RefPath
		Body *wire.PauseRequest `required:"false"`
	}
	register(s, op(http.MethodPost, definitionsURL+"/{ref}/pause", "pause", tagDefinitions, "Hold a definition until it is resumed"), func(ctx context.Context, in *pauseInput) (*definitionAnswer, error) {
		reason := ""
		if in.Body != nil {
			reason = in.Body.Reason
		}
		return saved(s.Catalog.Pause(ctx, in.Ref, reason, actor(ctx)))
	})
	register(s, op(http.MethodPost, definitionsURL+"/{ref}/resume", "resume", tagDefinitions, "End a pause"), func(ctx context.Context, in *RefPath) (*definitionAnswer, error) {
		return saved(s.Catalog.Resume(ctx, in.Ref, actor(ctx)))
	})

	type nextInput struct {
		RefPath
		Count int    `query:"count" minimum:"1" maximum:"1000" default:"10"`
		After string `query:"after" doc:"list times after this one: RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now; default now"`
	}
	register(s, op(http.MethodGet, definitionsURL+"/{ref}/next", "next", tagDefinitions, "List the real coming fire times"), func(ctx context.Context, in *nextInput) (*body[catalog.NextFires], error) {
		after, err := s.moment("after", in.After)
		if err != nil {
			return nil, err
		}
		return answer(s.Catalog.Next(ctx, in.Ref, after, in.Count))
	})

	type backfillInput struct {
		RefPath
		Body Backfill
	}
	backfill := op(http.MethodPost, definitionsURL+"/{ref}/backfill", "backfill", tagDefinitions, "Start each nominal time of a past range once; safe to repeat")
	backfill.Description = "Starts at most rate runs a second, in order, with at most parallel under way. With limit or within the answer may come before the end: then it has next, whose fields the following call sends. A call that is cut off, or repeated, starts nothing twice."
	register(s, backfill, func(ctx context.Context, in *backfillInput) (*body[wire.BackfillResult], error) {
		if s.Slots == nil {
			return nil, unavailable("backfills")
		}
		def, err := s.Catalog.Get(ctx, in.Ref)
		if err != nil {
			return nil, err
		}
		wanted, err := s.backfillIn(in.Body)
		if err != nil {
			return nil, err
		}
		return answer(s.Slots.Backfill(ctx, def, wanted, actor(ctx)))
	})

	type dryRunInput struct{ Body wire.DryRun }
	dry := op(http.MethodPost, "/dry-run", "dry-run", tagDefinitions, "The whole plan of one firing; nothing is stored or carried out")
	dry.MaxBodyBytes = maxApplyBody
	dry.SkipValidateBody = true
	register(s, dry, func(ctx context.Context, in *dryRunInput) (*body[catalog.DryRunResult], error) {
		req, err := s.dryRunRequest(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return answer(s.Catalog.DryRun(ctx, req))
	})
}

// audit adds what the caller has done to the trail. The detail is nil for none; it must have a
// JSON form.
func (s *server) audit(ctx context.Context, action, object string, detail any) {
	e := core.AuditEntry{By: actor(ctx), Action: action, Object: object}
	if detail != nil {
		e.Detail, _ = json.Marshal(detail) // of what the request was read from
	}
	s.Catalog.Audit(ctx, e)
}

func triggered(t catalog.Triggered, err error) (*body[wire.Triggered], error) {
	return answer(wire.Triggered{RunID: t.RunID, WorkflowID: t.WorkflowID, Existed: t.Existed}, err)
}

func (s *server) dryRunRequest(ctx context.Context, in wire.DryRun) (req catalog.DryRunRequest, err error) {
	if req.Definition, err = s.definitionOf(ctx, in.Definition); err != nil {
		return req, err
	}
	now := s.Now()
	if in.At != nil {
		if now, err = instant("at", *in.At, now); err != nil {
			return req, err
		}
		req.At = now
	}
	if req.Event, err = eventAt(in.Event, now); err != nil {
		return req, err
	}
	if req.Inputs, err = catalog.DecodeInputs(in.Inputs); err != nil {
		return req, err
	}
	for k, raw := range in.Context {
		v, err := core.DecodeData(raw) // as a run reads what it fetches
		if err != nil {
			return req, core.InvalidField("context."+k, nil, "is not JSON: %v", err)
		}
		if req.Context == nil {
			req.Context = map[string]any{}
		}
		req.Context[k] = v
	}
	return req, nil
}

// definitionOf reads a document, or finds the stored definition that a JSON string names.
func (s *server) definitionOf(ctx context.Context, raw json.RawMessage) (core.Definition, error) {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		d, err := s.Catalog.Get(ctx, name)
		return d.Definition, err
	}
	docs, err := document.ParseChecked("definition", raw, document.JSON, catalog.Check)
	if err != nil {
		return core.Definition{}, err
	}
	if len(docs) != 1 {
		return core.Definition{}, core.InvalidField("definition", nil, "must be one definition, not %d", len(docs))
	}
	return docs[0].Definition, nil
}
