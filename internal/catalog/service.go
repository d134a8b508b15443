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

// Follower lets Temporal's schedules follow the record, in the background. It finds by itself
// what has to follow.
type Follower interface {
	// Wake says that something has, so that it looks at once.
	Wake()
}

// Context fetches what a definition's `context` names, as a run would.
type Context interface {
	Fetch(ctx context.Context, def core.StoredDefinition) (map[string]any, error)
}

// Config joins the parts of a Service. Store is required; the others may be nil
// in a process that does not offer what needs them.
type Config struct {
	Store Store
	Runs  Runs
	// Follower is nil in a process that leaves schedules to another one.
	Follower Follower
	Context  Context
	// Seen lets warnings look at stored events.
	Seen Seen
	// Targets is where start_workflow may start workflows; what a document names beyond is refused
	// when it is saved.
	Targets core.WorkflowTargets
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
	// SchedulePending is true if the schedule in Temporal has still to follow. It does so in the
	// background: an answer does not wait for Temporal.
	SchedulePending bool
}

// follow says of committed rows which schedules have still to follow, and has that done.
func (s *Service) follow(stored ...core.StoredDefinition) []Saved {
	saved := make([]Saved, len(stored))
	wake := false
	for i, d := range stored {
		saved[i] = Saved{StoredDefinition: d, SchedulePending: d.SchedulePending()}
		wake = wake || saved[i].SchedulePending
	}
	if wake && s.Follower != nil {
		s.Follower.Wake()
	}
	return saved
}

// Audit adds an entry to the trail, with the present as its time, for what is done outside the
// record: a change of the record has its entry in its own transaction.
func (s *Service) Audit(ctx context.Context, e core.AuditEntry) {
	e.At = s.now()
	if err := s.Store.AppendAudit(context.WithoutCancel(ctx), e); err != nil {
		s.Logger.ErrorContext(ctx, "audit entry lost", "action", e.Action, "object", e.Object, "by", string(e.By), "error", err)
	}
}
