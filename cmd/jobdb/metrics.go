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

// newMetrics makes the server's metrics; nil where nobody is to read them.
func (c *serveCommand) newMetrics() *metrics.Registry {
	if c.MetricsListen == "" && c.MetricsTokenFile == "" {
		return nil
	}
	return metrics.New()
}

// hooks have the database tell metrics and traces what it does.
func hooks(m *metrics.Registry, t *traces.Tracer) (hooks jobdb.Hooks) {
	if m != nil {
		hooks.Done = m.TaskDone
	}
	if t != nil {
		hooks.Statement = t.Statement
	}
	return hooks
}

// closeTraces sends the traces that are left.
func closeTraces(ctx context.Context, t *traces.Tracer, logger *slog.Logger) {
	if err := t.Close(context.WithoutCancel(ctx)); err != nil {
		logger.WarnContext(ctx, "the last traces can't be sent", "error", err)
	}
}

// serveMetrics gathers the metrics of the server, and answers with them where the settings say so:
// on a listener of their own, and beside the routes of the service that it returns. stop ends all of
// that.
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
		service = c.besideMetrics(service, handler)
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

// metricsToken reads the token that metrics want. Who changes the file changes the token at once.
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

// besideMetrics answers requests for metrics that have the token, and lets the service answer others.
func (c *serveCommand) besideMetrics(service, handler http.Handler) http.Handler {
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

// equalTokens takes as long whatever is wrong with a token.
func equalTokens(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
