package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/postgres"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// Finding is what one check of [Diagnose] says.
type Finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warning or failed
	Detail string `json:"detail"`
	// Remedy is what to do; empty when the status is ok.
	Remedy string `json:"remedy,omitempty"`
}

// The states of a [Finding].
const (
	FindingOK      = "ok"
	FindingWarning = "warning"
	FindingFailed  = "failed"
)

// checkTime bounds each check.
const checkTime = 10 * time.Second

// Diagnose looks at everything `serve` would need with this configuration and changes nothing.
func Diagnose(ctx context.Context, cfg *config.Config) []Finding {
	var all []Finding
	for _, check := range []func(context.Context, *config.Config) []Finding{checkDatabase, checkTemporal, checkNATS, checkFolders, checkSecrets} {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		all = append(all, check(ctx, cfg)...)
		cancel()
	}
	scrub := cfg.Scrubber()
	for i := range all { // errors of libraries quote what they were given
		all[i].Detail = scrub(all[i].Detail)
	}
	return all
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, Status: FindingOK, Detail: fmt.Sprintf(format, args...)}
}

func bad(status, check, remedy, format string, args ...any) Finding {
	return Finding{Check: check, Status: status, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

func checkDatabase(ctx context.Context, cfg *config.Config) []Finding {
	if cfg.DatabaseURL == "" {
		return []Finding{bad(FindingFailed, "database", "set "+config.EnvName("database.url")+" to a postgres:// URL; `activity-core dev` needs none", "database.url is not set")}
	}
	var found []Finding
	err := postgres.Migrate(ctx, Database(cfg), func(ctx context.Context, m *sqlstore.Migrator) error {
		all, err := m.Status(ctx)
		if err != nil {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(all), func(s sqlstore.Migration) bool { return s.AppliedAt != nil })
		switch {
		case len(missing) > 0:
			found = append(found, bad(FindingFailed, "schema", "run activity-core migrate up", "%d of %d migrations are not applied, the next is %s", len(missing), len(all), missing[0].Name))
		default:
			if err := m.CheckSchema(ctx); err != nil {
				found = append(found, bad(FindingFailed, "schema", "run the version of activity-core that made this schema, or a newer one", "%v", err))
			} else {
				found = append(found, ok("schema", "up to date: %d migrations", len(all)))
			}
		}
		return nil
	})
	if err != nil {
		return []Finding{bad(FindingFailed, "database", "check host, user, password and TLS of database.url, and that the database exists", "%v", err)}
	}
	return append([]Finding{ok("database", "PostgreSQL answers")}, found...)
}

func checkTemporal(ctx context.Context, cfg *config.Config) []Finding {
	o, err := temporalOptions(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return []Finding{bad(FindingFailed, "temporal", "check the temporal.tls_… files", "%v", err)}
	}
	c, err := client.DialContext(ctx, o)
	if err != nil {
		return []Finding{bad(FindingFailed, "temporal", "check temporal.address, temporal.tls and that the frontend runs", "does not answer at %s: %v", cfg.TemporalAddress, err)}
	}
	defer c.Close()
	found := []Finding{ok("temporal", "answers at %s", cfg.TemporalAddress)}
	ns, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: cfg.TemporalNamespace})
	if err != nil {
		return append(found, bad(FindingFailed, "temporal namespace", "temporal operator namespace create --namespace "+cfg.TemporalNamespace, "namespace %q: %v", cfg.TemporalNamespace, err))
	}
	found = append(found, ok("temporal namespace", "%s keeps closed runs for %s", cfg.TemporalNamespace, core.Duration(ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())))
	missing, err := temporalrun.MissingSearchAttributes(ctx, c, cfg.TemporalNamespace)
	switch {
	case core.IsCode(err, core.CodeConflict):
		return append(found, bad(FindingFailed, "search attributes", "use another namespace: Temporal cannot change types", "%v", err))
	case err != nil:
		return append(found, bad(FindingWarning, "search attributes", "nothing, if an operator has added them (docs/runbook.md)", "cannot be listed: %v", err))
	case len(missing) > 0:
		return append(found, bad(FindingWarning, "search attributes", "the next start of serve adds them, if Temporal allows it to",
			"missing: %s", strings.Join(slices.Sorted(maps.Keys(missing)), ", ")))
	}
	return append(found, ok("search attributes", "all %d are registered", len(temporalrun.SearchAttributes())))
}

