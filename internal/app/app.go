package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"
	temporallog "go.temporal.io/sdk/log"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/contextsource"
	"github.com/activity-core/activity-core/internal/crowd"
	"github.com/activity-core/activity-core/internal/deadletter"
	"github.com/activity-core/activity-core/internal/eventlog"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/httpapi"
	"github.com/activity-core/activity-core/internal/httpguard"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/router"
	"github.com/activity-core/activity-core/internal/secrets"
	"github.com/activity-core/activity-core/internal/slots"
	"github.com/activity-core/activity-core/internal/telemetry"
	"github.com/activity-core/activity-core/internal/temporalrun"
	"github.com/activity-core/activity-core/internal/temporalschedule"
	"github.com/activity-core/activity-core/internal/zonekeeper"
)

// Options are what an App is made from besides its configuration.
type Options struct {
	Config *config.Config
	Logger *slog.Logger
	// Store is the open record; the App closes it.
	Store core.Store
	// NATSOptions are added to the connection, such as an in-process one.
	NATSOptions []nats.Option
	// APIListener and MetricsListener are used instead of the configured addresses.
	APIListener, MetricsListener net.Listener
	// StopWork is how long a stopping worker waits for actions in flight; default 5s.
	StopWork time.Duration
	// FetchWait is how long a stopping router may wait for the fetch under way, and how seldom an
	// idle one asks; default 500ms.
	FetchWait time.Duration
	// ZonesEvery is the time between looks at the files of the zone data; default 10s.
	ZonesEvery time.Duration
	Version    string
}

// App is a running process: the roles of its configuration.
type App struct {
	Options
	lifecycle lifecycle
	metrics   *telemetry.Metrics
	tracing   *telemetry.Tracing
	health    *telemetry.Health
	catalog   *catalog.Service
	temporal  client.Client
	nats      *nats.Conn
	js        jetstream.JetStream
	publisher *eventstream.Publisher
	starter   *temporalrun.Starter
	watchdog  *slots.Watchdog
	schedules *temporalschedule.Reconciler
	follower  *temporalschedule.Loop // nil where this process leaves schedules to another one
	zones     *zonekeeper.Keeper
	// syncs is follower once it is made, for the keeper of zones, which is started before.
	syncs atomic.Pointer[temporalschedule.Loop]
	box   *secrets.Box
	vault *secrets.Resolver
	fatal chan error
}

