package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// httpMetrics count requests.
type httpMetrics struct {
	requests *prometheus.CounterVec
	time     *prometheus.HistogramVec
	running  prometheus.Gauge
	limited  *prometheus.CounterVec
}

func newHTTPMetrics() *httpMetrics {
	return &httpMetrics{
		requests: newCounter(requests), time: newHistogram(requestTime), limited: newCounter(limited),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: requestsRunning.Name, Help: requestsRunning.Help}),
	}
}

// Begin counts a request that begins. Call end when it ends, with the pattern of its route, such as
// "POST /api/jobs/search", the status of its answer and how long it took. A nil Registry counts
// nothing.
func (r *Registry) Begin() (end func(pattern string, status int, took time.Duration)) {
	if r == nil {
		return func(string, int, time.Duration) {}
	}
	r.http.running.Inc()
	return func(pattern string, status int, took time.Duration) {
		r.http.running.Dec()
		r.http.requests.WithLabelValues(pattern, code(status)).Inc()
		r.http.time.WithLabelValues(pattern).Observe(took.Seconds())
	}
}

// code is the label of a status; 0 stands for 200, which net/http sends by default.
func code(status int) string {
	if status == 0 {
		status = http.StatusOK
	}
	return strconv.Itoa(status)
}

// Limited counts a request that was refused because a user or a VO had sent too many; who is "user"
// or "vo".
func (r *Registry) Limited(who string) {
	if r != nil {
		r.http.limited.WithLabelValues(who).Inc()
	}
}

// Class has the numbers of a class of requests: how much they may take at once and have taken, how
// many wait, and how many were refused so far.
type Class struct {
	Size, Taken, Waiting, Refused int64
}

// WatchClasses exports the numbers of the classes of requests, by their names.
func (r *Registry) WatchClasses(classes func() map[string]Class) {
	if r == nil {
		return
	}
	r.registry.MustRegister(collector{[]Metric{gateSize, gateTaken, gateWaiting, gateRefused}, func(ch chan<- prometheus.Metric) {
		for name, class := range classes() {
			send(ch, gateSize, float64(class.Size), name)
			send(ch, gateTaken, float64(class.Taken), name)
			send(ch, gateWaiting, float64(class.Waiting), name)
			send(ch, gateRefused, float64(class.Refused), name)
		}
	}})
}

// collector is a [prometheus.Collector] of some metrics, whose values collect sends.
type collector struct {
	metrics []Metric
	collect func(chan<- prometheus.Metric)
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) { c.collect(ch) }
