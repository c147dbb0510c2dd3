package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Boxes are how many boxes of the sandbox there are, by what becomes of them.
type Boxes struct {
	Ready    int // built, and waiting for a submission
	Building int
	InUse    int
}

// Sandbox is the instruments of a sandbox. A sandbox tests itself before there is an engine, so they
// are made before and registered later. Its methods may be called from any goroutine.
type Sandbox struct {
	build    prometheus.Histogram
	errors   prometheus.Counter
	wait     prometheus.Histogram
	tests    *prometheus.GaugeVec
	testTime *prometheus.GaugeVec
	boxes    *prometheus.Desc
	read     func() Boxes
}

// NewSandbox makes the instruments, registered nowhere.
func NewSandbox() *Sandbox {
	return &Sandbox{
		build: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "judge0_sandbox_build_seconds",
			Help: "How long building a box took.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{Name: "judge0_sandbox_build_errors_total", Help: "Boxes that could not be built."}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "judge0_sandbox_box_wait_seconds",
			Help: "How long a submission waited for a box, after a worker had taken it.", Buckets: []float64{.0001, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}),
		tests: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "judge0_sandbox_self_test_passed",
			Help: "Whether the sandbox held a test program to the limit at the start: 1, or 0 where this host can't tell. One that did not hold ends the program."}, []string{"limit"}),
		testTime: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "judge0_sandbox_self_test_seconds", Help: "How long the test of the limit took at the start."}, []string{"limit"}),
		boxes:    prometheus.NewDesc("judge0_sandbox_boxes", "Boxes by state (ready, building, in_use).", []string{"state"}, nil),
	}
}

// Watch sets what tells how many boxes there are. It is called before the instruments are registered.
func (s *Sandbox) Watch(read func() Boxes) { s.read = read }

// Built notes that a box was built, or could not be.
func (s *Sandbox) Built(took time.Duration, err error) {
	if err != nil {
		s.errors.Inc()
		return
	}
	s.build.Observe(took.Seconds())
}

// Waited notes how long somebody waited for a box.
func (s *Sandbox) Waited(took time.Duration) { s.wait.Observe(took.Seconds()) }

// Tested notes that the self-test of a limit passed, or that there is nothing to tell it by.
func (s *Sandbox) Tested(limit string, passed bool, took time.Duration) {
	held := 0.0
	if passed {
		held = 1
		s.testTime.WithLabelValues(limit).Set(took.Seconds())
	}
	s.tests.WithLabelValues(limit).Set(held)
}

// Describe and Collect make the whole one prometheus.Collector.
func (s *Sandbox) Describe(to chan<- *prometheus.Desc) {
	for _, part := range []prometheus.Collector{s.build, s.errors, s.wait, s.tests, s.testTime} {
		part.Describe(to)
	}
	to <- s.boxes
}

// Collect gives the figures of now.
func (s *Sandbox) Collect(to chan<- prometheus.Metric) {
	for _, part := range []prometheus.Collector{s.build, s.errors, s.wait, s.tests, s.testTime} {
		part.Collect(to)
	}
	if s.read == nil {
		return
	}
	now := s.read()
	for state, n := range map[string]int{"ready": now.Ready, "building": now.Building, "in_use": now.InUse} {
		to <- prometheus.MustNewConstMetric(s.boxes, prometheus.GaugeValue, float64(n), state)
	}
}
