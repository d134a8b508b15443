// Package crowd starts the runs of an instant at which many definitions are due, such as a full
// hour. Temporal's scheduler works through such an instant at a few dozen runs a second,
// because each schedule is a workflow that must wake up first; a plain start costs a third of
// that. So when at least [Config.Size] definitions share an instant, [Starter] starts their
// runs itself under the workflow IDs that their schedules would use. A schedule that comes to
// the same slot later finds its execution and starts nothing; one whose run nobody started here
// starts it as always. Once per slot and none lost therefore hold without this package, and
// whatever goes wrong in it costs time only.
//
// It must not decide what runs: it takes only slots whose schedule would start them at once.
// Everything else (other misfire policies, jitter, a run still open, a pause, a missing
// schedule) is left to the schedule. ADR 0007 has the reasons.
package crowd

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/background"
	"github.com/activity-core/activity-core/internal/misfire"
)

// Record is what is asked of the record.
type Record interface {
	core.Catalogue
	Runs(ctx context.Context, f core.RunFilter, p core.PageRequest) (core.Page[core.Run], error)
}

// Runs starts the one run of a cause. An execution that exists is no error.
type Runs interface {
	StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error)
}

// Schedules tells which definitions have a schedule that would fire.
type Schedules interface {
	// Firing returns the IDs of the definitions whose schedule exists and is not paused, by
	// whomever.
	Firing(ctx context.Context) (map[string]bool, error)
	// Backlog of one definition: a zero next means that its schedule is paused, or does not exist,
	// and CodeConflict that it is paused and the record does not know of it yet.
	Backlog(ctx context.Context, activityID string) (buffered int64, next time.Time, err error)
}

// DefaultSize is from how many definitions on an instant is a crowd: below it Temporal's
// scheduler is done within two seconds.
const DefaultSize = 50

// Config says how a [Starter] works. Record, Runs and Schedules are required.
type Config struct {
	Record    Record
	Runs      Runs
	Schedules Schedules
	// Size is from how many definitions due at one instant are started here; default [DefaultSize],
	// at least 1.
	Size int
	// Concurrency bounds the starts under way; default 16: more only adds latency.
	Concurrency int
	// Started is told how late each run was started here; nil is told nothing.
	Started func(late time.Duration)
	// Log receives what was done; nil discards it.
	Log *slog.Logger
	// Now is the clock, which must agree with Temporal's within a second or two; nil is time.Now.
	Now func() time.Time
}

const (
	// period is the finest a cron expression can say.
	period = time.Minute
	// lead is how long before an instant its crowd is looked for.
	lead = 5 * time.Second
	// tooLate is after how long a slot is left to its schedule, which has been busy with it since.
	tooLate = 30 * time.Second
)

// Starter watches the clock. Replicas may all do so: each takes the slots in an order of its
// own, and Temporal refuses the second start of a slot.
type Starter struct {
	cfg   Config
	known catalogue
	task  background.Task
}

// New makes a starter; Start makes it watch.
func New(cfg Config) *Starter {
	if cfg.Size <= 0 {
		cfg.Size = DefaultSize
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 16
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Starter{cfg: cfg}
}

// Start begins to watch. Starting a started starter does nothing.
func (s *Starter) Start(context.Context) error {
	s.task.Start(s.watch)
	return nil
}

// Stop ends the watching and waits for the starts under way, or for ctx. It may be called
// again, and before Start.
func (s *Starter) Stop(ctx context.Context) error { return s.task.Stop(ctx) }

func (s *Starter) watch(ctx context.Context) {
	for ctx.Err() == nil {
		// An instant whose lead has begun is taken too: what has passed of it is only preparation.
		at := s.cfg.Now().UTC().Truncate(period).Add(period)
		if s.until(ctx, at.Add(-lead)) != nil {
			return
		}
		if _, err := s.Instant(ctx, at); err != nil && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "the crowd at an instant is left to Temporal's scheduler", "at", at, "error", err)
		}
		if s.until(ctx, at) != nil {
			return
		}
	}
}

// Report is what became of an instant.
type Report struct {
	// Due definitions have the instant among their times.
	Due int
	// Started runs are those started here; Found are executions that existed, Left are left to
	// their schedules.
	Started, Found, Left int
}

