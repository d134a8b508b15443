package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/telemetry"
)

// Record is what the API reads and writes of the store besides the use cases.
type Record interface {
	core.RunReader
	core.Tasks
	core.Idempotency
	// Event finds an event that was kept with a cause.
	Event(ctx context.Context, eventID string) (core.EventRecord, error)
	LedgerEntries(ctx context.Context, f core.LedgerFilter, p core.PageRequest) (core.Page[core.LedgerEntry], error)
	SchedulesBehind(ctx context.Context, f core.BehindFilter) (core.SchedulesBehind, error)
	Schedules(ctx context.Context, f core.ScheduleFilter, p core.PageRequest) (core.Page[core.ScheduleState], error)
	LastObservation(ctx context.Context) (core.ScheduleObservation, error)
	AuditEntries(ctx context.Context, object string, p core.PageRequest) (core.Page[core.AuditEntry], error)
}

// Publisher puts events into the stream; it returns after JetStream's acknowledgement.
type Publisher interface {
	PublishEvents(ctx context.Context, events []core.Event) ([]core.PublishReceipt, error)
}

// EventLog reads the stream and explains events.
type EventLog interface {
	List(ctx context.Context, eventType string, since, until time.Time, p core.PageRequest) (core.Page[core.EventListing], error)
	Event(ctx context.Context, eventID string) (core.EventListing, error)
	// LastSequence is the newest event's, 0 in an empty stream.
	LastSequence(ctx context.Context) (uint64, error)
	// Tail calls each for every event stored after a sequence, in order, until ctx ends (nil) or
	// each fails.
	Tail(ctx context.Context, after uint64, each func(core.EventListing) error) error
	// Explain holds an event against one definition (ID or name), or against all if ref is "".
	Explain(ctx context.Context, e core.Event, ref string, p core.PageRequest) (core.Page[core.EventExplanation], error)
	// Replay holds stored events against a definition and calls each for every match.
	Replay(ctx context.Context, req core.ReplayRequest, each func(core.ReplayMatch) error) (core.ReplayReport, error)
}

// DeadLetters is the dead-letter stream.
type DeadLetters interface {
	List(ctx context.Context, reason, eventType string, p core.PageRequest) (core.Page[core.DeadLetter], error)
	Show(ctx context.Context, id uint64) (core.DeadLetter, error)
	// Conflicts returns the newest letters of events that came with the event_id of another one,
	// newest first.
	Conflicts(ctx context.Context, e core.EventListing) ([]core.ConflictingEvent, error)
	Replay(ctx context.Context, id uint64) (core.PublishReceipt, error)
	Drop(ctx context.Context, id uint64) error
	// ReplayAll and DropAll settle those of a reason and a type (empty: any) that are there, oldest
	// first, and return how many, also with an error.
	ReplayAll(ctx context.Context, reason, eventType string) (int, error)
	DropAll(ctx context.Context, reason, eventType string) (int, error)
}

// Schedules reconciles, or shows what would be reconciled.
type Schedules interface {
	Sync(ctx context.Context, o core.SyncOptions) (core.SyncReport, error)
}

// Slots accounts for nominal times.
type Slots interface {
	Check(ctx context.Context, activityID string, since, until time.Time) (wire.LedgerCheck, error)
	Backfill(ctx context.Context, def core.StoredDefinition, in wire.Backfill, by core.Actor) (wire.BackfillResult, error)
}

// Zones tells which zone data the process goes by.
type Zones interface {
	State() core.ZoneDataState
}

// Config joins what the API serves. Catalog and Record are required; a nil port
// makes its routes answer 503.
type Config struct {
	Catalog     *catalog.Service
	Record      Record
	Publisher   Publisher
	Events      EventLog
	DeadLetters DeadLetters
	Schedules   Schedules
	Slots       Slots
	Secrets     Secrets
	Health      *telemetry.Health
	Zones       Zones
	// Token is the bearer token every request must carry; empty: none, for loopback only.
	Token string
	// WebhookSecrets are the secrets by source: github, gitea, gitlab, standard. Any of a source's
	// is good.
	WebhookSecrets map[string][]string
	// Stopping is closed when the server is about to stop: feeds, which would not end by
	// themselves, end then. May be nil.
	Stopping <-chan struct{}
	// BodyTime bounds how long the body of a request may take to arrive; default 30 s.
	BodyTime time.Duration
	// Observe is told of every request; may be nil.
	Observe func(route, method string, status int, took time.Duration)
	Logger  *slog.Logger
	Now     func() time.Time
	Version string
}

