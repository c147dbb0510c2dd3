// Package docs checks what the documents say against the code, and the code against what they say.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	file  = regexp.MustCompile("`([a-z0-9A-Z_./-]+(?:_test\\.go|test\\.ts|tests?\\.mjs|\\.tftest\\.hcl))`")
	test  = regexp.MustCompile(`\bTest[A-Z]\w+`)
	title = regexp.MustCompile(`«([^»]+)»`)
)

// Every boundary of the threat model has a guard with a test, and every test that is named exists: functions of Go, and
// «titles» word for word.
func TestTheThreatModelNamesTests(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	named, section := 0, ""
	tests := map[string]int{} // by section
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(name)
			tests[section] = 0
		}
		places := file.FindAllStringSubmatchIndex(line, -1)
		row := strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| guard ") && !strings.HasPrefix(line, "| ---")
		if row && len(places) == 0 && !strings.Contains(line, "`npm run ") {
			t.Errorf("%s: a guard without a test: %s", section, line)
		}
		for i, place := range places {
			name := line[place[2]:place[3]]
			source, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Error(err)
				continue
			}
			named++
			if row {
				tests[section]++
			}
			end := len(line)
			if i+1 < len(places) {
				end = places[i+1][0]
			}
			of := line[place[1]:end]
			functions, titles := test.FindAllString(of, -1), title.FindAllStringSubmatch(of, -1)
			for _, function := range functions {
				if !strings.Contains(string(source), "func "+function+"(") {
					t.Errorf("%s has no %s", name, function)
				}
			}
			for _, found := range titles {
				if !strings.Contains(string(source), found[1]) {
					t.Errorf("%s has no «%s»", name, found[1])
				}
			}
			if strings.HasSuffix(name, "_test.go") && len(functions) == 0 {
				t.Errorf("%s: which of its tests?", name)
			}
		}
	}
	for section, n := range tests {
		if n == 0 {
			t.Errorf("no guard of «%s» has a test", section)
		}
	}
	if named < 60 || len(tests) < 18 {
		t.Errorf("it names %d files of tests in %d sections", named, len(tests))
	}
}