// Instant prepares an instant, waits for it and starts its runs if it is a crowd. It must be
// called by one goroutine at a time.
func (s *Starter) Instant(ctx context.Context, at time.Time) (Report, error) {
	if err := s.known.refresh(ctx, s.cfg.Record); err != nil {
		return Report{}, err
	}
	due := s.known.due(at)
	if len(due) < s.cfg.Size {
		return Report{Due: len(due), Left: len(due)}, nil
	}
	firing, err := s.cfg.Schedules.Firing(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("list schedules: %w", err)
	}
	if err := s.askForUnlisted(ctx, due, firing); err != nil {
		return Report{}, err
	}
	if err := s.until(ctx, at); err != nil {
		return Report{}, err
	}
	// What was saved in the meantime is what counts.
	if err := s.known.refresh(ctx, s.cfg.Record); err != nil {
		return Report{}, err
	}
	open, err := s.openRuns(ctx)
	if err != nil {
		return Report{}, err
	}
	due = s.known.due(at)
	report := Report{Due: len(due)}
	var take []core.StoredDefinition
	for _, def := range due {
		if ours(def) && firing[def.ID] && !open[def.ID] {
			take = append(take, def)
		}
	}
	err = s.start(ctx, at, take, &report)
	report.Left = report.Due - report.Started - report.Found
	s.cfg.Log.InfoContext(ctx, "started the runs of a crowded instant", "at", at, "due", report.Due, "started", report.Started,
		"found", report.Found, "left", report.Left, "took", s.cfg.Now().Sub(at).String())
	return report, err
}

// maxUnlisted bounds the schedules that are asked for one by one.
const maxUnlisted = 100

// askForUnlisted adds schedules that a listing missed, which happens while schedules change.
func (s *Starter) askForUnlisted(ctx context.Context, due []core.StoredDefinition, firing map[string]bool) error {
	asked := 0
	for _, def := range due {
		if firing[def.ID] || !ours(def) {
			continue
		}
		if asked++; asked > maxUnlisted {
			return nil
		}
		_, next, err := s.cfg.Schedules.Backlog(ctx, def.ID)
		if core.IsCode(err, core.CodeConflict) { // paused by an operator, which the record does not know yet
			continue
		}
		if err != nil {
			return fmt.Errorf("look at the schedule of %s: %w", def.ID, err)
		}
		firing[def.ID] = !next.IsZero()
	}
	return nil
}

// ours reports whether a definition's schedule would start each of its slots at once, or never.
// The policies that let slots wait for the run before them need a schedule that knows of that
// run.
func ours(def core.StoredDefinition) bool {
	return !misfire.RuleOf(def.TriggerConfig.MisfirePolicy).Waits() && def.TriggerConfig.Jitter == 0
}

// openRuns are the definitions with a run that has not ended: their schedule knows whether that
// is an overlap.
func (s *Starter) openRuns(ctx context.Context) (map[string]bool, error) {
	open := make(map[string]bool)
	for _, status := range []core.RunStatus{core.RunRunning, core.RunPending} {
		p := core.PageRequest{Limit: 1000}
		for {
			page, err := s.cfg.Record.Runs(ctx, core.RunFilter{Status: status, Kind: core.CauseCron}, p)
			if err != nil {
				return nil, fmt.Errorf("read open runs: %w", err)
			}
			for _, r := range page.Items {
				open[r.ActivityID] = true
			}
			if p.Cursor = page.NextCursor; p.Cursor == "" {
				break
			}
		}
	}
	return open, nil
}

func (s *Starter) start(ctx context.Context, at time.Time, take []core.StoredDefinition, report *Report) error {
	rand.Shuffle(len(take), func(i, j int) { take[i], take[j] = take[j], take[i] }) // replicas divide the work
	var mu sync.Mutex
	work, within := errgroup.WithContext(ctx)
	work.SetLimit(s.cfg.Concurrency)
	for _, def := range take {
		if within.Err() != nil || s.cfg.Now().Sub(at) > tooLate {
			break
		}
		work.Go(func() error {
			outcome, err := s.cfg.Runs.StartRun(within, def.ID, core.CronCause(at))
			late := s.cfg.Now().Sub(at)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case core.IsCode(err, core.CodeUnavailable):
				return fmt.Errorf("start a run: %w", err) // the others would wait as long
			case err != nil:
				s.cfg.Log.WarnContext(within, "a start is left to Temporal's scheduler", "activity_id", def.ID, "at", at, "error", err)
			case outcome.AlreadyStarted:
				report.Found++
			default:
				report.Started++
				if s.cfg.Started != nil {
					s.cfg.Started(late)
				}
			}
			return nil
		})
	}
	err := work.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// until waits until the clock shows at.
func (s *Starter) until(ctx context.Context, at time.Time) error {
	for {
		// A long wait is cut into pieces, for a clock may be set meanwhile.
		left := min(at.Sub(s.cfg.Now()), period)
		if left <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
