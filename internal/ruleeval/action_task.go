package ruleeval

import core "github.com/activity-core/activity-core"

var createTask = ActionSpec{
	Type:     core.ActionCreateTask,
	Doc:      "Creates a task for a person, in the same transaction as its result; its result is {task_id}.",
	ByRecord: true,
	Params: []Param{
		required(line("title", "What is to be done, in one line.", 500)),
		{Name: "description", Kind: KindString, Doc: "More about it; Markdown is shown as written."},
		{Name: "labels", Kind: KindList, Elem: &Param{Kind: KindString, Position: PositionLine, MaxLen: 100}, Max: 50, Doc: "Labels to find the task by, at most 50."},
		{Name: "priority", Kind: KindString, Enum: Priorities(), Default: "normal", Doc: "How urgent it is."},
		line("assignee", "Who is to do it.", 200),
		line("unique_key", "At most one open task of this definition has this key.", 500),
		{Name: "if_open", Kind: KindString, Enum: []string{string(core.IfOpenSkip), string(core.IfOpenUpdate), string(core.IfOpenComment)}, Default: string(core.IfOpenSkip),
			Doc: "What to do when an open task has the unique_key: leave it, update its fields, or add a comment."},
		{Name: "comment", Kind: KindString, Doc: "The comment that if_open: comment adds; the title if absent."},
	},
	Example: map[string]any{"title": "Review the report"},
	decode:  decodeTask,
}

// Priorities of a task, lowest first.
func Priorities() []string { return []string{"low", "normal", "high", "urgent"} }

// CreateTaskParams are the parameters of create_task.
type CreateTaskParams struct {
	Title       string
	Description string
	Labels      []string
	Priority    string // one of Priorities; normal if absent
	Assignee    string
	UniqueKey   string
	IfOpen      core.IfOpen // skip if absent
	Comment     string
}

func decodeTask(f fields) any {
	p := &CreateTaskParams{
		Title: f.text("title", ""), Description: f.text("description", ""), Priority: f.text("priority", "normal"),
		Assignee: f.text("assignee", ""), UniqueKey: f.text("unique_key", ""), Comment: f.text("comment", ""),
		IfOpen: core.IfOpen(f.text("if_open", string(core.IfOpenSkip))),
	}
	list, _ := f["labels"].([]any)
	for _, l := range list {
		p.Labels = append(p.Labels, l.(string))
	}
	return p
}
