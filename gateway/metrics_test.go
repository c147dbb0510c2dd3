package gateway

import (
	"context"
	"testing"

	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/internal/metricdoc"
)

func TestTheDocumentNamesEveryMetric(t *testing.T) {
	t.Parallel()
	settings := config.Default()
	settings.Port, settings.DataDir, settings.BootstrapKey = 0, t.TempDir(), "a-key-of-the-tests"
	// Some metrics are there with Redis, or with an issuer, only.
	settings.RedisURL, settings.JWTIssuer, settings.JWTAudiences = "redis://127.0.0.1:1", "https://127.0.0.1:1", []string{"tests"}
	g := New(Options{Config: settings})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Stop(context.Background()) })
	faults, err := metricdoc.Faults(g.metrics, "sandgate_gateway_", "../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}
