package router

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventtrigger"
)

// Starter starts the one run of (definition, cause). An execution that exists is no error.
// CodeUnavailable: ask again, for ever: no answer, or nothing can be started as things are set
// up. Any other code counts as a failure of this event.
type Starter interface {
	StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error)
}

// Ledger is what the router asks of the run ledger; its rules are those of [core.Ledger].
type Ledger interface {
	RecordMatches(ctx context.Context, recs []core.CauseRecord, s []core.Settlement, at time.Time) ([]core.CauseState, error)
	ConfirmStarts(ctx context.Context, starts []core.Start, at time.Time) error
}

// DeadLetters keeps what cannot be routed. It answers the event ID under which the letter is
// found, "" if it has none.
type DeadLetters interface {
	Store(ctx context.Context, m eventstream.Message, deliveries uint64, reason, detail string) (eventID string, err error)
}

// Config is what a router needs. The first five are required.
type Config struct {
	JetStream   jetstream.JetStream
	Catalogue   core.Catalogue
	Ledger      Ledger
	Starter     Starter
	DeadLetters DeadLetters

	// CompileWhen compiles trigger_config.when; nil is [CompileCEL].
	CompileWhen eventtrigger.CompileWhen
	Metrics     Metrics
	// Log receives what a person may have to look at; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// FetchWait is how long one fetch waits for events; it is also the longest a Stop waits for the
	// fetch under way: what the server sends to a fetch that was given up would not be delivered
	// again for a minute. Default 500ms.
	FetchWait time.Duration
	// Parallel is how many starts run at once, 1 to [MaxParallel]; default 16, beyond which
	// Temporal only gets slower.
	Parallel int
	// Batch is how many events at most share one ledger transaction, 1 to [MaxBatch]; default 256.
	Batch int
	// MaxInFlight bounds the events this router has taken and not answered; default 1,024, and not
	// below Batch.
	MaxInFlight int
	// MaxFailures is after how many deliveries that failed for good (not for want of a server) an
	// event becomes a dead letter; default 5.
	MaxFailures int
}

// Bounds of [Config]: beyond them a mistake is likelier than an intention.
const (
	MaxParallel = 256
	MaxBatch    = 1000
)

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.CompileWhen == nil {
		c.CompileWhen = eventtrigger.CompileCEL
	}
	if c.FetchWait <= 0 {
		c.FetchWait = 500 * time.Millisecond
	}
	if c.Parallel == 0 {
		c.Parallel = 16
	}
	if c.Batch == 0 {
		c.Batch = 256
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 1024
	}
	c.MaxInFlight = max(c.MaxInFlight, c.Batch)
	if c.MaxFailures == 0 {
		c.MaxFailures = 5
	}
	return c
}

func (c Config) validate() error {
	var missing string
	switch {
	case c.JetStream == nil:
		missing = "JetStream"
	case c.Catalogue == nil:
		missing = "Catalogue"
	case c.Ledger == nil:
		missing = "Ledger"
	case c.Starter == nil:
		missing = "Starter"
	case c.DeadLetters == nil:
		missing = "Letters"
	}
	if missing != "" {
		return core.Errorf(core.CodeInternal, "router: Config.%s is not set", missing)
	}
	for _, n := range []struct {
		name        string
		value, most int
	}{
		{"Parallel", c.Parallel, MaxParallel}, {"Batch", c.Batch, MaxBatch}, {"MaxInFlight", c.MaxInFlight, math.MaxInt}, {"MaxFailures", c.MaxFailures, math.MaxInt},
	} {
		switch {
		case n.value < 0:
			return core.Errorf(core.CodeInternal, "router: Config.%s is %d; it must not be negative", n.name, n.value)
		case n.value > n.most:
			return core.Errorf(core.CodeInternal, "router: Config.%s is %d; it must be at most %d", n.name, n.value, n.most)
		}
	}
	return nil
}
