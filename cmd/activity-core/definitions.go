package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/misfire"
)

func asError(err error) *core.Error {
	var e *core.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

func state(d wire.Definition) string {
	switch {
	case d.Paused != nil:
		return "paused"
	case !d.Enabled:
		return "disabled"
	}
	return "active"
}

func triggerText(d core.Definition) string {
	if d.TriggerType == core.TriggerCron {
		return fmt.Sprintf("%s %s", strings.Join(d.TriggerConfig.CronExpression, " | "), d.TriggerConfig.Timezone)
	}
	return strings.Join(d.TriggerConfig.EventType, ", ")
}

// misfireText says what becomes of missed slots, and of those that come while a run goes on.
func misfireText(t core.TriggerConfig) string {
	return fmt.Sprintf("misfires: %s (grace %s, catch-up window %s); overlap in Temporal: %s",
		cmp.Or(t.MisfirePolicy, core.DefaultMisfirePolicy), cmp.Or(t.MisfireGrace, core.DefaultMisfireGrace), cmp.Or(t.CatchupWindow, core.DefaultCatchupWindow),
		misfire.RuleOf(t.MisfirePolicy).Overlap)
}

func (c *cli) getCommand() *cobra.Command {
	var o apiclient.ListOptions
	var triggerType string
	cmd := &cobra.Command{
		Use: "get [NAME]", Short: "List definitions, or print one as a document (-o yaml gives what apply takes)",
		Args: atMostOne("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				d, err := api.Definition(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if c.output == "yaml" {
					return c.print(d.Definition, nil)
				}
				return c.print(d, func() { c.table(append(definitionHead(), definitionRow(d))) })
			}
			o.Filter = map[string]string{"trigger_type": triggerType}
			page, err := api.Definitions(cmd.Context(), o)
			if err != nil {
				return err
			}
			return c.print(page, func() {
				rows := definitionHead()
				for _, d := range page.Items {
					rows = append(rows, definitionRow(d))
				}
				c.table(rows)
				c.more(page.NextCursor)
			})
		},
	}
	cmd.Flags().StringVar(&triggerType, "trigger-type", "", "only cron or event")
	paging(cmd, &o)
	return c.clientCommand(cmd)
}

func paging(cmd *cobra.Command, o *apiclient.ListOptions) {
	o.Limit = 100
	cmd.Flags().Var((*pageLimit)(&o.Limit), "limit", "items on one page, 1 to 1000")
	cmd.Flags().StringVar(&o.Cursor, "cursor", "", "continue where the page before ended")
}

// pageLimit is the flag --limit. What is no limit of a page is refused, since the API would
// take 0 for its default.
type pageLimit int

func (l *pageLimit) String() string { return strconv.Itoa(int(*l)) }
func (l *pageLimit) Type() string   { return "int" }

func (l *pageLimit) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || core.NumberAsTyped(text) != nil || n < 1 || n > 1000 {
		return errors.New("must be from 1 to 1000")
	}
	*l = pageLimit(n)
	return nil
}

func definitionHead() [][]string {
	return [][]string{{"NAME", "STATE", "TRIGGER", "NEXT", "VERSION", "UPDATED"}}
}

func definitionRow(d wire.Definition) []string {
	return []string{d.Name, state(d), triggerText(d.Definition), nextText(d), fmt.Sprint(d.Version), ago(d.UpdatedAt)}
}

// nextText is when a definition fires next; that it does not, and when it would, where it is
// held; "" if no clock fires it.
func nextText(d wire.Definition) string {
	switch {
	case d.NextFire != nil:
		return moment(d.NextFire)
	case d.WouldFire != nil:
		return "never, held (else " + moment(d.WouldFire) + ")"
	}
	return ""
}

