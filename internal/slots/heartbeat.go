package slots

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/background"
)

// What beats. A slot is carried out if all three are alive.
const (
	BeatProcess  = "process"  // some process of ours
	BeatTemporal = "temporal" // Temporal answers some process of ours
	BeatWorker   = "worker"   // some process of ours works on the task queue
)

// BeatBook keeps the beats and the outages.
type BeatBook interface {
	Beat(ctx context.Context, what, instance string, t time.Time) (previous time.Time, err error)
	RecordOutage(ctx context.Context, o core.Outage) error
}

// HeartbeatConfig says what a [Heartbeat] beats for. Book, Instance and Signs are required.
type HeartbeatConfig struct {
	Book BeatBook
	// Instance names this process among its replicas.
	Instance string
	// Signs has for each of the Beat constants that this process can answer for a function that
	// returns nil while the thing is alive; a nil function means it is alive as long as this
	// process is.
	Signs map[string]func(context.Context) error
	// Every is the time between beats; default 5s.
	Every time.Duration
	// Gap is the silence from which it was an outage; default three times Every.
	Gap     time.Duration
	Metrics Metrics
	// Log receives the outages; nil discards them.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Heartbeat records that things are alive and, when they are again, for how long they were not.
type Heartbeat struct {
	cfg  HeartbeatConfig
	mu   sync.Mutex // one beat at a time
	last time.Time  // of the last beat with every sign of life
	task background.Task
}

// NewHeartbeat makes a heartbeat; Start makes it beat.
func NewHeartbeat(cfg HeartbeatConfig) *Heartbeat {
	if cfg.Every <= 0 {
		cfg.Every = 5 * time.Second
	}
	if cfg.Gap <= 0 {
		cfg.Gap = 3 * cfg.Every
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Heartbeat{cfg: cfg}
}

// Start beats once, which records the outage that ends now, and then keeps beating. It must
// return before a worker of this process takes its first task: runs that waited out the outage
// ask about it.
func (h *Heartbeat) Start(ctx context.Context) error {
	if err := h.beat(ctx, 0); err != nil {
		return fmt.Errorf("first heartbeat: %w", err)
	}
	h.task.Start(background.Every(h.cfg.Every, func(ctx context.Context) {
		if err := h.beat(ctx, 0); err != nil && ctx.Err() == nil {
			h.cfg.Log.WarnContext(ctx, "heartbeat failed and will be repeated", "error", err)
		}
	}))
	return nil
}

// Stop ends the beating. It may be called again, and before Start.
func (h *Heartbeat) Stop(ctx context.Context) error { return h.task.Stop(ctx) }

// Beat beats now, unless it did within the last second.
func (h *Heartbeat) Beat(ctx context.Context) error { return h.beat(ctx, time.Second) }

func (h *Heartbeat) beat(ctx context.Context, fresh time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.cfg.Now().UTC().Truncate(time.Microsecond)
	if fresh > 0 && now.Sub(h.last) < fresh {
		return nil
	}
	var failed []error
	all := true
	for _, what := range []string{BeatProcess, BeatTemporal, BeatWorker} {
		sign, ok := h.cfg.Signs[what]
		if !ok {
			continue
		}
		if sign != nil {
			if err := sign(ctx); err != nil {
				h.cfg.Log.DebugContext(ctx, "no sign of life", "what", what, "error", err)
				all = false // the outage is recorded when it ends
				continue
			}
		}
		failed = append(failed, h.alive(ctx, what, now))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if all {
		h.last = now
	}
	return nil
}

func (h *Heartbeat) alive(ctx context.Context, what string, now time.Time) error {
	previous, err := h.cfg.Book.Beat(ctx, what, h.cfg.Instance, now)
	if err != nil {
		return fmt.Errorf("record beat of %s: %w", what, err)
	}
	if previous.IsZero() || now.Sub(previous) <= h.cfg.Gap {
		return nil
	}
	o := core.Outage{From: previous, To: now, What: what}
	if err := h.cfg.Book.RecordOutage(ctx, o); err != nil {
		return fmt.Errorf("record outage of %s: %w", what, err)
	}
	h.cfg.Metrics.outage(o)
	h.cfg.Log.WarnContext(ctx, "an outage has ended", "what", what, "from", o.From, "to", o.To, "length", o.To.Sub(o.From))
	return nil
}
