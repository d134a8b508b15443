package router

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventtrigger"
)

// What the router's loops go by.
const (
	// reopenWait bounds one look for the durable.
	reopenWait = 500 * time.Millisecond
	// fetchers is how many fetches are under way at a time: one is being filled while the next is
	// on its way to the server.
	fetchers = 2
	// stateEvery is how often the lag is observed and the acknowledgement floor recorded.
	stateEvery = 5 * time.Second
	// refreshEvery is how often the index is brought up to date without an event to match.
	refreshEvery = 30 * time.Second
	// confirmLinger is how long confirmations wait for company: each transaction costs a write to
	// disk, and nobody waits for it.
	confirmLinger = 25 * time.Millisecond
	// Delays of a step that is repeated in place until it succeeds.
	retryFirst, retryMost = 50 * time.Millisecond, 5 * time.Second
	// Delays before a delivery that failed comes back.
	redeliverFirst, redeliverMost = time.Second, 2 * time.Minute
	// flushWait bounds the last exchange with the server, and storing one dead letter.
	flushWait = 2 * time.Second
)

// Router consumes the event stream and starts runs. Several routers, in one process or many,
// share the durable consumer.
type Router struct {
	cfg      Config
	triggers *eventtrigger.Triggers
	inflight *inflight
	state    *eventstream.State
	ackWait  time.Duration

	matched chan *delivery
	jobs    chan job
	started chan confirmation

	mu       sync.Mutex
	consumer jetstream.Consumer
	failures map[uint64]int     // failures for good, by sequence
	problems map[string]problem // what is being waited out just now, by the step that waits

	lifeMu   sync.Mutex
	cancel   context.CancelFunc // nil while not running
	stopping chan struct{}
	stopped  chan struct{}

	// at is called with the name of each step a crash must not hurt; tests die in it. Otherwise
	// nil.
	at func(point string)
}

// The points at which a crash must lose nothing and double nothing.
const (
	pointRecorded  = "recorded"  // in the ledger, not started
	pointStarted   = "started"   // started, not confirmed
	pointConfirmed = "confirmed" // confirmed, not acknowledged
)

// New makes a router; Start makes it consume.
func New(cfg Config) (*Router, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Router{
		cfg:      cfg,
		inflight: newInflight(cfg.MaxInFlight),
		failures: map[uint64]int{},
		problems: map[string]problem{},
	}, nil
}

// Start loads the catalogue, finds the durable consumer that [eventstream.Ensure] made, and
// returns when the router consumes. From then on it goes on by itself, across losses of NATS,
// of the store and of Temporal, until Stop. Starting a router that runs is an error.
func (r *Router) Start(ctx context.Context) error {
	r.lifeMu.Lock()
	defer r.lifeMu.Unlock()
	if r.cancel != nil {
		return core.Errorf(core.CodeConflict, "the router runs already")
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	r.stopping, r.stopped = make(chan struct{}), make(chan struct{})
	r.matched = make(chan *delivery, r.cfg.MaxInFlight) // matching never waits for the ledger: what is in flight is the limit
	r.jobs = make(chan job, 2*r.cfg.Batch)
	r.started = make(chan confirmation, 2*r.cfg.Batch)

	var upstream, recorder, workers, confirmer, side sync.WaitGroup
	sideCtx, endSide := context.WithCancel(run)
	for range fetchers {
		upstream.Go(func() { r.fetchLoop(run) })
	}
	recorder.Go(func() { r.recordLoop(run) })
	for range r.cfg.Parallel {
		workers.Go(func() { r.startLoop(run) })
	}
	confirmer.Go(func() { r.confirmLoop(run) })
	side.Go(func() { r.heartbeatLoop(sideCtx) })
	side.Go(func() { r.stateLoop(sideCtx) })
	go func() { // the order in which the parts end is the order in which work flows
		r.routeLoop(run, &upstream)
		close(r.matched)
		recorder.Wait()
		close(r.jobs)
		workers.Wait()
		close(r.started)
		confirmer.Wait()
		endSide()
		side.Wait()
		r.flush()
		cancel()
		close(r.stopped)
	}()
	return nil
}

func (r *Router) open(ctx context.Context) error {
	r.triggers = eventtrigger.New(r.cfg.Catalogue, r.cfg.CompileWhen, r.cfg.Log)
	if err := r.triggers.Refresh(ctx); err != nil {
		return fmt.Errorf("load event definitions: %w", err)
	}
	consumer, err := r.cfg.JetStream.Consumer(ctx, core.EventStream, core.RouterDurable)
	if err != nil {
		return eventstream.Error(err, "find consumer "+core.RouterDurable)
	}
	state, err := eventstream.OpenState(ctx, r.cfg.JetStream, 1)
	if err != nil {
		return err
	}
	if err := state.Follow(ctx, consumer.CachedInfo()); err != nil {
		return err
	}
	r.setConsumer(consumer)
	r.state, r.ackWait = state, consumer.CachedInfo().Config.AckWait
	return nil
}

// Stop takes no more events, finishes the starts under way, hands back what was not begun, and
// returns when all is answered. If ctx ends before, starts are interrupted; what they would
// have answered is delivered again. It may be called again, and on a router that never ran.
func (r *Router) Stop(ctx context.Context) error {
	r.lifeMu.Lock()
	defer r.lifeMu.Unlock()
	if r.cancel == nil {
		return nil
	}
	close(r.stopping)
	var err error
	select {
	case <-r.stopped:
	case <-ctx.Done():
		err = fmt.Errorf("stop the event router: %w", context.Cause(ctx))
		r.cancel()
		<-r.stopped
	}
	r.cancel = nil
	return err
}

func (r *Router) setConsumer(c jetstream.Consumer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.consumer = c
}

func (r *Router) getConsumer() jetstream.Consumer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.consumer
}

