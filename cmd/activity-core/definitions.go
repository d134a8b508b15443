package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

func asError(err error) *core.Error {
	var e *core.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// fileFlags are -f and --prune of plan and apply.
type fileFlags struct {
	files []string
	prune bool
}

func (f *fileFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVarP(&f.files, "file", "f", nil, "definition file or folder; '-' is standard input; may be repeated")
	cmd.Flags().BoolVar(&f.prune, "prune", false, "also delete every definition that is not among the files")
}

func (c *cli) planOrApply(cmd *cobra.Command, f *fileFlags, call func(*apiclient.Client, []core.Definition) (catalog.PlanResult, error)) (catalog.PlanResult, error) {
	if len(f.files) == 0 {
		return catalog.PlanResult{}, usageError("%s needs -f FILE or -f FOLDER", cmd.Name())
	}
	defs, err := c.readDefinitions(f.files)
	if err != nil {
		return catalog.PlanResult{}, err
	}
	api, err := c.client()
	if err != nil {
		return catalog.PlanResult{}, err
	}
	return call(api, defs)
}

func (c *cli) planCommand() *cobra.Command {
	var f fileFlags
	var exit bool
	cmd := &cobra.Command{
		Use: "plan -f DIR", Short: "Show the difference between files and the server", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.planOrApply(cmd, &f, func(api *apiclient.Client, defs []core.Definition) (catalog.PlanResult, error) {
				return api.Plan(cmd.Context(), defs, f.prune)
			})
			if err != nil {
				return err
			}
			if err := c.print(r, func() { c.showPlan(r) }); err != nil {
				return err
			}
			if exit && r.Pending() > 0 {
				return &exitError{code: exitDifferences}
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&exit, "exit-code", false, "exit with 3 if there are differences")
	return c.clientCommand(cmd)
}

func (c *cli) applyCommand() *cobra.Command {
	var f fileFlags
	cmd := &cobra.Command{
		Use: "apply -f DIR", Short: "Make the server's definitions equal the files: all or none", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.planOrApply(cmd, &f, func(api *apiclient.Client, defs []core.Definition) (catalog.PlanResult, error) {
				return api.Apply(cmd.Context(), defs, f.prune)
			})
			if err != nil {
				return err
			}
			return c.print(r, func() { c.showPlan(r) })
		},
	}
	f.add(cmd)
	return c.clientCommand(cmd)
}

func (c *cli) showPlan(r catalog.PlanResult) {
	done := map[catalog.ChangeKind]string{catalog.ChangeCreate: "created", catalog.ChangeUpdate: "updated", catalog.ChangeDelete: "deleted", catalog.ChangeNone: "unchanged"}
	counts := map[catalog.ChangeKind]int{}
	for _, p := range r.Changes {
		counts[p.Change]++
		word := string(p.Change)
		if r.Applied {
			word = done[p.Change]
		}
		fmt.Fprintf(c.stdout, "%-9s  %s", word, p.Name)
		if p.NextAfter != nil {
			fmt.Fprintf(c.stdout, "  next %s", p.NextAfter.UTC().Format(time.RFC3339))
			if p.NextBefore != nil && !p.NextBefore.Equal(*p.NextAfter) {
				fmt.Fprintf(c.stdout, " (was %s)", p.NextBefore.UTC().Format(time.RFC3339))
			}
		}
		if p.SchedulePending {
			fmt.Fprint(c.stdout, "  (saved; the schedule follows when Temporal answers)")
		}
		fmt.Fprintln(c.stdout)
		for _, f := range p.Fields {
			fmt.Fprintf(c.stdout, "           %s: %s → %s\n", f.Path, inline(f.Before), inline(f.After))
		}
	}
	if !r.Applied {
		fmt.Fprintf(c.stdout, "plan: %d to create, %d to update, %d to delete, %d unchanged\n",
			counts[catalog.ChangeCreate], counts[catalog.ChangeUpdate], counts[catalog.ChangeDelete], counts[catalog.ChangeNone])
	}
}

func inline(v any) string {
	if v == nil {
		return "(none)"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return oneLine(string(b))
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
	cmd.Flags().IntVar(&o.Limit, "limit", 100, "items on one page, 1 to 1000")
	cmd.Flags().StringVar(&o.Cursor, "cursor", "", "continue where the page before ended")
}

func definitionHead() [][]string {
	return [][]string{{"NAME", "STATE", "TRIGGER", "VERSION", "UPDATED"}}
}

func definitionRow(d wire.Definition) []string {
	return []string{d.Name, state(d), triggerText(d.Definition), fmt.Sprint(d.Version), ago(d.UpdatedAt)}
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
			return c.print(all, func() {
				fmt.Fprintf(c.stdout, "%s  %s  (id %s, version %d)\n", d.Name, state(d), d.ID, d.Version)
				if d.Description != "" {
					fmt.Fprintln(c.stdout, d.Description)
				}
				if d.Paused != nil {
					fmt.Fprintf(c.stdout, "paused by %s %s: %s\n", d.Paused.By, ago(d.Paused.At), d.Paused.Reason)
				}
				fmt.Fprintf(c.stdout, "trigger: %s %s\n", d.TriggerType, triggerText(d.Definition))
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
		fmt.Fprintf(c.stdout, "%s: none of these fires as things are\n", n.Held)
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
				if from, err = time.Parse(time.RFC3339, after); err != nil {
					return usageError("--after %q: must be an RFC 3339 time such as 2026-03-29T00:00:00Z", after)
				}
			}
			n, err := api.Next(cmd.Context(), args[0], from, count)
			if err != nil {
				return err
			}
			return c.print(n, func() { c.showNext(n) })
		},
	}
	cmd.Flags().IntVar(&count, "count", 10, "how many, 1 to 1000")
	cmd.Flags().StringVar(&after, "after", "", "RFC 3339 time after which to list; default now")
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
			return c.print(map[string]string{"deleted": args[0]}, func() { fmt.Fprintf(c.stdout, "deleted %s\n", args[0]) })
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
			return c.print(d, func() { fmt.Fprintf(c.stdout, "%s %s\n", done, d.Name) })
		},
	}
	return c.clientCommand(cmd)
}

