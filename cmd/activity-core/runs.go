package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// group makes a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(subs...)
	return cmd
}

// filters adds one flag for each filter of a list.
func filters(cmd *cobra.Command, o *apiclient.ListOptions, docs map[string]string) {
	o.Filter = map[string]string{}
	values := map[string]*string{}
	for name, doc := range docs {
		values[name] = cmd.Flags().String(name, "", doc)
	}
	inner := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		for name, v := range values {
			o.Filter[name] = *v
		}
		if inner != nil {
			return inner(cmd, args)
		}
		return nil
	}
}

const sinceDoc = core.InstantForms

func causeText(cause core.Cause) string {
	switch cause.Kind {
	case core.CauseCron:
		return "cron " + core.FormatNominal(*cause.NominalTime)
	case core.CauseEvent:
		return "event " + cause.EventID
	case core.CauseManual:
	}
	return "manual " + cause.IdempotencyKey
}

func runRows(runs []core.Run) [][]string {
	rows := [][]string{{"RUN", "ACTIVITY", "STATUS", "CAUSE", "ACTIONS", "CREATED"}}
	for _, r := range runs {
		rows = append(rows, []string{
			r.RunID, r.ActivityName, string(r.Status), causeText(r.Cause),
			fmt.Sprintf("%d/%d", r.Actions.Succeeded, r.Actions.Total), ago(r.CreatedAt),
		})
	}
	return rows
}

func (c *cli) showRun(r core.Run) {
	c.details([][]string{
		{"run", r.RunID},
		{"activity", fmt.Sprintf("%s (version %d)", r.ActivityName, r.DefinitionVersion)},
		{"status", string(r.Status)},
		{"cause", causeText(r.Cause)},
		{"workflow", r.WorkflowID},
		{"items", fmt.Sprint(r.Items)},
		{"actions", fmt.Sprintf("%d succeeded, %d failed, %d in all", r.Actions.Succeeded, r.Actions.Failed, r.Actions.Total)},
		{"created", ago(r.CreatedAt)},
		{"started", agoPtr(r.StartedAt)},
		{"finished", agoPtr(r.FinishedAt)},
		{"error", r.Error},
	})
}

// showRule says what a rule decided, and why nothing came of it.
func (c *cli) showRule(r core.RuleTrace) {
	text := fmt.Sprintf("rule %s: when %v, %d items, %d actions", r.Rule, r.When, r.Items, r.Actions)
	if r.Failed > 0 {
		text += fmt.Sprintf(" of which %d cannot be made", r.Failed)
	}
	if r.Cost > 0 {
		text += fmt.Sprintf(", cost %d units", r.Cost)
	}
	if r.Note != "" {
		text += " (" + r.Note + ")"
	}
	c.say("%s", text)
}

// whyNot says in one line why a finished run did not succeed.
func whyNot(r core.Run) string {
	text := "run " + string(r.Status)
	if r.Error != "" {
		return text + ": " + r.Error
	}
	return fmt.Sprintf("%s: %d of %d actions failed; `activity-core runs show %s` says why", text, r.Actions.Failed, r.Actions.Total, r.RunID)
}

// listCommand is a list of T with paging and filters.
func listCommand[T any](c *cli, use, short string, flags map[string]string, call func(*apiclient.Client, *cobra.Command, apiclient.ListOptions) (wire.Page[T], error), rows func([]T) [][]string) *cobra.Command {
	var o apiclient.ListOptions
	cmd := &cobra.Command{
		Use: use, Short: short, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			page, err := call(api, cmd, o)
			if err != nil {
				return err
			}
			// A page of the stream ends when it has looked at so and so many messages: it may be
			// short, and there may be more.
			for wanted := cmp.Or(o.Limit, 100); len(page.Items) < wanted && page.NextCursor != ""; {
				o.Cursor, o.Limit = page.NextCursor, wanted-len(page.Items)
				next, err := call(api, cmd, o)
				if err != nil {
					return err
				}
				page = wire.Page[T]{Items: append(page.Items, next.Items...), NextCursor: next.NextCursor}
			}
			if page.Items == nil {
				page.Items = []T{}
			}
			return c.print(page, func() {
				c.table(rows(page.Items))
				c.more(page.NextCursor)
			})
		},
	}
	paging(cmd, &o)
	filters(cmd, &o, flags)
	return c.clientCommand(cmd)
}

// oneCommand works on one thing named by an argument.
func oneCommand[T any](c *cli, use, short, argument string, call func(*apiclient.Client, *cobra.Command, string) (T, error), show func(T)) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: exactly(argument),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			v, err := call(api, cmd, args[0])
			if err != nil {
				return err
			}
			return c.print(v, func() { show(v) })
		},
	}
	return c.clientCommand(cmd)
}

