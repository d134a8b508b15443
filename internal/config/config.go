// Package config owns the settings of a process: one struct, read from
// defaults < file < environment < flags, validated whole before anything opens,
// and redacted when printed. It opens nothing itself but the settings file.
package config

import (
	"time"

	core "github.com/activity-core/activity-core"
)

// Config is every setting. The `key` tag is the name in the file (YAML, nested at
// the dots), in the environment (ACTIVITY_CORE_ + the key in capitals, dots as
// underscores) and in error messages; `secret` fields are never printed.
type Config struct {
	Roles []string `key:"roles" default:"api,router,worker" doc:"which parts this process runs: api, router, worker"`

	APIAddr  string `key:"api.addr" default:"127.0.0.1:8010" doc:"address of the REST API and console"`
	APIToken string `key:"api.token" secret:"true" doc:"bearer token that every request must carry; required by serve, and to listen on anything but loopback"`

	APIInsecure bool `key:"api.insecure_no_auth" default:"false" doc:"lets serve run without api.token: whoever reaches api.addr, which must then be loopback, may do everything"`

	MetricsAddr string `key:"metrics.addr" default:"127.0.0.1:9090" doc:"address of /metrics; empty turns it off"`

	DatabaseURL      string `key:"database.url" secret:"url" doc:"PostgreSQL URL, postgres://user:password@host:5432/db"`
	DatabaseMaxConns int    `key:"database.max_conns" default:"16" min:"1" max:"1000" doc:"connections kept to the database"`

	TemporalAddress   string `key:"temporal.address" default:"127.0.0.1:7233" doc:"host:port of the Temporal frontend"`
	TemporalNamespace string `key:"temporal.namespace" default:"default" doc:"Temporal namespace"`
	TemporalAPIKey    string `key:"temporal.api_key" secret:"true" doc:"API key, for Temporal Cloud"`
	TemporalTLS       bool   `key:"temporal.tls" default:"false" doc:"connect with TLS"`
	TemporalTLSCA     string `key:"temporal.tls_ca_file" doc:"PEM file with the certificate authority; default: the system's"`
	TemporalTLSCert   string `key:"temporal.tls_cert_file" doc:"PEM file with the client certificate"`
	TemporalTLSKey    string `key:"temporal.tls_key_file" doc:"PEM file with the client key"`

	NATSURL       string `key:"nats.url" default:"nats://127.0.0.1:4222" secret:"url" doc:"NATS URL, or several separated by commas"`
	NATSCredsFile string `key:"nats.creds_file" doc:"NATS credentials file"`
	NATSReplicas  int    `key:"nats.replicas" default:"1" min:"1" max:"5" doc:"replicas of the streams; 3 in production"`
	NATSMaxBytes  int64  `key:"nats.max_bytes" default:"10737418240" min:"1048576" doc:"size at which the event stream refuses new events, bytes"`
	NATSRecreate  bool   `key:"nats.recreate_consumer" default:"false" doc:"make the router's consumer, or the event stream, again after it was deleted, from where the router had come to; set it for one start"`

	ContextDir string `key:"context.dir" doc:"folder below which {file: …} context sources are read; empty refuses them"`

	SecretsDir string `key:"secrets.dir" doc:"folder with one file a secret, as Kubernetes and systemd mount them"`
	SecretsKey string `key:"secrets.key" secret:"true" doc:"key that seals secrets kept in the store: 32 bytes in base64 or hex"`

	WebhookGitHub           string `key:"webhooks.github.secret" secret:"true" doc:"secret of POST /hooks/github"`
	WebhookGitHubPrevious   string `key:"webhooks.github.previous_secret" secret:"true" doc:"one that is accepted as well, while it is being replaced"`
	WebhookGitea            string `key:"webhooks.gitea.secret" secret:"true" doc:"secret of POST /hooks/gitea"`
	WebhookGiteaPrevious    string `key:"webhooks.gitea.previous_secret" secret:"true" doc:"one that is accepted as well, while it is being replaced"`
	WebhookGitLab           string `key:"webhooks.gitlab.secret" secret:"true" doc:"token of POST /hooks/gitlab"`
	WebhookGitLabPrevious   string `key:"webhooks.gitlab.previous_secret" secret:"true" doc:"one that is accepted as well, while it is being replaced"`
	WebhookStandard         string `key:"webhooks.standard.secret" secret:"true" doc:"secret of POST /hooks/standard: base64, with or without whsec_ before it"`
	WebhookStandardPrevious string `key:"webhooks.standard.previous_secret" secret:"true" doc:"one that is accepted as well, while it is being replaced"`

	OutboundAllow    []string `key:"outbound.allow" doc:"private address ranges that actions and context sources may reach, such as 10.0.0.0/8; the metadata service of a cloud only by its very address, 169.254.169.254/32"`
	MaxPerHost       int      `key:"outbound.max_per_host" default:"64" min:"1" max:"512" doc:"how many requests one process makes at once to one host and port (or waits for workflows of one task queue); the rest wait outside of the worker, shared fairly among definitions"`
	MaxPerDefinition int      `key:"outbound.max_per_definition" default:"128" min:"1" max:"512" doc:"how many one definition has at all hosts together"`
	ProgressURL      string   `key:"progress.url" doc:"where report_progress posts"`
	ProgressSecret   string   `key:"progress.secret" doc:"name of the secret that report_progress sends as a bearer token"`

	TimezoneData string `key:"timezone_data" doc:"folder or zip archive with a newer release of the time zone database than the built-in one, such as /usr/share/zoneinfo; read anew when it changes"`

	ReconcileInterval core.Duration `key:"reconcile.interval" default:"1m" min:"1s" max:"24h" doc:"how often schedules are reconciled"`
	CrowdSize         int           `key:"cron.crowd_size" default:"50" min:"0" max:"1000000" doc:"from how many definitions due at one instant their runs are started directly, not by Temporal's scheduler; 0: never"`
	ReconcileOwner    string        `key:"reconcile.owner" default:"activity-core" doc:"mark of this installation on its schedules in Temporal; what bears another is never touched. Choose it before the first start"`
	MaxDeletePercent  int           `key:"reconcile.max_delete_percent" default:"20" min:"0" max:"100" doc:"percentage of our schedules up to which those of definitions that the database has never heard of are deleted; 0: none ever. All of them never are, without the override"`

	StartNamespaces []string `key:"start_workflow.namespaces" doc:"namespaces besides temporal.namespace that start_workflow may start workflows in; a * at the end stands for any rest; never temporal-*"`
	StartTaskQueues []string `key:"start_workflow.task_queues" doc:"the only task queues that start_workflow may use, in the same form; empty: all but our own and Temporal's"`

	RunOutcomeEvents bool          `key:"runs.outcome_events" default:"false" doc:"publish activity.run.<outcome> events"`
	RunRetention     core.Duration `key:"runs.retention" default:"90d" min:"1h" doc:"how long finished runs are kept; ledger keys are kept for ever"`
	FanOutRate       int           `key:"runs.actions_per_second" default:"0" min:"0" max:"100000" doc:"bound on remote actions per second and process; 0: none"`

	LogLevel  string `key:"log.level" default:"info" doc:"debug, info, warn or error"`
	LogFormat string `key:"log.format" default:"text" doc:"text or json"`

	OTLPEndpoint string `key:"tracing.otlp_endpoint" doc:"OTLP/gRPC collector for traces: host:port, or https://host:port for TLS; empty turns tracing off"`

	ShutdownTimeout core.Duration `key:"shutdown.timeout" default:"20s" min:"1s" max:"10m" doc:"how long a stopping process waits for work in progress"`
}

// Role names.
const (
	RoleAPI    = "api"
	RoleRouter = "router"
	RoleWorker = "worker"
)

// HasRole reports whether the process runs a part.
func (c *Config) HasRole(role string) bool {
	for _, r := range c.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// Shutdown is ShutdownTimeout as the standard library's type.
func (c *Config) Shutdown() time.Duration { return c.ShutdownTimeout.Std() }
