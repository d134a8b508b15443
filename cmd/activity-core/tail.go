package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/terminal"
)

func (c *cli) tailCommand() *cobra.Command {
	var o apiclient.TailOptions
	cmd := &cobra.Command{
		Use: "tail", Short: "Print events as they arrive, until interrupted", Args: noArgs,
		Long: "Print events as they arrive, until interrupted. While the server is away tail tries again and goes on where it was: no event is left out. -o json prints one event a line.",
		Example: `  activity-core events tail --type github.push
  activity-core events tail --after 0 -o json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := strconv.ParseUint(o.After, 10, 64); o.After != "" && err != nil {
				return usageError("--after %q: must be the sequence of an event, such as 42; 0 begins with the oldest", o.After)
			}
			api, err := c.client()
			if err != nil {
				return err
			}
			o.Connected = func(after string) { fmt.Fprintf(c.stderr, "following the events after sequence %s\n", after) }
			o.Retrying = func(err error, pause time.Duration) {
				fmt.Fprintf(c.stderr, "%s; trying again in %s\n", terminal.Line(core.MessageOf(err)), pause)
			}
			return api.Tail(cmd.Context(), o, c.printTailed)
		},
	}
	cmd.Flags().StringVar(&o.Type, "type", "", "only events of this type")
	cmd.Flags().StringVar(&o.After, "after", "", "begin with the events after this sequence, 0 with the oldest; default: from now on")
	return c.clientCommand(cmd)
}

// printTailed prints one event of many: a line, or with -o yaml a document.
func (c *cli) printTailed(e core.EventListing) error {
	switch c.output {
	case "json":
		enc := json.NewEncoder(c.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(e)
	case "yaml":
		if _, err := fmt.Fprintln(c.stdout, "---"); err != nil {
			return err
		}
		return c.print(e, nil)
	}
	_, err := fmt.Fprintf(c.stdout, "%s  %d  %s  %s\n", e.StoredAt.UTC().Format(time.RFC3339), e.Sequence, terminal.Line(e.Type), terminal.Line(e.EventID))
	return err
}