type server struct {
	Config
	log *slog.Logger
	api huma.API
	mux *http.ServeMux
}

// Limits of request bodies, bytes.
const (
	maxDocumentBody = core.MaxDocumentBytes
	maxEventBody    = 1 << 20
	maxApplyBody    = 32 << 20
	maxSmallBody    = 512 << 10
)

// New makes the handler of the API.
func New(c Config) http.Handler {
	installProblems()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Health == nil {
		c.Health = telemetry.NewHealth()
	}
	if c.BodyTime == 0 {
		c.BodyTime = defaultBodyTime
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	s := &server{Config: c, log: c.Logger, mux: http.NewServeMux()}
	config := huma.DefaultConfig("activity-core", c.Version)
	config.Info.Description = "Activities on a clock or on an event, exactly once per cause. Errors are RFC 9457 problem documents with `code` and `errors`."
	config.CreateHooks = nil // no $schema fields in answers
	config.DocsPath = ""     // huma's page comes from elsewhere; ours is docs.go
	config.RejectUnknownQueryParameters = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	config.Formats = map[string]huma.Format{"application/json": plainJSON, "json": plainJSON}
	writtenAs(config.Components.Schemas)
	s.api = humago.New(s.mux, config)
	s.definitions()
	s.definitionActions()
	s.runs()
	s.tasks()
	s.events()
	s.tail()
	s.hooks()
	s.deadLetters()
	s.operations()
	s.system()
	s.secrets()
	s.health()
	s.docs()
	return s.middleware(s.mux)
}

// unavailable refuses a route whose port this process does not have.
func unavailable(what string) error {
	return core.Errorf(core.CodeUnavailable, "this process does not offer %s; ask one with the role for it", what)
}

// register adds a route; the handler's error becomes a problem document.
func register[I, O any](s *server, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxSmallBody
	}
	op.RejectUnknownQueryParameters = true
	op.BodyReadTimeout = s.BodyTime
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.toProblem(ctx, err)
		}
		return out, nil
	})
}

// op is an operation with the ID, tag and summary that the documentation shows.
func op(method, path, id, tag, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag}}
}

// PageQuery are the paging parameters of every list.
type PageQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"items on one page"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

func (q PageQuery) request() core.PageRequest {
	return core.PageRequest{Limit: q.Limit, Cursor: q.Cursor}
}

// body wraps an answer for huma.
type body[T any] struct{ Body T }

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{Body: v}, nil
}

func page[T any](p core.Page[T], err error) (*body[wire.Page[T]], error) {
	if p.Items == nil {
		p.Items = []T{}
	}
	return answer(wire.Page[T]{Items: p.Items, NextCursor: p.NextCursor}, err)
}

// moment reads the time of a query parameter or a field.
func (s *server) moment(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return instant(name, text, s.Now())
}

// instant reads a time in each form that flags take; an error names the parameter or field.
func instant(name, text string, now time.Time) (time.Time, error) {
	t, err := core.ParseInstant(text, now)
	if err != nil {
		return t, core.InvalidField(name, brief(text), "%v", err)
	}
	return t, nil
}

func (s *server) span(since, until string) (from, to time.Time, err error) {
	if from, err = s.moment("since", since); err != nil {
		return
	}
	if to, err = s.moment("until", until); err != nil {
		return
	}
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		err = core.InvalidField("until", until, "lies before since (%s)", since)
	}
	return
}

// activityID resolves the name or ID of a definition, live or deleted, that restricts a list;
// "" restricts nothing.
func (s *server) activityID(ctx context.Context, ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	return s.Catalog.ID(ctx, "activity", ref)
}
