package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/terminal"
)

func (c *cli) replayCommand() *cobra.Command {
	var against, definition, from, until string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "replay --from TIME --against FILE", Short: "Hold stored events against a definition and start the runs that are missing", Args: noArgs,
		Long: `Hold stored events against a definition, deployed or not, and start the runs of those that match and have no row in the ledger.
With --dry-run nothing is started: it tells what a changed definition would have done, before it is deployed.
Without it, the document must be the deployed version, since a run carries out the deployed rules. It can be interrupted and repeated: nothing starts twice.`,
		Example: `  activity-core events replay --from 7d --against release.yaml --dry-run
  activity-core events replay --from 2026-03-01T00:00:00Z --until 2026-03-02T00:00:00Z --definition release-notes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return usageError("replay needs --from: an RFC 3339 time, or a duration back from now such as 2h or 7d")
			}
			if (against == "") == (definition == "") {
				return usageError("replay needs either --against FILE or --definition NAME")
			}
			body := wire.EventReplay{From: from, Until: until, DryRun: dryRun}
			var err error
			if body.Definition, err = c.replayedDefinition(against, definition); err != nil {
				return err
			}
			return c.replayEvents(cmd, body)
		},
	}
	cmd.Flags().StringVar(&against, "against", "", "file with the definition")
	cmd.Flags().StringVar(&definition, "definition", "", "name or ID of a deployed definition")
	cmd.Flags().StringVar(&from, "from", "", "events stored from then on: "+sinceDoc)
	cmd.Flags().StringVar(&until, "until", "", "events stored before then: "+sinceDoc+"; default now")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only tell which runs would have happened")
	return c.clientCommand(cmd)
}

func (c *cli) replayedDefinition(file, name string) (json.RawMessage, error) {
	if file == "" {
		return json.Marshal(name)
	}
	defs, err := c.readDefinitions([]string{file})
	if err != nil {
		return nil, err
	}
	if len(defs) != 1 {
		return nil, usageError("--against %s holds %d definitions; replay takes one", file, len(defs))
	}
	return json.Marshal(defs[0])
}

// replayEvents asks part after part until everything was looked at. The table is printed as it grows.
func (c *cli) replayEvents(cmd *cobra.Command, body wire.EventReplay) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	all := wire.EventReplayed{Matches: []core.ReplayMatch{}}
	would := map[string]bool{} // the server sees repeated events of one part only
	for {
		part, err := api.ReplayEvents(cmd.Context(), body)
		if err != nil {
			if all.Events > 0 {
				return fmt.Errorf("after %d events (%d runs started; a repeat starts none of them again): %w", all.Events, all.Started, err)
			}
			return err
		}
		markRepeated(&part, would)
		body.Until = part.Until.Format(time.RFC3339Nano)
		all.Add(part.ReplayReport)
		all.Until = part.Until
		if c.output == "table" {
			for _, m := range part.Matches {
				c.say("%d  %s  %s  %s", m.Sequence, m.Type, m.EventID, replayOutcome(m))
			}
		} else {
			all.Matches = append(all.Matches, part.Matches...)
		}
		if part.NextSequence == 0 {
			break
		}
		body.FromSequence = part.NextSequence
	}
	return c.print(all, func() {
		fmt.Fprintf(c.stdout, "%d events looked at, %d match: ", all.Events, all.Matched)
		if body.DryRun {
			fmt.Fprintf(c.stdout, "%d runs would start", all.WouldRun)
			if all.Repeated > 0 {
				fmt.Fprintf(c.stdout, ", %d repeat an event before", all.Repeated)
			}
		} else {
			fmt.Fprintf(c.stdout, "%d runs started", all.Started)
		}
		fmt.Fprintf(c.stdout, ", %d are in the ledger already", all.InLedger)
		if all.Failed > 0 {
			fmt.Fprintf(c.stdout, ", %d could not be evaluated", all.Failed)
		}
		if all.Malformed > 0 {
			fmt.Fprintf(c.stdout, "; %d messages are no events", all.Malformed)
		}
		fmt.Fprintln(c.stdout)
	})
}

// markRepeated corrects a part of a dry run by the runs that parts before it would have started.
func markRepeated(part *wire.EventReplayed, would map[string]bool) {
	for i := range part.Matches {
		m := &part.Matches[i]
		if m.Verdict != "" || m.Started || m.Repeated || m.Error != "" {
			continue
		}
		if would[m.RunID] {
			m.Repeated = true
			part.WouldRun--
			part.Repeated++
		}
		would[m.RunID] = true
	}
}

func replayOutcome(m core.ReplayMatch) string {
	switch {
	case m.Error != "":
		return "cannot be evaluated: " + terminal.Line(m.Error)
	case m.Started:
		return "started run " + m.RunID
	case m.Repeated:
		return "repeats an event before, would not start run " + m.RunID + " again"
	case m.Verdict != "" && m.RunID != "":
		return string(m.Verdict) + ", run " + m.RunID
	case m.Verdict != "":
		return string(m.Verdict)
	default:
		return "would start run " + m.RunID
	}
}
