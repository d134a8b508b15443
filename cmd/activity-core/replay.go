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
			if against == "" && definition == "" {
				return usageError("replay needs --against FILE or --definition NAME")
			}
			defs, err := c.replayedDefinitions(against, definition)
			if err != nil {
				return err
			}
			return c.replayAll(cmd, defs, wire.EventReplay{From: from, Until: until, DryRun: dryRun})
		},
	}
	cmd.Flags().StringVar(&against, "against", "", "file with one definition or several, each of which is held against the events")
	cmd.Flags().StringVar(&definition, "definition", "", "name or ID of a deployed definition; with --against, the one of that name in the file")
	cmd.Flags().StringVar(&from, "from", "", "events stored from then on: "+sinceDoc)
	cmd.Flags().StringVar(&until, "until", "", "events stored before then: "+sinceDoc+"; default now")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only tell which runs would have happened")
	return c.clientCommand(cmd)
}

// replayed is a definition to hold events against: a document, or the name of a deployed one.
type replayed struct {
	name     string
	document json.RawMessage
}

// replayedDefinitions are those of a file that react to events, or the one of that name;
// without a file the deployed one.
func (c *cli) replayedDefinitions(file, name string) ([]replayed, error) {
	if file == "" {
		document, err := json.Marshal(name)
		return []replayed{{name, document}}, err
	}
	defs, err := c.readDefinitions([]string{file})
	if err != nil {
		return nil, err
	}
	var out []replayed
	var names []string
	for _, def := range defs {
		names = append(names, def.Name)
		if name != "" && def.Name != name || name == "" && len(defs) > 1 && def.TriggerType != core.TriggerEvent {
			continue
		}
		document, err := json.Marshal(def)
		if err != nil {
			return nil, err
		}
		out = append(out, replayed{def.Name, document})
	}
	switch {
	case len(out) == 0 && name != "":
		return nil, usageError("--against %s has no definition %q%s", file, name, suggested(name, names))
	case len(out) == 0:
		return nil, usageError("--against %s has no definition that reacts to events", file)
	}
	return out, nil
}

func suggested(name string, names []string) string {
	if near := core.Suggest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// replayAll replays one definition after the other. The window is the same for all: its
// relative ends are fixed once.
func (c *cli) replayAll(cmd *cobra.Command, defs []replayed, body wire.EventReplay) error {
	if len(defs) > 1 {
		for _, end := range []*string{&body.From, &body.Until} {
			if *end == "" {
				*end = "1ns"
			}
			t, err := core.ParseInstant(*end, time.Now())
			if err != nil {
				return usageError("--from or --until %q: %w", *end, err)
			}
			*end = t.Format(time.RFC3339Nano)
		}
	}
	var all []namedReplay
	for _, def := range defs {
		body.Definition = def.document
		if len(defs) > 1 && c.output == "table" {
			c.say("%s:", terminal.Line(def.name))
		}
		result, err := c.replayEvents(cmd, body)
		switch {
		case err != nil && len(defs) > 1:
			return fmt.Errorf("%s: %w", def.name, err)
		case err != nil:
			return err
		case len(defs) == 1:
			return c.print(result, func() { c.showReplay(result, body.DryRun) })
		case c.output == "table":
			c.showReplay(result, body.DryRun)
		}
		all = append(all, namedReplay{def.name, result})
	}
	return c.print(map[string]any{"items": all}, func() {})
}

// namedReplay is one of several results.
type namedReplay struct {
	Definition string `json:"definition"`
	wire.EventReplayed
}

// replayEvents asks part after part until everything was looked at. The table is printed as it
// grows.
func (c *cli) replayEvents(cmd *cobra.Command, body wire.EventReplay) (wire.EventReplayed, error) {
	all := wire.EventReplayed{Matches: []core.ReplayMatch{}}
	api, err := c.client()
	if err != nil {
		return all, err
	}
	would := map[string]bool{} // the server sees repeated events of one part only
	for {
		part, err := api.ReplayEvents(cmd.Context(), body)
		if err != nil {
			if all.Events > 0 {
				return all, fmt.Errorf("after %d events (%d runs started; a repeat starts none of them again): %w", all.Events, all.Started, err)
			}
			return all, err
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
	return all, nil
}

func (c *cli) showReplay(all wire.EventReplayed, dryRun bool) {
	fmt.Fprintf(c.stdout, "%d events looked at, %d match: ", all.Events, all.Matched)
	if dryRun {
		fmt.Fprintf(c.stdout, "%d runs would start", all.WouldRun)
		if all.Repeated > 0 {
			fmt.Fprintf(c.stdout, ", %d repeat an event before", all.Repeated)
		}
	} else {
		fmt.Fprintf(c.stdout, "%d runs started", all.Started)
	}
	fmt.Fprintf(c.stdout, ", %d are in the ledger already", all.InLedger)
	if all.Failed > 0 {
		fmt.Fprintf(c.stdout, ", %d could not be evaluated or have the ID of another event", all.Failed)
	}
	if all.Malformed > 0 {
		fmt.Fprintf(c.stdout, "; %d messages are no events", all.Malformed)
	}
	fmt.Fprintln(c.stdout)
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
		return "starts nothing: " + terminal.Line(m.Error)
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
