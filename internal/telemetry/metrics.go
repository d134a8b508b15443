package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	core "github.com/activity-core/activity-core"
)

// secondsBuckets suit latencies from a millisecond to minutes.
var secondsBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// Metrics are all instruments of the process. Its methods have the shape of the
// hooks that the adapters offer. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	provider *sdkmetric.MeterProvider

	eventsConsumed, eventsMatched, eventsStarted, eventsDuplicate, eventsDead, eventsRetried, eventsCycles, eventsPublished metric.Int64Counter
	eventStart                                                                                                              metric.Float64Histogram
	batch                                                                                                                   metric.Int64Histogram
	runsFinished, runsRefused, runsSwept, actions, attemptsHeld                                                             metric.Int64Counter
	runStart, runSeconds                                                                                                    metric.Float64Histogram
	scheduleWrites, slots                                                                                                   metric.Int64Counter
	schedulesOwned, schedulesDrifted, eventsPending, slotsOverdue, routerHeldUp                                             metric.Int64Gauge
	makeUpLate, outageSeconds                                                                                               metric.Float64Histogram
	syncSeconds                                                                                                             metric.Float64Histogram
	apiRequests                                                                                                             metric.Int64Counter
	apiSeconds                                                                                                              metric.Float64Histogram
	zoneDataAge, zoneDataFollowed, zoneDataProblem                                                                          metric.Int64Gauge

	zonesMu      sync.Mutex
	zonesRelease string // under which zoneDataAge was last exported
}

// NewMetrics makes the instruments and their registry.
func NewMetrics() (*Metrics, error) {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprom.New(otelprom.WithRegisterer(m.registry), otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("make the Prometheus exporter: %w", err)
	}
	m.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	b := builder{meter: m.provider.Meter("activity-core")}
	m.eventsConsumed = b.counter("activity_core_events_consumed", "Events taken from the stream.")
	m.eventsMatched = b.counter("activity_core_events_matched", "Matches of events with definitions.")
	m.eventsStarted = b.counter("activity_core_events_started", "Runs started for events.")
	m.eventsDuplicate = b.counter("activity_core_events_duplicate", "Duplicates caught, by where: ingest (JetStream's window) or router (the ledger).")
	m.eventsDead = b.counter("activity_core_events_dead", "Events sent to the dead-letter stream, by reason.")
	m.eventsCycles = b.counter("activity_core_events_cycles", "Matches that start nothing, since a run of the definition itself caused the event.")
	m.eventsRetried = b.counter("activity_core_events_retried", "Deliveries handed back to come again later, since routing failed.")
	m.routerHeldUp = b.gauge("activity_core_router_held_up", "Steps of event routing that wait for a server or a repaired set-up; /readyz names them.")
	m.eventsPublished = b.counter("activity_core_events_published", "Events published by this process.")
	m.eventStart = b.seconds("activity_core_event_start_latency_seconds", "From an event's arrival in the stream to its run's start.")
	m.batch = b.sizes("activity_core_router_batch_size", "Events in one routed batch.")
	m.eventsPending = b.gauge("activity_core_events_pending", "Events in the stream that the router has not taken yet.")
	m.runsFinished = b.counter("activity_core_runs_finished", "Finished runs, by trigger and outcome.")
	m.runsRefused = b.counter("activity_core_runs_refused", "Executions that did not become the run of their cause, by trigger and verdict.")
	m.runsSwept = b.counter("activity_core_runs_swept", "Recorded causes that the sweeper had to start again.")
	m.runStart = b.seconds("activity_core_run_start_latency_seconds", "From the nominal time (cron) or record (event, manual) to admission.")
	m.runSeconds = b.seconds("activity_core_run_duration_seconds", "From admission to finish.")
	m.actions = b.counter("activity_core_actions", "Actions carried out, by type and outcome.")
	m.attemptsHeld = b.counter("activity_core_attempts_held", "Attempts at actions and fetches of context that were held back, by what was full.")
	m.schedulesOwned = b.gauge("activity_core_schedules_owned", "Schedules of ours in Temporal at the last reconciliation.")
	m.schedulesDrifted = b.gauge("activity_core_schedules_drifted", "Schedules that differed from the record at the last reconciliation, by kind.")
	m.scheduleWrites = b.counter("activity_core_schedule_writes", "Changes made to schedules, by action and result.")
	m.syncSeconds = b.seconds("activity_core_sync_duration_seconds", "Duration of a reconciliation.")
	m.slots = b.counter("activity_core_ledger_verdicts", "Terminal verdicts given by the slot watchdog, by verdict.")
	m.slotsOverdue = b.gauge("activity_core_slots_overdue", "Slots that wait for a verdict beyond their grace, after the last round of the watchdog.")
	m.makeUpLate = b.seconds("activity_core_makeup_latency_seconds", "From the nominal time of a missed slot to its make-up run's start; its count is that of make-up runs.")
	m.outageSeconds = b.seconds("activity_core_outage_duration_seconds", "Length of recorded outages, by what was out.")
	m.apiRequests = b.counter("activity_core_api_requests", "API requests, by route, method and status.")
	m.apiSeconds = b.seconds("activity_core_api_request_duration_seconds", "Duration of API requests, by route.")
	m.zoneDataAge = b.gauge("activity_core_zone_data_age_seconds", "Age of the time zone database that this process goes by, by release; 0 for a release that was replaced.")
	m.zoneDataFollowed = b.gauge("activity_core_zone_data_followed", "Zones that go by rules which the record has from a newer release than this process.")
	m.zoneDataProblem = b.gauge("activity_core_zone_data_problem", "1 while the files of timezone_data have changed and cannot be read.")
	return m, b.err
}

