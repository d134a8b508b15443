package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/secrets"
	"github.com/activity-core/activity-core/internal/telemetry"
	"github.com/activity-core/activity-core/internal/webhook"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// ownerMarker is what reconcile.owner may be: it stands in a memo and as the author of writes,
// and people compare it by eye.
var ownerMarker = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// check judges values that are of the right type.
func (c *Config) check() []core.FieldError {
	var faults []core.FieldError
	bad := func(key string, value any, format string, args ...any) {
		if text, ok := value.(string); ok {
			value = RedactURL(text)
		}
		faults = append(faults, core.FieldError{Location: key, Value: value, Message: RedactURL(fmt.Sprintf(format, args...))})
	}
	if len(c.Roles) == 0 {
		bad("roles", nil, "must name at least one of api, router, worker")
	}
	for _, r := range c.Roles {
		if r != RoleAPI && r != RoleRouter && r != RoleWorker {
			bad("roles", r, "%q is not a role; use api, router, worker", r)
		}
	}
	for _, a := range []struct{ key, value string }{{"api.addr", c.APIAddr}, {"metrics.addr", c.MetricsAddr}, {"temporal.address", c.TemporalAddress}} {
		if a.value == "" && a.key == "metrics.addr" {
			continue
		}
		if _, _, err := net.SplitHostPort(a.value); err != nil {
			bad(a.key, a.value, "%q is not host:port", a.value)
		}
	}
	if c.APIToken == "" && c.HasRole(RoleAPI) && !Loopback(c.APIAddr) {
		bad("api.token", nil, "is required, since api.addr %s is reachable from other machines; set %s, or listen on 127.0.0.1", c.APIAddr, EnvName("api.token"))
	}
	if c.APIToken != "" && len(c.APIToken) < 16 {
		bad("api.token", nil, "has %d characters; use at least 16, for example from `openssl rand -hex 32`", len(c.APIToken))
	}
	if c.DatabaseURL != "" {
		if u, err := url.Parse(c.DatabaseURL); err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			bad("database.url", nil, "must be a postgres:// URL")
		}
	}
	if c.SecretsKey != "" {
		if _, err := secrets.ParseKey(c.SecretsKey); err != nil {
			bad("secrets.key", nil, "must be 32 bytes in base64 or hex, for example from `openssl rand -base64 32`")
		}
	}
	hooks := c.webhooks()
	for _, source := range webhook.Sources() {
		given, key := hooks[source], "webhooks."+string(source)
		if given.secret == "" && given.previous != "" {
			bad(key+".secret", nil, "is missing, while %s.previous_secret is set; the previous one is for the time in which a secret is being replaced", key)
		}
		for _, s := range []struct{ key, value string }{{key + ".secret", given.secret}, {key + ".previous_secret", given.previous}} {
			if s.value == "" {
				continue
			}
			if err := webhook.CheckSecret(source, s.value); err != nil {
				bad(s.key, nil, "%v", err)
			}
		}
	}
	for _, d := range []struct{ key, path string }{{"context.dir", c.ContextDir}, {"secrets.dir", c.SecretsDir}} {
		if d.path == "" {
			continue
		}
		if st, err := os.Stat(d.path); err != nil || !st.IsDir() {
			bad(d.key, d.path, "%q is not a folder", d.path)
		}
	}
	if c.TimezoneData != "" {
		if _, err := zonedata.Open(c.TimezoneData); err != nil {
			bad("timezone_data", c.TimezoneData, "%v", err)
		}
	}
	for _, r := range c.OutboundAllow {
		if _, err := netip.ParsePrefix(r); err != nil {
			bad("outbound.allow", r, "%q is not an address range such as 10.0.0.0/8", r)
		}
	}
	for _, n := range c.StartNamespaces {
		if err := core.CheckWorkflowNamespace(n); err != nil {
			bad("start_workflow.namespaces", n, "%s", err)
		}
	}
	for _, q := range c.StartTaskQueues {
		if err := core.CheckWorkflowTaskQueue(q); err != nil {
			bad("start_workflow.task_queues", q, "%s", err)
		}
	}
	if c.ProgressURL != "" && !strings.HasPrefix(c.ProgressURL, "http://") && !strings.HasPrefix(c.ProgressURL, "https://") {
		bad("progress.url", c.ProgressURL, "must be an http:// or https:// URL")
	}
	if c.ProgressSecret != "" {
		if err := secrets.CheckName(c.ProgressSecret); err != nil {
			bad("progress.secret", nil, "is no name of a secret: it is the name, not the value")
		}
	}
	if c.OTLPEndpoint != "" {
		if err := telemetry.CheckOTLPEndpoint(c.OTLPEndpoint); err != nil {
			bad("tracing.otlp_endpoint", c.OTLPEndpoint, "%v", err)
		}
	}
	if !ownerMarker.MatchString(c.ReconcileOwner) {
		bad("reconcile.owner", c.ReconcileOwner, "%q must be 1 to 64 of the characters A-Z, a-z, 0-9, dot, dash and underscore", c.ReconcileOwner)
	}
	if (c.TemporalTLSCert == "") != (c.TemporalTLSKey == "") {
		bad("temporal.tls_cert_file", c.TemporalTLSCert, "goes together with temporal.tls_key_file")
	}
	if l := c.LogLevel; l != "debug" && l != "info" && l != "warn" && l != "error" {
		bad("log.level", l, "%q must be debug, info, warn or error", l)
	}
	if f := c.LogFormat; f != "text" && f != "json" {
		bad("log.format", f, "%q must be text or json", f)
	}
	return faults
}

// hookSecrets are those of one source, without the white space around them that a file or a
// paste brings along.
type hookSecrets struct{ secret, previous string }

func (c *Config) webhooks() map[webhook.Source]hookSecrets {
	pair := func(secret, previous string) hookSecrets {
		return hookSecrets{strings.TrimSpace(secret), strings.TrimSpace(previous)}
	}
	return map[webhook.Source]hookSecrets{
		webhook.GitHub: pair(c.WebhookGitHub, c.WebhookGitHubPrevious), webhook.Gitea: pair(c.WebhookGitea, c.WebhookGiteaPrevious),
		webhook.GitLab: pair(c.WebhookGitLab, c.WebhookGitLabPrevious), webhook.Standard: pair(c.WebhookStandard, c.WebhookStandardPrevious),
	}
}

// WebhookSecrets are the secrets that are good for a delivery, by source; a source without one
// is not in it.
func (c *Config) WebhookSecrets() map[string][]string {
	out := map[string][]string{}
	for source, given := range c.webhooks() {
		for _, s := range []string{given.secret, given.previous} {
			if s != "" {
				out[string(source)] = append(out[string(source)], s)
			}
		}
	}
	return out
}

// Loopback reports whether an address can be reached from this machine only.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
