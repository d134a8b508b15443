package actionexec

import (
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

var createTask = row[ruleeval.CreateTaskParams]{write: taskWrite}

// taskWrite is the task that the store creates, or finds open.
func taskWrite(run activitycore.Run, a activitycore.PlannedAction, p *ruleeval.CreateTaskParams, at time.Time) activitycore.TaskWrite {
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
	}
}
