// Package traces sends traces of requests and of their statements to a collector, by the OpenTelemetry
// protocol (OTLP) over HTTP. The standard variables of the environment say where to, and how much;
// without OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT nothing is traced.
package traces

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// Tracer makes spans: one for a request, and within it one for each statement. A nil Tracer makes
// none.
type Tracer struct {
	provider *trace.TracerProvider
	tracer   api.Tracer
	engine   attribute.KeyValue
}

// Open returns a tracer as the environment wants it; nil: it wants none. Close sends what is left.
func Open(ctx context.Context, version string, logger *slog.Logger) (*Tracer, error) {
	collector, err := newCollector()
	if collector == nil || err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		logger.WarnContext(context.WithoutCancel(ctx), "traces can't be sent", "error", err)
	}))
	exporter, err := otlptrace.New(ctx, collector)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	name := "jobdb" // unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES has another one
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", name), attribute.String("service.version", version)),
		resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(about))
	return &Tracer{provider: provider, tracer: provider.Tracer("jobdb")}, nil
}

// Close sends what is left, for some seconds.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// SetEngine says which engine statements are for: sqlite, mysql or postgres. Call it before the first
// one.
func (t *Tracer) SetEngine(engine string) {
	if t == nil {
		return
	}
	if engine == "postgres" {
		engine = "postgresql" // as OpenTelemetry calls it
	}
	t.engine = attribute.String("db.system.name", engine)
}

// Request is the span of a request. The zero Request is none.
type Request struct{ span api.Span }

// Begin begins the span of a request with its context, in the trace of its header traceparent if it has one.
func (t *Tracer) Begin(ctx context.Context, r *http.Request) (context.Context, Request) {
	if t == nil {
		return ctx, Request{}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	ctx, span := t.tracer.Start(ctx, r.Method, api.WithSpanKind(api.SpanKindServer), api.WithAttributes(
		attribute.String("http.request.method", r.Method), attribute.String("url.path", valid(r.URL.Path))))
	return ctx, Request{span}
}

// TraceID is the ID of the request's trace; "": there is none.
func (r Request) TraceID() string {
	if r.span == nil {
		return ""
	}
	return r.span.SpanContext().TraceID().String()
}

// End ends the span. The route is a pattern such as "POST /api/jobs/search".
func (r Request) End(route, requestID string, status int) {
	if r.span == nil {
		return
	}
	path := route[strings.IndexByte(route, ' ')+1:]
	r.span.SetName(route)
	r.span.SetAttributes(attribute.String("http.route", path), attribute.String("jobdb.request", requestID), attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		r.span.SetStatus(codes.Error, http.StatusText(status))
	}
	r.span.End()
}

// maxStatement is how many bytes of a statement are sent.
const maxStatement = 2000

// Statement is for jobdb.Hooks. It makes spans within those of requests only.
func (t *Tracer) Statement(ctx context.Context, task, text string) (end func(error)) {
	if !api.SpanFromContext(ctx).IsRecording() {
		return func(error) {}
	}
	_, span := t.tracer.Start(ctx, task, api.WithSpanKind(api.SpanKindClient), api.WithAttributes(
		t.engine, attribute.String("db.query.text", valid(text[:min(len(text), maxStatement)]))))
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "it failed") // its text may hold values
		}
		span.End()
	}
}

// valid is a text as UTF-8: for one that isn't all spans that are sent with it would be lost.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func firstSet(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}
