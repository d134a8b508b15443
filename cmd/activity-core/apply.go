package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/terminal"
)

// fileFlags are -f and --prune of plan and apply.
type fileFlags struct {
	files   []string
	prune   bool
	verbose bool
}

func (f *fileFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVarP(&f.files, "file", "f", nil, "definition file or folder; '-' is standard input; may be repeated")
	cmd.Flags().BoolVar(&f.prune, "prune", false, "also delete every definition that is not among the files")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "list every definition, whatever number of them, also what is unchanged")
}

func (c *cli) planOrApply(cmd *cobra.Command, f *fileFlags, call func(*apiclient.Client, []core.Definition) (catalog.Changeset, error)) (catalog.Changeset, error) {
	if len(f.files) == 0 {
		return catalog.Changeset{}, usageError("%s needs -f FILE or -f FOLDER", cmd.Name())
	}
	docs, err := c.readDocuments(f.files)
	if err != nil {
		return catalog.Changeset{}, err
	}
	api, err := c.client()
	if err != nil {
		return catalog.Changeset{}, err
	}
	r, err := call(api, definitionsOf(docs))
	if err == nil {
		r.Warnings = warningsOf(docs, r.Warnings)
		c.showWarnings(r.Warnings)
	}
	return r, err
}

func (c *cli) planCommand() *cobra.Command {
	var f fileFlags
	var exit bool
	var zones string
	cmd := &cobra.Command{
		Use: "plan -f DIR", Short: "Show the difference between files and the server", Args: noArgs,
		Long: `plan shows what apply would change. With --timezone-data it shows which coming fires of the server's definitions another release of the
time zone database would move, before that is installed.`,
		Example: "  activity-core plan -f definitions/\n  activity-core plan --timezone-data /usr/share/zoneinfo",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if zones != "" {
				if len(f.files) > 0 || f.prune {
					return usageError("--timezone-data compares what the server has: leave -f and --prune out")
				}
				return c.planZones(cmd.Context(), zones, exit)
			}
			r, err := c.planOrApply(cmd, &f, func(api *apiclient.Client, defs []core.Definition) (catalog.Changeset, error) {
				return api.Plan(cmd.Context(), defs, f.prune)
			})
			if err != nil {
				return err
			}
			if err := c.print(r, func() { c.showChangeset(r, f.verbose) }); err != nil {
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
	cmd.Flags().StringVar(&zones, "timezone-data", "", "folder or zip archive of zones: show which coming fires it would move")
	return c.clientCommand(cmd)
}

func (c *cli) applyCommand() *cobra.Command {
	var f fileFlags
	wait := terminal.Width(c.stderr) > 0
	cmd := &cobra.Command{
		Use: "apply -f DIR", Short: "Make the server's definitions equal the files: all or none", Args: noArgs,
		Long: `Make the server's definitions equal the files: all or none.
Everything is saved when the server answers, within moments. The schedules in Temporal follow in the background; --wait shows how far they
are and fails if one cannot follow. Ctrl-C ends the waiting and nothing else.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var api *apiclient.Client
			r, err := c.planOrApply(cmd, &f, func(client *apiclient.Client, defs []core.Definition) (catalog.Changeset, error) {
				api = client
				return client.Apply(cmd.Context(), defs, f.prune)
			})
			if err != nil {
				return err
			}
			if err := c.print(r, func() { c.showChangeset(r, f.verbose) }); err != nil {
				return err
			}
			if wait {
				return c.awaitSchedules(cmd.Context(), api, r)
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&wait, "wait", wait, "wait until the schedules in Temporal follow; on by default on a terminal")
	return c.clientCommand(cmd)
}

func (c *cli) showChangeset(r catalog.Changeset, verbose bool) {
	done := map[catalog.ChangeKind]string{catalog.ChangeCreate: "created", catalog.ChangeUpdate: "updated", catalog.ChangeDelete: "deleted", catalog.ChangeNone: "unchanged"}
	counts := map[catalog.ChangeKind]int{}
	listed, long := 0, len(r.Changes) > maxNamed && !verbose
	for _, p := range r.Changes {
		counts[p.Change]++
		if long && (p.Change == catalog.ChangeNone || listed >= maxNamed) {
			continue
		}
		listed++
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
		if p.Held != "" {
			fmt.Fprintf(c.stdout, "  will not fire: %s (it would at %s)", terminal.Line(p.Held), moment(p.WouldFire))
		}
		fmt.Fprintln(c.stdout)
		for _, f := range p.Fields {
			c.say("           %s: %s → %s", f.Path, terminal.Cut(inline(f.Before), 100), terminal.Cut(inline(f.After), 100))
		}
	}
	if more := r.Pending() - listed; long && more > 0 {
		c.say("… and %d more changes; -v lists them all", more)
	}
	if r.Applied && long {
		c.say("apply: %d created, %d updated, %d deleted, %d unchanged",
			counts[catalog.ChangeCreate], counts[catalog.ChangeUpdate], counts[catalog.ChangeDelete], counts[catalog.ChangeNone])
	}
	if r.SchedulesPending > 0 {
		fmt.Fprintf(c.stdout, "saved; %d schedules follow in the background\n", r.SchedulesPending)
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
	b, err := core.MarshalPlain(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return terminal.Line(string(b))
}
