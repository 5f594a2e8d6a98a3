package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"jobdb"
	"jobdb/api"
	"jobdb/internal/files"
	"jobdb/metrics"
	"jobdb/traces"
)

// metricsPath is where metrics are read.
const metricsPath = "/metrics"

// newMetrics makes the server's metrics. They are nil if no setting says how they are read.
func (c *serveCommand) newMetrics() *metrics.Registry {
	if c.MetricsListen == "" && c.MetricsTokenFile == "" {
		return nil
	}
	return metrics.New()
}

// hooks returns the database's hooks for metrics and traces.
func hooks(m *metrics.Registry, t *traces.Tracer) (hooks jobdb.Hooks) {
	if m != nil {
		hooks.Done = m.TaskDone
	}
	if t != nil {
		hooks.Statement = t.Statement
	}
	return hooks
}

// closeTraces sends the traces that aren't sent yet.
func closeTraces(ctx context.Context, t *traces.Tracer, logger *slog.Logger) {
	if err := t.Close(context.WithoutCancel(ctx)); err != nil {
		logger.WarnContext(ctx, "the last traces can't be sent", "error", err)
	}
}

// serveMetrics collects the server's metrics and serves them as set: on a listener of their own, as
// a route of the returned handler, or both. stop ends the listener and the collecting.
func (c *serveCommand) serveMetrics(ctx context.Context, config api.Config, service http.Handler) (_ http.Handler, stop func(), err error) {
	m := config.Metrics
	if m == nil {
		return service, func() {}, nil
	}
	m.WatchDatabase(config.DB, buildInfo())
	m.WatchKeys(func() metrics.Keys {
		state := config.Keys.State()
		return metrics.Keys{Keys: state.Keys, Fetched: state.LastSuccess}
	})
	handler := m.Handler(config.Logger)
	if c.MetricsTokenFile != "" {
		if _, err := c.metricsToken(); err != nil {
			return nil, nil, err
		}
		service = c.withMetricsRoute(service, handler)
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	stop = func() { cancel(); running.Wait() }
	if c.MetricsListen != "" {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.MetricsListen)
		if err != nil {
			cancel()
			return nil, nil, fmt.Errorf("--metrics-listen %s: %w", c.MetricsListen, err)
		}
		config.Logger.InfoContext(ctx, "metrics can be read", "url", "http://"+listener.Addr().String()+metricsPath)
		mux := http.NewServeMux()
		mux.Handle("GET "+metricsPath, handler)
		running.Go(func() {
			if err := api.Serve(ctx, listener, mux, config.Logger, api.Timeouts{Answer: time.Minute, Shutdown: time.Second}); err != nil {
				config.Logger.WarnContext(ctx, "the listener of metrics ended", "error", err)
			}
		})
	}
	waiting := map[string]func(context.Context) (int64, error){}
	for _, store := range config.Stores {
		if store.Waiting != nil {
			waiting[store.Name] = store.Waiting
		}
	}
	running.Go(func() {
		m.ReadDatabase(ctx, config.DB, waiting, func(err error) {
			config.Logger.WarnContext(ctx, "metrics of jobs and commands can't be read", "error", err)
		})
	})
	return service, stop, nil
}

// metricsToken reads the token for metrics. It is read for each request, so that a new token in the
// file is valid at once.
func (c *serveCommand) metricsToken() (string, error) {
	text, err := files.Read(c.MetricsTokenFile)
	if err != nil {
		return "", fmt.Errorf("--metrics-token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", errors.New("--metrics-token-file: the file is empty")
	}
	return token, nil
}

// withMetricsRoute adds the route of metrics, which needs the token, to a service.
func (c *serveCommand) withMetricsRoute(service, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != metricsPath {
			service.ServeHTTP(w, r)
			return
		}
		want, err := c.metricsToken()
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if err != nil || !equalTokens(given, want) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "metrics want the token of --metrics-token-file, as Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// equalTokens compares tokens in constant time, whatever their lengths.
func equalTokens(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
