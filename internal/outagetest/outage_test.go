//go:build !slim

package outagetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// missedTicks is how many slots of a definition that fires each minute lie in an outage.
const missedTicks = 12

// cause is something that goes wrong, and what ends it.
type cause struct {
	name       string
	install    func(p program, t *testing.T) *environment
	begin, end func(e *environment, defs []core.Definition)
}

var causes = []cause{
	{
		name:    "Temporal killed",
		install: func(p program, t *testing.T) *environment { return p.inParts(t, false) },
		begin:   func(e *environment, _ []core.Definition) { e.temporalServer.kill() },
		end:     func(e *environment, _ []core.Definition) { e.temporalServer.start() },
	},
	{
		name:    "whole process killed",
		install: func(p program, t *testing.T) *environment { return p.everythingInOneProcess(t) },
		begin:   func(e *environment, _ []core.Definition) { e.dev.kill() },
		end:     func(e *environment, _ []core.Definition) { e.dev.start() },
	},
	{
		name: "schedules deleted by hand",
		// Reconciliation would mend them within a minute: it is kept from that, and comes when
		// somebody asks.
		install: func(p program, t *testing.T) *environment {
			return p.inParts(t, false, "ACTIVITY_CORE_RECONCILE_INTERVAL=1h")
		},
		begin: func(e *environment, defs []core.Definition) { e.deleteSchedules(defs) },
		end: func(e *environment, _ []core.Definition) {
			_, err := e.api.Sync(e.Context(), wire.Sync{})
			e.must(err)
		},
	},
	{
		name:    "worker killed",
		install: func(p program, t *testing.T) *environment { return p.inParts(t, true) },
		begin:   func(e *environment, _ []core.Definition) { e.worker.kill() },
		end:     func(e *environment, _ []core.Definition) { e.worker.start() },
	},
}

// TestTwelveMissedTicks makes each outage last for twelve minutes of definitions that fire each
// minute, one for each policy, and compares what ran with what docs/misfire.md promises. The
// four outages happen at once.
func TestTwelveMissedTicks(t *testing.T) {
	if os.Getenv(envLong) == "" {
		t.Skipf("takes about 17 minutes; set %s=1, and %s=1 for PostgreSQL", envLong, postgrestest.EnvOn)
	}
	p := build(t)
	var table report
	t.Cleanup(func() { t.Logf("\n%s", table.text()) })
	var all sync.WaitGroup // and not t.Parallel, which makes as many wait as there are fewer processors
	for _, c := range causes {
		all.Go(func() {
			t.Run(c.name, func(t *testing.T) {
				experiment(c.install(p, t), c, &table)
			})
		})
	}
	all.Wait()
}

func experiment(e *environment, c cause, table *report) {
	created := time.Now()
	defs := make([]core.Definition, 0, 3)
	for _, policy := range []core.MisfirePolicy{core.MisfireSkip, core.MisfireCatchup, core.MisfireCompress} {
		defs = append(defs, e.minutely(policy))
	}
	_, err := e.api.Apply(e.Context(), defs, false)
	e.must(err)
	for _, d := range defs {
		e.wait("a first tick of "+d.Name, patience, func() bool { return len(e.outside.of(d.Name)) > 0 })
	}

	begin := halfPast(time.Now())
	waitUntil(e.Context(), begin)
	c.begin(e, defs)
	begun := time.Now()
	end := begin.Add(missedTicks * time.Minute)
	waitUntil(e.Context(), end)
	c.end(e, defs)
	e.Logf("down from %s to %s", begun.UTC().Format(time.TimeOnly), time.Now().UTC().Format(time.TimeOnly))

	// Beyond the outage lie ticks that are to come as if nothing had been.
	until := end.Add(2 * time.Minute)
	waitUntil(e.Context(), until.Add(time.Minute))
	for _, d := range defs {
		var check wire.LedgerCheck
		e.wait("a verdict for every slot of "+d.Name, 5*time.Minute, func() bool {
			check, err = e.check(d.Name, created, until)
			return err == nil && len(check.Missing) == 0 && check.Expected > missedTicks
		})
		table.add(e.judge(c, d, begin, end, check))
	}
}

