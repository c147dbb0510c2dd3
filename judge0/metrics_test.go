package judge0

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandgate/sandgate/internal/metricdoc"
	"github.com/sandgate/sandgate/judge0/metrics"
)

func TestTheDocumentNamesEveryMetric(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	sandbox := metrics.NewSandbox()
	sandbox.Watch(func() metrics.Boxes { return metrics.Boxes{} })
	sandbox.Tested("memory", true, time.Second)
	start(t, echo, func(o *Options) { o.Registry, o.Sandbox = registry, sandbox })
	faults, err := metricdoc.Faults(registry, "judge0_", "../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}
