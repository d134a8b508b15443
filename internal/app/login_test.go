package app_test

import (
	"log/slog"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/config"
)

// Loopback is no log-in: a proxy on the same machine reaches it for everybody.
func TestServeNeedsATokenOrTheWordThatNoneIsMeant(t *testing.T) {
	for _, c := range []struct {
		environ string
		refused bool
	}{
		{"ACTIVITY_CORE_LOG_LEVEL=info", true},
		{"ACTIVITY_CORE_API_INSECURE_NO_AUTH=true", false},
		{"ACTIVITY_CORE_API_TOKEN=correct-horse-battery", false},
		{"ACTIVITY_CORE_ROLES=router,worker", false},
	} {
		t.Run(c.environ, func(t *testing.T) {
			// Nothing listens at port 1: what is not refused before fails there.
			cfg, err := config.Load(config.Sources{Environ: []string{c.environ, "ACTIVITY_CORE_DATABASE_URL=postgres://u@127.0.0.1:1/db?sslmode=disable"}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = app.StartServe(t.Context(), app.ServeOptions{Config: cfg, Logger: slog.New(slog.DiscardHandler), Version: "test"})
			if refused := core.IsCode(err, core.CodeInvalid); refused != c.refused {
				t.Fatalf("%v, want it refused: %v", err, c.refused)
			}
			if text := core.MessageOf(err); c.refused && (!strings.Contains(text, "api.token") || !strings.Contains(text, "ACTIVITY_CORE_API_TOKEN") || !strings.Contains(text, "ACTIVITY_CORE_API_INSECURE_NO_AUTH")) {
				t.Errorf("%q names neither key nor remedy", text)
			}
		})
	}
}
