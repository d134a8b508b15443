package telemetry

import (
	"context"
	"maps"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	core "github.com/activity-core/activity-core"
)

// traceContext carries a trace as the W3C has it, in headers of HTTP and in the extension
// attributes of CloudEvents alike.
var traceContext propagation.TraceContext

// The names of its parts.
const (
	traceParent = "traceparent"
	traceState  = "tracestate"
)

// FollowEvent returns a context in which the trace goes on that an event came with, unless ctx
// is in a trace already.
func FollowEvent(ctx context.Context, e *core.Event) context.Context {
	if e == nil || len(e.Extensions) == 0 || trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return traceContext.Extract(ctx, propagation.MapCarrier{
		traceParent: e.Extensions.Text(traceParent), traceState: e.Extensions.Text(traceState)})
}

// WithTrace returns an event's extension attributes with the trace of ctx among them, unless
// they name one.
func WithTrace(ctx context.Context, given map[string]any) core.Extensions {
	if _, named := given[traceParent]; named || !trace.SpanContextFromContext(ctx).IsValid() {
		return given
	}
	carrier := propagation.MapCarrier{}
	traceContext.Inject(ctx, carrier)
	out := maps.Clone(core.Extensions(given))
	if out == nil {
		out = core.Extensions{}
	}
	for name, v := range carrier {
		out[name] = v
	}
	return out
}

// TraceHeaders sets the headers that carry the trace of ctx, unless they are there.
func TraceHeaders(ctx context.Context, h http.Header) {
	if h.Get(traceParent) == "" {
		traceContext.Inject(ctx, propagation.HeaderCarrier(h))
	}
}
