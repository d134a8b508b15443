package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

type IDPath struct {
	ID string `path:"id"`
}

func (s *server) runs() {
	const tag = "Runs"
	type listInput struct {
		PageQuery
		Activity string `query:"activity" doc:"ID or name of a definition"`
		Status   string `query:"status" enum:"pending,running,succeeded,partial,failed,canceled"`
		Trigger  string `query:"trigger" enum:"cron,event,manual"`
		Event    string `query:"event" doc:"event ID"`
		Since    string `query:"since" doc:"RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now"`
		Until    string `query:"until" doc:"RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now"`
	}
	list := func(ctx context.Context, in *listInput) (*body[wire.Page[core.Run]], error) {
		id, err := s.activityID(ctx, in.Activity)
		if err != nil {
			return nil, err
		}
		from, to, err := s.span(in.Since, in.Until)
		if err != nil {
			return nil, err
		}
		return page(s.Record.Runs(ctx, core.RunFilter{
			ActivityID: id, Status: core.RunStatus(in.Status), Kind: core.CauseKind(in.Trigger), EventID: in.Event, Since: from, Until: to,
		}, in.request()))
	}
	register(s, op(http.MethodGet, "/runs", "list-runs", tag, "List runs, newest first"), list)

	type belowInput struct {
		RefPath
		PageQuery
	}
	register(s, op(http.MethodGet, definitionsURL+"/{ref}/runs", "list-definition-runs", tag, "List a definition's runs, newest first"), func(ctx context.Context, in *belowInput) (*body[wire.Page[core.Run]], error) {
		d, err := s.Catalog.Get(ctx, in.Ref)
		if err != nil {
			return nil, err
		}
		return list(ctx, &listInput{PageQuery: in.PageQuery, Activity: d.ID})
	})
	register(s, op(http.MethodGet, "/runs/{id}", "get-run", tag, "Get a run"), func(ctx context.Context, in *IDPath) (*body[core.Run], error) {
		return answer(s.Record.Run(ctx, in.ID))
	})
	register(s, op(http.MethodGet, "/runs/{id}/plan", "get-plan", tag, "What the run's rules decided, without its actions"), func(ctx context.Context, in *IDPath) (*body[core.Plan], error) {
		return answer(s.Record.Plan(ctx, in.ID))
	})

	type actionsInput struct {
		IDPath
		PageQuery
	}
	register(s, op(http.MethodGet, "/runs/{id}/actions", "list-actions", tag, "List a run's actions in order"), func(ctx context.Context, in *actionsInput) (*body[wire.Page[core.ActionRecord]], error) {
		from, err := strconv.Atoi(in.Cursor)
		if in.Cursor != "" && (err != nil || from < 0) {
			return nil, core.InvalidField("cursor", in.Cursor, "must be the next_cursor of the page before")
		}
		if _, err := s.Record.Run(ctx, in.ID); err != nil {
			return nil, err
		}
		found, err := s.Record.Actions(ctx, in.ID, from, from+in.Limit+1)
		p := core.Page[core.ActionRecord]{Items: found}
		if len(found) > in.Limit {
			p.Items, p.NextCursor = found[:in.Limit], strconv.Itoa(from+in.Limit)
		}
		return page(p, err)
	})

	cancel := op(http.MethodPost, "/runs/{id}/cancel", "cancel-run", tag, "Ask a run to stop")
	cancel.DefaultStatus = http.StatusAccepted
	register(s, cancel, func(ctx context.Context, in *IDPath) (*body[core.Run], error) {
		return answer(s.Catalog.Cancel(ctx, in.ID, actor(ctx)))
	})
	type rerunInput struct {
		IDPath
		IdempotencyKey string `header:"Idempotency-Key"`
	}
	rerun := op(http.MethodPost, "/runs/{id}/rerun", "rerun", tag, "Start a new run with the inputs and event of an earlier one")
	rerun.DefaultStatus = http.StatusAccepted
	register(s, rerun, func(ctx context.Context, in *rerunInput) (*body[wire.Triggered], error) {
		return triggered(s.Catalog.Rerun(ctx, in.ID, in.IdempotencyKey, actor(ctx)))
	})
}

func (s *server) tasks() {
	const tag = "Tasks"
	type listInput struct {
		PageQuery
		Activity string `query:"activity" doc:"ID or name of a definition"`
		Status   string `query:"status" doc:"open, in_progress, done or canceled; several separated by commas"`
		Run      string `query:"run" doc:"run ID"`
	}
	register(s, op(http.MethodGet, "/tasks", "list-tasks", tag, "List tasks, newest first"), func(ctx context.Context, in *listInput) (*body[wire.Page[core.Task]], error) {
		id, err := s.activityID(ctx, in.Activity)
		if err != nil {
			return nil, err
		}
		f := core.TaskFilter{ActivityID: id, RunID: in.Run}
		for _, text := range strings.Split(in.Status, ",") {
			if text == "" {
				continue
			}
			status := core.TaskStatus(text)
			if err := checkTaskStatus("status", status); err != nil {
				return nil, err
			}
			f.Status = append(f.Status, status)
		}
		return page(s.Record.Tasks(ctx, f, in.request()))
	})
	register(s, op(http.MethodGet, "/tasks/{id}", "get-task", tag, "Get a task"), func(ctx context.Context, in *IDPath) (*body[core.Task], error) {
		return answer(s.Record.Task(ctx, in.ID))
	})
	type patchInput struct {
		IDPath
		Body core.TaskPatch
	}
	register(s, op(http.MethodPatch, "/tasks/{id}", "patch-task", tag, "Change a task's status, assignee, priority or labels"), func(ctx context.Context, in *patchInput) (*body[core.Task], error) {
		p := in.Body
		if p.Status != nil {
			if err := checkTaskStatus("status", *p.Status); err != nil {
				return nil, err
			}
		}
		if p.Status == nil && p.Assignee == nil && p.Priority == nil && p.Labels == nil {
			return nil, core.Errorf(core.CodeInvalid, "nothing to change: give status, assignee, priority or labels")
		}
		return answer(s.Record.PatchTask(ctx, in.ID, p, s.Now().UTC()))
	})
}

func checkTaskStatus(field string, status core.TaskStatus) error {
	for _, known := range core.TaskStatuses() {
		if status == known {
			return nil
		}
	}
	return core.InvalidField(field, string(status), "must be open, in_progress, done or canceled")
}
