package traces_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"jobdb/traces"
)

// A path that isn't UTF-8 doesn't keep other spans from the collector.
func TestPathsOfAnyBytes(t *testing.T) {
	var got string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got += string(body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	tracer, err := traces.Open(t.Context(), "1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/good", "/bad%ff"} {
		_, span := tracer.Begin(t.Context(), httptest.NewRequest(http.MethodGet, path, nil))
		span.End("none", "id", 404)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(got, "/good") || !strings.Contains(got, "/bad\uFFFD") {
		t.Errorf("%q", got)
	}
}
