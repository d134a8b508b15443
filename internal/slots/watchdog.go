package slots

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/background"
	"github.com/activity-core/activity-core/internal/launch"
	"github.com/activity-core/activity-core/internal/misfire"
)

// Config says how a [Watchdog] works. Record, Starter and Scheduler are required.
type Config struct {
	Record    Record
	Starter   Starter
	Scheduler Scheduler
	// Every is the time between ticks; default 10s.
	Every time.Duration
	// Grace is how long a slot may be without a ledger row before it is looked at; default 60s, and
	// at least the definition's misfire_grace, plus its jitter.
	Grace time.Duration
	// Patience is how long a slot may stay with a schedule that says it will still start it, while
	// no run of the definition is open, before the schedule is no longer believed; default 10m.
	Patience time.Duration
	// Lost is the age from which a recorded make-up without an execution counts as one whose start
	// was lost, with the process that recorded it; default 30s. It should exceed the time a start
	// takes, or replicas start make-ups out of order.
	Lost time.Duration
	// MaxSlots bounds the slots of one definition in one tick; default 500.
	MaxSlots int
	// Concurrency bounds the definitions worked on at once; default 8.
	Concurrency int
	// MakeUpTime bounds how long one tick goes on starting make-up runs of one definition, each
	// after the end of the one before; default 20s. The next tick continues.
	MakeUpTime time.Duration
	Metrics    Metrics
	// Log receives what was done; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Watchdog gives a verdict to every slot that has none after a grace time, whatever the
// schedule in Temporal looks like: it settles it by the misfire policy, or starts the run that
// was missed under the nominal time's own workflow ID, so that it can never double a native
// one. A make-up that was recorded, by whomever, and not started within Lost is started here:
// the sweeper of other causes would not keep the order. Replicas may watch at once.
type Watchdog struct {
	cfg   Config
	specs specs
	task  background.Task

	tick sync.Mutex // one tick at a time; guards known
	// known is the catalogue, behind tick.
	known catalogue

	hurried sync.Mutex // guards written
	// written says up to when slots of a definition were due, by ID, as its schedule was written
	// and forgot them.
	written map[string]time.Time
}

// NewWatchdog makes a watchdog; Start makes it watch.
func NewWatchdog(cfg Config) *Watchdog {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.Every, 10*time.Second)
	def(&cfg.Grace, leastGrace)
	def(&cfg.Patience, 10*time.Minute)
	def(&cfg.Lost, 30*time.Second)
	def(&cfg.MakeUpTime, 20*time.Second)
	if cfg.MaxSlots <= 0 {
		cfg.MaxSlots = 500
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 8
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Watchdog{cfg: cfg}
}

// Start begins to watch. Starting a started watchdog does nothing.
func (w *Watchdog) Start(context.Context) error {
	w.task.Start(background.Every(w.cfg.Every, func(ctx context.Context) {
		if _, err := w.Tick(ctx); err != nil && ctx.Err() == nil {
			w.cfg.Log.WarnContext(ctx, "accounting for slots failed and will be repeated", "error", err)
		}
	}))
	return nil
}

// Stop ends the watching and waits for the tick in progress, or for ctx.
func (w *Watchdog) Stop(ctx context.Context) error { return w.task.Stop(ctx) }

// TickReport is what one tick did.
type TickReport struct {
	// Settled counts verdicts given without a run, by verdict.
	Settled map[core.Verdict]int
	// Started is the number of make-up runs.
	Started int
	// Waiting is the number of slots beyond their grace that wait for Temporal, a worker or an
	// earlier make-up.
	Waiting int
}

func (w *Watchdog) now() time.Time { return w.cfg.Now().UTC().Truncate(time.Microsecond) }

// leastGrace is how long a slot may be without a ledger row before the watchdog looks at it,
// whatever its misfire_grace.
const leastGrace = time.Minute

func (w *Watchdog) grace(def core.StoredDefinition) time.Duration {
	return max(w.cfg.Grace, misfire.TermsOf(def.TriggerConfig).Grace) + def.TriggerConfig.Jitter.Std()
}

// lastOutage is when the last recorded outage ended; zero if none that matters for a slot
// within its grace.
func (w *Watchdog) lastOutage(ctx context.Context, now time.Time) (end time.Time, err error) {
	outages, err := w.cfg.Record.Outages(ctx, now.Add(-core.MaxMisfireGrace.Std()), now.Add(time.Second))
	if err != nil {
		return end, fmt.Errorf("read outages: %w", err)
	}
	for _, o := range outages {
		if !o.To.After(now) {
			end = later(end, o.To)
		}
	}
	return end, nil
}

// overdue is the time before which a definition's slots should have a row: those whose grace is
// over, and those due before the end of an outage, which are late or missed by then, and wait
// for nobody but the schedule's own backlog.
func (w *Watchdog) overdue(def core.StoredDefinition, now, ended time.Time) time.Time {
	until := later(now.Add(-w.grace(def)), w.discarded(def.ID))
	if ended.IsZero() {
		return until
	}
	return later(until, ended.Add(-def.TriggerConfig.Jitter.Std()))
}

// discarded is up to when the definition's slots wait for nobody, because a write made its
// schedule forget them.
func (w *Watchdog) discarded(id string) time.Time {
	w.hurried.Lock()
	defer w.hurried.Unlock()
	return w.written[id]
}

// Tick looks at every definition once. An error about one of them does not keep it from the others.
func (w *Watchdog) Tick(ctx context.Context) (TickReport, error) {
	w.tick.Lock()
	defer w.tick.Unlock()
	total := TickReport{Settled: make(map[core.Verdict]int)}
	now := w.now()
	if err := w.known.refresh(ctx, w.cfg.Record, now); err != nil {
		return total, err
	}
	ended, err := w.lastOutage(ctx, now)
	if err != nil {
		return total, err
	}
	due := w.known.due(&w.specs, func(def core.StoredDefinition) time.Time { return w.overdue(def, now, ended) })
	if err := w.known.believe(ctx, w.cfg.Record, due); err != nil {
		return total, err
	}
	lost, err := w.lost(ctx, now)
	if err != nil {
		return total, err
	}
	due = withLost(due, lost, &w.known)
	var mu sync.Mutex
	var failed []error
	done := make(map[string]bool)
	w.each(ctx, due, func(ctx context.Context, item work) {
		mark, report, err := w.account(ctx, item)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = append(failed, fmt.Errorf("account for the slots of %s: %w", item.row.ID, err))
		}
		for v, n := range report.Settled {
			total.Settled[v] += n
		}
		total.Started += report.Started
		total.Waiting += report.Waiting
		if _, marked := w.known.marks[item.row.ID]; marked { // not one that has no cron trigger any more
			w.known.marks[item.row.ID] = mark
			done[item.row.ID] = true
		}
	})
	if marks := w.known.unsaved(done); len(marks) > 0 {
		if err := w.cfg.Record.Advance(ctx, marks); err != nil {
			failed = append(failed, fmt.Errorf("save how far slots are accounted for: %w", err))
		} else {
			maps.Copy(w.known.saved, marks)
		}
	}
	w.cfg.Metrics.overdue(total.Waiting)
	return total, errors.Join(failed...)
}

