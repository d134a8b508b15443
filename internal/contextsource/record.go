package contextsource

import (
	"context"

	core "github.com/activity-core/activity-core"
)

const (
	maxLastResults   = 1000   // results of the previous run that are given, of more only the first
	defaultTaskLimit = 1000   // see core.TasksSource
	maxTaskLimit     = 10_000 // see core.TasksSource
	tasksPerPage     = 1000
)

// lastRun gives the newest finished run as the API shows it, with `results`: for each of its
// actions rule, item_key, type, name, status, outcome and result. It is null before the first
// run.
func (f *Fetcher) lastRun(ctx context.Context, activityID string, s core.LastRunSource) (any, error) {
	run, err := f.cfg.Record.LatestRun(ctx, activityID, s.Status)
	if core.IsCode(err, core.CodeNotFound) {
		return nil, nil // there was none
	}
	if err != nil {
		return nil, err
	}
	actions, err := f.cfg.Record.Actions(ctx, run.RunID, 0, maxLastResults)
	if err != nil {
		return nil, err
	}
	v, err := jsonOf(run)
	if err != nil {
		return nil, err
	}
	results := make([]any, 0, len(actions))
	for _, a := range actions {
		r := map[string]any{
			"rule": a.Rule, "item_key": a.ItemKey, "type": string(a.Type), "name": a.Name, "status": string(a.Status),
			"outcome": "", "error": "", "result": nil,
		}
		if a.Result != nil {
			r["outcome"], r["error"] = a.Result.Outcome, a.Result.Error
			if r["result"], err = decodeJSON(a.Result.Result); err != nil {
				return nil, core.Wrap(core.CodeInternal, err, "the stored result of action %s is not JSON", a.Key)
			}
		}
		results = append(results, r)
	}
	v.(map[string]any)["results"] = results
	return v, nil
}

// tasks gives tasks of the definition as the API shows them, newest first; by default those
// that are open or in progress.
func (f *Fetcher) tasks(ctx context.Context, activityID string, s core.TasksSource) (any, error) {
	filter := core.TaskFilter{ActivityID: activityID, Status: s.Status}
	if len(filter.Status) == 0 {
		filter.Status = []core.TaskStatus{core.TaskOpen, core.TaskInProgress}
	}
	left := defaultTaskLimit
	if s.Limit > 0 {
		left = min(s.Limit, maxTaskLimit)
	}
	list := []any{}
	for cursor := ""; left > 0; {
		page, err := f.cfg.Record.Tasks(ctx, filter, core.PageRequest{Limit: min(left, tasksPerPage), Cursor: cursor})
		if err != nil {
			return nil, err
		}
		for _, t := range page.Items {
			v, err := jsonOf(t)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		left -= len(page.Items)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	return list, nil
}
