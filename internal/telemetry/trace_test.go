package telemetry

import (
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/trace"

	core "github.com/activity-core/activity-core"
)

const (
	traceOfTheSample = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentOfIt       = "00-" + traceOfTheSample + "-00f067aa0ba902b7-01"
)

// The sample cloudevents-extensions: the trace of an event goes on in what it causes.
func TestTheTraceOfAnEventGoesOn(t *testing.T) {
	e := &core.Event{Extensions: core.Extensions{"traceparent": parentOfIt, "tracestate": "a=b"}}
	ctx := FollowEvent(t.Context(), e)
	if got := trace.SpanContextFromContext(ctx).TraceID().String(); got != traceOfTheSample {
		t.Fatalf("trace %s, want %s", got, traceOfTheSample)
	}
	h := http.Header{}
	TraceHeaders(ctx, h)
	if h.Get("traceparent") != parentOfIt || h.Get("tracestate") != "a=b" {
		t.Errorf("headers %v; want the event's trace", h)
	}
	given := map[string]any{"k": "v"}
	out := WithTrace(ctx, given)
	if out["traceparent"] != parentOfIt || out["tracestate"] != "a=b" || out["k"] != "v" || len(given) != 1 {
		t.Errorf("extensions %v of %v; want the trace beside what was given", out, given)
	}
	if out := WithTrace(ctx, map[string]any{"traceparent": "own"}); out["traceparent"] != "own" || len(out) != 1 {
		t.Errorf("extensions %v; want the definition's own trace", out)
	}
	h.Set("traceparent", "own")
	if TraceHeaders(ctx, h); h.Get("traceparent") != "own" {
		t.Errorf("headers %v; want the definition's own trace", h)
	}
	for _, wrong := range []any{"00-zz", "", 7} {
		ctx := FollowEvent(t.Context(), &core.Event{Extensions: core.Extensions{"traceparent": wrong}})
		if trace.SpanContextFromContext(ctx).IsValid() || len(WithTrace(ctx, nil)) != 0 {
			t.Errorf("%v is taken for a trace", wrong)
		}
	}
}