func (w *Watchdog) each(ctx context.Context, due []work, do func(context.Context, work)) {
	var group errgroup.Group
	group.SetLimit(w.cfg.Concurrency)
	for _, item := range due {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { do(ctx, item); return nil })
	}
	_ = group.Wait() // nothing in it fails
}

// account starts the make-ups of one definition whose start was lost and gives verdicts to its
// slots between its mark and until. It returns the new mark: everything before it has a ledger
// row.
func (w *Watchdog) account(ctx context.Context, item work) (time.Time, TickReport, error) {
	report := TickReport{Settled: make(map[core.Verdict]int)}
	tl, err := w.specs.load(ctx, w.cfg.Record, item.row.ID, item.mark, item.until)
	if err != nil {
		return item.mark, report, err
	}
	missing, horizon, err := w.missing(ctx, tl, item)
	if err != nil || len(missing) == 0 && len(item.lost) == 0 {
		return horizon, report, err
	}
	j := &judgement{w: w, ctx: ctx, def: item.row, terms: misfire.TermsOf(item.row.TriggerConfig), tl: tl, until: item.until, now: w.now(), report: &report}
	if item.row.DeletedAt != nil {
		j.terms = j.terms.Gone()
	}
	older, younger := item.lost, []Slot(nil)
	if len(missing) > 0 && item.row.DeletedAt == nil {
		older, younger = splitAt(item.lost, missing[0].Time)
	}
	if done, err := j.restart(older); err != nil || !done {
		return item.mark, report, err
	}
	if len(missing) == 0 {
		return horizon, report, nil
	}
	horizon, err = j.judge(missing, younger, horizon)
	return horizon, report, err
}

