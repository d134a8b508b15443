package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// readEvent reads an event file, our envelope or a CloudEvent, and leaves it as it is: the
// server reads it as one that is published.
func (c *cli) readEvent(path string) (json.RawMessage, error) {
	data, err := c.readFile(path)
	if err != nil {
		return nil, err
	}
	if _, err := envelope.Decode(nil, data); err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("%s: %s", path, core.MessageOf(err))}
	}
	return core.WithoutBOM(data), nil
}

func (c *cli) eventsCommand() *cobra.Command {
	return group("events", "Publish, list, follow, explain and replay events",
		c.publishCommand(),
		listCommand(c, "list", "List stored events, newest first", map[string]string{
			"type": "event type", "since": sinceDoc, "until": sinceDoc,
		}, func(api *apiclient.Client, cmd *cobra.Command, o apiclient.ListOptions) (wire.Page[core.EventListing], error) {
			return api.Events(cmd.Context(), o)
		}, eventRows),
		oneCommand(c, "show EVENT", "Show a stored event with its payload", "an EVENT id", func(api *apiclient.Client, cmd *cobra.Command, id string) (core.EventListing, error) {
			return api.Event(cmd.Context(), id)
		}, func(e core.EventListing) {
			c.table(eventRows([]core.EventListing{e}))
			if len(e.Extensions) > 0 {
				fmt.Fprintf(c.stdout, "extensions: %s\n", e.Extensions.JSON())
			}
			var b bytes.Buffer
			if json.Indent(&b, e.Payload, "", "  ") == nil {
				fmt.Fprintln(c.stdout, b.String())
			}
			c.showConflicts(e.Conflicts)
		}),
		c.tailCommand(),
		c.explainCommand(),
		c.replayCommand(),
	)
}

// showConflicts shows the events that came with the ID of the one above, and were others.
func (c *cli) showConflicts(all []core.ConflictingEvent) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(c.stdout, "\nother events with this ID, for which nothing runs:")
	rows := [][]string{{"SEQ", "DEAD LETTER", "DIFFERS IN", "AT"}}
	for _, x := range all {
		rows = append(rows, []string{fmt.Sprint(x.Sequence), fmt.Sprint(x.DeadLetter), strings.Join(x.Differs, ", "), ago(x.At)})
	}
	c.table(rows)
	for _, x := range all {
		if x.DataGone {
			c.say("%d: its data is gone", x.Sequence)
			continue
		}
		said, err := core.MarshalPlain(x.Event)
		if err == nil {
			c.say("%d: %s", x.Sequence, said)
		}
	}
}

func eventRows(events []core.EventListing) [][]string {
	rows := [][]string{{"SEQ", "EVENT", "TYPE", "SOURCE", "MATCHED BY", "STORED"}}
	for _, e := range events {
		matched := strings.Join(e.MatchedBy, ",")
		if e.MatchedMore > 0 {
			matched += fmt.Sprintf(" and %d more", e.MatchedMore)
		}
		rows = append(rows, []string{fmt.Sprint(e.Sequence), e.EventID, e.Type, e.Source, matched, ago(e.StoredAt)})
	}
	return rows
}

