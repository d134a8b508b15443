package actionexec

import (
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// defaultPriority of a task that names none.
const defaultPriority = "normal"

// TaskWrite turns a create_task action into what the store writes. Its errors are final.
func (*Executor) TaskWrite(run activitycore.Run, a activitycore.PlannedAction, at time.Time) (activitycore.TaskWrite, error) {
	var p struct {
		Title       string              `json:"title"`
		Description string              `json:"description"`
		Labels      []string            `json:"labels"`
		Priority    string              `json:"priority"`
		Assignee    string              `json:"assignee"`
		UniqueKey   string              `json:"unique_key"`
		IfOpen      activitycore.IfOpen `json:"if_open"`
		Comment     string              `json:"comment"`
	}
	if err := decode(a, &p); err != nil {
		return activitycore.TaskWrite{}, err
	}
	if p.Title == "" {
		return activitycore.TaskWrite{}, activitycore.InvalidField("with.title", "", "is empty; a task needs a title")
	}
	if p.Priority == "" {
		p.Priority = defaultPriority
	}
	if p.IfOpen == "" {
		p.IfOpen = activitycore.IfOpenSkip
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