// missing lists slots without a ledger row, at most MaxSlots, and how far the list reaches.
func (w *Watchdog) missing(ctx context.Context, tl *timeline, item work) (out []Slot, horizon time.Time, err error) {
	horizon = item.until
	// Looked at in parts: a year of minutes is half a million slots, and most of them may have
	// rows.
	var part []Slot
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		without, err := w.withoutRow(ctx, item.row.ID, part)
		if err != nil {
			return err
		}
		out, part = append(out, without...), part[:0]
		return nil
	}
	for s := range tl.slots(item.mark, item.until) {
		if len(part) == w.cfg.MaxSlots {
			if err := flush(); err != nil {
				return nil, item.mark, err
			}
			if len(out) >= w.cfg.MaxSlots {
				horizon = s.Time
				break
			}
		}
		part = append(part, s)
	}
	if err := flush(); err != nil {
		return nil, item.mark, err
	}
	if len(out) > w.cfg.MaxSlots {
		horizon = out[w.cfg.MaxSlots].Time
		out = out[:w.cfg.MaxSlots]
	}
	return out, horizon, nil
}

// withoutRow keeps those of the slots, which ascend, that the ledger does not know.
func (w *Watchdog) withoutRow(ctx context.Context, id string, slots []Slot) ([]Slot, error) {
	rows, err := rowsOf(ctx, w.cfg.Record, id, slots[0].Time, slots[len(slots)-1].Time.Add(time.Second))
	if err != nil {
		return nil, err
	}
	var out []Slot
	for _, s := range slots {
		if !rows[core.CronCause(s.Time).Key()] {
			out = append(out, s)
		}
	}
	return out, nil
}

func rowsOf(ctx context.Context, record interface {
	CronKeys(ctx context.Context, activityID string, from, to time.Time) ([]string, error)
}, id string, from, to time.Time) (map[string]bool, error) {
	keys, err := record.CronKeys(ctx, id, from, to)
	if err != nil {
		return nil, fmt.Errorf("read ledger keys: %w", err)
	}
	rows := make(map[string]bool, len(keys))
	for _, k := range keys {
		rows[k] = true
	}
	return rows, nil
}

// settle writes verdicts, counts them, and returns the rows as they are now: a slot that has
// its run or its verdict keeps it.
func (w *Watchdog) settle(ctx context.Context, settlements []core.Settlement, report *TickReport) ([]core.LedgerEntry, error) {
	if len(settlements) == 0 {
		return nil, nil
	}
	rows, err := w.cfg.Record.Settle(ctx, settlements, w.now())
	if err != nil {
		return nil, fmt.Errorf("settle slots: %w", err)
	}
	for _, s := range settlements {
		report.Settled[s.Verdict]++
	}
	w.cfg.Metrics.settled(settlements)
	first, last := settlements[0], settlements[len(settlements)-1]
	w.cfg.Log.InfoContext(ctx, "slots settled", "activity_id", first.ActivityID, "activity", first.ActivityName, "count", len(settlements),
		"first", first.Cause.Key(), "last", last.Cause.Key(), "verdict", first.Verdict, "reason", first.Reason)
	return rows, nil
}

// start records a slot as a make-up and starts its run, unless it has its run or its verdict.
// What is recorded and not started a later tick starts.
func (w *Watchdog) start(ctx context.Context, def core.StoredDefinition, slot time.Time) (core.LedgerEntry, error) {
	out, err := w.launcher().Launch(ctx, makeUp(def, slot))
	if err != nil {
		return out.State.Entry, fmt.Errorf("make-up: %w", err)
	}
	if out.Started {
		w.cfg.Metrics.madeUp(w.now().Sub(slot))
		w.cfg.Log.InfoContext(ctx, "make-up run started", "activity_id", def.ID, "activity", def.Name, "nominal", slot)
	}
	return out.State.Entry, nil
}

// record writes a slot into the ledger as a make-up, unless it has a row.
func (w *Watchdog) record(ctx context.Context, def core.StoredDefinition, slot time.Time) (core.LedgerEntry, error) {
	state, err := w.launcher().Put(ctx, makeUp(def, slot))
	if err != nil {
		return core.LedgerEntry{}, fmt.Errorf("make-up: %w", err)
	}
	return state.Entry, nil
}

func (w *Watchdog) launcher() launch.Launcher {
	return launch.Launcher{Record: w.cfg.Record, Starter: w.cfg.Starter, Now: w.now}
}

func makeUp(def core.StoredDefinition, slot time.Time) core.CauseRecord {
	return core.CauseRecord{
		ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version, Cause: core.CronCause(slot), MakeUp: true,
	}
}
