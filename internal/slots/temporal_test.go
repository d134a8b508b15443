//go:build !slim

package slots_test

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/contextsource"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/slots"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/temporalrun"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

func TestMain(m *testing.M) { os.Exit(devstacktest.Main(m)) }

// system is a real Temporal server, a real record, and the parts of the program that fire
// crons, wired as the program does it. Its clock runs less than a minute behind the real one,
// so that each test begins 20 s after a full minute.
type system struct {
	*testing.T
	client   client.Client
	store    *sqlstore.Store
	starter  *temporalrun.Starter
	schedule *temporalschedule.Reconciler
	watchdog *slots.Watchdog
	policy   *slots.Policy
	behind   time.Duration
}

func newSystem(t *testing.T) *system {
	t.Helper()
	return newSystemOn(t, devstacktest.Temporal(t), openRecord(t, ""))
}

// newSystemOn is a system on a namespace and a record that may be in use already.
func newSystemOn(t *testing.T, ns devstacktest.Namespace, store *sqlstore.Store) *system {
	t.Helper()
	real := time.Now()
	s := &system{T: t, client: ns.Client(t), store: store, behind: real.Sub(real.Add(-20 * time.Second).Truncate(time.Minute).Add(20 * time.Second))}
	s.starter = temporalrun.NewStarter(s.client)
	s.schedule = temporalschedule.New(temporalschedule.Config{
		Service: s.client.WorkflowService(), Namespace: ns.Name, Store: store, Slots: keeper{s}, Now: s.now,
	})
	s.watchdog = slots.NewWatchdog(slots.Config{Record: store, Starter: s.starter, Scheduler: s.schedule, Now: s.now})
	s.policy = slots.NewPolicy(store, nil)
	return s
}

// keeper breaks the circle between reconciler and watchdog: each asks the other.
type keeper struct{ s *system }

func (k keeper) BeforeWrite(ctx context.Context, id string) (func(context.Context) error, error) {
	return k.s.watchdog.BeforeWrite(ctx, id)
}

// replacedBy is another system that goes on by the clock of this one: its own could be a minute
// further.
func (s *system) replacedBy(next *system) *system {
	next.behind = s.behind
	return next
}

func (s *system) now() time.Time { return time.Now().Add(-s.behind).UTC() }

func (s *system) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// work starts a worker on the task queue, and returns what stops it before the test's end.
func (s *system) work() (stop func()) {
	s.Helper()
	http := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	s.Cleanup(http.Close)
	w := temporalrun.NewWorker(temporalrun.Config{
		Client: s.client, Record: s.store, Slots: s.policy, Now: s.now,
		Contexts: contextsource.New(contextsource.Config{HTTP: http, Record: s.store}),
		Actions:  actionexec.New(actionexec.Config{HTTP: http, Workflows: actionexec.TemporalStarter{Client: s.client}}),
	})
	s.must(w.Start(s.Context()))
	stop = func() { _ = w.Stop(context.Background()) }
	s.Cleanup(stop)
	return stop
}

func (s *system) save(d core.Definition, at time.Time) core.StoredDefinition {
	s.Helper()
	d.Rules = []core.Rule{{Name: "note", Actions: []core.Action{{
		Type: core.ActionCreateTask, With: map[string]any{"title": "slot"},
	}}}}
	rows, err := s.store.ApplyChanges(s.Context(), []core.DefinitionChange{{Definition: d, ExpectVersion: core.AnyVersion}}, "test", at)
	s.must(err)
	return rows[0]
}

// settle ticks until every slot up to the end has a final verdict, and every run has ended.
func (s *system) settle(id string, from, to time.Time) {
	s.Helper()
	var report slots.CheckReport
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		_, err := s.watchdog.Tick(s.Context())
		s.must(err)
		report, err = slots.NewChecker(s.store).Check(s.Context(), id, from, to)
		s.must(err)
		open, err := s.store.Runs(s.Context(), core.RunFilter{ActivityID: id, Status: core.RunRunning}, core.PageRequest{Limit: 1})
		s.must(err)
		if report.OK() && report.Waiting == 0 && report.Expected > 0 && len(open.Items) == 0 {
			return
		}
	}
	s.Fatalf("slots without a verdict: %+v", report)
}

// ran lists the nominal times of [from, to) whose runs succeeded, in order of their start.
func (s *system) ran(id string, from, to time.Time) []string {
	s.Helper()
	page, err := s.store.Runs(s.Context(), core.RunFilter{ActivityID: id}, core.PageRequest{Limit: 1000})
	s.must(err)
	runs := slices.DeleteFunc(page.Items, func(r core.Run) bool {
		n := r.Cause.NominalTime
		return r.StartedAt == nil || n.Before(from) || !n.Before(to)
	})
	slices.SortFunc(runs, func(a, b core.Run) int { return a.StartedAt.Compare(*b.StartedAt) })
	var out []string
	for _, r := range runs {
		if r.Status != core.RunSucceeded {
			s.Errorf("run of %s is %s: %s", r.Cause.Key(), r.Status, r.Error)
		}
		out = append(out, r.Cause.NominalTime.Format("15:04"))
	}
	return out
}