// minutely is a definition that tells the outside world of each of its runs. Its grace is
// shorter than the time between the last missed tick and the end of the outage, so that all
// twelve are missed.
func (e *environment) minutely(policy core.MisfirePolicy) core.Definition {
	name := "minutely-" + string(policy)
	return core.Definition{
		APIVersion: core.APIVersion, Kind: core.Kind, ID: core.DefinitionID(name), Name: name, Enabled: true, TriggerType: core.TriggerCron,
		TriggerConfig: core.TriggerConfig{
			CronExpression: core.StringList{"* * * * *"}, MisfirePolicy: policy, MisfireGrace: core.Duration(10 * time.Second),
		},
		Rules: []core.Rule{{Name: "tell", Actions: []core.Action{{Type: core.ActionHTTPRequest, With: map[string]any{
			"method": "POST", "url": e.outside.URL, "body": map[string]any{"definition": name, "nominal": "${run.time}"},
		}}}}},
	}
}

// judge compares what became of the missed slots with the promise.
func (e *environment) judge(c cause, d core.Definition, begin, end time.Time, check wire.LedgerCheck) row {
	r := row{cause: c.name, policy: d.TriggerConfig.MisfirePolicy, expected: missedTicks, clean: check.OK}
	switch r.policy {
	case core.MisfireSkip:
		r.expected = 0
	case core.MisfireCompress:
		r.expected = 1
	}
	var inOrder []time.Time
	runs := e.runs(d.Name)
	slices.SortFunc(runs, func(a, b core.Run) int { return a.StartedAt.Compare(*b.StartedAt) })
	perSlot := make(map[time.Time]int)
	for _, run := range runs {
		nominal := run.Cause.NominalTime.UTC()
		perSlot[nominal]++
		if nominal.After(begin) && nominal.Before(end) {
			inOrder = append(inOrder, nominal)
		}
		if run.Status != core.RunSucceeded {
			e.Errorf("%s: the run of %s is %s: %s", d.Name, nominal, run.Status, run.Error)
		}
	}
	r.observed = len(inOrder)
	effects := e.outside.of(d.Name)
	for nominal, n := range perSlot {
		if n > 1 || effects[nominal] != 1 {
			r.doubled++
			e.Errorf("%s: %s has %d runs and had %d effects", d.Name, nominal, n, effects[nominal])
		}
	}
	if len(effects) != len(perSlot) {
		e.Errorf("%s: effects for %d nominal times, runs for %d", d.Name, len(effects), len(perSlot))
	}
	r.oldestFirst = slices.IsSortedFunc(inOrder, time.Time.Compare)
	if r.observed != r.expected || !r.oldestFirst || !r.clean {
		e.Errorf("%s, %s: %d of %d missed slots ran, want %d, oldest first: %v; ledger %+v", c.name, r.policy, r.observed, missedTicks, r.expected, inOrder, check)
	}
	if latest := end.Truncate(time.Minute); r.policy == core.MisfireCompress && r.observed == 1 && !inOrder[0].Equal(latest) {
		e.Errorf("%s, compress: %s ran, want the latest, %s", c.name, inOrder[0], latest)
	}
	after := 0
	for nominal := range perSlot {
		if nominal.After(end) {
			after++
		}
	}
	if after < 2 {
		e.Errorf("%s: %d runs after the outage, want 2 at least", d.Name, after)
	}
	return r
}

// row is what became of one definition.
type row struct {
	cause              string
	policy             core.MisfirePolicy
	expected, observed int
	doubled            int
	oldestFirst, clean bool
}

type report struct {
	mu   sync.Mutex
	rows []row
}

func (r *report) add(x row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, x)
}

// text is the table as docs/outages.md shows it.
func (r *report) text() string {
	slices.SortStableFunc(r.rows, func(a, b row) int { return strings.Compare(a.cause, b.cause) })
	var b strings.Builder
	b.WriteString("| outage | policy | missed | expected runs | observed runs | doubled | ledger check |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, x := range r.rows {
		clean := "clean"
		if !x.clean {
			clean = "NOT CLEAN"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %d | %d | %d | %d | %s |\n", x.cause, x.policy, missedTicks, x.expected, x.observed, x.doubled, clean)
	}
	return b.String()
}

// halfPast is the next time at which a minute is half over: ticks are then far.
func halfPast(now time.Time) time.Time {
	t := now.Truncate(time.Minute).Add(30 * time.Second)
	if !t.After(now) {
		t = t.Add(time.Minute)
	}
	return t
}

// waitUntil waits for a time of the clock: an outage lasts as long as it lasts.
func waitUntil(ctx context.Context, t time.Time) {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func listens(port int) bool {
	c, err := net.DialTimeout("tcp", loopback(port), time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
