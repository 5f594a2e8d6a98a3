// Package metrics exports the numbers of a server in the form of Prometheus. This file has their
// names; database.go asks the library for numbers, and http.go counts requests.
package metrics

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A Metric is described in docs/reference/metrics.md.
type Metric struct {
	Name, Kind, Help string
	Labels           []string
	desc             *prometheus.Desc
}

// All returns the metrics of jobdb, in the order of their definition.
func All() []Metric { return slices.Clone(all) }

var all []Metric

func define(kind, name, help string, labels ...string) Metric {
	m := Metric{name, kind, help, labels, prometheus.NewDesc(name, help, labels, nil)}
	all = append(all, m)
	return m
}

func gauge(name, help string, labels ...string) Metric { return define("gauge", name, help, labels...) }

func counter(name, help string, labels ...string) Metric {
	return define("counter", name, help, labels...)
}

func histogram(name, help string, labels ...string) Metric {
	return define("histogram", name, help, labels...)
}

var (
	build = gauge("jobdb_build_info", "Always 1; the labels say which program runs.", "version", "revision", "goversion", "engine", "schema")

	requests        = counter("jobdb_http_requests_total", "Requests that were answered.", "route", "code")
	requestTime     = histogram("jobdb_http_request_duration_seconds", "Time from a request's headers to the end of its answer.", "route")
	requestsRunning = gauge("jobdb_http_requests_running", "Requests that are being answered.")
	limited         = counter("jobdb_http_requests_limited_total", "Requests refused with 429 because a user or VO had sent too many.", "who")

	gateSize    = gauge("jobdb_class_size", "How much a class of requests may take at once: connections, or bytes for those named memory.", "class")
	gateTaken   = gauge("jobdb_class_taken", "How much of it is taken.", "class")
	gateWaiting = gauge("jobdb_class_waiting", "Requests in its queue.", "class")
	gateRefused = counter("jobdb_class_refused_total", "Requests that were refused with 429 or 503, since there was no room.", "class")

	tasks    = histogram("jobdb_task_duration_seconds", "Time of tasks in the database. The task transaction has others within it.", "task", "engine")
	taskErrs = counter("jobdb_task_errors_total", "Tasks that failed, by the class of the error.", "task", "engine", "class")
	retries  = counter("jobdb_retries_total", "Transactions and queries that ran again.", "cause")

	poolSize     = gauge("jobdb_pool_connections_max", "Connections that a pool may have; 0: any number.", "pool")
	poolOpen     = gauge("jobdb_pool_connections", "Connections of a pool.", "pool", "state")
	poolWaits    = counter("jobdb_pool_waits_total", "How often something waited for a connection.", "pool")
	poolWaitTime = counter("jobdb_pool_wait_seconds_total", "How long that took.", "pool")

	commits   = counter("jobdb_commits_total", "Commits on SQLite, which small transactions share.")
	committed = counter("jobdb_committed_transactions_total", "Transactions in these commits.")
	logSize   = gauge("jobdb_sqlite_wal_bytes", "Size of SQLite's write-ahead log.")
	diskFull  = gauge("jobdb_database_full", "1 while changes fail since the database's disk is full.")
	clockAway = gauge("jobdb_clock_difference_seconds", "How far this machine's clock is ahead of the database server's.")

	folded      = counter("jobdb_counts_folded_total", "Differences of counts that this server has brought together.")
	foldedAt    = gauge("jobdb_counts_folded_timestamp_seconds", "When this server last left no difference behind, or found another server at it.")
	unfolded    = gauge("jobdb_counts_unfolded", "Differences that wait to be brought together; 1000000 means at least so many.")
	jobs        = gauge("jobdb_jobs", "Jobs. The largest groups of VO, status and site are told; status and site of what else a VO has are other.", "vo", "status", "site")
	commands    = gauge("jobdb_commands", "Commands to jobs, by their status.", "status")
	commandTime = gauge("jobdb_commands_oldest_timestamp_seconds", "When the oldest command of a status was set.", "status")
	heartbeat   = gauge("jobdb_running_oldest_heartbeat_timestamp_seconds", "Last sign of life of the Running job that hasn't been heard of for longest.", "vo")

	waiting  = gauge("jobdb_outbox_waiting", "Changes that are still to be copied to a store.", "store")
	keys     = gauge("jobdb_keys", "Keys that tokens are verified with.")
	keysTime = gauge("jobdb_keys_fetched_timestamp_seconds", "When the keys were last read; 0 where they don't change.")

	readAt   = gauge("jobdb_metrics_read_timestamp_seconds", "When jobdb_jobs, jobdb_commands and the like were last read from the database.")
	readTime = gauge("jobdb_metrics_read_duration_seconds", "How long that took.")
)

// Registry has the metrics of one server.
type Registry struct {
	registry *prometheus.Registry
	http     *httpMetrics
	tasks    *taskMetrics
}

// New makes the metrics of a server. Those of its database come with [Registry.WatchDatabase].
func New() *Registry {
	r := &Registry{registry: prometheus.NewRegistry(), http: newHTTPMetrics(), tasks: newTaskMetrics()}
	r.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		r.http.requests, r.http.time, r.http.running, r.http.limited, r.tasks.time, r.tasks.errors,
	)
	return r
}

// Handler answers with all metrics.
func (r *Registry) Handler(logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn), MaxRequestsInFlight: 3, Timeout: 10 * time.Second,
		ErrorHandling: promhttp.ContinueOnError,
	})
}

// buckets are the bounds of the histograms of times, in seconds: from a page that takes a
// millisecond to a question that takes a minute.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func newHistogram(m Metric) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: buckets}, m.Labels)
}

func newCounter(m Metric) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
}

// send sends a value of a metric.
func send(ch chan<- prometheus.Metric, m Metric, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if m.Kind == "counter" {
		kind = prometheus.CounterValue
	}
	for i := range labels { // texts of users, which may be invalid UTF-8 in the database
		labels[i] = strings.ToValidUTF8(labels[i], "\ufffd")
	}
	ch <- prometheus.MustNewConstMetric(m.desc, kind, value, labels...)
}

// seconds is a time in seconds since 1970, 0 for the zero time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
