package judge0

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandgate/sandgate/internal/metricdoc"
)

func TestTheDocumentNamesEveryMetric(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	start(t, echo, func(o *Options) { o.Registry = registry })
	faults, err := metricdoc.Faults(registry, "judge0_", "../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}