func (c *cli) publishCommand() *cobra.Command {
	var file, payload, eventType, id, source, subject string
	cmd := &cobra.Command{
		Use: "publish", Short: "Publish an event: an envelope or CloudEvent with -f, or --type with --payload", Args: noArgs,
		Example: `  activity-core events publish --type github.push --payload push.json --id delivery-1
  activity-core events publish -f event.json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := c.eventBody(file, payload, core.Event{Type: eventType, EventID: id, Source: source, Subject: subject})
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			p, err := api.Publish(cmd.Context(), "application/json", body)
			if err != nil {
				return err
			}
			return c.print(p, func() {
				for _, r := range p.Items {
					fmt.Fprintf(c.stdout, "event %s stored at sequence %d", r.EventID, r.Sequence)
					if r.Duplicate {
						fmt.Fprint(c.stdout, " (duplicate: it was stored before)")
					}
					fmt.Fprintln(c.stdout)
				}
			})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "file with the whole event, or a list of events; '-' is standard input")
	cmd.Flags().StringVar(&eventType, "type", "", "event type, such as github.push")
	cmd.Flags().StringVar(&payload, "payload", "", "file with the payload, JSON; '-' is standard input")
	cmd.Flags().StringVar(&id, "id", "", "event ID; the same ID again is the same event; default: a new one")
	cmd.Flags().StringVar(&source, "source", "", "where the event comes from")
	cmd.Flags().StringVar(&subject, "subject", "", "what the event is about")
	return c.clientCommand(cmd)
}

func (c *cli) eventBody(file, payload string, e core.Event) ([]byte, error) {
	if (file == "") == (e.Type == "") {
		return nil, usageError("publish needs either -f FILE, or --type with an optional --payload")
	}
	if file != "" {
		return c.readFile(file)
	}
	e.Payload = json.RawMessage("{}")
	if payload != "" {
		data, err := c.readFile(payload)
		if err != nil {
			return nil, usageError("--payload takes a file, or - for standard input: %w", err)
		}
		data = core.WithoutBOM(data)
		if err := envelope.CheckPayload(data); err != nil {
			return nil, usageError("--payload %s: %s", payload, core.MessageOf(err))
		}
		e.Payload = data
	}
	if e.EventID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		e.EventID = id.String()
	}
	e.Time = time.Now().UTC()
	return json.Marshal(e)
}

func (c *cli) explainCommand() *cobra.Command {
	var definition, file string
	var o apiclient.ListOptions
	cmd := &cobra.Command{
		Use: "explain [EVENT]", Short: "Say why definitions did or did not fire for an event, stored or in a file",
		Args: atMostOne("EVENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (file != "") {
				return usageError("explain needs either an EVENT id or --event FILE")
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			var page wire.Page[core.EventExplanation]
			if file != "" {
				e, err := c.readEvent(file)
				if err != nil {
					return err
				}
				page, err = api.ExplainUnpublished(cmd.Context(), wire.Explain{Event: e, Definition: definition}, o)
				if err != nil {
					return err
				}
			} else {
				o.Filter = map[string]string{"definition": definition}
				if page, err = api.ExplainEvent(cmd.Context(), args[0], o); err != nil {
					return err
				}
			}
			return c.print(page, func() { c.showExplanations(page.Items); c.more(page.NextCursor) })
		},
	}
	cmd.Flags().StringVar(&definition, "definition", "", "only this definition, by name or ID")
	cmd.Flags().StringVar(&file, "event", "", "file with an event that need not have been published")
	paging(cmd, &o)
	return c.clientCommand(cmd)
}

func (c *cli) showExplanations(all []core.EventExplanation) {
	if len(all) == 0 {
		fmt.Fprintln(c.stdout, "there is no event definition to hold it against")
	}
	for _, x := range all {
		c.say("%s: %s", x.ActivityName, x.Summary)
		for _, f := range x.Conditions {
			c.say("  %s", conditionLine(f))
		}
	}
}

// conditionLine shows one condition. What is about other conditions ($or, and that filters hold
// together) has no value of its own.
func conditionLine(f core.FilterExplanation) string {
	line := "ok  " + f.Path
	if !f.OK {
		line = "NO  " + f.Path
	}
	switch {
	case f.Operator == "$or" || f.Operator == "together":
		line += ": " + inline(f.Expected)
	case f.Present:
		line += ": expected " + inline(f.Expected) + ", found " + inline(f.Actual)
	default:
		line += ": expected " + inline(f.Expected) + ", found nothing"
	}
	if f.Note != "" {
		line += " (" + f.Note + ")"
	}
	return line
}

func (c *cli) dryRunCommand() *cobra.Command {
	var file, event, at string
	var contexts, inputs []string
	cmd := &cobra.Command{
		Use: "dry-run -f FILE", Short: "Show the whole plan of one firing; nothing is carried out", Args: noArgs,
		Example: "  activity-core dry-run -f examples/weekly-sbom.yaml --context repos=repos.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usageError("dry-run needs -f FILE with one definition")
			}
			body, err := c.dryRunBody(file, event, at, contexts, inputs)
			if err != nil {
				return err
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			r, err := api.DryRun(cmd.Context(), body)
			if err != nil {
				return err
			}
			return c.print(r, func() {
				for _, f := range r.Reasons {
					c.say("%s", conditionLine(f))
				}
				if !r.Matched {
					fmt.Fprintln(c.stdout, "the trigger does not match: nothing would run")
					return
				}
				for _, t := range r.Rules {
					c.showRule(t)
				}
				rows := [][]string{{"SEQ", "RULE", "ITEM", "TYPE", "WITH"}}
				for _, a := range r.Actions {
					with := inline(a.With)
					if a.Error != "" {
						with = "cannot be made, see below"
					}
					rows = append(rows, []string{fmt.Sprint(a.Seq), a.Rule, a.ItemKey, string(a.Type), with})
				}
				c.table(rows)
				for _, a := range r.Actions {
					if a.Error != "" {
						c.say("action %d cannot be made: %s", a.Seq, a.Error)
					}
				}
				c.say("cost %d of at most %d units", r.Cost, r.MaxCost)
			})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "definition file")
	cmd.Flags().StringVar(&event, "event", "", "file with the event to fire it with")
	cmd.Flags().StringVar(&at, "at", "", "nominal time of a cron run or time of a manual one: "+core.InstantForms+"; default now; with --event it is the event's")
	cmd.Flags().StringArrayVar(&contexts, "context", nil, "name=FILE: a context entry's value (JSON) in place of fetching it")
	cmd.Flags().StringArrayVar(&inputs, "input", nil, "k=v for `inputs`")
	return c.clientCommand(cmd)
}

func (c *cli) dryRunBody(file, event, at string, contexts, inputs []string) (wire.DryRun, error) {
	var body wire.DryRun
	defs, err := c.readDefinitions([]string{file})
	if err != nil {
		return body, err
	}
	if len(defs) != 1 {
		return body, usageError("-f %s holds %d definitions; dry-run takes one", file, len(defs))
	}
	if body.Definition, err = json.Marshal(defs[0]); err != nil {
		return body, err
	}
	if event != "" {
		e, err := c.readEvent(event)
		if err != nil {
			return body, err
		}
		body.Event = e
	}
	if at != "" {
		t, err := timeFlag("--at", at)
		if err != nil {
			return body, err
		}
		text := t.Format(time.RFC3339Nano)
		body.At = &text
	}
	t, err := c.triggerBody(inputs, "")
	if err != nil {
		return body, err
	}
	body.Inputs = t.Inputs
	for _, kv := range contexts {
		name, path, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			return body, usageError("--context %q: must be name=FILE", kv)
		}
		data, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			return body, usageError("--context %s: %w", kv, unwrapPath(err))
		}
		data = core.WithoutBOM(data)
		if _, err := core.DecodeTyped(data); err != nil { // as a context file of that content would be
			return body, usageError("--context %s: %v", kv, err)
		}
		if body.Context == nil {
			body.Context = map[string]json.RawMessage{}
		}
		body.Context[name] = data
	}
	return body, nil
}
