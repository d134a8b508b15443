package telemetry_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"context"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/activity-core/activity-core/internal/telemetry"
)

// sink is an OTLP collector that keeps the names of spans.
type sink struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []string
}

func (s *sink) Export(_ context.Context, r *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rs := range r.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, span := range ss.GetSpans() {
				s.spans = append(s.spans, span.GetName())
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func TestARequestBecomesASpanAtTheCollector(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, spans := grpc.NewServer(), &sink{}
	collector.RegisterTraceServiceServer(server, spans)
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	tracing, err := telemetry.NewTracing(t.Context(), l.Addr().String(), "test")
	if err != nil {
		t.Fatal(err)
	}
	handler := tracing.Handler(http.NotFoundHandler())
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/runs", nil))
	if err := tracing.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(spans.spans, ","); got != "GET" {
		t.Fatalf("the collector has spans %q, want GET /runs", got)
	}
}

func TestTracingThatIsOffLeavesTheHandlerAlone(t *testing.T) {
	tracing, err := telemetry.NewTracing(t.Context(), "", "test")
	if err != nil || tracing.On() {
		t.Fatalf("got %v, on %v", err, tracing.On())
	}
	if err := tracing.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAnEndpointThatIsNoneIsRefused(t *testing.T) {
	for _, endpoint := range []string{"collector", ":4317", "grpc://collector:4317", "https://collector", "http://"} {
		if err := telemetry.CheckOTLPEndpoint(endpoint); err == nil {
			t.Errorf("%q was accepted", endpoint)
		}
	}
	for _, endpoint := range []string{"collector:4317", "http://127.0.0.1:4317/", "https://otel.example:443"} {
		if err := telemetry.CheckOTLPEndpoint(endpoint); err != nil {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
