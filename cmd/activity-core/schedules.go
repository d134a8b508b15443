package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

func (c *cli) schedulesCommand() *cobra.Command {
	return group("schedules", "The schedules of cron definitions", c.schedulesListCommand())
}

func (c *cli) schedulesListCommand() *cobra.Command {
	var o apiclient.ListOptions
	var pending bool
	cmd := &cobra.Command{
		Use: "list", Short: "List schedules as the record knows them, by activity", Args: noArgs,
		Long: `list shows what the record wants of each schedule, whether the schedule follows, and how it differed when Temporal was looked at last.
It does not ask Temporal: activity-core sync --dry-run does, and notes what it sees.`,
		Example: "  activity-core schedules list --prefix billing-\n  activity-core schedules list --pending\n  activity-core schedules list --drift changed -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if pending {
				if o.Filter == nil {
					o.Filter = map[string]string{}
				}
				o.Filter["pending"] = "true"
			}
			found, err := api.Schedules(cmd.Context(), o)
			if err != nil {
				return err
			}
			return c.print(found, func() {
				c.table(scheduleRows(found))
				for _, line := range observationText(found) {
					c.say("%s", line)
				}
				c.more(found.NextCursor)
			})
		},
	}
	paging(cmd, &o)
	filters(cmd, &o, map[string]string{
		"prefix": "start of the activity's name", "drift": "missing, extra, changed, paused_outside or state: only what the last observation saw differ so",
	})
	cmd.Flags().BoolVar(&pending, "pending", false, "only schedules that do not follow yet, newest change first")
	return c.clientCommand(cmd)
}

func scheduleRows(found wire.Schedules) [][]string {
	rows := [][]string{{"ACTIVITY", "SCHEDULE", "WANTED", "STATE", "DRIFT", "DETAIL"}}
	for _, s := range found.Items {
		var kinds, details []string
		if s.Error != "" {
			details = append(details, s.Error)
		}
		for _, d := range s.Drift {
			kind := string(d.Kind)
			if d.Mended {
				kind += " (mended)"
			}
			kinds, details = append(kinds, kind), append(details, cmp.Or(d.Error, d.Detail))
		}
		drift := cmp.Or(strings.Join(kinds, ","), "-")
		if found.Observation == nil {
			drift = "?"
		}
		rows = append(rows, []string{s.ActivityName, s.ScheduleID, string(s.Wanted), string(s.State), drift, strings.Join(details, "; ")})
	}
	return rows
}

// observationText says when Temporal was looked at last, and what was seen then.
func observationText(found wire.Schedules) (lines []string) {
	if o := found.Observation; o != nil {
		lines = append(lines, fmt.Sprintf("observed %s by %s: %s", ago(o.At), o.By, observationCounts(*o)))
		for _, trouble := range []string{o.Blocked, o.Error} {
			if trouble != "" {
				lines = append(lines, trouble)
			}
		}
	} else {
		lines = append(lines, found.Note)
	}
	if f := found.Failed; f != nil {
		lines = append(lines, fmt.Sprintf("since then, %s, %s could not compare them: %s", ago(f.At), f.By, f.Error))
	}
	return lines
}

func observationCounts(o wire.Observation) string {
	text := fmt.Sprintf("%d wanted, %d in Temporal, %d in sync", o.Wanted, o.Observed, o.InSync)
	for _, kind := range slices.Sorted(maps.Keys(o.Drift)) {
		text += fmt.Sprintf(", %d %s", o.Drift[kind], kind)
	}
	if o.Mended > 0 {
		text += fmt.Sprintf(" (%d mended)", o.Mended)
	}
	return text
}

// schedulesFinding judges what the record knows of schedules. Temporal is not asked: each sync
// notes what it saw.
func schedulesFinding(found wire.Schedules, err error, pending wire.SchedulesPending) app.Finding {
	f := app.Finding{Check: "schedules", Status: app.FindingOK}
	o := found.Observation
	switch {
	case err != nil:
		f.Status, f.Detail, f.Remedy = app.FindingFailed, err.Error(), "check --token, and the server's log"
		return f
	case o == nil:
		f.Status, f.Detail, f.Remedy = app.FindingWarning, cmp.Or(found.Note, "not observed yet"), "run a process with the role worker; activity-core sync --dry-run looks now"
	default:
		following := max(0, min(o.Differ(), pending.Pending-pending.Failing)) // of what differs, those that are about to follow
		differ := o.Differ() - following
		f.Detail = fmt.Sprintf("%d wanted, %d in sync, %d mended, %d follow now, %d differ; seen %s by %s", o.Wanted, o.InSync, o.Mended, following, differ, ago(o.At), o.By)
		if differ > 0 || o.Error != "" {
			f.Status, f.Remedy = app.FindingWarning, "activity-core schedules list --drift KIND shows them, activity-core sync mends them"
		}
	}
	if pending.Refused > 0 {
		f.Status, f.Remedy = app.FindingWarning, "activity-core schedules list --pending says why; edit those definitions"
		f.Detail += fmt.Sprintf("; %d refused", pending.Refused)
	}
	if found.Failed != nil {
		f.Status, f.Remedy = app.FindingWarning, "docs/runbook.md, schedules: the server could not ask Temporal"
		f.Detail += fmt.Sprintf("; the attempt %s failed: %s", ago(found.Failed.At), found.Failed.Error)
	}
	return f
}
