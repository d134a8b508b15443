package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/terminal"
)

func (c *cli) doctorCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Find out what is wrong with a set-up; changes nothing", Args: noArgs,
		Long: `doctor asks a running server how it is: readiness, schedules that drifted, dead letters, causes without a verdict. With --config, or
with ` + config.EnvName("database.url") + ` set, it also looks at what serve would need: PostgreSQL and its schema, Temporal, its namespace and search
attributes, NATS and its streams, folders. Exit 1 if a check failed.`,
		Example: "  activity-core doctor\n  activity-core doctor --config /etc/activity-core.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var found []app.Finding
			if file != "" || c.lookup(config.EnvName("database.url")) != "" {
				cfg, err := config.Load(config.Sources{File: file, Environ: c.environ})
				if err != nil {
					return err
				}
				found = append(found, app.Finding{Check: "configuration", Status: app.FindingOK, Detail: "valid"})
				found = append(found, app.Diagnose(cmd.Context(), cfg)...)
			}
			found = append(found, c.askServer(cmd.Context(), api)...)
			failed := 0
			for _, f := range found {
				if f.Status == app.FindingFailed {
					failed++
				}
			}
			if err := c.print(found, func() { c.showFindings(found) }); err != nil {
				return err
			}
			if failed > 0 {
				return &exitError{code: exitFailed, err: fmt.Errorf("%d of %d checks failed", failed, len(found))}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "settings file of serve, YAML")
	return c.clientCommand(cmd)
}

// askServer looks at a running server through its API.
func (c *cli) askServer(ctx context.Context, api *apiclient.Client) []app.Finding {
	ready, err := api.Ready(ctx)
	if err != nil {
		return []app.Finding{{Check: "server", Status: app.FindingFailed, Detail: fmt.Sprintf("%s: %v", c.server, err), Remedy: "start activity-core dev or serve, or give the right --server"}}
	}
	found := []app.Finding{{Check: "server", Status: app.FindingOK, Detail: c.server + " is ready"}}
	if !ready.Ready {
		found[0] = app.Finding{Check: "server", Status: app.FindingFailed, Detail: c.server + " is not ready", Remedy: "see the failed parts below, and docs/runbook.md"}
	}
	for _, part := range slices.Sorted(maps.Keys(ready.Checks)) {
		if state := ready.Checks[part]; state != "ok" {
			found = append(found, app.Finding{Check: "server: " + part, Status: app.FindingFailed, Detail: state, Remedy: "docs/runbook.md, common failures"})
		}
	}
	add := func(check string, err error, count int, detail, remedy string) {
		f := app.Finding{Check: check, Status: app.FindingOK, Detail: detail}
		switch {
		case err != nil:
			f.Status, f.Detail, f.Remedy = app.FindingFailed, err.Error(), "check --token, and the server's log"
		case count > 0:
			f.Status, f.Remedy = app.FindingWarning, remedy
		}
		found = append(found, f)
	}
	found = append(found, zoneDataFinding(api.System(ctx)))
	schedules, err := api.Schedules(ctx, apiclient.ListOptions{Limit: 1})
	pending, _ := api.SchedulesPending(ctx, 0) // an older server has no such answer
	found = append(found, schedulesFinding(schedules, err, pending))
	dead, err := api.DeadLetters(ctx, apiclient.ListOptions{Limit: 100})
	more := ""
	if dead.NextCursor != "" {
		more = " or more"
	}
	add("dead letters", err, len(dead.Items), fmt.Sprintf("%d%s", len(dead.Items), more), "activity-core dead-letters list, then replay or drop them")
	ledger, err := api.LedgerCheck(ctx, apiclient.ListOptions{})
	add("ledger", err, ledger.MissingCount+ledger.UnexpectedCount, fmt.Sprintf("%d causes expected in the last 24 h, %d accounted for", ledger.Expected, ledger.Accounted), "activity-core ledger check lists those without a verdict, and those that should not have run")
	failed, err := api.Runs(ctx, apiclient.ListOptions{Limit: 100, Filter: map[string]string{"status": string(core.RunFailed), "since": "24h"}})
	add("failed runs", err, len(failed.Items), fmt.Sprintf("%d in the last 24 h", len(failed.Items)), "activity-core runs list --status failed --since 24h")
	return found
}

// showFindings prints a line a check, with its remedy below: details are too long for a column.
func (c *cli) showFindings(found []app.Finding) {
	width := 0
	for _, f := range found {
		width = max(width, len(f.Check))
	}
	for _, f := range found {
		fmt.Fprintf(c.stdout, "%-7s  %-*s  %s\n", f.Status, width, f.Check, terminal.Line(f.Detail))
		if f.Remedy != "" {
			fmt.Fprintf(c.stdout, "%-7s  %-*s  → %s\n", "", width, "", f.Remedy)
		}
	}
}

// zoneDataFinding judges the release of the zone data that a server goes by.
func zoneDataFinding(s wire.System, err error) app.Finding {
	f := app.Finding{Check: "zone data", Status: app.FindingOK}
	if err != nil {
		f.Status, f.Detail, f.Remedy = app.FindingFailed, err.Error(), "check --token, and that the server has this version"
		return f
	}
	z := s.ZoneData
	f.Detail = fmt.Sprintf("release %s (%s), %d days old", z.Release, z.Source, z.AgeDays)
	switch {
	case z.Problem != "":
		f.Status, f.Detail, f.Remedy = app.FindingWarning, f.Detail+"; its files have changed and cannot be read: "+z.Problem, "correct the files that timezone_data names"
	case z.Old:
		f.Status, f.Remedy = app.FindingWarning, "governments have probably changed their clocks since: set timezone_data to a newer release, or update activity-core"
	case z.Release < z.BuiltIn:
		f.Status, f.Remedy = app.FindingWarning, "the program itself has "+z.BuiltIn+": update what timezone_data names, or remove the setting"
	case z.Followed > 0:
		f.Status, f.Detail = app.FindingWarning, fmt.Sprintf("%s; %d zones go by newer rules of another replica", f.Detail, z.Followed)
		f.Remedy = "give every replica the same zone data"
	}
	return f
}
