package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/slots"
)

func (c *cli) backfillCommand() *cobra.Command {
	var from, to string
	var body wire.Backfill
	rate, parallel := float64(slots.DefaultBackfillRate), slots.DefaultBackfillParallel
	cmd := &cobra.Command{
		Use: "backfill NAME --from TIME --to TIME", Short: "Start each nominal time of a past range once, in order; safe to repeat", Args: exactly("a NAME"),
		Long: `Start a run for each nominal time of a past range that the definition's present version names: once, in order, at a bounded rate.
A nominal time that has its run or another verdict keeps it and costs no time. So the command can be interrupted and repeated:
it goes on where it stopped, and nothing starts twice.`,
		Example: `  activity-core backfill nightly-check --from 2026-03-01T00:00:00Z --to 2026-03-08T00:00:00Z --dry-run
  activity-core backfill nightly-check --from 2026-03-01T00:00:00Z --to 2026-03-08T00:00:00Z --rate 2`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if body.From, err = timeFlag("--from", from); err != nil {
				return err
			}
			if body.To, err = timeFlag("--to", to); err != nil {
				return err
			}
			if err := slots.CheckBackfillBounds(rate, parallel); err != nil {
				return flagError(err)
			}
			body.Rate, body.Parallel = &rate, &parallel
			api, err := c.client()
			if err != nil {
				return err
			}
			return c.backfill(cmd.Context(), api, args[0], body)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first instant (included): "+core.InstantForms)
	cmd.Flags().StringVar(&to, "to", "", "last instant (excluded): "+core.InstantForms)
	numberVar(cmd.Flags(), &rate, "rate", rate, fmt.Sprintf("runs started a second, above 0 and at most %d", slots.MaxBackfillRate))
	numberVar(cmd.Flags(), &parallel, "parallel", parallel, fmt.Sprintf("runs under way at once, 1 to %d; 1 keeps their order to the end", slots.MaxBackfillParallel))
	cmd.Flags().BoolVar(&body.DryRun, "dry-run", false, "only tell how many runs it would start")
	return c.clientCommand(cmd)
}

// timeFlag is the one reader of a flag that is a time.
func timeFlag(flag, text string) (time.Time, error) {
	t, err := core.ParseInstant(text, time.Now())
	if err != nil {
		return t, usageError("%s %q: %w", flag, text, err)
	}
	return t, nil
}

// flagError says of a field what is wrong with the flag that has its name.
func flagError(err error) error {
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) != 1 {
		return err
	}
	f := e.Fields[0]
	return usageError("--%s %v: %s", f.Location, f.Value, f.Message)
}

// backfiller is the one call of the API that a backfill is made of.
type backfiller interface {
	Backfill(ctx context.Context, ref string, body wire.Backfill) (wire.BackfillResult, error)
}

const (
	// backfillWithin is how long one call takes: how often the bar moves, and what an interruption
	// waits for.
	backfillWithin = time.Second
	// backfillGrace is how long after an interruption the answer is awaited that says how far the
	// backfill has come.
	backfillGrace = 5 * time.Second
)

// backfillRetries are the pauses before a call that got no answer is made again, so that a
// server may be replaced meanwhile.
var backfillRetries = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

var errInterrupted = errors.New("interrupted")

func (c *cli) backfill(ctx context.Context, api backfiller, name string, body wire.Backfill) error {
	preview := body
	preview.DryRun = true
	expected, err := api.Backfill(ctx, name, preview)
	if err != nil {
		return err
	}
	if body.DryRun {
		return c.print(expected, func() { c.showBackfillPreview(expected) })
	}
	bar := newBackfillBar(c.stderr, *body.Rate, expected)
	bar.announce(name, *body.Parallel)
	sum, failure := backfillParts(ctx, api, name, body, bar)
	bar.end()
	if err := c.print(sum, func() {
		fmt.Fprintf(c.stdout, "%s nominal times: %d started, %d had their run, %d have another verdict\n", outOf(sum.Done, sum.Total), sum.Started, sum.Existing, sum.Settled)
	}); err != nil {
		return err
	}
	if failure != nil {
		fmt.Fprintf(c.stderr, "Nothing is lost: the same command goes on where this one stopped, and starts nothing twice; --from %s passes over what is done.\n",
			unfinished(*sum.Next).UTC().Format(time.RFC3339))
	}
	return failure
}

func (c *cli) showBackfillPreview(r wire.BackfillResult) {
	fmt.Fprintf(c.stdout, "%d nominal times", r.Total)
	if r.First != nil && r.Last != nil {
		fmt.Fprintf(c.stdout, ", %s to %s", r.First.UTC().Format(time.RFC3339), r.Last.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(c.stdout, ": %d would start, %d have their run, %d have another verdict\n", toStart(r), r.Existing, r.Settled)
}

func toStart(r wire.BackfillResult) int {
	if r.WouldStart == nil {
		return 0
	}
	return *r.WouldStart
}

func outOf(done, total int) string {
	if done == total {
		return strconv.Itoa(total)
	}
	return fmt.Sprintf("%d of %d", done, total)
}

// unfinished is the first nominal time that is not over and done with.
func unfinished(p wire.BackfillPoint) time.Time {
	if len(p.UnderWay) > 0 {
		return p.UnderWay[0]
	}
	return p.From
}

// backfillParts calls until the end and adds up. With an error the sum has Next, where to go on.
func backfillParts(ctx context.Context, api backfiller, name string, body wire.Backfill, bar *backfillBar) (sum wire.BackfillResult, err error) {
	body.Within = backfillWithin.String()
	sum = bar.expected
	sum.Done, sum.Started, sum.Existing, sum.Settled, sum.Existed, sum.WouldStart = 0, 0, 0, 0, 0, nil
	// An interruption lets the present call come to its answer: it says how far the backfill is.
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(backfillGrace, cancel) })()
	for {
		part, err := backfillPart(ctx, calls, api, name, body, bar)
		if err != nil {
			sum.Next = &body.BackfillPoint
			if ctx.Err() != nil {
				err = errInterrupted
			}
			return sum, err
		}
		// The definition may change meanwhile, and with it what is left.
		sum.Total, sum.Slots = sum.Done+part.Total, sum.Done+part.Total
		sum.Done += part.Done
		sum.Started += part.Started
		sum.Existing += part.Existing
		sum.Settled += part.Settled
		sum.Existed = sum.Existing + sum.Settled
		bar.show(sum, part)
		if part.Next == nil {
			return sum, nil
		}
		body.BackfillPoint = *part.Next
		if ctx.Err() != nil {
			sum.Next = part.Next
			return sum, errInterrupted
		}
	}
}

// backfillPart makes one call, again if there is no answer.
func backfillPart(ctx, calls context.Context, api backfiller, name string, body wire.Backfill, bar *backfillBar) (wire.BackfillResult, error) {
	for try := 0; ; try++ {
		part, err := api.Backfill(calls, name, body)
		if !core.IsCode(err, core.CodeUnavailable) || try == len(backfillRetries) || ctx.Err() != nil {
			return part, err
		}
		// The call may go on for its time unseen, and start a run at its end: only after the rate's
		// pause may the next one follow.
		pause := max(backfillRetries[try], backfillWithin+time.Duration(float64(time.Second) / *body.Rate))
		bar.note("%s; asking again in %s", core.MessageOf(err), pause.Round(time.Second))
		select {
		case <-ctx.Done():
			return part, ctx.Err()
		case <-time.After(pause):
		}
	}
}
