package metrics_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/sandgate/sandgate/judge0/metrics"
)

// tell uses every instrument once.
func tell(m *metrics.Metrics) {
	m.Gauge("judge0_queue_depth", "Submissions that wait for a worker.", func() float64 { return 7 })
	m.RunBegan(time.Second)
	m.SlotLeft()
	m.RunEnded(71, 3, 2*time.Second)
	m.RunBegan(time.Second)
	m.SlotLeft()
	m.RunEnded(71, 0, time.Second) // handed back: no run
	m.RunBegan(time.Second)
	m.Callback("finished", "delivered")
	m.Request("GET", "/about", 200, time.Millisecond)
	m.Commit(time.Millisecond)
	m.Fault("redis")
	m.Reclaimed()
	m.Requeued(2)
	m.LostTooOften()
	m.Swept(3)
}

func gather(t *testing.T, r *prometheus.Registry) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("names and helps against the conventions: %v, %v", problems, err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, family := range families {
		byName[family.GetName()] = family
	}
	return byName
}

// value gives the figure of the series with these label values, in the order of the labels' names.
func value(t *testing.T, family *dto.MetricFamily, labels ...string) float64 {
	t.Helper()
	for _, metric := range family.GetMetric() {
		var got []string
		for _, label := range metric.GetLabel() {
			got = append(got, label.GetValue())
		}
		if strings.Join(got, ",") != strings.Join(labels, ",") {
			continue
		}
		switch {
		case metric.GetCounter() != nil:
			return metric.GetCounter().GetValue()
		case metric.GetGauge() != nil:
			return metric.GetGauge().GetValue()
		}
		return metric.GetHistogram().GetSampleSum()
	}
	t.Errorf("%s has no series %v", family.GetName(), labels)
	return -1
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	tell(metrics.New(r))
	got := gather(t, r)
	for _, want := range []struct {
		name   string
		value  float64
		labels []string
	}{
		{"judge0_queue_depth", 7, nil},
		{"judge0_queue_wait_seconds", 3, nil},
		{"judge0_runs_total", 1, []string{"71", "3"}},
		{"judge0_run_duration_seconds", 2, []string{"71"}},
		{"judge0_runs_in_flight", 1, nil},
		{"judge0_callbacks_total", 1, []string{"finished", "delivered"}},
		{"judge0_http_requests_total", 1, []string{"GET", "/about", "200"}},
		{"judge0_http_request_duration_seconds", .001, []string{"/about"}},
		{"judge0_store_commit_seconds", .001, nil},
		{"judge0_backend_errors_total", 1, []string{"redis"}},
		{"judge0_leases_reclaimed_total", 1, nil},
		{"judge0_requeued_total", 2, nil},
		{"judge0_lost_too_often_total", 1, nil},
		{"judge0_swept_total", 3, nil},
	} {
		family := got[want.name]
		if family == nil {
			t.Errorf("there is no %s", want.name)
			continue
		}
		if v := value(t, family, want.labels...); v != want.value {
			t.Errorf("%s%v is %v, not %v", want.name, want.labels, v, want.value)
		}
		delete(got, want.name)
	}
	for name := range got {
		t.Errorf("%s is not tested", name)
	}
}

func TestMetricsThatNobodyWants(t *testing.T) {
	t.Parallel()
	tell(nil)
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	s := metrics.NewSandbox()
	s.Watch(func() metrics.Boxes { return metrics.Boxes{Ready: 4, Building: 1, InUse: 2} })
	s.Built(2*time.Second, nil)
	s.Built(time.Second, errors.New("no namespaces"))
	s.Waited(3 * time.Second)
	s.Tested("the memory", true, 4*time.Second)
	s.Tested("the CPU time", false, 0)
	r.MustRegister(s)
	got := gather(t, r)
	for _, want := range []struct {
		name   string
		value  float64
		labels []string
	}{
		{"judge0_sandbox_boxes", 4, []string{"ready"}},
		{"judge0_sandbox_boxes", 1, []string{"building"}},
		{"judge0_sandbox_boxes", 2, []string{"in_use"}},
		{"judge0_sandbox_build_seconds", 2, nil},
		{"judge0_sandbox_build_errors_total", 1, nil},
		{"judge0_sandbox_box_wait_seconds", 3, nil},
		{"judge0_sandbox_self_test_passed", 1, []string{"the memory"}},
		{"judge0_sandbox_self_test_passed", 0, []string{"the CPU time"}},
		{"judge0_sandbox_self_test_seconds", 4, []string{"the memory"}},
	} {
		if v := value(t, got[want.name], want.labels...); v != want.value {
			t.Errorf("%s%v is %v, not %v", want.name, want.labels, v, want.value)
		}
	}
}
