package temporalrun

import (
	"context"
	"errors"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/background"
	"github.com/activity-core/activity-core/internal/launch"
	"github.com/activity-core/activity-core/internal/retry"
	"github.com/activity-core/activity-core/internal/temporalerr"
)

// SweeperConfig says how a [Sweeper] works. Starter and Record are required.
type SweeperConfig struct {
	Starter *Starter
	Record  PendingRecord
	Metrics Metrics
	// Log receives what was swept; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Every is the time between sweeps; default 10s.
	Every time.Duration
	// OlderThan is the age from which a cause without a run counts as lost; default 30s. It should
	// exceed the time a start takes.
	OlderThan time.Duration
	// StuckAfter is the age from which an unfinished run is compared with Temporal; default 10m.
	StuckAfter time.Duration
}

// Sweeper starts again what was recorded and never began, because the process died between the
// two, and closes runs whose workflow was ended from outside. Replicas may sweep at once:
// Temporal refuses a second start, and the ledger the rest.
type Sweeper struct {
	cfg  SweeperConfig
	task background.Task
}

// sweepLimit bounds the causes of one sweep; the next one goes on.
const sweepLimit = 500

// NewSweeper makes a sweeper; Start makes it sweep.
func NewSweeper(cfg SweeperConfig) *Sweeper {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Every <= 0 {
		cfg.Every = 10 * time.Second
	}
	if cfg.OlderThan <= 0 {
		cfg.OlderThan = 30 * time.Second
	}
	if cfg.StuckAfter <= 0 {
		cfg.StuckAfter = 10 * time.Minute
	}
	return &Sweeper{cfg: cfg}
}

// Start begins to sweep, the first time at once. Starting a started sweeper does nothing.
func (s *Sweeper) Start(context.Context) error {
	s.task.Start(func(ctx context.Context) {
		for {
			if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.WarnContext(ctx, "sweep failed and will be repeated", "error", err)
			}
			if retry.Sleep(ctx, s.cfg.Every) != nil {
				return
			}
		}
	})
	return nil
}

// Stop ends sweeping and waits for the sweep in progress, or for ctx.
func (s *Sweeper) Stop(ctx context.Context) error { return s.task.Stop(ctx) }

// Sweep goes through the record once and returns how many causes it started.
func (s *Sweeper) Sweep(ctx context.Context) (restarted int, err error) {
	now := s.cfg.Now().UTC()
	pending, err := s.cfg.Record.PendingCauses(ctx, now.Add(-s.cfg.OlderThan), sweepLimit)
	if err != nil {
		return 0, err
	}
	var confirmed []core.Start
	var failed []error
	for _, c := range pending {
		if c.Cause.Kind == core.CauseCron {
			failed = append(failed, s.closeUnbegun(ctx, c, now))
			continue // internal/slots starts it if there is no execution: it keeps the order of make-ups
		}
		outcome, err := s.cfg.Starter.StartRun(ctx, c.ActivityID, c.Cause)
		if err != nil {
			failed = append(failed, err)
			if core.IsCode(err, core.CodeUnavailable) {
				break // the rest would wait as long
			}
			continue
		}
		confirmed = append(confirmed, launch.StartOf(c.ActivityID, c.Cause))
		if !outcome.AlreadyStarted {
			restarted++
			s.cfg.Log.InfoContext(ctx, "started a run whose start was lost", "activity_id", c.ActivityID, "cause", c.Cause.Key())
		} else if err := s.closeUnbegun(ctx, c, now); err != nil {
			failed = append(failed, err)
		}
	}
	s.cfg.Metrics.swept(restarted)
	if len(confirmed) > 0 {
		failed = append(failed, s.cfg.Record.ConfirmStarts(ctx, confirmed, now))
	}
	failed = append(failed, s.closeStuck(ctx, now))
	return restarted, errors.Join(failed...)
}

// closeUnbegun gives a cause its run if its workflow was ended before its first task: nothing
// else ever would.
func (s *Sweeper) closeUnbegun(ctx context.Context, c core.CauseRecord, now time.Time) error {
	workflowID := core.WorkflowID(c.ActivityID, c.Cause)
	how, temporalRunID, err := s.closedHow(ctx, workflowID)
	if err != nil || how == "" || how == removed {
		return err
	}
	adm, err := s.cfg.Record.Admit(ctx, core.Claim{
		ActivityID: c.ActivityID, ActivityName: c.ActivityName, DefinitionVersion: c.DefinitionVersion, Cause: c.Cause,
		WorkflowID: workflowID, TemporalRunID: temporalRunID, At: now,
	})
	if err != nil || !adm.Admitted {
		return err
	}
	return s.close(ctx, adm.Run, how, now)
}

// closeStuck closes runs in the record that Temporal has ended without their knowing:
// terminated, or timed out.
func (s *Sweeper) closeStuck(ctx context.Context, now time.Time) error {
	filter := core.RunFilter{Status: core.RunRunning, Until: now.Add(-s.cfg.StuckAfter)}
	page, err := s.cfg.Record.Runs(ctx, filter, core.PageRequest{Limit: sweepLimit})
	if err != nil {
		return err
	}
	var failed []error
	for _, run := range page.Items {
		how, _, err := s.closedHow(ctx, run.WorkflowID)
		if err == nil && how != "" {
			err = s.close(ctx, run, how, now)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (s *Sweeper) close(ctx context.Context, run core.Run, how string, now time.Time) error {
	status := core.RunFailed
	if how == "canceled" {
		status = core.RunCanceled
	}
	s.cfg.Log.WarnContext(ctx, "closed a run whose workflow had ended", "run_id", run.RunID, "workflow", how)
	run, err := s.cfg.Record.FinishRun(ctx, run.RunID, status, "its workflow in Temporal was "+how+" before the run was done", now)
	if err == nil {
		s.cfg.Metrics.finished(run)
	}
	return err
}

// removed is how a workflow ended that Temporal does not know, or not any more.
const removed = "removed"

// closedHow returns how the workflow ended, "" if it still runs, and the ID of its execution.
func (s *Sweeper) closedHow(ctx context.Context, workflowID string) (how, temporalRunID string, err error) {
	d, err := s.cfg.Starter.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return removed, "", nil
	}
	if err != nil {
		return "", "", temporalerr.Of(err, "describe the run in Temporal")
	}
	info := d.GetWorkflowExecutionInfo()
	switch info.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		how = "terminated"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		how = "timed out"
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		how = "canceled"
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		how = "failed"
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		how = "completed"
	}
	return how, info.GetExecution().GetRunId(), nil
}