func clockTimes(from, to time.Time) []string {
	var out []string
	for t := from.Truncate(time.Minute).Add(time.Minute); t.Before(to); t = t.Add(time.Minute) {
		out = append(out, t.Format("15:04"))
	}
	return out
}

// twelve makes a definition fire at twelve times before end: at eleven minutes in a row, and
// after five minutes without one again, 20 s before end. Its grace is five minutes, so that the
// last time alone is within it, on a slow machine, too.
func twelve(policy core.MisfirePolicy, end time.Time) (d core.Definition, times []time.Time) {
	d = minutely(policy)
	d.TriggerConfig.MisfireGrace = core.Duration(5 * time.Minute)
	last := end.Truncate(time.Minute)
	for at := last.Add(-16 * time.Minute); at.Before(last.Add(-5 * time.Minute)); at = at.Add(time.Minute) {
		times = append(times, at)
	}
	times = append(times, last)
	var minutes []string
	for _, at := range times {
		minutes = append(minutes, strconv.Itoa(at.Minute()))
	}
	d.TriggerConfig.CronExpression = core.StringList{strings.Join(minutes, ",") + " * * * *"}
	return d, times
}

func clocks(times []time.Time) (out []string) {
	for _, at := range times {
		out = append(out, at.Format("15:04"))
	}
	return out
}

func TestOnRealTemporalAScheduleThatWasGoneForTwelveSlots(t *testing.T) {
	for _, policy := range policies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			end := s.now()
			missed, times := twelve(policy, end)
			begin := times[0].Add(-10 * time.Second)
			d := s.save(missed, begin) // and somebody deleted its schedule at once
			s.work()
			s.must(s.schedule.SyncDefinition(t.Context(), d.ID)) // reconciliation notices only now
			s.settle(d.ID, begin, end)

			slots := clocks(times)
			onTime := slots[len(slots)-1:] // within its grace
			want := map[core.MisfirePolicy][]string{
				core.MisfireSkip:     onTime,
				core.MisfireCompress: onTime, // which stands for all before it
				core.MisfireCatchup:  slots,
			}
			if got := s.ran(d.ID, begin, end); !slices.Equal(got, want[policy]) {
				t.Errorf("ran %v, want %v", got, want[policy])
			}
		})
	}
}

func TestOnRealTemporalRunsThatQueuedUpWhileNoWorkerWasThere(t *testing.T) {
	for _, policy := range policies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			end := s.now()
			begin := end.Add(-12*time.Minute - 30*time.Second)
			d := s.save(minutely(policy), begin)
			// Temporal fires on time: the executions exist, and wait on the task queue.
			all := clockTimes(begin, end)
			for at := begin.Truncate(time.Minute).Add(time.Minute); at.Before(end); at = at.Add(time.Minute) {
				_, err := s.starter.StartRun(t.Context(), d.ID, core.CronCause(at))
				s.must(err)
			}
			if r, err := s.watchdog.Tick(t.Context()); err != nil || len(r.Settled) > 0 || r.Started > 0 || r.Waiting == 0 {
				t.Errorf("queued runs were judged: %+v, %v", r, err)
			}
			s.must(s.store.RecordOutage(t.Context(), core.Outage{From: begin, To: end, What: slots.BeatWorker}))
			s.work()
			s.settle(d.ID, begin, end)

			got := sorted(s.ran(d.ID, begin, end)) // in whatever order the worker took them
			want := map[core.MisfirePolicy][]string{
				core.MisfireSkip: all[len(all)-1:], core.MisfireCompress: all[len(all)-1:], core.MisfireCatchup: all,
			}
			if !slices.Equal(got, sorted(want[policy])) {
				t.Errorf("ran %v, want %v", got, want[policy])
			}
		})
	}
}

func TestOnRealTemporalABackfillStartsEachTimeOnceInOrderAndCanBeRepeated(t *testing.T) {
	s := newSystem(t)
	s.work()
	end := s.now()
	begin := end.Add(-9*time.Minute - 30*time.Second)
	d := s.save(minutely(core.MisfireSkip), end) // younger than what is backfilled
	b := &slots.Backfiller{Record: s.store, Starter: s.starter, Now: s.now}
	first := slots.NewBackfill(begin, begin.Add(5*time.Minute))
	first.Limit = 3
	p, err := b.Backfill(t.Context(), d, first)
	if err != nil || p.Total != 5 || p.Started != 3 || p.Next == nil {
		t.Fatalf("first part: %+v, %v", p, err)
	}
	first.BackfillPoint = *p.Next
	p, err = b.Backfill(t.Context(), d, first)
	if err != nil || p.Started != 2 || p.Existing != 0 || p.Next != nil {
		t.Fatalf("second part: %+v, %v", p, err)
	}
	p, err = b.Backfill(t.Context(), d, slots.NewBackfill(begin, end)) // overlaps the first
	if err != nil || p.Total != 10 || p.Started != 5 || p.Existing != 5 {
		t.Fatalf("again and further: %+v, %v", p, err)
	}
	if got, want := s.ran(d.ID, begin, end), clockTimes(begin, end); !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}