func (c *cli) describeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "describe NAME", Short: "Show a definition, its next fires and its latest runs", Args: exactly("a NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			d, err := api.Definition(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var next catalog.NextFires
			if d.TriggerType == core.TriggerCron {
				if next, err = api.Next(cmd.Context(), d.ID, time.Time{}, 5); err != nil {
					return err
				}
			}
			runs, err := api.Runs(cmd.Context(), apiclient.ListOptions{Limit: 5, Filter: map[string]string{"activity": d.ID}})
			if err != nil {
				return err
			}
			all := map[string]any{"definition": d, "next": next.Items, "runs": runs.Items}
			if next.Held != "" {
				all["held"] = next.Held
			}
			if d.TriggerType == core.TriggerCron {
				all["overlap_policy"] = misfire.RuleOf(d.TriggerConfig.MisfirePolicy).Overlap
			}
			return c.print(all, func() {
				c.say("%s  %s  (id %s, version %d)", d.Name, state(d), d.ID, d.Version)
				if d.Description != "" {
					c.quote(d.Description)
				}
				if d.Paused != nil {
					c.say("paused by %s %s: %s", d.Paused.By, ago(d.Paused.At), d.Paused.Reason)
				}
				c.say("trigger: %s %s", d.TriggerType, triggerText(d.Definition))
				if d.TriggerType == core.TriggerCron {
					fmt.Fprintln(c.stdout, misfireText(d.TriggerConfig))
				}
				c.showNext(next)
				if len(runs.Items) > 0 {
					fmt.Fprintln(c.stdout, "latest runs:")
					c.table(runRows(runs.Items))
				}
			})
		},
	}
	return c.clientCommand(cmd)
}

func (c *cli) showNext(n catalog.NextFires) {
	if len(n.Items) == 0 {
		return
	}
	if n.Held != "" {
		c.say("it will not fire: %s; otherwise it would at:", n.Held)
	}
	rows := [][]string{{"UTC", "LOCAL (" + n.Timezone + ")", "IN", "NOTE"}}
	for _, f := range n.Items {
		rows = append(rows, []string{f.UTC.Format(time.RFC3339), f.Local, relative(time.Until(f.UTC)), f.Note})
	}
	c.table(rows)
}

func (c *cli) nextCommand() *cobra.Command {
	var count int
	var after string
	cmd := &cobra.Command{
		Use: "next NAME", Short: "List the real coming fire times", Args: exactly("a NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var from time.Time
			if after != "" {
				if from, err = timeFlag("--after", after); err != nil {
					return err
				}
			}
			n, err := api.Next(cmd.Context(), args[0], from, count)
			if err != nil {
				return err
			}
			return c.print(n, func() {
				if len(n.Items) == 0 {
					c.say("it does not fire any more: times are listed up to the end of %d", cronspec.MaxYear)
				}
				c.showNext(n)
				c.say("by zone data %s", n.ZoneData)
			})
		},
	}
	numberVar(cmd.Flags(), &count, "count", 10, "how many, 1 to 1000")
	cmd.Flags().StringVar(&after, "after", "", "time after which to list: "+core.InstantForms+"; default now")
	return c.clientCommand(cmd)
}

func (c *cli) deleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a definition; its runs, tasks and ledger stay", Args: exactly("a NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if err := api.Delete(cmd.Context(), args[0], 0); err != nil {
				return err
			}
			return c.print(map[string]string{"deleted": args[0]}, func() { c.say("deleted %s", args[0]) })
		},
	}
	return c.clientCommand(cmd)
}

func (c *cli) pauseCommand() *cobra.Command {
	var reason string
	cmd := c.holdCommand("pause NAME", "Hold a definition until resume", "paused", func(ctx context.Context, api *apiclient.Client, name string) (wire.Definition, error) {
		return api.Pause(ctx, name, reason)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the others")
	return cmd
}

func (c *cli) resumeCommand() *cobra.Command {
	return c.holdCommand("resume NAME", "End a pause", "resumed", func(ctx context.Context, api *apiclient.Client, name string) (wire.Definition, error) {
		return api.Resume(ctx, name)
	})
}

func (c *cli) holdCommand(use, short, done string, call func(context.Context, *apiclient.Client, string) (wire.Definition, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: exactly("a NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			d, err := call(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			return c.print(d, func() { c.say("%s %s", done, d.Name) })
		},
	}
	return c.clientCommand(cmd)
}
