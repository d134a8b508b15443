package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/simulate"
)

// simulation is what `simulate` prints as JSON.
type simulation struct {
	From      time.Time          `json:"from"`
	To        time.Time          `json:"to"`
	Summaries []simulate.Summary `json:"definitions"`
	Slots     []simulate.Slot    `json:"slots"`
	Busiest   []simulate.Minute  `json:"busiest"`
	// Left names the definitions that no clock starts, with the reason.
	Left map[string]string `json:"left_out,omitempty"`
}

func (c *cli) simulateCommand() *cobra.Command {
	var files, outages []string
	var from, to, runTime string
	var slots bool
	var busiest, width int
	cmd := &cobra.Command{
		Use: "simulate", Short: "Show what a folder of definitions would run in a window, and what outages would do", Args: noArgs,
		Long: `simulate plays the cron definitions of files over a window on paper, without a server: what would fire, what an outage would
swallow, what the misfire policy would make up, which runs would overlap if each took --run-time, and the busiest minutes.`,
		Example: "  activity-core simulate -f examples/ --from 2026-10-24 --to 3d --outage 2026-10-25T00:00/4h",
		RunE: func(*cobra.Command, []string) error {
			if len(files) == 0 {
				return usageError("simulate needs -f FILE or -f DIR")
			}
			if busiest < 0 || busiest > 1000 {
				return usageError("--busiest %d: must be between 0 and 1000", busiest)
			}
			if width < 1 || width > 1000 {
				return usageError("--lines %d: must be between 1 and 1000", width)
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
			if err != nil || assumed < 0 {
				return usageError("--run-time %q: must be a duration such as 90s or 10m", runTime)
			}
			jobs, left, err := simulationJobs(defs, assumed.Std())
			if err != nil {
				return err
			}
			in.Jobs = jobs
			result, err := simulate.Run(in)
			if err != nil {
				return usageError("%w", err)
			}
			out := simulation{From: result.From, To: result.To, Summaries: result.Summaries, Slots: result.Slots, Busiest: result.Busiest(busiest), Left: left}
			return c.print(out, func() { c.showSimulation(result, out, slots, width) })
		},
	}
	f := cmd.Flags()
	f.StringSliceVarP(&files, "file", "f", nil, "definition file or folder; may be repeated")
	f.StringVar(&from, "from", "", "start of the window: "+instantDoc+"; default now")
	f.StringVar(&to, "to", "7d", "end of the window, not included: "+instantDoc+", or a duration after --from")
	f.StringArrayVar(&outages, "outage", nil, "FROM/TO, or FROM/DURATION: nothing starts in this time; may be repeated")
	f.StringVar(&runTime, "run-time", "0s", "how long one run is assumed to take")
	f.BoolVar(&slots, "slots", false, "list every nominal time and its fate, not only those with a reason")
	f.IntVar(&busiest, "busiest", 5, "how many of the busiest minutes to show")
	f.IntVar(&width, "lines", 24, "lines of the load profile")
	return c.outputCommand(cmd)
}

const instantDoc = "RFC 3339, 2026-10-25T03:00 (UTC) or 2026-10-25 (midnight UTC)"

// instant reads a time as people write it. Times without a zone are UTC.
func instant(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// instantAfter reads an instant, or a duration after another.
func instantAfter(text string, after time.Time) (time.Time, bool) {
	if t, ok := instant(text); ok {
		return t, true
	}
	d, err := core.ParseDuration(text)
	if err != nil || d <= 0 {
		return time.Time{}, false
	}
	return after.Add(d.Std()), true
}

func simulationInput(from, to string, outages []string, now time.Time) (in simulate.Input, err error) {
	in.From = now.UTC().Truncate(time.Second)
	if from != "" {
		var ok bool
		if in.From, ok = instant(from); !ok {
			return in, usageError("--from %q: must be %s", from, instantDoc)
		}
	}
	var ok bool
	if in.To, ok = instantAfter(to, in.From); !ok {
		return in, usageError("--to %q: must be %s, or a duration after --from such as 7d", to, instantDoc)
	}
	for _, text := range outages {
		begin, end, ok := strings.Cut(text, "/")
		o := simulate.Outage{}
		if ok {
			o.From, ok = instant(begin)
		}
		if ok {
			o.To, ok = instantAfter(end, o.From)
		}
		if !ok {
			return in, usageError("--outage %q: must be FROM/TO or FROM/DURATION, such as 2026-10-25T02:00/4h", text)
		}
		in.Outages = append(in.Outages, o)
	}
	return in, nil
}

// simulationJobs makes jobs of the cron definitions that are enabled, and says why others are left out.
func simulationJobs(defs []core.Definition, runTime time.Duration) ([]simulate.Job, map[string]string, error) {
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
		trigger := def.TriggerConfig
		jobs = append(jobs, simulate.Job{
			Name: def.Name, Spec: spec, Policy: cronspec.Policy(trigger.MisfirePolicy),
			CatchupWindow: trigger.CatchupWindow.Std(), Grace: trigger.MisfireGrace.Std(), RunTime: runTime,
		})
	}
	if len(jobs) == 0 {
		return nil, nil, usageError("none of the definitions runs on a clock: nothing to simulate")
	}
	return jobs, left, nil
}

func (c *cli) showSimulation(result *simulate.Result, out simulation, all bool, lines int) {
	const layout = "2006-01-02 15:04Z"
	fmt.Fprintf(c.stdout, "%s to %s\n\n", out.From.Format(layout), out.To.Format(layout))
	rows := [][]string{{"DEFINITION", "EXPECTED", "FIRED", "LATE", "MADE UP", "SKIPPED", "COMPRESSED", "OVERLAPPED", "CONCURRENT"}}
	for _, s := range out.Summaries {
		row := []string{s.Job}
		for _, n := range []int{s.Expected, s.Fired, s.Delayed, s.MadeUp, s.Skipped, s.Compressed, s.Overlapped, s.Concurrent} {
			row = append(row, strconv.Itoa(n))
		}
		rows = append(rows, row)
	}
	c.table(rows)
	rows = [][]string{{"NOMINAL", "DEFINITION", "OUTCOME", "START", "REASON"}}
	for _, s := range out.Slots {
		if s.Reason == "" && !s.Overlaps && !all {
			continue
		}
		start, reason := "", s.Reason
		if !s.Start.IsZero() {
			start = s.Start.UTC().Format(layout)
		}
		if s.Overlaps {
			reason = strings.TrimPrefix(reason+"; runs beside another run", "; ")
		}
		rows = append(rows, []string{s.Nominal.UTC().Format(layout), s.Job, string(s.Outcome), start, reason})
	}
	if len(rows) > 1 {
		fmt.Fprintln(c.stdout)
		c.table(rows)
	}
	if len(out.Busiest) > 0 {
		fmt.Fprintln(c.stdout)
		rows = [][]string{{"BUSIEST MINUTE", "STARTS", "DEFINITIONS"}}
		for _, m := range out.Busiest {
			rows = append(rows, []string{m.At.Format(layout), strconv.Itoa(m.Starts), strings.Join(m.Jobs, ", ")})
		}
		c.table(rows)
	}
	fmt.Fprintf(c.stdout, "\nload, starts\n%s", result.Chart(lines, 50))
	for _, name := range slices.Sorted(maps.Keys(out.Left)) {
		fmt.Fprintf(c.stderr, "left out: %s (%s)\n", name, out.Left[name])
	}
}
