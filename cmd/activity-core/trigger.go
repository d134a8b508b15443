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
	"github.com/activity-core/activity-core/internal/httpapi/apiclient"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

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
					c.say("run %s", t.RunID)
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
			if json.Valid([]byte(v)) {
				if _, err := core.DecodeTyped([]byte(v)); err != nil {
					return body, usageError("--input %q: %w; in JSON, text has quotes: --input '%s=\"…\"'", kv, err, k)
				}
			} else {
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
		body.Event = e
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
