// Package docs checks what the documents say against the code.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	file = regexp.MustCompile("`([a-z0-9A-Z_./]+(?:_test\\.go|test\\.ts|tests?\\.mjs))`")
	test = regexp.MustCompile(`\bTest[A-Z]\w+`)
)

// Every guard of the threat model names tests that exist.
func TestTheThreatModelNamesTests(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for line := range strings.Lines(string(text)) {
		places := file.FindAllStringSubmatchIndex(line, -1)
		for i, place := range places {
			name := line[place[2]:place[3]]
			source, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Error(err)
				continue
			}
			named++
			end := len(line)
			if i+1 < len(places) {
				end = places[i+1][0]
			}
			for _, function := range test.FindAllString(line[place[1]:end], -1) {
				if !strings.Contains(string(source), "func "+function+"(") {
					t.Errorf("%s has no %s", name, function)
				}
			}
		}
	}
	if named < 40 {
		t.Errorf("it names %d files of tests", named)
	}
}
