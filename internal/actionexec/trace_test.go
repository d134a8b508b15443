package actionexec_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/telemetry"
)

// The sample cloudevents-extensions, in actions.
func TestTheTraceOfARunsEventGoesOnInItsActions(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx := telemetry.FollowEvent(t.Context(), &core.Event{Extensions: core.Extensions{"traceparent": parent}})
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("traceparent") }))
	defer server.Close()
	var s stream
	e := executor(t, func(c *actionexec.Config) { c.Publisher = &s })
	if _, err := e.Perform(ctx, run, nil, action(core.ActionHTTPRequest, map[string]any{"url": server.URL})); err != nil || got != parent {
		t.Errorf("the request's traceparent is %q, %v; want %s", got, err, parent)
	}
	a := action(core.ActionPublishEvent, map[string]any{"type": "a.b", "extensions": map[string]any{"partitionkey": "k-7"}})
	if _, err := e.Perform(ctx, run, nil, a); err != nil || len(s) != 1 || s[0].Extensions["traceparent"] != parent || s[0].Extensions["partitionkey"] != "k-7" {
		t.Errorf("published %+v, %v; want the trace and partitionkey", s, err)
	}
}