// Start opens the connections and starts the roles; it returns when all are
// working. On failure nothing is left running.
func Start(ctx context.Context, o Options) (*App, error) {
	metrics, err := telemetry.NewMetrics()
	if err != nil {
		return nil, err
	}
	tracing, err := telemetry.NewTracing(ctx, o.Config.OTLPEndpoint, o.Version)
	if err != nil {
		return nil, core.InvalidField("tracing.otlp_endpoint", o.Config.OTLPEndpoint, "%v", err)
	}
	a := &App{Options: o, metrics: metrics, tracing: tracing, health: telemetry.NewHealth(), fatal: make(chan error, 4)}
	a.lifecycle.log = o.Logger
	a.lifecycle.add("store", nil, func(context.Context) error { return o.Store.Close() })
	a.keepZones()
	a.lifecycle.add("metrics", nil, metrics.Stop)
	a.lifecycle.add("tracing", nil, tracing.Stop)
	a.lifecycle.add("Temporal client", a.dialTemporal, func(context.Context) error { a.temporal.Close(); return nil })
	a.lifecycle.add("NATS connection", a.dialNATS, a.closeNATS)
	a.lifecycle.add("parts", a.assemble, nil)
	if err := a.lifecycle.start(ctx); err != nil {
		return nil, err
	}
	// assemble has added the parts that depend on the connections.
	if err := a.lifecycle.start(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// keepZones gives the process its zone data before anything reads a zone.
func (a *App) keepZones() {
	a.zones = zonekeeper.New(zonekeeper.Config{
		Record: a.Store, Path: a.Config.TimezoneData, Every: a.ZonesEvery, Log: a.Logger.With("component", "zones"), Observed: a.metrics.ZoneData,
		Changed: func() {
			if loop := a.syncs.Load(); loop != nil {
				loop.WakeAll()
			}
		},
	})
	a.lifecycle.add("zone data", a.zones.Start, a.zones.Stop)
}

// Stop stops everything in reverse order and waits; it may be called again.
func (a *App) Stop(ctx context.Context) error { return a.lifecycle.stop(ctx) }

// Fatal delivers an error after which the process is of no use.
func (a *App) Fatal() <-chan error { return a.fatal }

// Catalog offers the use cases, for definitions applied at start.
func (a *App) Catalog() *catalog.Service { return a.catalog }

// Ready runs the checks behind /readyz.
func (a *App) Ready(ctx context.Context) (bool, map[string]string) { return a.health.Ready(ctx) }

// Schedules says how far Temporal's schedules follow the record. Being ready does not wait for
// them: every slot gets its verdict by the record, whenever its schedule wakes.
func (a *App) Schedules(ctx context.Context) string {
	behind, err := a.Store.SchedulesBehind(ctx, core.BehindFilter{Failing: true, Limit: 1})
	if err != nil {
		return core.MessageOf(err)
	}
	var said []string
	if a.follower != nil {
		select {
		case <-a.follower.Synced():
		default:
			if err := a.follower.Last().Err; err != nil {
				said = append(said, "not compared with Temporal yet: "+core.MessageOf(err))
			} else {
				said = append(said, "being compared with Temporal")
			}
		}
	}
	if behind.Total > 0 {
		said = append(said, fmt.Sprintf("%d have still to follow the record", behind.Total))
	}
	if behind.Refused > 0 {
		said = append(said, fmt.Sprintf("%d of them were refused", behind.Refused))
	}
	if len(said) == 0 {
		return "ok"
	}
	return strings.Join(said, "; ")
}

func (a *App) dialTemporal(ctx context.Context) error {
	cfg := a.Config
	o, err := temporalOptions(cfg, a.Logger.With("component", "temporal-sdk"))
	if err != nil {
		return err
	}
	o.MetricsHandler = temporalotel.NewMetricsHandler(temporalotel.MetricsHandlerOptions{Meter: a.metrics.Provider().Meter("temporal-sdk")})
	if a.tracing.On() {
		spans, err := temporalotel.NewTracingInterceptor(temporalotel.TracerOptions{Tracer: a.tracing.Tracer("temporal-sdk")})
		if err != nil {
			return fmt.Errorf("trace Temporal: %w", err)
		}
		o.Interceptors = append(o.Interceptors, spans)
	}
	a.temporal, err = client.DialContext(ctx, o)
	if err != nil {
		return core.Wrap(core.CodeUnavailable, err, "Temporal does not answer at %s (temporal.address): %v", cfg.TemporalAddress, err)
	}
	if err := temporalrun.EnsureSearchAttributes(ctx, a.temporal, cfg.TemporalNamespace); err != nil {
		a.temporal.Close()
		return err
	}
	return nil
}

// temporalOptions say where Temporal is and who asks.
func temporalOptions(cfg *config.Config, log *slog.Logger) (client.Options, error) {
	tls, err := temporalTLS(cfg)
	if err != nil {
		return client.Options{}, err
	}
	o := client.Options{
		HostPort: cfg.TemporalAddress, Namespace: cfg.TemporalNamespace, Logger: temporallog.NewStructuredLogger(log),
		ConnectionOptions: client.ConnectionOptions{TLS: tls},
	}
	if cfg.TemporalAPIKey != "" {
		o.Credentials = client.NewAPIKeyStaticCredentials(cfg.TemporalAPIKey)
	}
	return o, nil
}

// natsOptions are more, and who asks.
func natsOptions(cfg *config.Config, more ...nats.Option) []nats.Option {
	opts := append([]nats.Option{nats.Timeout(5 * time.Second)}, more...)
	if cfg.NATSCredsFile != "" {
		opts = append(opts, nats.UserCredentials(cfg.NATSCredsFile))
	}
	return opts
}

func (a *App) dialNATS(ctx context.Context) error {
	cfg := a.Config
	opts := natsOptions(cfg, nats.Name("activity-core"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(false))
	opts = append(opts, a.NATSOptions...)
	var err error
	if a.nats, err = nats.Connect(cfg.NATSURL, opts...); err != nil {
		return core.Wrap(core.CodeUnavailable, err, "NATS does not answer (nats.url): %s", cfg.Scrubber()(err.Error()))
	}
	if a.js, err = jetstream.New(a.nats); err == nil {
		err = eventstream.Ensure(ctx, a.js, eventstream.Options{MaxBytes: cfg.NATSMaxBytes, Replicas: cfg.NATSReplicas, RecreateRouterConsumer: cfg.NATSRecreate})
	}
	if err != nil {
		a.nats.Close()
	}
	return err
}

func (a *App) closeNATS(context.Context) error {
	a.nats.Close()
	return nil
}

// assemble joins the parts of the roles, in the order in which they start.
func (a *App) assemble(context.Context) error {
	cfg, store := a.Config, a.Store
	a.publisher = eventstream.NewPublisher(a.js, time.Now, a.publisherMetrics())
	a.starter = temporalrun.NewStarter(a.temporal)
	if err := a.openVault(); err != nil {
		return err
	}
	web := outbound.New(outbound.Config{Allow: prefixes(cfg.OutboundAllow)})
	a.lifecycle.add("outbound HTTP", nil, func(context.Context) error { web.Close(); return nil })
	contexts := contextsource.New(contextsource.Config{HTTP: web, Secrets: a.vault, Record: store, Dir: cfg.ContextDir})

	// Watchdog and reconciler know each other: a write to a schedule must not lose a slot that is
	// due, and a missing slot is looked for in the schedule.
	a.schedules = temporalschedule.New(temporalschedule.Config{
		Service: a.temporal.WorkflowService(), Namespace: cfg.TemporalNamespace, Store: store,
		Slots: slotKeeper{a}, Owner: cfg.ReconcileOwner, Instance: instance(), MaxDeletePercent: &cfg.MaxDeletePercent, Log: a.Logger.With("component", "schedules"),
		Metrics: temporalschedule.Metrics{Observed: a.metrics.SchedulesObserved, Written: a.metrics.ScheduleWritten, Synced: a.metrics.Synced},
	})
	a.watchdog = slots.NewWatchdog(slots.Config{
		Record: store, Starter: a.starter, Scheduler: a.schedules, Log: a.Logger.With("component", "slots"), Metrics: a.slotMetrics(),
	})
	useCases := catalog.Config{Store: store, Runs: a.starter, Context: contexts, Seen: store, Targets: workflowTargets(cfg), Logger: a.Logger.With("component", "catalog")}
	if cfg.HasRole(config.RoleWorker) {
		a.follower = temporalschedule.NewLoop(a.schedules, cfg.ReconcileInterval.Std())
		a.syncs.Store(a.follower)
		useCases.Follower = a.follower
	}
	a.catalog = catalog.New(useCases)
	a.health.Add("store", store.Ping)
	a.health.Add("temporal", a.temporalAnswers)
	a.health.Add("nats", a.natsAnswers)
	if cfg.HasRole(config.RoleWorker) {
		a.addWorker(web, contexts)
	}
	if cfg.HasRole(config.RoleRouter) {
		if err := a.addRouter(); err != nil {
			return err
		}
	}
	if cfg.HasRole(config.RoleAPI) {
		a.addAPI()
	}
	a.addMetricsServer()
	return nil
}

func (a *App) addWorker(web *outbound.Client, contexts *contextsource.Fetcher) {
	cfg, store := a.Config, a.Store
	heartbeat := slots.NewHeartbeat(slots.HeartbeatConfig{
		Book: store, Instance: instance(), Log: a.Logger.With("component", "heartbeat"), Metrics: a.slotMetrics(),
		Signs: map[string]func(context.Context) error{
			slots.BeatProcess: nil, slots.BeatWorker: nil, slots.BeatTemporal: a.temporalAnswers,
		},
	})
	var policy temporalrun.SlotPolicy = slots.NewPolicy(store, heartbeat.Beat)
	if cfg.CrowdSize > 0 {
		policy = crowd.Overlap{Policy: policy, Record: store, Executions: a.schedules}
	}
	var hub *url.URL
	if cfg.ProgressURL != "" {
		hub, _ = url.Parse(cfg.ProgressURL) // checked by config
	}
	runMetrics := temporalrun.Metrics{
		Admitted: a.metrics.RunAdmitted, Refused: a.metrics.RunRefused, Finished: a.metrics.RunFinished,
		Action: a.metrics.ActionFinished, Held: a.metrics.AttemptHeld, Swept: a.metrics.RunsSwept,
	}
	workerConfig := temporalrun.Config{
		Client: a.temporal, Record: store, Contexts: contexts,
		Actions: actionexec.New(actionexec.Config{
			HTTP: web, Secrets: a.vault, Publisher: a.publisher, Workflows: actionexec.TemporalStarter{Client: a.temporal}, Targets: workflowTargets(cfg),
			Hub: hub, HubSecret: cfg.ProgressSecret,
		}),
		Slots: policy, Metrics: runMetrics, Log: a.Logger.With("component", "runs"),
		MaxPerHost: cfg.MaxPerHost, MaxPerDefinition: cfg.MaxPerDefinition,
		ActionsPerSecond: float64(cfg.FanOutRate), StopTimeout: a.StopWork,
		OnFatal: func(err error) { a.fail(fmt.Errorf("worker: %w", err)) },
	}
	if cfg.RunOutcomeEvents {
		workerConfig.Outcomes = a.publisher
	}
	worker := temporalrun.NewWorker(workerConfig)
	sweeper := temporalrun.NewSweeper(temporalrun.SweeperConfig{Starter: a.starter, Record: store, Metrics: runMetrics, Log: a.Logger.With("component", "sweeper")})
	a.health.Tell("schedules", a.Schedules)
	janitor := &janitor{store: store, retention: cfg.RunRetention.Std(), every: time.Hour, now: time.Now, log: a.Logger.With("component", "janitor")}
	// The heartbeat first: what it finds of an outage decides about the runs that queued up
	// meanwhile.
	a.lifecycle.add("heartbeat", heartbeat.Start, heartbeat.Stop)
	a.lifecycle.add("worker", worker.Start, worker.Stop)
	a.lifecycle.add("sweeper", sweeper.Start, sweeper.Stop)
	a.lifecycle.add("schedule reconciliation", a.follower.Start, a.follower.Stop)
	a.lifecycle.add("slot watchdog", a.watchdog.Start, a.watchdog.Stop)
	if cfg.CrowdSize > 0 {
		together := crowd.New(crowd.Config{Record: store, Runs: a.starter, Schedules: a.schedules, Size: cfg.CrowdSize, Log: a.Logger.With("component", "crowd")})
		a.lifecycle.add("crowded instants", together.Start, together.Stop)
	}
	a.lifecycle.add("retention", janitor.Start, janitor.Stop)
}

func (a *App) addRouter() error {
	router, err := router.New(router.Config{
		JetStream: a.js, Catalogue: a.Store, Ledger: a.Store, Starter: a.starter, DeadLetters: deadletter.New(a.js, time.Now), Metrics: a.routerMetrics(), Log: a.Logger.With("component", "router"),
		FetchWait: a.FetchWait,
	})
	if err != nil {
		return err
	}
	a.health.Add("router", func(context.Context) error { return router.Problem() })
	a.lifecycle.add("router", router.Start, router.Stop)
	return nil
}

func (a *App) addAPI() {
	cfg := a.Config
	stopping := make(chan struct{})
	handler := httpapi.New(httpapi.Config{
		Catalog: a.catalog, Record: a.Store, Publisher: a.publisher,
		Events:      eventLog{eventlog.New(a.js, a.Store), eventlog.NewReplayer(a.js, a.Store, a.starter, time.Now)},
		DeadLetters: deadLetters{deadletter.New(a.js, time.Now)},
		Schedules:   a.schedules, Slots: slotBook{a}, Secrets: secretBook{a}, Health: a.health, Zones: a.zones, Token: cfg.APIToken,
		WebhookSecrets: cfg.WebhookSecrets(),
		Observe:        a.metrics.APIRequest, Logger: a.Logger.With("component", "api"), Version: a.Version,
		Stopping: stopping,
	})
	guarded := httpguard.Handler(httpguard.Config{Refuse: httpapi.Refuse}, a.tracing.Handler(handler))
	a.addHTTP("API", "api.addr", cfg.APIAddr, a.APIListener, guarded, sync.OnceFunc(func() { close(stopping) }))
}

func (a *App) addMetricsServer() {
	if a.Config.MetricsAddr == "" && a.MetricsListener == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	local := a.MetricsListener != nil && config.Loopback(a.MetricsListener.Addr().String()) || a.MetricsListener == nil && config.Loopback(a.Config.MetricsAddr)
	a.addHTTP("metrics", "metrics.addr", a.Config.MetricsAddr, a.MetricsListener, httpguard.Handler(httpguard.Config{LocalOnly: local, SameSite: true}, mux), func() {})
}

// addHTTP adds a server; stopping is called when it is about to stop, which waits for the
// requests that are being answered.
func (a *App) addHTTP(name, key, addr string, listener net.Listener, handler http.Handler, stopping func()) {
	// The handler has a stricter limit of headers, and an answer that programs understand.
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 1 << 20}
	a.lifecycle.add(name, func(ctx context.Context) error {
		if listener == nil {
			var err error
			if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr); err != nil {
				return core.Wrap(core.CodeConflict, err, "cannot listen on %s (%s): %v", addr, key, err)
			}
		}
		go func() {
			if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				a.fail(fmt.Errorf("%s server: %w", name, err))
			}
		}()
		return nil
	}, func(ctx context.Context) error {
		stopping()
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			return srv.Close()
		}
		return nil
	})
}

func (a *App) fail(err error) {
	select {
	case a.fatal <- err:
	default:
	}
}

func (a *App) temporalAnswers(ctx context.Context) error {
	return namespaceAnswers(ctx, a.temporal, a.Config.TemporalNamespace)
}

func (a *App) natsAnswers(context.Context) error {
	if a.nats.IsConnected() {
		return nil
	}
	return fmt.Errorf("NATS is %s", a.nats.Status())
}

func instance() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

func prefixes(texts []string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil { // checked by config
			out = append(out, p)
		}
	}
	return out
}
