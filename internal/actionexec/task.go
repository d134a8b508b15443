package actionexec

import (
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// TaskWrite turns a create_task action into what the store writes. Its errors are final.
func (*Executor) TaskWrite(run activitycore.Run, a activitycore.PlannedAction, at time.Time) (activitycore.TaskWrite, error) {
	params, err := ruleeval.Decode(a)
	if err != nil {
		return activitycore.TaskWrite{}, err
	}
	p, ok := params.(*ruleeval.CreateTaskParams)
	if !ok {
		return activitycore.TaskWrite{}, activitycore.Errorf(activitycore.CodeInvalid, "an action of type %q writes no task", a.Type)
	}
	if p.Comment == "" {
		p.Comment = p.Title
	}
	return activitycore.TaskWrite{
		Seq:     a.Seq,
		IfOpen:  p.IfOpen,
		Comment: p.Comment,
		Task: activitycore.Task{
			TaskID:      activitycore.TaskID(a.Key),
			RunID:       run.RunID,
			ActivityID:  run.ActivityID,
			Rule:        a.Rule,
			ItemKey:     a.ItemKey,
			ActionKey:   a.Key,
			UniqueKey:   p.UniqueKey,
			Title:       p.Title,
			Description: p.Description,
			Labels:      p.Labels,
			Priority:    p.Priority,
			Assignee:    p.Assignee,
			Status:      activitycore.TaskOpen,
			CreatedAt:   at,
			UpdatedAt:   at,
		},
	}, nil
}
