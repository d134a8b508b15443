package catalog

import (
	"context"
	"log/slog"
	"time"

	core "github.com/activity-core/activity-core"
)

// Store is what the use cases need of the record.
type Store interface {
	core.DefinitionReader
	core.DefinitionWriter
	core.Ledger
	core.RunReader
	core.Audit
}

// Runs starts and cancels workflow executions.
type Runs interface {
	StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error)
	CancelRun(ctx context.Context, workflowID string) error
}

// Schedules brings the Temporal schedule of one definition in step with the record.
type Schedules interface {
	SyncDefinition(ctx context.Context, id string) error
}

// Context fetches what a definition's `context` names, as a run would.
type Context interface {
	Fetch(ctx context.Context, def core.StoredDefinition) (map[string]any, error)
}

// Config joins the parts of a Service. Store is required; the others may be nil
// in a process that does not offer what needs them.
type Config struct {
	Store     Store
	Runs      Runs
	Schedules Schedules
	Context   Context
	// Now is the clock; time.Now if nil.
	Now    func() time.Time
	Logger *slog.Logger
}

// Service is the set of use cases. It is safe for concurrent use.
type Service struct {
	Config
}

// New returns a Service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{Config: c}
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// Saved is a stored definition and whether its schedule already follows.
type Saved struct {
	core.StoredDefinition
	// SchedulePending is true if the change is committed but Temporal could not be
	// told yet; reconciliation will.
	SchedulePending bool
}

// syncTimeout bounds how long a saved change waits for Temporal; the change is committed either way.
const syncTimeout = 10 * time.Second

// follow makes the schedule follow a committed change. The answer must not
// depend on the client's patience, hence the detached context.
func (s *Service) follow(ctx context.Context, d core.StoredDefinition) Saved {
	saved := Saved{StoredDefinition: d}
	if s.Schedules == nil {
		saved.SchedulePending = d.TriggerType == core.TriggerCron
		return saved
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncTimeout)
	defer cancel()
	if err := s.Schedules.SyncDefinition(ctx, d.ID); err != nil {
		s.Logger.WarnContext(ctx, "schedule does not follow yet; reconciliation will repeat it",
			"activity", d.Name, "activity_id", d.ID, "error", err)
		saved.SchedulePending = true
	}
	return saved
}

// Audit adds an entry to the trail, with the present as its time, for what is done outside the record: a change of the record has its entry
// in its own transaction.
func (s *Service) Audit(ctx context.Context, e core.AuditEntry) {
	e.At = s.now()
	if err := s.Store.AppendAudit(context.WithoutCancel(ctx), e); err != nil {
		s.Logger.ErrorContext(ctx, "audit entry lost", "action", e.Action, "object", e.Object, "by", string(e.By), "error", err)
	}
}
