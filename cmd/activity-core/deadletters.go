package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

func (c *cli) deadLettersCommand() *cobra.Command {
	return group("dead-letters", "List, show, replay and drop events that could not be routed",
		listCommand(c, "list", "List dead letters, newest first", map[string]string{"reason": "only this reason", "type": "only this event type"}, func(api *apiclient.Client, cmd *cobra.Command, o apiclient.ListOptions) (wire.Page[core.DeadLetter], error) {
			return api.DeadLetters(cmd.Context(), o)
		}, func(letters []core.DeadLetter) [][]string {
			rows := [][]string{{"ID", "EVENT", "TYPE", "REASON", "DETAIL", "AT"}}
			for _, d := range letters {
				rows = append(rows, []string{fmt.Sprint(d.ID), d.EventID, d.Type, d.Reason, d.Detail, ago(d.At)})
			}
			return rows
		}),
		oneCommand(c, "show ID", "Show a dead letter with its data", "an ID", func(api *apiclient.Client, cmd *cobra.Command, id string) (core.DeadLetter, error) {
			return api.DeadLetter(cmd.Context(), id)
		}, func(d core.DeadLetter) {
			c.details([][]string{{"id", fmt.Sprint(d.ID)}, {"event", d.EventID}, {"subject", d.Subject}, {"reason", d.Reason}, {"detail", d.Detail}, {"at", ago(d.At)}})
			c.say("%s", d.Data)
		}),
		c.settleDeadLetters("replay", "Publish dead letters again, oldest first, and remove them: one, or those of a reason or a type",
			(*apiclient.Client).ReplayDeadLetters, func(ctx context.Context, api *apiclient.Client, id string) (any, string, error) {
				r, err := api.ReplayDeadLetter(ctx, id)
				return r, fmt.Sprintf("published again at sequence %d", r.Sequence), err
			}),
		c.settleDeadLetters("drop", "Remove dead letters for good: one, or those of a reason or a type",
			(*apiclient.Client).DropDeadLetters, func(ctx context.Context, api *apiclient.Client, id string) (any, string, error) {
				return map[string]string{"dropped": id}, "dropped " + id, api.DropDeadLetter(ctx, id)
			}),
	)
}

// settleDeadLetters is a command on one dead letter, or on many.
func (c *cli) settleDeadLetters(verb, short string, many func(*apiclient.Client, context.Context, wire.DeadLettersOf) (wire.DeadLettersDone, error),
	one func(ctx context.Context, api *apiclient.Client, id string) (any, string, error)) *cobra.Command {
	var which wire.DeadLettersOf
	cmd := &cobra.Command{
		Use: verb + " [ID]", Short: short, Args: atMostOne("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			filtered := which.Reason != "" || which.Type != ""
			if said := len(args) + btoi(filtered) + btoi(which.All); said != 1 {
				return usageError("%s needs an ID, or --reason or --type, or --all", verb)
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				r, text, err := one(cmd.Context(), api, args[0])
				if err != nil {
					return err
				}
				return c.print(r, func() { fmt.Fprintln(c.stdout, text) })
			}
			r, err := many(api, cmd.Context(), which)
			if err != nil {
				return err
			}
			return c.print(r, func() { c.say("%d dead letters: %s done", r.Done, verb) })
		},
	}
	cmd.Flags().StringVar(&which.Reason, "reason", "", "those of this reason")
	cmd.Flags().StringVar(&which.Type, "type", "", "those of this event type")
	cmd.Flags().BoolVar(&which.All, "all", false, "all of them")
	return c.clientCommand(cmd)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
