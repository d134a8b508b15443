package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += " " + s.Value[:12]
		}
	}
	return v
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version, and the release of the time zone database in it", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(c.stdout, "activity-core %s\n%s\n", version(), zoneDataText())
			return err
		},
	}
}

func (c *cli) syncCommand() *cobra.Command {
	var body wire.Sync
	cmd := &cobra.Command{
		Use: "sync", Short: "Reconcile schedules once and print the drift", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			r, err := api.Sync(cmd.Context(), body)
			if err != nil {
				return err
			}
			if err := c.print(r, func() { c.showSync(r) }); err != nil {
				return err
			}
			if r.Blocked != "" {
				return &exitError{code: exitFailed, err: fmt.Errorf("%s", r.Blocked)}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&body.DryRun, "dry-run", false, "only print what would be changed")
	cmd.Flags().BoolVar(&body.Full, "full", false, "describe every schedule, to find edits made by hand")
	cmd.Flags().BoolVar(&body.AllowMassDelete, "allow-mass-delete", false, "delete more schedules at once than the guard allows")
	return c.clientCommand(cmd)
}

func (c *cli) showSync(r core.SyncReport) {
	if len(r.Drift) > 0 {
		rows := [][]string{{"SCHEDULE", "ACTIVITY", "DRIFT", "ACTION", "DETAIL"}}
		for _, d := range r.Drift {
			detail := d.Detail
			if d.Error != "" {
				detail = "FAILED: " + d.Error
			}
			rows = append(rows, []string{d.ScheduleID, d.ActivityName, string(d.Kind), d.Action, detail})
		}
		c.table(rows)
	}
	c.say("%d wanted, %d observed, %d in sync, %d writes", r.Wanted, r.Observed, r.InSync, r.Writes)
}

func (c *cli) ledgerCommand() *cobra.Command {
	docs := map[string]string{
		"activity": "name or ID of a definition", "verdict": "fired, skipped, compressed, paused, …", "kind": "cron, event or manual",
		"event": "event ID", "since": sinceDoc, "until": sinceDoc,
	}
	var names map[string]string
	return group("ledger", "What became of every expected slot and match",
		listCommand(c, "list", "List ledger rows, newest first", docs, func(api *apiclient.Client, cmd *cobra.Command, o apiclient.ListOptions) (wire.Page[core.LedgerEntry], error) {
			page, err := api.Ledger(cmd.Context(), o)
			if err == nil && c.output == "table" {
				names, err = definitionNames(cmd.Context(), api)
			}
			return page, err
		}, func(entries []core.LedgerEntry) [][]string { return ledgerRows(entries, names) }),
		c.ledgerCheckCommand(),
	)
}

// ledgerRows shows of a compressed slot the run that it went into, and a run of no other slot
// that has none.
func ledgerRows(entries []core.LedgerEntry, names map[string]string) [][]string {
	rows := [][]string{{"ACTIVITY", "CAUSE", "VERDICT", "REASON", "RUN", "CREATED"}}
	for _, e := range entries {
		run := cmp.Or(e.RunID, e.IntoRunID)
		rows = append(rows, []string{cmp.Or(names[e.ActivityID], e.ActivityID), causeText(e.Cause), string(e.Verdict), e.Reason, run, ago(e.CreatedAt)})
	}
	return rows
}

// definitionNames maps IDs to names for a table. It reads one page: what is not on it, or is
// deleted, keeps showing its ID.
func definitionNames(ctx context.Context, api *apiclient.Client) (map[string]string, error) {
	page, err := api.Definitions(ctx, apiclient.ListOptions{Limit: 1000})
	names := make(map[string]string, len(page.Items))
	for _, d := range page.Items {
		names[d.ID] = d.Name
	}
	return names, err
}

func (c *cli) ledgerCheckCommand() *cobra.Command {
	var o apiclient.ListOptions
	cmd := &cobra.Command{
		Use: "check", Short: "Prove that every expected slot and match has a verdict; exit 1 if any has none", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			r, err := api.LedgerCheck(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := c.print(r, func() { c.showCheck(r) }); err != nil {
				return err
			}
			return checkError(r)
		},
	}
	filters(cmd, &o, map[string]string{"activity": "name or ID of a definition; default all", "since": sinceDoc + "; default 24h", "until": sinceDoc + "; default now"})
	return c.clientCommand(cmd)
}

// checkError says what the check found; the lists of an answer are cut, its counts are not.
func checkError(r wire.LedgerCheck) error {
	var faults []string
	if r.MissingCount > 0 {
		faults = append(faults, fmt.Sprintf("%d causes have no verdict", r.MissingCount))
	}
	if r.UnexpectedCount > 0 {
		faults = append(faults, fmt.Sprintf("%d causes ran that no version of their definition names", r.UnexpectedCount))
	}
	if len(faults) == 0 {
		return nil
	}
	return &exitError{code: exitFailed, err: errors.New(strings.Join(faults, "; "))}
}

func (c *cli) showCheck(r wire.LedgerCheck) {
	c.say("%s to %s: %d slots expected, %d accounted for", r.From.Format("2006-01-02 15:04:05Z"), r.To.Format("2006-01-02 15:04:05Z"), r.Expected, r.Accounted)
	words := make([]string, 0, len(r.Verdicts))
	for v, n := range r.Verdicts {
		words = append(words, fmt.Sprintf("%s %d", v, n))
	}
	sort.Strings(words)
	fmt.Fprintln(c.stdout, "verdicts: "+strings.Join(words, ", "))
	if r.Waiting > 0 {
		c.say("%d on their way: slots within their grace, and causes recorded a moment ago", r.Waiting)
	}
	for _, m := range r.Missing {
		c.say("NO VERDICT  %s %s: %s", cmp.Or(m.ActivityName, m.ActivityID), m.CauseKey, m.Detail)
	}
	for _, m := range r.Unexpected {
		c.say("UNEXPECTED  %s %s: %s", cmp.Or(m.ActivityName, m.ActivityID), m.CauseKey, m.Detail)
	}
	if more := r.MissingCount + r.UnexpectedCount - len(r.Missing) - len(r.Unexpected); more > 0 {
		c.say("and %d more: check a shorter time, or one definition", more)
	}
}

func (c *cli) auditCommand() *cobra.Command {
	return listCommand(c, "audit", "List changes made through the API, newest first", map[string]string{"object": "name of a definition or secret, ID of a run or dead letter; dead-letters: many at once; schedules"},
		func(api *apiclient.Client, cmd *cobra.Command, o apiclient.ListOptions) (wire.Page[core.AuditEntry], error) {
			return api.Audit(cmd.Context(), o)
		}, func(entries []core.AuditEntry) [][]string {
			rows := [][]string{{"AT", "BY", "ACTION", "OBJECT", "DETAIL"}}
			for _, e := range entries {
				rows = append(rows, []string{ago(e.At), string(e.By), e.Action, e.Object, inlineRaw(e.Detail)})
			}
			return rows
		})
}

func inlineRaw(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	return string(core.PlainJSON(raw))
}

func (c *cli) configCommand() *cobra.Command {
	var file string
	show := &cobra.Command{
		Use: "print", Short: "Print the effective configuration, secrets redacted", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := config.Load(config.Sources{File: file, Environ: c.environ})
			if err != nil {
				return err
			}
			entries := cfg.Redacted()
			return c.print(entries, func() {
				rows := [][]string{{"KEY", "VALUE", "ENVIRONMENT", "MEANING"}}
				for _, e := range entries {
					rows = append(rows, []string{e.Key, e.Value, e.Env, e.Doc})
				}
				c.table(rows)
			})
		},
	}
	show.Flags().StringVar(&file, "config", "", "settings file, YAML")
	return group("config", "The configuration", c.outputCommand(show))
}