func checkNATS(ctx context.Context, cfg *config.Config) []Finding {
	conn, err := nats.Connect(cfg.NATSURL, natsOptions(cfg, nats.Name("activity-core doctor"), nats.NoReconnect())...)
	if err != nil {
		return []Finding{bad(FindingFailed, "nats", "check nats.url and nats.creds_file", "does not answer: %v", err)}
	}
	defer conn.Close()
	found := []Finding{ok("nats", "%s, version %s", conn.ConnectedServerName(), conn.ConnectedServerVersion())}
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.AccountInfo(ctx)
	}
	if err != nil {
		return append(found, bad(FindingFailed, "jetstream", "enable JetStream on the server and for this account (deploy/nats.conf)", "%v", err))
	}
	stream, err := js.Stream(ctx, core.EventStream)
	if err != nil {
		return append(found, bad(FindingWarning, "event stream", "the next start of serve makes it", "%s: %v", core.EventStream, err))
	}
	info := stream.CachedInfo()
	state := fmt.Sprintf("%d events, %d of %d bytes, %d replicas", info.State.Msgs, info.State.Bytes, info.Config.MaxBytes, max(info.Config.Replicas, 1))
	switch {
	case info.Config.MaxBytes > 0 && info.State.Bytes > uint64(info.Config.MaxBytes)/10*9:
		found = append(found, bad(FindingWarning, "event stream", "raise nats.max_bytes, or purge what is no longer needed: a full stream refuses events", "nearly full: %s", state))
	case info.Config.Replicas < 3 && info.Cluster != nil && info.Cluster.Name != "":
		found = append(found, bad(FindingWarning, "event stream", "set nats.replicas to 3", "one lost server loses events: %s", state))
	default:
		found = append(found, ok("event stream", "%s", state))
	}
	consumer, err := stream.Consumer(ctx, core.RouterDurable)
	if err != nil {
		return append(found, bad(FindingWarning, "router", "start a process with the router role", "consumer %s: %v", core.RouterDurable, err))
	}
	c := consumer.CachedInfo()
	return append(found, ok("router", "%d events wait, %d are under way, %d were delivered again", c.NumPending, c.NumAckPending, c.NumRedelivered))
}

func checkFolders(_ context.Context, cfg *config.Config) []Finding {
	var found []Finding
	for key, dir := range map[string]string{"context.dir": cfg.ContextDir, "secrets.dir": cfg.SecretsDir} {
		if dir == "" {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			found = append(found, bad(FindingFailed, key, "make the folder readable to this user, or correct "+key, "%v", err))
			continue
		}
		found = append(found, ok(key, "%d entries", len(entries)))
	}
	slices.SortFunc(found, func(a, b Finding) int { return strings.Compare(a.Check, b.Check) })
	return found
}

func checkSecrets(_ context.Context, cfg *config.Config) []Finding {
	var set []string
	for source, secret := range map[string]string{"github": cfg.WebhookGitHub, "gitea": cfg.WebhookGitea, "gitlab": cfg.WebhookGitLab, "standard": cfg.WebhookStandard} {
		if secret != "" {
			set = append(set, source)
		}
	}
	slices.Sort(set)
	if len(set) == 0 {
		return []Finding{ok("webhooks", "none accepted: no webhooks.<source>.secret is set")}
	}
	return []Finding{ok("webhooks", "accepted from %s", strings.Join(set, ", "))}
}
