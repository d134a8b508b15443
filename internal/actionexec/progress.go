package actionexec

import (
	"context"
	"encoding/json"
	"net/http"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

var reportProgress = row[ruleeval.ReportProgressParams]{
	attempt: (*Executor).reportProgress,
	receiver: func(e *Executor, _ *ruleeval.ReportProgressParams) string {
		if e.cfg.Hub == nil {
			return ""
		}
		return receiverOf(e.cfg.Hub.String())
	},
}

// reportProgress posts a report to the configured hub, as JSON.
func (e *Executor) reportProgress(ctx context.Context, j job, p *ruleeval.ReportProgressParams) (core.ActionResult, error) {
	if e.cfg.Hub == nil {
		return core.ActionResult{}, core.Errorf(core.CodeInvalid, "report_progress: no hub is configured; set progress.url")
	}
	report := map[string]any{
		"activity_id": j.run.ActivityID, "activity_name": j.run.ActivityName, "run_id": j.run.RunID, "rule": j.action.Rule, "item_key": j.action.ItemKey,
		"message": p.Message, "status": p.Status, "subject": p.Subject, "data": p.Data, "at": e.cfg.Now().UTC(),
	}
	if p.Percent != nil {
		report["percent"] = *p.Percent
	}
	body, err := json.Marshal(report)
	if err != nil {
		return core.ActionResult{}, core.Wrap(core.CodeInvalid, err, "report_progress: the report has no JSON form")
	}
	r := outbound.Request{Method: http.MethodPost, URL: e.cfg.Hub, Header: http.Header{}, Secret: http.Header{}, Body: body, MaxBytes: checkedBytes}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(idempotencyHeader, j.action.Key)
	if e.cfg.HubSecret != "" {
		token, err := e.secret(ctx, e.cfg.HubSecret, e.cfg.Hub)
		if err != nil {
			return core.ActionResult{}, err
		}
		r.Secret.Set("Authorization", "Bearer "+token)
	}
	res, err := e.cfg.HTTP.Do(ctx, r)
	if err != nil {
		return core.ActionResult{}, err
	}
	if res.Status < 200 || res.Status > 299 {
		return core.ActionResult{}, e.statusError(r, res, "2xx")
	}
	return result("reported", map[string]any{"status": res.Status})
}
