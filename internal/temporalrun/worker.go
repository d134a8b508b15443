package temporalrun

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
	"github.com/activity-core/activity-core/internal/temporalerr"
)

// Config says what a [Worker] works with. Client, Record, Contexts and Actions are required.
type Config struct {
	Client   client.Client
	Record   Record
	Contexts Contexts
	Actions  Actions
	// Slots decides on late cron slots; nil lets every slot run.
	Slots SlotPolicy
	// Outcomes publishes activity.run.<status> events; nil publishes none.
	Outcomes Publisher
	Metrics  Metrics
	// Log receives what the record does not say; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Interceptors are the SDK's, for tracing.
	Interceptors []interceptor.WorkerInterceptor
	// SmallRun is up to how many tasks a run is carried out in the store at once; default 200.
	SmallRun int
	// Parallel is how many items of one batch are worked on at once; default 16.
	Parallel int
	// ActionsPerSecond bounds the attempts this worker makes; 0: no bound.
	ActionsPerSecond float64
	// ActivitySlots is how many activities run at once, each with the attempts of its items;
	// default 8 times MaxPerHost.
	ActivitySlots int
	// MaxPerHost bounds the attempts this worker makes at once at one host, or task queue; default
	// 64.
	MaxPerHost int
	// MaxPerDefinition bounds those of one definition at all hosts; default 128.
	MaxPerDefinition int
	// StopTimeout is how long Stop lets actions in flight end; default 5s.
	StopTimeout time.Duration
	// OnFatal is told when the SDK gives up, for example because the namespace is gone. Stop must
	// not be called from it.
	OnFatal func(error)
}

// Defaults of [Config].
const (
	defaultSmallRun    = 200
	defaultParallel    = 16
	defaultStopTimeout = 5 * time.Second
)

// Worker carries out runs of the task queue [core.TaskQueue].
type Worker struct {
	cfg Config

	mu      sync.Mutex
	running worker.Worker // nil before Start and after Stop
	stopped chan struct{}
}

// NewWorker makes a worker; Start makes it work.
func NewWorker(cfg Config) *Worker {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.SmallRun <= 0 {
		cfg.SmallRun = defaultSmallRun
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = defaultParallel
	}
	if cfg.MaxPerHost <= 0 {
		cfg.MaxPerHost = defaultMaxPerHost
	}
	if cfg.ActivitySlots <= 0 {
		cfg.ActivitySlots = receiversAtOnce * cfg.MaxPerHost
	}
	if cfg.MaxPerDefinition <= 0 {
		cfg.MaxPerDefinition = defaultMaxPerDefinition
	}
	if cfg.StopTimeout <= 0 {
		cfg.StopTimeout = defaultStopTimeout
	}
	return &Worker{cfg: cfg}
}

// Start returns when the worker polls, and takes eager starts of its client. Starting a started
// worker does nothing; a stopped one can be started again.
func (w *Worker) Start(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running != nil {
		return nil
	}
	running := worker.New(w.cfg.Client, core.TaskQueue, w.options())
	register(running, w.activities())
	if err := running.Start(); err != nil {
		return temporalerr.Of(err, "start the worker")
	}
	w.running, w.stopped = running, make(chan struct{})
	return nil
}

// Stop ends polling, lets work in flight end within the configured time and returns when it
// has, or when ctx is done. It may be called again, and on a worker that was never started.
func (w *Worker) Stop(ctx context.Context) error {
	w.mu.Lock()
	running, stopped := w.running, w.stopped
	w.running = nil
	w.mu.Unlock()
	if stopped == nil {
		return nil
	}
	if running != nil {
		go func() {
			defer close(stopped)
			running.Stop()
		}()
	}
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop worker: %w", context.Cause(ctx))
	}
}

// options suit two cores and short runs: few pollers, because eager starts need none; local
// activities bounded, because each holds a database connection; heartbeats let through each
// second, because cancellation travels with them.
func (w *Worker) options() worker.Options {
	return worker.Options{
		MaxConcurrentWorkflowTaskPollers:        4,
		MaxConcurrentActivityTaskPollers:        4,
		MaxConcurrentWorkflowTaskExecutionSize:  256,
		MaxConcurrentLocalActivityExecutionSize: 128,
		MaxConcurrentActivityExecutionSize:      w.cfg.ActivitySlots,
		MaxHeartbeatThrottleInterval:            time.Second,
		WorkerStopTimeout:                       w.cfg.StopTimeout,
		Interceptors:                            w.cfg.Interceptors,
		OnFatalError:                            w.cfg.OnFatal,
	}
}

func (w *Worker) activities() *activities {
	programs, err := lru.New[programKey, *program](maxPrograms)
	if err != nil {
		panic(err) // a size below one is a defect
	}
	return &activities{
		record:   w.cfg.Record,
		contexts: w.cfg.Contexts,
		actions:  w.cfg.Actions,
		slots:    w.cfg.Slots,
		outcomes: w.cfg.Outcomes,
		now:      w.cfg.Now,
		log:      w.cfg.Log,
		metrics:  w.cfg.Metrics,
		programs: programs,
		resolver: ruleeval.NewResolver(),
		pace:     newPace(w.cfg.ActionsPerSecond, w.cfg.Now),
		places:   newPlaces(w.cfg.ActivitySlots, w.cfg.MaxPerHost, w.cfg.MaxPerDefinition, w.cfg.Metrics.Held),
		small:    w.cfg.SmallRun,
		parallel: w.cfg.Parallel,
	}
}

// unknownWorkflow ends an execution of a type that nobody has here.
func unknownWorkflow(ctx workflow.Context, _ converter.EncodedValues) (any, error) {
	return nil, temporal.NewNonRetryableApplicationError(fmt.Sprintf("activity-core has no workflow of type %q; start yours on a task queue of its own worker",
		workflow.GetInfo(ctx).WorkflowType.Name), "UnknownWorkflowType", nil)
}

// register gives workflow and activities the names that are in every history.
func register(r worker.Registry, a *activities) {
	r.RegisterWorkflowWithOptions(RunActivityWorkflow, workflow.RegisterOptions{Name: core.WorkflowType})
	// What is of no type that we know would be retried for ever.
	r.RegisterDynamicWorkflow(unknownWorkflow, workflow.DynamicRegisterOptions{})
	for name, fn := range map[string]any{
		"Begin": a.Begin, "Plan": a.Plan, "CarryOut": a.CarryOut, "Finish": a.Finish, "Announce": a.Announce,
	} {
		r.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}
