package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
	"github.com/activity-core/activity-core/internal/telemetry"
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

func TestNoFormOfAnAddressShowsItsSecret(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://u:hunter2@h:5432/db":                              "postgres://u:xxxxx@h:5432/db",
		"postgres://u@h:5432/db?password=hunter2&sslmode=disable":     "postgres://u@h:5432/db?password=xxxxx&sslmode=disable",
		"postgres://u@h/db?pass%77ord=hunter2":                        "postgres://u@h/db?pass%77ord=xxxxx",
		"postgres://u:hunter2@h1:5432,h2:5432/db?sslpassword=hunter2": "postgres://u:xxxxx@h1:5432,h2:5432/db?sslpassword=xxxxx",
		"postgres://u:hun%74er2@h/db":                                 "postgres://u:xxxxx@h/db",
		"postgres://u:hunt@er2@h/db":                                  "postgres://u:xxxxx@h/db",
		"postgres://u:hunt/er2@h/db":                                  "postgres://u:xxxxx@h/db",
		"postgres://u:hunt,er2@h/db":                                  "postgres://u:xxxxx@h/db",
		"postgres://u:hunt?er2@h/db":                                  "postgres://u:xxxxx@h/db",
		"postgres://u%3Ahunter2@h/db":                                 "postgres://xxxxx@h/db",
		"host=h user=u password=hunter2 dbname=db":                    "host=h user=u password=xxxxx dbname=db",
		"host=h password = 'hun ter2' dbname=db":                      "host=h password = xxxxx dbname=db",
		"nats://hunter2@h:4222":                                       "nats://xxxxx@h:4222",
		"nats://u:hunter2@a:4222,nats://hunter2@b:4222":               "nats://u:xxxxx@a:4222,nats://xxxxx@b:4222",
		"tls://u:hunter2@a:4222,u:hunter2@b:4222":                     "tls://u:xxxxx@b:4222",
		"hunter2@a:4222":                                              "xxxxx@a:4222",
		"https://u:hunter2@hub.example/p?api_key=hunter2":             "https://u:xxxxx@hub.example/p?api_key=xxxxx",
		"127.0.0.1:4222":                                              "127.0.0.1:4222",
		"postgres://h/db?sslmode=disable":                             "postgres://h/db?sslmode=disable",
	} {
		if got := config.RedactURL(in); got != want {
			t.Errorf("%s is shown as %s, want %s", in, got, want)
		}
	}
}

func TestEverySettingThatMayHoldAnAddressIsRedacted(t *testing.T) {
	c, err := config.Load(config.Sources{Environ: []string{
		"ACTIVITY_CORE_DATABASE_URL=postgres://u@h/db?password=hunter2", "ACTIVITY_CORE_NATS_URL=nats://hunter2@h:4222", "ACTIVITY_CORE_PROGRESS_URL=https://u:hunter2@hub/x",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(c.String(), "hunter2") {
		t.Errorf("a secret is printed: %s", c)
	}
	_, err = config.Load(config.Sources{Environ: []string{"ACTIVITY_CORE_PROGRESS_URL=ftp://u:hunter2@hub/x", "ACTIVITY_CORE_TEMPORAL_ADDRESS=https://u:hunter2@t"}})
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("the error shows a secret or is missing: %v", err)
	}
}

func TestErrorsThatQuoteTheSettingsAreScrubbed(t *testing.T) {
	c, err := config.Load(config.Sources{Environ: []string{
		"ACTIVITY_CORE_API_TOKEN=correct-horse-battery", "ACTIVITY_CORE_DATABASE_URL=postgres://u:hun%40ter2@h/db?sslpassword=keyword9",
		"ACTIVITY_CORE_NATS_URL=nats://t0ken99@a:4222,nats://u:pass4word@b:4222",
	}})
	if err != nil {
		t.Fatal(err)
	}
	scrub := c.Scrubber()
	for _, text := range []string{
		`parse "nats://t0ken99@a:42x22": invalid port`, "cannot parse `postgres://u:hun%40ter2@h/db?sslpassword=keyword9`", "password hun@ter2 is wrong",
		"Authorization: Bearer correct-horse-battery", "dial pass4word", "get https://someone:else77@example.com/x failed",
	} {
		got := scrub(text)
		for _, secret := range []string{"t0ken99", "hun%40ter2", "hun@ter2", "keyword9", "correct-horse", "pass4word", "else77"} {
			if strings.Contains(got, secret) {
				t.Errorf("%q shows %q", got, secret)
			}
		}
	}
	if got, want := scrub("nothing of ours: 127.0.0.1:4222"), "nothing of ours: 127.0.0.1:4222"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var out strings.Builder
	telemetry.NewLogger(&out, "info", "text", scrub).Error("x", "error", errors.New("bad nats://t0ken99@a"), "url", "postgres://u:hun%40ter2@h")
	if strings.Contains(out.String(), "t0ken99") || strings.Contains(out.String(), "ter2") || !strings.Contains(out.String(), "nats://") {
		t.Errorf("the log has %s", out.String())
	}
}

func TestServeWithoutATokenIsRefusedByName(t *testing.T) {
	c, err := config.Load(config.Sources{Environ: []string{"ACTIVITY_CORE_API_INSECURE_NO_AUTH=true"}})
	if err != nil || !c.APIInsecure {
		t.Fatalf("%v %v", c, err)
	}
	_, err = config.Load(config.Sources{Environ: []string{"ACTIVITY_CORE_API_INSECURE_NO_AUTH=true", "ACTIVITY_CORE_API_ADDR=0.0.0.0:8010"}})
	if err == nil || !strings.Contains(err.Error(), "api.token: is required") {
		t.Fatalf("an API without a token on every address: %v", err)
	}
}

// Two settings are equally near; which one was named changed from start to start.
func TestTheSuggestionForAVariableIsTheSameEachTime(t *testing.T) {
	load := func() string {
		_, err := config.Load(config.Sources{Environ: []string{"ACTIVITY_CORE_STORE_URL=x"}})
		if err == nil {
			t.Fatal("ACTIVITY_CORE_STORE_URL was taken, want it refused")
		}
		return err.Error()
	}
	want := load()
	for range 50 {
		if got := load(); got != want {
			t.Fatalf("got %q, want %q as before", got, want)
		}
	}
}