func (c *cli) runsCommand() *cobra.Command {
	return group("runs", "List, show, cancel and repeat runs",
		listCommand(c, "list", "List runs, newest first", map[string]string{
			"activity": "name or ID of a definition", "status": "pending, running, succeeded, partial, failed or canceled",
			"trigger": "cron, event or manual", "event": "event ID", "since": sinceDoc, "until": sinceDoc,
		}, func(api *apiclient.Client, cmd *cobra.Command, o apiclient.ListOptions) (wire.Page[core.Run], error) {
			return api.Runs(cmd.Context(), o)
		}, runRows),
		c.runShowCommand(),
		oneCommand(c, "cancel RUN", "Ask a run to stop", "a RUN id", func(api *apiclient.Client, cmd *cobra.Command, id string) (core.Run, error) {
			return api.CancelRun(cmd.Context(), id)
		}, func(r core.Run) { c.say("asked run %s to stop", r.RunID) }),
		oneCommand(c, "rerun RUN", "Start a new run with the inputs and event of an earlier one", "a RUN id", func(api *apiclient.Client, cmd *cobra.Command, id string) (wire.Triggered, error) {
			return api.Rerun(cmd.Context(), id, "")
		}, func(t wire.Triggered) { c.say("run %s", t.RunID) }),
	)
}

type runDetail struct {
	core.Run
	Rules       []core.RuleTrace    `json:"rules"`
	ActionItems []core.ActionRecord `json:"action_items"`
}

func (c *cli) runShowCommand() *cobra.Command {
	var limit int
	cmd := oneCommand(c, "show RUN", "Show a run, what its rules decided and its actions", "a RUN id", func(api *apiclient.Client, cmd *cobra.Command, id string) (runDetail, error) {
		d := runDetail{Rules: []core.RuleTrace{}, ActionItems: []core.ActionRecord{}}
		var err error
		if d.Run, err = api.Run(cmd.Context(), id); err != nil {
			return d, err
		}
		plan, err := api.RunPlan(cmd.Context(), id)
		if core.IsCode(err, core.CodeNotFound) {
			return d, nil // not planned yet
		}
		if err != nil {
			return d, err
		}
		if plan.Rules != nil {
			d.Rules = plan.Rules
		}
		page, err := api.RunActions(cmd.Context(), id, apiclient.ListOptions{Limit: limit})
		if page.Items != nil {
			d.ActionItems = page.Items
		}
		return d, err
	}, func(d runDetail) {
		c.showRun(d.Run)
		for _, r := range d.Rules {
			c.showRule(r)
		}
		c.showActions(d.ActionItems)
		if left := d.Actions.Total - len(d.ActionItems); left > 0 {
			fmt.Fprintf(c.stderr, "%d more actions: repeat with --actions %d\n", left, min(d.Actions.Total, 1000))
		}
	})
	numberVar(cmd.Flags(), &limit, "actions", 20, "how many actions to show, 1 to 1000")
	return cmd
}

// showActions lists actions, and then the error of each that has one, whole.
func (c *cli) showActions(actions []core.ActionRecord) {
	rows := [][]string{{"SEQ", "RULE", "ITEM", "TYPE", "STATUS", "OUTCOME"}}
	var problems [][]string
	for _, a := range actions {
		var outcome string
		if a.Result != nil {
			outcome = a.Result.Outcome
			problems = append(problems, []string{fmt.Sprintf("error of %d", a.Seq), a.Result.Error})
		}
		rows = append(rows, []string{fmt.Sprint(a.Seq), a.Rule, a.ItemKey, string(a.Type), string(a.Status), outcome})
	}
	if len(rows) > 1 {
		c.table(rows)
	}
	c.details(problems)
}

func (c *cli) tasksCommand() *cobra.Command {
	done := core.TaskDone
	return group("tasks", "List, show and finish tasks",
		listCommand(c, "list", "List tasks, newest first", map[string]string{
			"activity": "name or ID of a definition", "status": "open, in_progress, done or canceled", "run": "run ID",
		}, func(api *apiclient.Client, cmd *cobra.Command, o apiclient.ListOptions) (wire.Page[core.Task], error) {
			return api.Tasks(cmd.Context(), o)
		}, func(tasks []core.Task) [][]string {
			rows := [][]string{{"TASK", "STATUS", "PRIORITY", "TITLE", "LABELS", "CREATED"}}
			for _, t := range tasks {
				rows = append(rows, []string{t.TaskID, string(t.Status), t.Priority, t.Title, strings.Join(t.Labels, ","), ago(t.CreatedAt)})
			}
			return rows
		}),
		oneCommand(c, "show TASK", "Show a task", "a TASK id", func(api *apiclient.Client, cmd *cobra.Command, id string) (core.Task, error) {
			return api.Task(cmd.Context(), id)
		}, c.showTask),
		oneCommand(c, "done TASK", "Mark a task as done", "a TASK id", func(api *apiclient.Client, cmd *cobra.Command, id string) (core.Task, error) {
			return api.PatchTask(cmd.Context(), id, core.TaskPatch{Status: &done})
		}, func(t core.Task) { c.say("task %s is %s", t.TaskID, t.Status) }),
	)
}

func (c *cli) showTask(t core.Task) {
	c.details([][]string{
		{"task", t.TaskID}, {"title", t.Title}, {"status", string(t.Status)}, {"priority", t.Priority},
		{"assignee", t.Assignee}, {"labels", strings.Join(t.Labels, ", ")}, {"rule", t.Rule}, {"item", t.ItemKey},
		{"run", t.RunID}, {"created", ago(t.CreatedAt)}, {"updated", ago(t.UpdatedAt)},
	})
	if t.Description != "" {
		c.say("")
		c.quote(t.Description)
	}
	for _, m := range t.Comments {
		c.say("")
		c.say("%s, run %s:", ago(m.At), m.RunID)
		c.quote(m.Text)
	}
}
