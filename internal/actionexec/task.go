package actionexec

import (
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

var createTask = row[ruleeval.CreateTaskParams]{write: taskWrite}

// taskWrite is the task that the store creates, or finds open.
func taskWrite(run core.Run, a core.PlannedAction, p *ruleeval.CreateTaskParams, at time.Time) core.TaskWrite {
	if p.Comment == "" {
		p.Comment = p.Title
	}
	return core.TaskWrite{
		Seq:     a.Seq,
		IfOpen:  p.IfOpen,
		Comment: p.Comment,
		Task: core.Task{
			TaskID:      core.TaskID(a.Key),
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
			Status:      core.TaskOpen,
			CreatedAt:   at,
			UpdatedAt:   at,
		},
	}
}
