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
	}
	m.registry.MustRegister(
		m.requests, m.latency, m.inFlight, m.intake, m.dispatched, m.callbacks, m.results, m.webhooks, m.refused, m.dropped, m.delivery,
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

// LiveConnections has the metrics tell how many live connections of each kind are open.
func (m *Metrics) LiveConnections(open func(live.Kind) int) {
	for _, kind := range []live.Kind{live.Stream, live.Socket} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "live_connections", Help: "Live connections that are open, by kind.", ConstLabels: prometheus.Labels{"kind": string(kind)},
		}, func() float64 { return float64(open(kind)) }))
	}
}

// Refused counts a live connection or a join that was refused.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Dropped counts a live connection that was ended from here.
func (m *Metrics) Dropped(reason string) { m.dropped.WithLabelValues(reason).Inc() }

// Delivered counts an event that was written to a live connection.
func (m *Metrics) Delivered(took time.Duration) { m.delivery.Observe(took.Seconds()) }
