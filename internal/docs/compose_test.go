package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A worker of the cluster is nearest to hostile programs: it is told no token, and Prometheus sends it none.
func TestWorkersAreToldNoToken(t *testing.T) {
	t.Parallel()
	read := func(name string, into any) {
		text, err := os.ReadFile(filepath.Join("..", "..", "compose", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var cluster struct {
		Services map[string]struct{ Environment map[string]string }
	}
	read("compose.yml", &cluster)
	for name, wants := range map[string]bool{"judge0-worker": false, "judge0-server-1": true, "judge0-server-2": true} {
		has := false
		for variable := range cluster.Services[name].Environment {
			has = has || strings.Contains(variable, "TOKEN")
		}
		if has != wants || cluster.Services[name].Environment["DATABASE_URL"] == "" {
			t.Errorf("%s: %v", name, has)
		}
	}
	var prometheus struct {
		Jobs []struct {
			Name          string         `yaml:"job_name"`
			Authorization map[string]any `yaml:"authorization"`
		} `yaml:"scrape_configs"`
	}
	read("prometheus/prometheus.yml", &prometheus)
	for _, job := range prometheus.Jobs {
		if (job.Name == "judge0-server") != (job.Authorization != nil) {
			t.Errorf("%s: %v", job.Name, job.Authorization)
		}
	}
}
