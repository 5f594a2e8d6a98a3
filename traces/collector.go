package traces

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector sends spans by HTTP. OpenTelemetry's own client for that would add gRPC to the program, a
// third of its size.
type collector struct {
	url     string
	headers http.Header
	client  *http.Client
}

// newCollector reads the variables; nil: traces are off.
func newCollector() (*collector, error) {
	address := firstSet("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := firstSet("OTEL_EXPORTER_OTLP_ENDPOINT"); address == "" && base != "" {
		address = strings.TrimSuffix(base, "/") + "/v1/traces"
	}
	if address == "" || strings.EqualFold(firstSet("OTEL_SDK_DISABLED"), "true") || firstSet("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil //nolint:nilnil // it is off
	}
	if u, err := url.Parse(address); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: write the URL of a collector, such as http://localhost:4318")
	}
	if protocol := firstSet("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: %s isn't spoken here; set http/protobuf, for which collectors listen on port 4318", protocol)
	}
	timeout := 10 * time.Second
	if text := firstSet("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"); text != "" {
		ms, err := strconv.Atoi(text)
		if err != nil || ms <= 0 {
			return nil, errors.New("OTEL_EXPORTER_OTLP_TIMEOUT: write milliseconds, such as 10000")
		}
		timeout = time.Duration(ms) * time.Millisecond
	}
	headers, err := parseHeaders(firstSet("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"))
	return &collector{url: address, headers: headers, client: &http.Client{Timeout: timeout}}, err
}

// parseHeaders reads "name=value,name=value", values as in URLs.
func parseHeaders(text string) (http.Header, error) {
	headers := http.Header{"Content-Type": {"application/x-protobuf"}}
	for pair := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS: write NAME=VALUE, with commas between them") // without it: it may hold secrets
		}
		headers.Set(strings.TrimSpace(name), value)
	}
	return headers, nil
}

// Start and Stop are of otlptrace.Client; there is nothing to do.
func (c *collector) Start(context.Context) error { return nil }

// Stop closes connections.
func (c *collector) Stop(context.Context) error {
	c.client.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans. Those that a collector doesn't take are lost, after one more try where it
// was busy.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans}) // of the same form as a request to export them
	if err != nil {
		return err
	}
	status, err := c.send(ctx, body)
	if err == nil && (status == http.StatusTooManyRequests || status >= http.StatusBadGateway) {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		status, err = c.send(ctx, body)
	}
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("the collector answered %d", status)
	}
	return err
}

func (c *collector) send(ctx context.Context, body []byte) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header = c.headers.Clone()
	answer, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, err
}
