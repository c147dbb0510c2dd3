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
	}
	m.registry.MustRegister(
		m.requests, m.latency, m.inFlight, m.intake, m.dispatched, m.callbacks, m.results, m.webhooks,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Gauge adds a figure that is read whenever the metrics are.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

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
