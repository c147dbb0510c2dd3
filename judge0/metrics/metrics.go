// Package metrics holds what the engine tells Prometheus.
package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the engine's instruments. Methods of a nil *Metrics do nothing.
type Metrics struct {
	registerer prometheus.Registerer
	runs       *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	queued     prometheus.Histogram
	callbacks  *prometheus.CounterVec
	requests   *prometheus.CounterVec
	answering  *prometheus.HistogramVec
	commits    prometheus.Histogram
	faults     *prometheus.CounterVec
	reclaimed  prometheus.Counter
	requeued   prometheus.Counter
	lost       prometheus.Counter
	swept      prometheus.Counter
}

// New makes the instruments and registers them; a name that is taken is a fault of the program and
// panics.
func New(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		registerer: r,
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "judge0_runs_total",
			Help: "Submissions that were run, by language id and final status id."}, []string{"language", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "judge0_run_duration_seconds",
			Help: "How long running a submission took, compiling and recording included, by language id.", Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40, 80}}, []string{"language"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "judge0_runs_in_flight", Help: "Submissions that are being run."}),
		queued: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "judge0_queue_wait_seconds",
			Help: "How long submissions waited for a worker.", Buckets: []float64{.001, .01, .1, .5, 1, 2.5, 5, 10, 30, 60, 300}}),
		callbacks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "judge0_callbacks_total",
			Help: "Callbacks by event (started, finished) and outcome (delivered, retried, failed, dropped)."}, []string{"event", "outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "judge0_http_requests_total",
			Help: "Requests by method, route and status."}, []string{"method", "route", "status"}),
		answering: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "judge0_http_request_duration_seconds",
			Help: "How long requests took, by route; with wait=true the run is included.", Buckets: []float64{.001, .0025, .005, .01, .05, .1, .5, 1, 5, 10, 30}}, []string{"route"}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "judge0_store_commit_seconds",
			Help: "How long a commit of the embedded store, or a call to PostgreSQL, took.", Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .05, .1, .5, 1}}),
	}
	m.faults = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "judge0_backend_errors_total",
		Help: "Calls that failed, by backend (postgres, redis)."}, []string{"backend"})
	m.reclaimed = prometheus.NewCounter(prometheus.CounterOpts{Name: "judge0_leases_reclaimed_total", Help: "Submissions that were taken over because their worker's lease had lapsed."})
	m.requeued = prometheus.NewCounter(prometheus.CounterOpts{Name: "judge0_requeued_total", Help: "Submissions that were queued again from the store because the queue lacked them."})
	m.lost = prometheus.NewCounter(prometheus.CounterOpts{Name: "judge0_lost_too_often_total", Help: "Submissions that ended because too many workers were lost while they ran them."})
	m.swept = prometheus.NewCounter(prometheus.CounterOpts{Name: "judge0_swept_total", Help: "Submissions that were deleted because of their age."})
	r.MustRegister(m.faults, m.reclaimed, m.requeued, m.lost, m.swept)
	r.MustRegister(m.runs, m.duration, m.inFlight, m.queued, m.callbacks, m.requests, m.answering, m.commits)
	return m
}

// Gauge registers a figure that is read when it is asked for.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	if m != nil {
		m.registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
}

// RunBegan counts a submission that left the queue, in which it waited for so long.
func (m *Metrics) RunBegan(waited time.Duration) {
	if m != nil {
		m.inFlight.Inc()
		m.queued.Observe(waited.Seconds())
	}
}

// SlotLeft counts a run out of those in flight: another may take its slot.
func (m *Metrics) SlotLeft() {
	if m != nil {
		m.inFlight.Dec()
	}
}

// RunEnded counts the end of a run, which left its slot before. Status 0 stands for one that was handed back.
func (m *Metrics) RunEnded(language, status int, took time.Duration) {
	if m == nil {
		return
	}
	if status == 0 {
		return
	}
	id := strconv.Itoa(language)
	m.runs.WithLabelValues(id, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(id).Observe(took.Seconds())
}

// Callback counts an attempt, or a callback that was dropped unsent.
func (m *Metrics) Callback(event, outcome string) {
	if m != nil {
		m.callbacks.WithLabelValues(event, outcome).Inc()
	}
}

// Request counts an answered request. Route is a pattern, never a path: paths have no bound.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	if m != nil {
		m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
		m.answering.WithLabelValues(route).Observe(took.Seconds())
	}
}

// Commit notes a commit of the embedded store, or a call to PostgreSQL.
func (m *Metrics) Commit(took time.Duration) {
	if m != nil {
		m.commits.Observe(took.Seconds())
	}
}

// Fault counts a call to a backend that failed.
func (m *Metrics) Fault(backend string) {
	if m != nil {
		m.faults.WithLabelValues(backend).Inc()
	}
}

// Reclaimed counts a submission that was taken over from a lost worker.
func (m *Metrics) Reclaimed() {
	if m != nil {
		m.reclaimed.Inc()
	}
}

// Requeued counts submissions that were queued again from the store.
func (m *Metrics) Requeued(n int) {
	if m != nil {
		m.requeued.Add(float64(n))
	}
}

// LostTooOften counts a submission that ended because of the workers that were lost with it.
func (m *Metrics) LostTooOften() {
	if m != nil {
		m.lost.Inc()
	}
}

// Swept counts submissions that were deleted because of their age.
func (m *Metrics) Swept(n int) {
	if m != nil {
		m.swept.Add(float64(n))
	}
}
