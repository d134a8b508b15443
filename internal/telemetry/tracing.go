package telemetry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing sends spans to an OTLP/gRPC collector. The zero value traces nothing.
type Tracing struct{ provider *sdktrace.TracerProvider }

// CheckOTLPEndpoint says what is wrong with a collector's address: it must be host:port (plain
// text), or http://host:port, or https://host:port (TLS).
func CheckOTLPEndpoint(endpoint string) error {
	_, err := endpointURL(endpoint)
	return err
}

func endpointURL(endpoint string) (string, error) {
	scheme, address, ok := strings.Cut(endpoint, "://")
	if !ok {
		scheme, address = "http", endpoint
	}
	if scheme != "http" && scheme != "https" {
		return "", fmt.Errorf("%q must be host:port, http://host:port or https://host:port", endpoint)
	}
	if host, port, err := net.SplitHostPort(strings.TrimSuffix(address, "/")); err != nil || host == "" || port == "" {
		return "", fmt.Errorf("%q must name host and port, such as collector:4317", endpoint)
	}
	return scheme + "://" + strings.TrimSuffix(address, "/"), nil
}

// NewTracing makes a Tracing that sends to endpoint (see [CheckOTLPEndpoint]); an empty one
// traces nothing. It does not wait for the collector: spans that cannot be sent are dropped,
// and nothing else suffers.
func NewTracing(ctx context.Context, endpoint, version string) (*Tracing, error) {
	if endpoint == "" {
		return &Tracing{}, nil
	}
	target, err := endpointURL(endpoint)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(target))
	if err != nil {
		return nil, fmt.Errorf("make the trace exporter: %w", err)
	}
	return &Tracing{provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "activity-core"), attribute.String("service.version", version))))}, nil
}

// On reports whether anything is traced.
func (t *Tracing) On() bool { return t.provider != nil }

// Tracer returns a tracer for a component; call it only when tracing is on.
func (t *Tracing) Tracer(component string) trace.Tracer { return t.provider.Tracer(component) }

// Handler makes a span of each request, as a child of the caller's if the request names one
// (W3C trace context). Its name is the method until the router adds the route: a path is the
// client's text.
func (t *Tracing) Handler(h http.Handler) http.Handler {
	if !t.On() {
		return h
	}
	return otelhttp.NewHandler(h, "api", otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return Method(r.Method) }))
}

// Stop sends what is left, and waits for it or ctx.
func (t *Tracing) Stop(ctx context.Context) error {
	if !t.On() {
		return nil
	}
	return t.provider.Shutdown(ctx)
}
