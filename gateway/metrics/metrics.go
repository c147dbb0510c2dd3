// Package metrics counts what the gateway does, in Prometheus' form. A registry of its own keeps
// several gateways in one process apart.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sandgate/sandgate/gateway/live"
)

// Metrics are the gateway's counters.
type Metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	latency    *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	intake     prometheus.Counter
	dispatched *prometheus.CounterVec
	callbacks  *prometheus.CounterVec
	results    *prometheus.CounterVec
	webhooks   *prometheus.CounterVec
	refused    *prometheus.CounterVec
	dropped    *prometheus.CounterVec
	delivery   prometheus.Histogram
	limited    *prometheus.CounterVec
	quotas     *prometheus.CounterVec
	checks     *prometheus.CounterVec
	fallbacks  prometheus.Counter
	expired    prometheus.Counter
	sweepFails prometheus.Counter
	store      *prometheus.HistogramVec
}

const namespace = "sandgate_gateway"

// New makes the counters.
func New() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("requests_total", "Requests answered, by route and status.", "method", "route", "status"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "request_seconds", Help: "Time to answer a request, by route; with wait=true the run is part of it.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, []string{"method", "route"}),
		inFlight:   prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "requests_in_flight", Help: "Requests being answered."}),
		intake:     prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "submissions_total", Help: "Submissions taken in."}),
		dispatched: counter("dispatched_total", "Submissions handed to the engine, by outcome.", "outcome"),
		callbacks:  counter("callbacks_total", "Callbacks of the engine, by outcome.", "outcome"),
		results:    counter("results_total", "Results recorded, by Judge0 status.", "status"),
		webhooks:   counter("webhooks_total", "Deliveries to clients, by outcome.", "outcome"),
		refused:    counter("live_refused_total", "Live connections and joins that were refused, by reason.", "reason"),
		dropped:    counter("live_dropped_total", "Live connections that were ended from here, by reason.", "reason"),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "live_delivery_seconds", Help: "From the announcement of a state until a listener's event was written.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		limited:    counter("limited_total", "Requests refused for coming too fast, by what they had too many of: address, account or key.", "kind"),
		quotas:     counter("quota_refusals_total", "Submissions refused for a daily quota, by quota: submissions or cpu. A batch counts once.", "quota"),
		checks:     counter("checks_total", "Programs looked at by the checker of their language, by outcome: clean, warnings, errors, failed.", "outcome"),
		fallbacks:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "limit_fallbacks_total", Help: "Requests limited by this gateway alone because Redis was away."}),
		expired:    prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "expired_total", Help: "Submissions removed because they were kept for long enough."}),
		sweepFails: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "sweep_failures_total", Help: "Sweeps for expired submissions that failed."}),
		store: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_seconds", Help: "Time that the store took, by operation: in SQLite, commit, each of which may hold many writes.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}, []string{"operation"}),
	}
	m.registry.MustRegister(
		m.requests, m.latency, m.inFlight, m.intake, m.dispatched, m.callbacks, m.results, m.webhooks, m.refused, m.dropped, m.delivery,
		m.limited, m.quotas, m.checks, m.fallbacks, m.expired, m.sweepFails, m.store,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Gauge adds a figure that is read whenever the metrics are.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// Describe and Collect make the whole a prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) { m.registry.Describe(descriptions) }

// Collect gives all metrics.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) { m.registry.Collect(metrics) }

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Begin counts a request as being in flight until End.
func (m *Metrics) Begin() { m.inFlight.Inc() }

// End counts an answered request.
func (m *Metrics) End(method, route string, status int, took time.Duration) {
	m.inFlight.Dec()
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(method, route).Observe(took.Seconds())
}

// Intake counts submissions taken in.
func (m *Metrics) Intake(n int) { m.intake.Add(float64(n)) }

// Dispatched counts submissions handed to the engine.
func (m *Metrics) Dispatched(outcome string, n int) {
	m.dispatched.WithLabelValues(outcome).Add(float64(n))
}

// Callback counts a callback of the engine.
func (m *Metrics) Callback(outcome string) { m.callbacks.WithLabelValues(outcome).Inc() }

// Result counts a recorded result.
func (m *Metrics) Result(status string) { m.results.WithLabelValues(status).Inc() }

// Webhook counts a delivery to a client.
func (m *Metrics) Webhook(outcome string) { m.webhooks.WithLabelValues(outcome).Inc() }

// LiveConnections has the metrics tell how many live connections of each kind are open.
func (m *Metrics) LiveConnections(open func(live.Kind) int) {
	m.registry.MustRegister(&liveConnections{
		open: open,
		desc: prometheus.NewDesc(namespace+"_live_connections", "Live connections that are open, by kind.", []string{"kind"}, nil),
	})
}

// liveConnections is a gauge by kind that is read whenever the metrics are.
type liveConnections struct {
	open func(live.Kind) int
	desc *prometheus.Desc
}

func (l *liveConnections) Describe(out chan<- *prometheus.Desc) { out <- l.desc }

func (l *liveConnections) Collect(out chan<- prometheus.Metric) {
	for _, kind := range []live.Kind{live.Stream, live.Socket} {
		out <- prometheus.MustNewConstMetric(l.desc, prometheus.GaugeValue, float64(l.open(kind)), string(kind))
	}
}

// Refused counts a live connection or a join that was refused.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Dropped counts a live connection that was ended from here.
func (m *Metrics) Dropped(reason string) { m.dropped.WithLabelValues(reason).Inc() }

// Delivered counts an event that was written to a live connection.
func (m *Metrics) Delivered(took time.Duration) { m.delivery.Observe(took.Seconds()) }

// Limited counts a request that was refused for coming too fast.
func (m *Metrics) Limited(kind string) { m.limited.WithLabelValues(kind).Inc() }

// QuotaRefused counts a request that was refused for what its account used that day.
func (m *Metrics) QuotaRefused(quota string) { m.quotas.WithLabelValues(quota).Inc() }

// Checked counts a program that the checker of its language looked at.
func (m *Metrics) Checked(outcome string) { m.checks.WithLabelValues(outcome).Inc() }

// LimitFellBack counts a request that was limited without the Redis that gateways share.
func (m *Metrics) LimitFellBack() { m.fallbacks.Inc() }

// Expired counts submissions that were removed for their age.
func (m *Metrics) Expired(n int) { m.expired.Add(float64(n)) }

// SweepFailed counts a sweep that failed.
func (m *Metrics) SweepFailed() { m.sweepFails.Inc() }

// Store notes how long the store took.
func (m *Metrics) Store(operation string, took time.Duration) {
	m.store.WithLabelValues(operation).Observe(took.Seconds())
}
