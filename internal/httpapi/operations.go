package httpapi

import (
	"context"
	"net/http"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// defaultCheck is the window of a ledger check that names none.
const defaultCheck = 24 * time.Hour

func (s *server) operations() {
	const tag = "Operation"
	s.scheduleList()
	type pendingInput struct {
		Revision int64 `query:"revision" minimum:"0" doc:"only what changed at this revision, as the answer of apply names it, and has not changed since; default: everything"`
	}
	pending := op(http.MethodGet, "/schedules/pending", "list-pending-schedules", tag, "How many schedules in Temporal have still to follow changes of definitions")
	pending.Description = "A change is saved before its schedule follows, in the background. items are up to 20 of those that could not be written, with the error; refused counts those for which trying again cannot help. Temporal is not asked."
	register(s, pending, func(ctx context.Context, in *pendingInput) (*body[wire.SchedulesPending], error) {
		f := core.BehindFilter{Failing: true, Limit: 20}
		if in.Revision > 0 {
			f.After, f.UpTo = in.Revision-1, in.Revision
		}
		found, err := s.Record.SchedulesBehind(ctx, f)
		out := wire.SchedulesPending{Pending: found.Total, Failing: found.Failing, Refused: found.Refused, Items: found.Items}
		if out.Items == nil {
			out.Items = []core.ScheduleBehind{}
		}
		return answer(out, err)
	})

	type syncInput struct {
		Body *wire.Sync `required:"false"`
	}
	register(s, op(http.MethodPost, "/sync", "sync", tag, "Reconcile schedules once"), func(ctx context.Context, in *syncInput) (*body[core.SyncReport], error) {
		var o core.SyncOptions
		if in.Body != nil {
			o = core.SyncOptions{DryRun: in.Body.DryRun, AllowMassDelete: in.Body.AllowMassDelete, Full: in.Body.Full}
		}
		return s.sync(ctx, o)
	})

	type ledgerInput struct {
		PageQuery
		Activity string `query:"activity" doc:"ID or name of a definition"`
		Kind     string `query:"kind" enum:"cron,event,manual"`
		Event    string `query:"event" doc:"event ID"`
		Verdict  string `query:"verdict" enum:"pending,started,fired,skipped,compressed,paused,deduplicated,throttled,lost"`
		Since    string `query:"since" doc:"RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now"`
		Until    string `query:"until" doc:"RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now"`
	}
	ledger := op(http.MethodGet, "/ledger", "list-ledger", tag, "List ledger rows, newest first")
	ledger.Description = "One row for each expected slot and match, for ever. run_id is the run of the row's cause: there is one with the verdicts pending, started and fired, until it is pruned. With the others there is none, and no field, unless the run was recorded first and ended before it began. into_run_id is the run that a compressed slot went into. workflow_id is that of the cause, whether it ran or not."
	register(s, ledger, func(ctx context.Context, in *ledgerInput) (*body[wire.Page[core.LedgerEntry]], error) {
		id, err := s.activityID(ctx, in.Activity)
		if err != nil {
			return nil, err
		}
		from, to, err := s.span(in.Since, in.Until)
		if err != nil {
			return nil, err
		}
		return page(s.Record.LedgerEntries(ctx, core.LedgerFilter{
			ActivityID: id, EventID: in.Event, Kind: core.CauseKind(in.Kind), Verdict: core.Verdict(in.Verdict), Since: from, Until: to,
		}, in.request()))
	})
	type checkInput struct {
		Activity string `query:"activity" doc:"ID or name of a definition; default all"`
		Since    string `query:"since" doc:"RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now; default 24h"`
		Until    string `query:"until" doc:"RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now; default now"`
	}
	register(s, op(http.MethodGet, "/ledger/check", "check-ledger", tag, "Hold expected slots and matches against the ledger"), func(ctx context.Context, in *checkInput) (*body[wire.LedgerCheck], error) {
		if s.Slots == nil {
			return nil, unavailable("ledger checks")
		}
		from, to, err := s.span(in.Since, in.Until)
		if err != nil {
			return nil, err
		}
		if to.IsZero() {
			to = s.Now().UTC()
		}
		if from.IsZero() {
			from = to.Add(-defaultCheck)
		}
		id := ""
		if in.Activity != "" {
			if id, err = s.activityID(ctx, in.Activity); err != nil {
				return nil, err
			}
		}
		return answer(s.Slots.Check(ctx, id, from, to))
	})

	type auditInput struct {
		PageQuery
		Object string `query:"object" doc:"name of a definition or secret, ID of a run or dead letter; dead-letters: many at once; schedules"`
	}
	audit := op(http.MethodGet, "/audit", "list-audit", tag, "List changes made through the API, newest first")
	audit.Description = "One entry a command, also where its answer comes in parts. What a backfill, a replay of events, many dead letters or an overridden guard of sync were about is in detail."
	register(s, audit, func(ctx context.Context, in *auditInput) (*body[wire.Page[core.AuditEntry]], error) {
		return page(s.Record.AuditEntries(ctx, in.Object, in.request()))
	})
}

func (s *server) sync(ctx context.Context, o core.SyncOptions) (*body[core.SyncReport], error) {
	if s.Schedules == nil {
		return nil, unavailable("reconciliation")
	}
	report, err := s.Schedules.Sync(ctx, o)
	if o.AllowMassDelete && !o.DryRun && (err == nil || report.Writes > 0) { // without the override it does what the loop does anyway
		s.audit(ctx, "schedule.sync", "schedules", map[string]any{"allow_mass_delete": true, "writes": report.Writes})
	}
	return answer(report, err)
}

// health answers outside huma, so that a probe costs nothing.
func (s *server) health() {
	write := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = writePlain(w, v) // the prober is gone
	}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready, checks := s.Health.Ready(r.Context())
		status := http.StatusOK
		if !ready {
			status = http.StatusServiceUnavailable
		}
		out := wire.Ready{Ready: ready, Checks: checks}
		if s.mayKnow(r) {
			out.Background = s.Health.Background(r.Context())
		} else { // errors name servers, users and databases
			for name, found := range checks {
				if found != "ok" {
					checks[name] = "failed"
				}
			}
		}
		write(w, status, out)
	})
}