func (r *Router) isStopping() bool {
	select {
	case <-r.stopping:
		return true
	default:
		return false
	}
}

// errStopping ends work that was not begun when Stop was called.
var errStopping = errors.New("the router stops")

// retry repeats a step until it succeeds, fails in a way that waiting does not cure, or the
// router stops. Everything in flight stays alive meanwhile.
func (r *Router) retry(ctx context.Context, doing string, step func(context.Context) error) error {
	delay := retryFirst
	for {
		err := step(ctx)
		if err == nil {
			r.setProblem(doing, nil)
			return nil
		}
		if ctx.Err() != nil {
			return errStopping
		}
		if !transient(err) {
			return err
		}
		r.setProblem(doing, err)
		select {
		case <-time.After(delay):
		case <-r.stopping:
			return errStopping
		case <-ctx.Done():
			return errStopping
		}
		delay = min(2*delay, retryMost)
	}
}

// transient tells errors that may be gone next time from those that will not.
func transient(err error) bool {
	return core.IsCode(err, core.CodeUnavailable) || errors.Is(err, errStopping) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// flush waits until the server has our last acknowledgements.
func (r *Router) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), flushWait)
	defer cancel()
	if err := r.cfg.JetStream.Conn().FlushWithContext(ctx); err != nil {
		r.cfg.Log.Warn("last acknowledgements may be lost; their events will be delivered again", "error", err)
		return
	}
	r.observe(ctx)
}

// heartbeatLoop keeps the server from delivering again what is still being worked on.
func (r *Router) heartbeatLoop(ctx context.Context) {
	tick := time.NewTicker(r.ackWait / 8)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := r.cfg.Now()
		for _, d := range r.inflight.silent(now.Add(-r.ackWait / 4)) {
			if d.msg.InProgress() == nil {
				d.alive.Store(now.UnixNano())
			}
		}
	}
}

// stateLoop observes the lag and records how far the stream was read.
func (r *Router) stateLoop(ctx context.Context) {
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	for {
		r.observe(ctx)
		r.countProblems()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Router) observe(ctx context.Context) {
	consumer := r.getConsumer()
	if consumer == nil {
		return // the fetch loop says why
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return // the fetch loop says so
	}
	r.cfg.Metrics.lag(info.NumPending, info.NumAckPending)
	switch err := r.state.Follow(ctx, info); {
	case err == nil, ctx.Err() != nil:
	case core.IsCode(err, core.CodeConflict): // another one under its name, made between two fetches
		r.setProblem(fetching, err)
		r.setConsumer(nil)
	default:
		r.cfg.Log.Warn("cannot record how far the event stream was read", "error", err)
	}
}
