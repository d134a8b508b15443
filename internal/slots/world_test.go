package slots_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/slots"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// world is a real record, a clock that the test moves, and an engine that behaves as Temporal
// was measured to: it starts what it is told to, once for each workflow ID, and fires what the
// test says it fires. It stands in for Temporal so that hours pass in milliseconds;
// temporal_test.go runs the same rules on the real one.
type world struct {
	*testing.T
	store    *sqlstore.Store
	clock    time.Time
	policy   *slots.Policy
	watchdog *slots.Watchdog
	beat     *slots.Heartbeat

	executions map[string]core.SlotState
	buffered   int64
	// pausedOutside: an operator has paused the schedule in Temporal, and reconciliation has not
	// seen it yet.
	pausedOutside bool
	next          time.Time
	fired         []time.Time // nominal times of admitted runs, in order of admission
	slow          bool        // admitted runs stay open
	open          []string    // run IDs of open runs
}

// at is a time of the day on which the tests happen.
func at(clock string) time.Time {
	t, err := time.Parse("15:04:05", clock)
	if err != nil {
		t, err = time.Parse("15:04", clock)
	}
	if err != nil {
		panic(err)
	}
	return time.Date(2026, time.March, 3, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func newWorld(t *testing.T, clock string) *world {
	t.Helper()
	w := &world{T: t, store: openRecord(t, ""), clock: at(clock), executions: make(map[string]core.SlotState)}
	w.replace()
	return w
}

// openRecord opens the record in a file, or with "" one that is not kept.
func openRecord(t *testing.T, file string) *sqlstore.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: file, Ephemeral: file == ""})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// copyFile copies a record that no process has open.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// replace puts new processes in the place of the old ones.
func (w *world) replace() {
	now := func() time.Time { return w.clock }
	w.beat = slots.NewHeartbeat(slots.HeartbeatConfig{
		Book: w.store, Instance: "one", Now: now,
		Signs: map[string]func(context.Context) error{slots.BeatProcess: nil, slots.BeatTemporal: nil, slots.BeatWorker: nil},
	})
	w.policy = slots.NewPolicy(w.store, w.beat.Beat)
	w.watchdog = w.newWatchdog()
}

func (w *world) newWatchdog() *slots.Watchdog {
	return slots.NewWatchdog(slots.Config{
		Record: w.store, Starter: w, Scheduler: w, Now: func() time.Time { return w.clock },
		MakeUpTime: 100 * time.Millisecond, MaxSlots: 50,
	})
}

