// Package metricdoc compares the metrics of a program with docs/metrics.md, for tests: the document
// names each of them, with its labels, and none that is not there.
package metricdoc

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	described = regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)
	row       = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` *\\|([^|]*)\\|([^|]*)\\|")
	word      = regexp.MustCompile("`([a-z_]+)`")
)

// Faults lists how the document at path and the metrics of collector whose names begin with prefix differ.
func Faults(collector prometheus.Collector, prefix, path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	documented := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(string(text), -1) {
		var labels []string
		for _, label := range word.FindAllStringSubmatch(match[3], -1) {
			labels = append(labels, label[1])
		}
		slices.Sort(labels)
		documented[match[1]] = strings.Join(labels, ",")
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		collector.Describe(descriptions)
	}()
	var faults []string
	there := map[string]bool{}
	for description := range descriptions {
		match := described.FindStringSubmatch(description.String())
		if match == nil || !strings.HasPrefix(match[1], prefix) {
			continue
		}
		name, labels := match[1], strings.Split(match[2], ",")
		slices.Sort(labels)
		there[name] = true
		switch known, ok := documented[name]; {
		case !ok:
			faults = append(faults, fmt.Sprintf("%s is not in the document", name))
		case known != strings.Join(labels, ","):
			faults = append(faults, fmt.Sprintf("%s has the labels %q, the document says %q", name, labels, known))
		}
	}
	for name := range documented {
		if strings.HasPrefix(name, prefix) && !there[name] {
			faults = append(faults, fmt.Sprintf("%s is in the document only", name))
		}
	}
	slices.Sort(faults)
	return faults, nil
}
