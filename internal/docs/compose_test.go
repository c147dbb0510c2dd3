package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composed is what the tests need of compose.yml.
type composed struct {
	Services map[string]struct{ Environment map[string]string }
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "compose", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// What compose.yml sets would be ignored in gateway.env and judge0.env: the scripts know all of these names.
func TestSettingsOfTheClusterItself(t *testing.T) {
	t.Parallel()
	var cluster composed
	read(t, "compose.yml", &cluster)
	script, err := os.ReadFile(filepath.Join("..", "..", "scripts", "docker.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"runner-1", "judge0-server-1", "judge0-worker"} {
		for name := range cluster.Services[service].Environment {
			if !strings.Contains(string(script), "\n    "+name+": '") {
				t.Errorf("%s of %s is missing in elsewhere, scripts/docker.mjs", name, service)
			}
		}
	}
}

// A worker of the cluster is nearest to hostile programs: it is told no token, and Prometheus sends it none.
func TestWorkersAreToldNoToken(t *testing.T) {
	t.Parallel()
	var cluster composed
	read(t, "compose.yml", &cluster)
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
	read(t, "prometheus/prometheus.yml", &prometheus)
	for _, job := range prometheus.Jobs {
		if (job.Name == "judge0-server") != (job.Authorization != nil) {
			t.Errorf("%s: %v", job.Name, job.Authorization)
		}
	}
}