// minutely is a definition that fires each minute.
func minutely(policy core.MisfirePolicy) core.Definition {
	name := "minutely-" + string(policy)
	return core.Definition{
		APIVersion: core.APIVersion, Kind: core.Kind, ID: core.DefinitionID(name), Name: name,
		Enabled: true, TriggerType: core.TriggerCron,
		TriggerConfig: core.TriggerConfig{
			CronExpression: core.StringList{"* * * * *"}, Timezone: "UTC", MisfirePolicy: policy,
			CatchupWindow: core.DefaultCatchupWindow, MisfireGrace: core.DefaultMisfireGrace,
		},
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) save(d core.Definition) core.StoredDefinition {
	w.Helper()
	rows, err := w.store.ApplyChanges(w.Context(), []core.DefinitionChange{{Definition: d, ExpectVersion: core.AnyVersion}}, "test", w.clock)
	w.must(err)
	return rows[0]
}

func (w *world) delete(d core.Definition) {
	w.Helper()
	_, err := w.store.ApplyChanges(w.Context(), []core.DefinitionChange{{Delete: true, Definition: d, ExpectVersion: core.AnyVersion}}, "test", w.clock)
	w.must(err)
}

func (w *world) pause(id string, p *core.Pause) {
	w.Helper()
	if p != nil {
		p.At = w.clock
	}
	_, err := w.store.SetPaused(w.Context(), id, p, "test", w.clock)
	w.must(err)
}

// until moves the clock to a time. While it moves, the process beats and Temporal fires the
// definition on time.
func (w *world) until(clock string, d core.Definition) {
	w.Helper()
	end := at(clock)
	spec, err := cronspec.Parse(d.TriggerConfig.CronExpression, d.TriggerConfig.Timezone)
	w.must(err)
	due := slices.Collect(spec.Between(w.clock.Add(time.Nanosecond), end.Add(time.Nanosecond)))
	for w.clock.Before(end) {
		step := w.clock.Add(5 * time.Second)
		if step.After(end) {
			step = end
		}
		if len(due) > 0 && !due[0].After(step) {
			w.clock = due[0]
			due = due[1:]
			w.must(w.beat.Beat(w.Context()))
			w.native(d.ID, w.clock)
			continue
		}
		w.clock = step
		w.must(w.beat.Beat(w.Context()))
	}
}

// nothingUntil moves the clock and nothing else: everything is down.
func (w *world) nothingUntil(clock string) { w.clock = at(clock) }

// recover is the first sign of life after an outage.
func (w *world) recover() {
	w.Helper()
	w.replace()
	w.must(w.beat.Start(w.Context()))
	w.must(w.beat.Stop(w.Context()))
}

// native is Temporal's scheduler starting a slot.
func (w *world) native(id string, nominal time.Time) {
	w.Helper()
	_, err := w.StartRun(w.Context(), id, core.CronCause(nominal))
	w.must(err)
}

// StartRun is Temporal starting an execution, and a worker admitting it at once.
func (w *world) StartRun(ctx context.Context, id string, cause core.Cause) (core.StartOutcome, error) {
	workflowID := core.WorkflowID(id, cause)
	if w.executions[workflowID] != "" {
		return core.StartOutcome{AlreadyStarted: true}, nil
	}
	w.executions[workflowID] = core.SlotClosed
	def, err := w.store.DefinitionAny(ctx, id)
	if err != nil {
		return core.StartOutcome{}, err
	}
	settle, err := w.policy.Decide(ctx, def, *cause.NominalTime, w.clock)
	if err != nil {
		return core.StartOutcome{}, err
	}
	adm, err := w.store.Admit(ctx, core.Claim{
		ActivityID: id, ActivityName: def.Name, DefinitionVersion: def.Version, Cause: cause, WorkflowID: workflowID,
		TemporalRunID: fmt.Sprintf("execution-%d", len(w.executions)), Settle: settle, At: w.clock,
	})
	if err != nil || !adm.Admitted {
		return core.StartOutcome{}, err
	}
	w.fired = append(w.fired, *cause.NominalTime)
	if w.slow {
		w.executions[workflowID] = core.SlotOpen
		w.open = append(w.open, adm.Run.RunID)
		return core.StartOutcome{}, nil
	}
	return core.StartOutcome{}, w.end(ctx, adm.Run.RunID)
}

// end gives a run its end, with nothing to do.
func (w *world) end(ctx context.Context, runID string) error {
	_, _, err := w.store.ExecuteSmall(ctx, runID, core.Plan{}, nil, nil, w.clock)
	return err
}

// endRuns ends the open runs now.
func (w *world) endRuns() {
	w.Helper()
	for _, id := range w.open {
		w.must(w.end(w.Context(), id))
	}
	w.open = nil
}

func (w *world) Backlog(context.Context, string) (int64, time.Time, error) {
	if w.pausedOutside {
		return 0, time.Time{}, core.Errorf(core.CodeConflict, "paused in Temporal")
	}
	return w.buffered, w.next, nil
}

func (w *world) SlotState(_ context.Context, id string, nominal time.Time) (core.SlotState, error) {
	if s := w.executions[core.WorkflowID(id, core.CronCause(nominal))]; s != "" {
		return s, nil
	}
	return core.SlotAbsent, nil
}

func (w *world) tick() slots.TickReport {
	w.Helper()
	report, err := w.watchdog.Tick(w.Context())
	w.must(err)
	return report
}

// settle ticks until nothing changes any more.
func (w *world) settle() {
	w.Helper()
	for range 100 {
		if r := w.tick(); len(r.Settled) == 0 && r.Started == 0 && r.Waiting == 0 {
			return
		}
	}
	w.Fatal("the watchdog never comes to rest")
}

// verdicts lists the ledger's cron rows of a stretch of time as "15:04 verdict", with the time
// of Into where there is one.
func (w *world) verdicts(id, from, to string) []string {
	w.Helper()
	page, err := w.store.LedgerEntries(w.Context(), core.LedgerFilter{ActivityID: id, Since: at(from), Until: at(to)}, core.PageRequest{Limit: 1000})
	w.must(err)
	var out []string
	for _, e := range page.Items {
		line := e.Cause.NominalTime.Format("15:04") + " " + string(e.Verdict)
		if e.Into != "" {
			into, err := time.Parse(time.RFC3339, e.Into[len("cron-"):])
			w.must(err)
			line += " into " + into.Format("15:04")
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// wantVerdicts compares with the expectation: one verdict for the slots of each minute from..to
// (both included).
func (w *world) wantVerdicts(id string, spans ...span) {
	w.Helper()
	var want []string
	for _, s := range spans {
		for t := at(s.from); !t.After(at(s.to)); t = t.Add(time.Minute) {
			want = append(want, t.Format("15:04")+" "+s.verdict)
		}
	}
	last := spans[len(spans)-1].to
	got := w.verdicts(id, spans[0].from, at(last).Add(time.Minute).Format("15:04"))
	if !slices.Equal(got, want) {
		w.Errorf("verdicts\n got %v\nwant %v", got, want)
	}
}

type span struct{ from, to, verdict string }

// firedBetween lists admitted nominal times of [from, to] in order of admission.
func (w *world) firedBetween(from, to string) []string {
	var out []string
	for _, t := range w.fired {
		if !t.Before(at(from)) && !t.After(at(to)) {
			out = append(out, t.Format("15:04"))
		}
	}
	return out
}

// wantComplete checks that every expected slot has one final verdict and that no nominal time
// ran twice.
func (w *world) wantComplete(from, to string) {
	w.Helper()
	report, err := slots.NewChecker(w.store).Check(w.Context(), "", at(from), at(to))
	w.must(err)
	if !report.OK() || report.Expected == 0 {
		w.Errorf("ledger check %s to %s: %+v", from, to, report)
	}
	seen := make(map[time.Time]bool)
	for _, t := range w.fired {
		if seen[t] {
			w.Errorf("%s ran twice", t)
		}
		seen[t] = true
	}
}

func minutesBetween(from, to string) []string {
	var out []string
	for t := at(from); !t.After(at(to)); t = t.Add(time.Minute) {
		out = append(out, t.Format("15:04"))
	}
	return out
}

// withoutScheduleUntil lets time pass in which Temporal fires nothing, because the schedule is
// gone, and the process lives.
func (w *world) withoutScheduleUntil(clock string) {
	w.Helper()
	never := minutely("")
	never.TriggerConfig.CronExpression = core.StringList{"0 0 1 1 *"}
	w.until(clock, never)
}
