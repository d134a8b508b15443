package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/simulate"
)

func (c *cli) simulateCommand() *cobra.Command {
	var files, outages []string
	var from, to, runTime, namespace string
	var slots bool
	var busiest, lines, limit int
	cmd := &cobra.Command{
		Use: "simulate", Short: "Show what a folder of definitions would run in a window, and what outages would do", Args: noArgs,
		Long: `simulate plays the cron definitions of files over a window on paper, without a server: what would fire, what an outage would
swallow, what the misfire policy would make up, which runs would overlap if each took --run-time, and the busiest minutes.

Runs that are open at --from, and make-ups of an outage before it, are taken into account. Where a run takes longer than the
time between two, it matters which came first: the simulation begins with nothing open, at a midnight (UTC) before --from.

Temporal spreads the starts of a definition with jitter by a hash that contains the ID of its namespace. With --namespace-id
(see "temporal operator namespace describe") they are shown where they will be; without it they are spread as widely, elsewhere.`,
		Example: `  activity-core simulate -f examples/ --from 2026-10-24 --to 3d --outage 2026-10-25T00:00/4h
  activity-core simulate -f definitions/ --to 30d --run-time 10m --slots --limit 5000 -o json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return usageError("simulate needs -f FILE or -f DIR")
			}
			for _, n := range []struct {
				flag               string
				value, least, most int
			}{{"busiest", busiest, 0, 1000}, {"lines", lines, 1, 1000}, {"limit", limit, 0, maxListed}} {
				if n.value < n.least || n.value > n.most {
					return usageError("--%s %d: must be between %d and %d", n.flag, n.value, n.least, n.most)
				}
			}
			if namespace != "" && uuid.Validate(namespace) != nil {
				return usageError("--namespace-id %q: must be a UUID, as \"temporal operator namespace describe\" shows", namespace)
			}
			defs, err := c.readDefinitions(files)
			if err != nil {
				return err
			}
			in, err := simulationInput(from, to, outages, time.Now())
			if err != nil {
				return err
			}
			assumed, err := core.ParseDuration(runTime)
			if err != nil || assumed < 0 || assumed.Std() > maxRunTime {
				return usageError("--run-time %q: must be a duration of at most 30d, such as 90s or 10m", runTime)
			}
			jobs, left, err := simulationJobs(defs, assumed.Std(), namespace)
			if err != nil {
				return err
			}
			in.Jobs, in.All, in.Limit = jobs, slots, limit
			result, out, err := c.simulate(cmd.Context(), in, busiest, lines)
			if err != nil {
				return err
			}
			out.Left, out.JitterAssumed = left, namespace == "" && slices.ContainsFunc(jobs, func(j simulate.Job) bool { return j.Jitter > 0 })
			return c.print(out, func() { c.showSimulation(in, result, out, slots, lines) })
		},
	}
	f := cmd.Flags()
	f.StringSliceVarP(&files, "file", "f", nil, "definition file or folder; may be repeated")
	f.StringVar(&from, "from", "", "start of the window: "+core.InstantForms+"; default now")
	f.StringVar(&to, "to", "7d", "end of the window, not included: a time as in --from, or a duration after --from; at most ten years")
	f.StringArrayVar(&outages, "outage", nil, "FROM/TO, or FROM/DURATION: nothing starts in this time; may be repeated")
	f.StringVar(&runTime, "run-time", "0s", "how long one run is assumed to take")
	f.StringVar(&namespace, "namespace-id", "", "ID (a UUID) of the Temporal namespace, for the exact starts of definitions with jitter")
	f.BoolVar(&slots, "slots", false, "list every nominal time and its fate, not only those that do not simply fire")
	f.IntVar(&limit, "limit", 10_000, "nominal times to list at most")
	f.IntVar(&busiest, "busiest", 5, "how many of the busiest minutes to show")
	f.IntVar(&lines, "lines", 24, "lines of the load profile")
	return c.outputCommand(cmd)
}

// simulate plays the input, which may take a minute, until ctx is over.
func (c *cli) simulate(ctx context.Context, in simulate.Input, busiest, lines int) (*simulate.Result, simulation, error) {
	type played struct {
		result *simulate.Result
		out    simulation
		err    error
	}
	done := make(chan played, 1)
	go func() { // it is pure, and may go on unheard until the process ends
		var p played
		if p.result, p.err = simulate.Run(in); p.err == nil {
			p.out = newSimulation(in, p.result, busiest, lines)
		}
		done <- p
	}()
	select {
	case p := <-done:
		if p.err != nil {
			return nil, p.out, usageError("%w", p.err)
		}
		return p.result, p.out, nil
	case <-ctx.Done():
		return nil, simulation{}, errInterrupted
	}
}

// maxListed bounds --limit.
const maxListed = 1_000_000

// maxRunTime keeps the time that is played before the window within bounds.
const maxRunTime = 30 * 24 * time.Hour

// instantAfter reads an instant, or a duration after another.
func instantAfter(text string, after time.Time) (time.Time, bool) {
	if d, err := core.ParseDuration(text); err == nil {
		return after.Add(d.Std()), d > 0
	}
	t, err := core.ParseInstant(text, after)
	return t, err == nil
}

func simulationInput(from, to string, outages []string, now time.Time) (in simulate.Input, err error) {
	in.From = now.UTC().Truncate(time.Second)
	if from != "" {
		if in.From, err = core.ParseInstant(from, in.From); err != nil {
			return in, usageError("--from %q: %w", from, err)
		}
	}
	var ok bool
	if in.To, ok = instantAfter(to, in.From); !ok {
		return in, usageError("--to %q: must be RFC 3339, 2026-10-25T03:00 (UTC), 2026-10-25 (midnight UTC), or a duration after --from such as 7d", to)
	}
	for _, text := range outages {
		begin, end, ok := strings.Cut(text, "/")
		o := simulate.Outage{}
		if ok {
			o.From, err = core.ParseInstant(begin, now)
			ok = err == nil
		}
		if ok {
			o.To, ok = instantAfter(end, o.From)
		}
		if !ok {
			return in, usageError("--outage %q: must be FROM/TO or FROM/DURATION, such as 2026-10-25T02:00/4h", text)
		}
		if err := reachesWindow(text, o, in); err != nil {
			return in, err
		}
		in.Outages = append(in.Outages, o)
	}
	return in, nil
}

// reachesWindow refuses an outage, or the beginning of one, that nothing in the window can come
// from: to play from there on would take long, or more nominal times than are played. What is
// wrong otherwise with outage or window, simulate.Run says.
func reachesWindow(text string, o simulate.Outage, in simulate.Input) error {
	at := func(t time.Time) string { return t.Format(time.RFC3339) }
	longest := core.MaxCatchupWindow.Std()
	switch {
	case !o.To.After(o.From) || !in.To.After(in.From):
		return nil
	case !o.From.Before(in.To):
		return usageError("--outage %q: begins at %s, after the window, which ends at %s", text, at(o.From), at(in.To))
	case o.To.Before(in.From.Add(-longest)):
		return usageError("--outage %q: ends at %s, more than 365d before the window, which begins at %s; what an outage kept from starting is made up for 365d at most (catchup_window)",
			text, at(o.To), at(in.From))
	case o.From.Before(in.From.Add(-2 * longest)):
		return usageError("--outage %q: begins at %s, more than 730d before the window, which begins at %s; let it begin at %s: of what it kept from starting, only the last 365d are made up (catchup_window)",
			text, at(o.From), at(in.From), at(in.From.Add(-2*longest)))
	}
	return nil
}

// simulationJobs makes jobs of the cron definitions that are enabled, and says why others are
// left out.
func simulationJobs(defs []core.Definition, runTime time.Duration, namespace string) ([]simulate.Job, map[string]string, error) {
	var jobs []simulate.Job
	left := map[string]string{}
	for i := range defs {
		def := &defs[i]
		def.Normalize()
		switch {
		case def.TriggerType != core.TriggerCron:
			left[def.Name] = "runs on events"
			continue
		case !def.Enabled:
			left[def.Name] = "disabled"
			continue
		}
		spec, err := catalog.CronSpec(def)
		if err != nil {
			return nil, nil, err
		}
		jobs = append(jobs, simulate.Job{
			Name: def.Name, Spec: spec, Terms: misfire.TermsOf(def.TriggerConfig), RunTime: runTime,
			Seed: simulate.JitterSeed(namespace, core.ScheduleID(def.ID)),
		})
	}
	if len(jobs) == 0 {
		return nil, nil, usageError("none of the definitions runs on a clock: nothing to simulate")
	}
	return jobs, left, nil
}
