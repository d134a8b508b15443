package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/deadletter"
	"github.com/activity-core/activity-core/internal/eventlog"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/router"
	"github.com/activity-core/activity-core/internal/slots"
)

// The adapters never import each other; where the shape of one's port differs
// from the other's method, the translation is here.

type slotKeeper struct{ app *App }

func (k slotKeeper) BeforeWrite(ctx context.Context, activityID string) (func(context.Context) error, error) {
	return k.app.watchdog.BeforeWrite(ctx, activityID)
}

type eventLog struct {
	log      *eventlog.Log
	replayer *eventlog.Replayer
}

func (l eventLog) Replay(ctx context.Context, req core.ReplayRequest, each func(core.ReplayMatch) error) (core.ReplayReport, error) {
	return l.replayer.Replay(ctx, req, each)
}

func (l eventLog) List(ctx context.Context, eventType string, since, until time.Time, p core.PageRequest) (core.Page[core.EventListing], error) {
	return l.log.ListEvents(ctx, eventlog.Filter{Type: eventType, Since: since, Until: until}, p)
}

func (l eventLog) Event(ctx context.Context, id string) (core.EventListing, error) {
	return l.log.Event(ctx, id)
}

func (l eventLog) LastSequence(ctx context.Context) (uint64, error) { return l.log.LastSequence(ctx) }

func (l eventLog) Tail(ctx context.Context, after uint64, each func(core.EventListing) error) error {
	return l.log.Tail(ctx, after, each)
}

func (l eventLog) Explain(ctx context.Context, e core.Event, ref string, p core.PageRequest) (core.Page[core.EventExplanation], error) {
	return l.log.Explain(ctx, e, ref, p)
}

type deadLetters struct{ queue *deadletter.Queue }

func (d deadLetters) List(ctx context.Context, reason, eventType string, p core.PageRequest) (core.Page[core.DeadLetter], error) {
	return d.queue.List(ctx, deadletter.Filter{Reason: reason, Type: eventType}, p)
}

func (d deadLetters) Show(ctx context.Context, id uint64) (core.DeadLetter, error) {
	return d.queue.Show(ctx, id)
}

func (d deadLetters) Conflicts(ctx context.Context, e core.EventListing) ([]core.ConflictingEvent, error) {
	return d.queue.Conflicts(ctx, e)
}

func (d deadLetters) Replay(ctx context.Context, id uint64) (core.PublishReceipt, error) {
	return d.queue.Replay(ctx, id)
}

func (d deadLetters) Drop(ctx context.Context, id uint64) error { return d.queue.Drop(ctx, id) }

func (d deadLetters) ReplayAll(ctx context.Context, reason, eventType string) (int, error) {
	return d.queue.ReplayAll(ctx, deadletter.Filter{Reason: reason, Type: eventType})
}

func (d deadLetters) DropAll(ctx context.Context, reason, eventType string) (int, error) {
	return d.queue.DropAll(ctx, deadletter.Filter{Reason: reason, Type: eventType})
}

type slotBook struct{ app *App }

func (b slotBook) Check(ctx context.Context, activityID string, since, until time.Time) (wire.LedgerCheck, error) {
	r, err := slots.NewChecker(b.app.Store).Check(ctx, activityID, since, until)
	if err != nil {
		return wire.LedgerCheck{}, err
	}
	out := wire.LedgerCheck{
		OK: r.OK(), From: r.Since, To: r.Until, Expected: r.Expected, Accounted: r.Accounted, Verdicts: r.Verdicts, Waiting: r.Waiting,
		MissingCount: r.MissingCount + r.OpenCount, Missing: []wire.LedgerGap{},
		UnexpectedCount: r.UnexpectedCount, Unexpected: []wire.LedgerGap{},
	}
	for _, m := range r.Missing {
		out.Missing = append(out.Missing, wire.LedgerGap{
			ActivityID: m.ActivityID, ActivityName: m.ActivityName, CauseKey: core.CronCause(m.NominalTime).Key(), Detail: "no ledger row",
		})
	}
	for _, e := range r.Open {
		out.Missing = append(out.Missing, wire.LedgerGap{
			ActivityID: e.ActivityID, ActivityName: r.Names[e.ActivityID], CauseKey: e.CauseKey, Detail: "verdict is still " + string(e.Verdict),
		})
	}
	for _, e := range r.Unexpected {
		out.Unexpected = append(out.Unexpected, wire.LedgerGap{
			ActivityID: e.ActivityID, ActivityName: r.Names[e.ActivityID], CauseKey: e.CauseKey,
			Detail: "it ran, and no version of the definition names this time",
		})
	}
	return out, nil
}

func (a *App) routerMetrics() router.Metrics {
	m := a.metrics
	return router.Metrics{
		Consumed: m.EventsConsumed, Matched: m.EventsMatched, Started: m.EventStarted, Dead: m.EventDead,
		Duplicate: func(n int) {
			for range n {
				m.EventDuplicate("router")
			}
		},
		Lag:     func(pending uint64, _ int) { m.EventsPending(pending) },
		Retried: m.EventsRetried, Cycle: m.EventsCycle, HeldUp: m.RouterHeldUp,
	}
}

func (a *App) publisherMetrics() eventstream.Metrics {
	return eventstream.Metrics{Published: a.metrics.EventPublished, Duplicate: func() { a.metrics.EventDuplicate("ingest") }}
}

func (a *App) slotMetrics() slots.Metrics {
	return slots.Metrics{
		Settled: a.metrics.SlotsSettled, MadeUp: a.metrics.SlotMadeUp, Outage: a.metrics.Outage, Overdue: a.metrics.SlotsOverdue,
	}
}

// temporalTLS makes the client's TLS settings, or nil for none.
func temporalTLS(cfg *config.Config) (*tls.Config, error) {
	if !cfg.TemporalTLS && cfg.TemporalTLSCA == "" && cfg.TemporalTLSCert == "" && cfg.TemporalAPIKey == "" {
		return nil, nil //nolint:nilnil // the SDK takes nil for "no TLS"
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.TemporalTLSCA != "" {
		pem, err := os.ReadFile(cfg.TemporalTLSCA)
		if err != nil {
			return nil, core.InvalidField("temporal.tls_ca_file", cfg.TemporalTLSCA, "cannot be read: %v", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, core.InvalidField("temporal.tls_ca_file", cfg.TemporalTLSCA, "holds no PEM certificate")
		}
	}
	if cfg.TemporalTLSCert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.TemporalTLSCert, cfg.TemporalTLSKey)
		if err != nil {
			return nil, core.InvalidField("temporal.tls_cert_file", cfg.TemporalTLSCert, "does not load: %v", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