// ZoneData tells which release of the time zone database is used.
func (m *Metrics) ZoneData(s core.ZoneDataState) {
	m.zonesMu.Lock()
	defer m.zonesMu.Unlock()
	if m.zonesRelease != "" && m.zonesRelease != s.Release {
		m.zoneDataAge.Record(background, 0, with(attribute.String("release", m.zonesRelease)))
	}
	m.zonesRelease = s.Release
	m.zoneDataAge.Record(background, int64(s.AgeDays)*24*3600, with(attribute.String("release", s.Release)))
	m.zoneDataFollowed.Record(background, int64(s.Followed))
	problem := int64(0)
	if s.Problem != "" {
		problem = 1
	}
	m.zoneDataProblem.Record(background, problem)
}

type builder struct {
	meter metric.Meter
	err   error
}

func (b *builder) keep(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *builder) counter(name, doc string) metric.Int64Counter {
	c, err := b.meter.Int64Counter(name, metric.WithDescription(doc))
	b.keep(err)
	return c
}

func (b *builder) gauge(name, doc string) metric.Int64Gauge {
	g, err := b.meter.Int64Gauge(name, metric.WithDescription(doc))
	b.keep(err)
	return g
}

func (b *builder) seconds(name, doc string) metric.Float64Histogram {
	h, err := b.meter.Float64Histogram(name, metric.WithDescription(doc), metric.WithExplicitBucketBoundaries(secondsBuckets...))
	b.keep(err)
	return h
}

func (b *builder) sizes(name, doc string) metric.Int64Histogram {
	h, err := b.meter.Int64Histogram(name, metric.WithDescription(doc), metric.WithExplicitBucketBoundaries(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000))
	b.keep(err)
	return h
}

// Provider is the meter provider, for the Temporal SDK's own metrics.
func (m *Metrics) Provider() metric.MeterProvider { return m.provider }

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Stop releases the exporter.
func (m *Metrics) Stop(ctx context.Context) error { return m.provider.Shutdown(ctx) }

func with(kv ...attribute.KeyValue) metric.MeasurementOption { return metric.WithAttributes(kv...) }

var background = context.Background()

// RunAdmitted counts a run's start.
func (m *Metrics) RunAdmitted(trigger core.CauseKind, latency time.Duration) {
	m.runStart.Record(background, latency.Seconds(), with(attribute.String("trigger", string(trigger))))
}

// RunRefused counts an execution that did not become the run of its cause.
func (m *Metrics) RunRefused(trigger core.CauseKind, v core.Verdict) {
	m.runsRefused.Add(background, 1, with(attribute.String("trigger", string(trigger)), attribute.String("verdict", string(v))))
}

// RunFinished counts a finished run.
func (m *Metrics) RunFinished(trigger core.CauseKind, outcome core.RunStatus, took time.Duration) {
	by := with(attribute.String("trigger", string(trigger)), attribute.String("outcome", string(outcome)))
	m.runsFinished.Add(background, 1, by)
	m.runSeconds.Record(background, took.Seconds(), by)
}

// ActionFinished counts an action.
func (m *Metrics) ActionFinished(t core.ActionType, s core.ActionStatus) {
	m.actions.Add(background, 1, with(attribute.String("type", string(t)), attribute.String("outcome", string(s))))
}