func (c *cli) triggerCommand() *cobra.Command {
	var inputs []string
	var key, eventFile string
	var wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "trigger NAME", Short: "Start a run by hand", Args: exactly("a NAME"),
		Example: "  activity-core trigger weekly-sbom --input team=blue --wait",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			body, err := c.triggerBody(inputs, eventFile)
			if err != nil {
				return err
			}
			if key == "" {
				key = uuid.NewString() // a retry by the HTTP client must not start a second run
			}
			t, err := api.Trigger(cmd.Context(), args[0], body, key)
			if err != nil {
				return err
			}
			if !wait {
				return c.print(t, func() {
					fmt.Fprintf(c.stdout, "run %s\n", t.RunID)
					if t.Existed {
						fmt.Fprintln(c.stdout, "the idempotency key was used before; nothing new was started")
					}
				})
			}
			run, err := waitRun(cmd.Context(), api, t.RunID, timeout)
			if err != nil {
				return err
			}
			if err := c.print(run, func() { c.showRun(run) }); err != nil {
				return err
			}
			if run.Status != core.RunSucceeded {
				return &exitError{code: exitFailed, err: errors.New(whyNot(run))}
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&inputs, "input", nil, "k=v for `inputs`; v is JSON where it is valid JSON, text otherwise; may be repeated")
	cmd.Flags().StringVar(&key, "idempotency-key", "", "start at most one run for this key")
	cmd.Flags().StringVar(&eventFile, "event", "", "file with an event envelope for `event`")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the run has ended; exit 1 unless it succeeded")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "with --wait: how long")
	return c.clientCommand(cmd)
}

func (c *cli) triggerBody(inputs []string, eventFile string) (wire.Trigger, error) {
	var body wire.Trigger
	if len(inputs) > 0 {
		values := map[string]json.RawMessage{}
		for _, kv := range inputs {
			k, v, ok := strings.Cut(kv, "=")
			if !ok || k == "" {
				return body, usageError("--input %q: must be k=v", kv)
			}
			if !json.Valid([]byte(v)) {
				text, err := json.Marshal(v)
				if err != nil {
					return body, err
				}
				v = string(text)
			}
			values[k] = json.RawMessage(v)
		}
		text, err := json.Marshal(values)
		if err != nil {
			return body, err
		}
		body.Inputs = text
	}
	if eventFile != "" {
		e, err := c.readEvent(eventFile)
		if err != nil {
			return body, err
		}
		body.Event = &e
	}
	return body, nil
}

// waitRun polls a run until it has ended: growing pauses, from 50 ms to 1 s.
func waitRun(ctx context.Context, api *apiclient.Client, id string, timeout time.Duration) (core.Run, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	pause := 50 * time.Millisecond
	for {
		run, err := api.Run(ctx, id)
		if err == nil && run.Status.Final() {
			return run, nil
		}
		if err != nil && ctx.Err() == nil {
			return run, err
		}
		select {
		case <-ctx.Done():
			return run, fmt.Errorf("run %s is still %s after %s", id, run.Status, timeout)
		case <-time.After(pause):
		}
		pause = min(pause*3/2, time.Second)
	}
}

func (c *cli) backfillCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use: "backfill NAME --from TIME --to TIME", Short: "Start each nominal time of a past range once, in order; safe to repeat", Args: exactly("a NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			start, errFrom := time.Parse(time.RFC3339, from)
			end, errTo := time.Parse(time.RFC3339, to)
			if errFrom != nil || errTo != nil {
				return usageError("--from and --to must be RFC 3339 times such as 2026-03-01T00:00:00Z")
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			return c.backfill(cmd.Context(), api, args[0], start, end)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first instant, RFC 3339 (included)")
	cmd.Flags().StringVar(&to, "to", "", "last instant, RFC 3339 (excluded)")
	return c.clientCommand(cmd)
}

// backfillSteps is how many requests a backfill is cut into, so that progress can be shown and
// an interrupted one leaves whole pieces behind. A repeat starts nothing twice.
const backfillSteps = 40

func (c *cli) backfill(ctx context.Context, api *apiclient.Client, name string, from, to time.Time) error {
	var sum wire.BackfillResult
	step := max(to.Sub(from)/backfillSteps, time.Minute).Truncate(time.Second)
	total := to.Sub(from)
	for at := from; at.Before(to) || at.Equal(from); at = at.Add(step) {
		end := at.Add(step)
		if end.After(to) {
			end = to
		}
		r, err := api.Backfill(ctx, name, at, end)
		if err != nil {
			return err
		}
		sum.Slots += r.Slots
		sum.Started += r.Started
		sum.Existed += r.Existed
		if c.output == "table" && total > 0 {
			done := int(40 * end.Sub(from) / total)
			fmt.Fprintf(c.stderr, "\r[%s%s] %d started", strings.Repeat("=", done), strings.Repeat(" ", 40-done), sum.Started)
		}
	}
	if c.output == "table" {
		fmt.Fprintln(c.stderr)
	}
	return c.print(sum, func() {
		fmt.Fprintf(c.stdout, "%d nominal times: %d started, %d had their run or verdict before\n", sum.Slots, sum.Started, sum.Existed)
	})
}
