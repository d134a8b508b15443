//go:build !slim

package devstack_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/httpguard"
)

// guard is what the program puts before the UI.
func guard(ui http.Handler) http.Handler {
	return httpguard.Handler(httpguard.Config{LocalOnly: true, NoLogin: true, SameSite: true}, ui)
}

func TestUIShowsTheServer(t *testing.T) {
	t.Parallel()
	server := startMemoryTemporal(t, false)
	ui := startUI(t, server.Addr())
	for path, want := range map[string]string{
		"/":                           "<html",
		"/api/v1/namespaces/default":  `"name"`,
		"/api/v1/settings":            `"DisableNewsFetch":true`,
		"/namespaces/default":         "<html",
		"/_app/version.json":          "version",
		"/api/v1/namespaces/not-here": "not found",
	} {
		if body := get(t, ui.URL()+path, ""); !strings.Contains(body, want) {
			t.Errorf("GET %s has no %q: %.300s", path, want, body)
		}
	}
}

func TestUIAnswersToLoopbackNamesOnly(t *testing.T) {
	ui := startUI(t, "127.0.0.1:1")
	if body := get(t, ui.URL()+"/healthz", "rebound.example"); !strings.Contains(body, "only 127.0.0.1 and localhost") {
		t.Errorf("request for another host was answered: %.100s", body)
	}
	if body := get(t, ui.URL()+"/healthz", "localhost:8233"); strings.Contains(body, "is not this machine") {
		t.Errorf("request for localhost was refused: %.100s", body)
	}
	if _, err := devstack.StartUI(devstack.UIConfig{Addr: "0.0.0.0:0"}); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("start on all addresses gave %v, want a refusal", err)
	}
}

func TestUILeavesNoGoroutine(t *testing.T) {
	if !inProcessOfItsOwn(t) {
		return
	}
	ui, err := devstack.StartUI(devstack.UIConfig{TemporalAddr: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	get(t, ui.URL()+"/", "")
	stop(t, ui)
	stop(t, ui)
	goleak.VerifyNone(t)
}

func startUI(t *testing.T, temporalAddr string) *devstack.UI {
	t.Helper()
	ui, err := devstack.StartUI(devstack.UIConfig{TemporalAddr: temporalAddr, Guard: guard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, ui) })
	return ui
}

// get returns the body, whatever the status; host replaces the one in url if it is not empty.
func get(t *testing.T, url, host string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(testContext(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