// AttemptHeld counts what was held back; why is "host" or "definition".
func (m *Metrics) AttemptHeld(why string) {
	m.attemptsHeld.Add(background, 1, with(attribute.String("why", why)))
}

// RunsSwept counts causes started again.
func (m *Metrics) RunsSwept(n int) { m.runsSwept.Add(background, int64(n)) }

// EventsConsumed counts events taken from the stream.
func (m *Metrics) EventsConsumed(n int) {
	m.eventsConsumed.Add(background, int64(n))
	m.batch.Record(background, int64(n))
}

// EventsMatched counts matches.
func (m *Metrics) EventsMatched(n int) { m.eventsMatched.Add(background, int64(n)) }

// EventStarted counts a run started for an event; latency is since the event's arrival in the
// stream.
func (m *Metrics) EventStarted(latency time.Duration) {
	m.eventsStarted.Add(background, 1)
	m.eventStart.Record(background, latency.Seconds())
}

// EventDuplicate counts a duplicate; where is ingest or router.
func (m *Metrics) EventDuplicate(where string) {
	m.eventsDuplicate.Add(background, 1, with(attribute.String("where", where)))
}

// EventDead counts a dead letter.
func (m *Metrics) EventDead(reason string) {
	m.eventsDead.Add(background, 1, with(attribute.String("reason", reason)))
}

// EventsCycle counts a match of an event that a run of the definition itself caused.
func (m *Metrics) EventsCycle() { m.eventsCycles.Add(background, 1) }

// EventsRetried counts deliveries handed back after a failure.
func (m *Metrics) EventsRetried(n int) { m.eventsRetried.Add(background, int64(n)) }

// RouterHeldUp tells how many steps of event routing wait.
func (m *Metrics) RouterHeldUp(steps int) { m.routerHeldUp.Record(background, int64(steps)) }

// EventPublished counts an event published by this process.
func (m *Metrics) EventPublished() { m.eventsPublished.Add(background, 1) }

// EventsPending tells how far the router is behind.
func (m *Metrics) EventsPending(n uint64) { m.eventsPending.Record(background, int64(min(n, 1<<62))) }

// SchedulesObserved tells what the last reconciliation found.
func (m *Metrics) SchedulesObserved(owned int, drift map[core.DriftKind]int) {
	m.schedulesOwned.Record(background, int64(owned))
	for _, k := range []core.DriftKind{core.DriftMissing, core.DriftExtra, core.DriftChanged, core.DriftPausedOutside, core.DriftState} {
		m.schedulesDrifted.Record(background, int64(drift[k]), with(attribute.String("kind", string(k))))
	}
}

// ScheduleWritten counts a change made to a schedule.
func (m *Metrics) ScheduleWritten(action string, failed bool) {
	m.scheduleWrites.Add(background, 1, with(attribute.String("action", action), attribute.Bool("failed", failed)))
}

// Synced tells how long a reconciliation took.
func (m *Metrics) Synced(took time.Duration, err error) {
	m.syncSeconds.Record(background, took.Seconds(), with(attribute.Bool("failed", err != nil)))
}

// SlotsSettled counts verdicts given by the watchdog.
func (m *Metrics) SlotsSettled(v core.Verdict, n int) {
	m.slots.Add(background, int64(n), with(attribute.String("verdict", string(v))))
}

// SlotsOverdue tells how many slots wait for a verdict beyond their grace.
func (m *Metrics) SlotsOverdue(n int) { m.slotsOverdue.Record(background, int64(n)) }

// SlotMadeUp counts a make-up run; late is how long after its nominal time it started.
func (m *Metrics) SlotMadeUp(late time.Duration) { m.makeUpLate.Record(background, late.Seconds()) }

// Outage counts a recorded outage of what: temporal, worker or process.
func (m *Metrics) Outage(what string, length time.Duration) {
	m.outageSeconds.Record(background, length.Seconds(), with(attribute.String("what", what)))
}

// Method is a request's method as a label: a known one or OTHER. What a client chose would make
// a series each, for ever.
func Method(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}

// APIRequest counts an API request. The route is a pattern, never a path.
func (m *Metrics) APIRequest(route, method string, status int, took time.Duration) {
	m.apiRequests.Add(background, 1, with(attribute.String("route", route), attribute.String("method", Method(method)), attribute.String("status", strconv.Itoa(status))))
	m.apiSeconds.Record(background, took.Seconds(), with(attribute.String("route", route)))
}
