package actionexec

import (
	"context"
	"encoding/json"
	"net/http"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
)

// defaultProgress is the status of a report that names none.
const defaultProgress = "running"

// reportProgress posts a report to the configured hub, as JSON.
func (e *Executor) reportProgress(ctx context.Context, run activitycore.Run, a activitycore.PlannedAction) (activitycore.ActionResult, error) {
	var p struct {
		Message string          `json:"message"`
		Percent *json.Number    `json:"percent,omitempty"`
		Status  string          `json:"status"`
		Subject string          `json:"subject,omitempty"`
		Data    json.RawMessage `json:"data,omitempty"`
	}
	if err := decode(a, &p); err != nil {
		return activitycore.ActionResult{}, err
	}
	if e.cfg.Hub == nil {
		return activitycore.ActionResult{}, activitycore.Errorf(activitycore.CodeInvalid, "report_progress: no hub is configured; set hub.url")
	}
	if p.Status == "" {
		p.Status = defaultProgress
	}
	body, err := json.Marshal(map[string]any{
		"activity_id": run.ActivityID, "activity_name": run.ActivityName, "run_id": run.RunID,
		"rule": a.Rule, "item_key": a.ItemKey, "report": p, "at": e.cfg.Now().UTC(),
	})
	if err != nil {
		return activitycore.ActionResult{}, activitycore.Wrap(activitycore.CodeInvalid, err, "report_progress: the report has no JSON form")
	}
	r := outbound.Request{Method: http.MethodPost, URL: e.cfg.Hub, Header: http.Header{}, Secret: http.Header{}, Body: body, MaxBytes: defaultKept}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(idempotencyHeader, a.Key)
	if e.cfg.HubSecret != "" {
		token, err := e.secret(ctx, e.cfg.HubSecret, e.cfg.Hub)
		if err != nil {
			return activitycore.ActionResult{}, err
		}
		r.Secret.Set("Authorization", "Bearer "+token)
	}
	res, err := e.cfg.HTTP.Do(ctx, r)
	if err != nil {
		return activitycore.ActionResult{}, err
	}
	ok := statuses{"2xx"}
	if !ok.match(res.Status) {
		return activitycore.ActionResult{}, statusError(e.cfg.Hub.Host, http.MethodPost, res, ok)
	}
	return result("reported", map[string]any{"status": res.Status})
}
