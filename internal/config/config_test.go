package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsBeatEnvironmentBeatsFileBeatsDefaults(t *testing.T) {
	c, err := config.Load(config.Sources{
		File:    write(t, "temporal:\n  namespace: file\n  address: file:1\nroles: [api, worker]\nlog: {level: warn}\n"),
		Environ: []string{"ACTIVITY_CORE_TEMPORAL_ADDRESS=env:2", "ACTIVITY_CORE_LOG_LEVEL=error", "ACTIVITY_CORE_SECRET_TOKEN=x"},
		Flags:   map[string]string{"log.level": "debug"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.TemporalNamespace != "file" || c.TemporalAddress != "env:2" || c.LogLevel != "debug" || c.NATSURL != "nats://127.0.0.1:4222" {
		t.Fatalf("wrong precedence: %s", c)
	}
	if !c.HasRole("worker") || c.HasRole("router") {
		t.Fatalf("roles: %v", c.Roles)
	}
}

func TestEveryFaultIsReportedAtOnceWithItsKey(t *testing.T) {
	_, err := config.Load(config.Sources{
		File:    write(t, "api: {addr: \"0.0.0.0:80\"}\nnats: {replicas: 9}\ntemporal: {namspace: x}\n"),
		Environ: []string{"ACTIVITY_CORE_LOG_LEVEL=loud", "ACTIVITY_CORE_DATABASE_ULR=x", "ACTIVITY_CORE_SECRETS_KEY=short", "ACTIVITY_CORE_RECONCILE_OWNER=two words"},
	})
	if core.CodeOf(err) != core.CodeInvalid {
		t.Fatal(err)
	}
	for _, want := range []string{
		`temporal.namspace: is not a setting`, `did you mean "temporal.namespace"`, `log.level: "loud" must be`,
		"did you mean ACTIVITY_CORE_DATABASE_URL?", "secrets.key: must be 32 bytes", `reconcile.owner: "two words" must be`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in:\n%v", want, err)
		}
	}
	_, err = config.Load(config.Sources{File: write(t, "api: {addr: \"0.0.0.0:80\"}\nnats: {replicas: 9}\n")})
	for _, want := range []string{"api.token: is required", `nats.replicas: "9" must be at least 1 and at most 5`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in:\n%v", want, err)
		}
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	c, err := config.Load(config.Sources{Environ: []string{
		"ACTIVITY_CORE_API_TOKEN=correct-horse-battery", "ACTIVITY_CORE_DATABASE_URL=postgres://u:hunter2@h/db",
		"ACTIVITY_CORE_WEBHOOKS_GITHUB_SECRET=a-hooksecret-of-github", "ACTIVITY_CORE_NATS_URL=nats://a:pw1@x:4222,nats://a:pw1@y:4222",
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"correct-horse", "hunter2", "hooksecret", "pw1"} {
		if strings.Contains(c.String(), secret) {
			t.Errorf("%q is printed: %s", secret, c)
		}
	}
	_, err = config.Load(config.Sources{Environ: []string{"ACTIVITY_CORE_API_TOKEN=sh0rt", "ACTIVITY_CORE_DATABASE_URL=mysql://u:hunter2@h/db"}})
	if err == nil || strings.Contains(err.Error(), "sh0rt") || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("error shows a secret or is missing: %v", err)
	}
}

func TestSecretsOfWebhooksAreTakenWholeAndTheTooShortAreRefused(t *testing.T) {
	c, err := config.Load(config.Sources{Environ: []string{
		"ACTIVITY_CORE_WEBHOOKS_GITHUB_SECRET=ab,with-a-comma-in-it\n", "ACTIVITY_CORE_WEBHOOKS_GITHUB_PREVIOUS_SECRET= the-one-before-it",
		"ACTIVITY_CORE_WEBHOOKS_STANDARD_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"github": {"ab,with-a-comma-in-it", "the-one-before-it"}, "standard": {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
	if got := c.WebhookSecrets(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for setting, says := range map[string]string{
		"GITHUB_SECRET=s3cr3t-short":                  "webhooks.github.secret: has 12 bytes; use at least 16",
		"GITLAB_SECRET=s3cr3t\u00a0               ":   "webhooks.gitlab.secret: has 6 bytes",
		"STANDARD_SECRET=whsec_":                      "webhooks.standard.secret: is empty behind whsec_",
		"STANDARD_SECRET=whsec_c2VjcmV0":              "webhooks.standard.secret: has 6 bytes (decoded)",
		"STANDARD_SECRET=whsec_s3cr3t!s3cr3t!s3cr3t!": "webhooks.standard.secret: is not whsec_ and base64",
		"STANDARD_SECRET=It is a plain old text":      "write whsec_ and the text in base64",
		"GITEA_PREVIOUS_SECRET=s3cr3t-s3cr3t-s3cr3t":  "webhooks.gitea.secret: is missing, while webhooks.gitea.previous_secret is set",
	} {
		_, err := config.Load(config.Sources{Environ: []string{"ACTIVITY_CORE_WEBHOOKS_" + setting}})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want it to say %q and no secret", setting, err, says)
		}
	}
}

func TestZoneDataThatIsNoneIsRefusedWithItsKeyValueAndRemedy(t *testing.T) {
	empty := t.TempDir()
	for path, why := range map[string]string{"/nowhere/zoneinfo": "no such file or directory", empty: "holds no zone", "/dev/null": "neither a folder nor a file"} {
		_, err := config.Load(config.Sources{File: write(t, "timezone_data: "+path+"\n")})
		for _, want := range []string{"timezone_data", path, why, "give a folder such as /usr/share/zoneinfo"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", path, err, want)
			}
		}
	}
}
