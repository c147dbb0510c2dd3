package language

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notServed are ids of Judge0 1.13.1 that nothing in Debian can serve; docs/languages.md has the reasons.
var notServed = []int{47, 70, 84, 87}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	c, err := readCatalogue(catalogueText)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]string{}
	for _, e := range c.Languages {
		for _, id := range e.IDs {
			if other, ok := seen[id]; ok {
				t.Errorf("%d is both %s and %s", id, other, e.Name)
			}
			if _, ok := c.Archived[id]; ok {
				t.Errorf("%d is archived too", id)
			}
			seen[id] = e.Name
		}
		if e.Source != "" && (e.Hello == "" || e.Run == "") {
			t.Errorf("%s has no sample or can't be run", e.Name)
		}
		if len(e.Tools) > 0 && (e.Version.Command == "" || len(e.Packages) == 0) {
			t.Errorf("%s has no version or no packages", e.Name)
		}
		if pattern, err := regexp.Compile(e.Version.Pattern); err != nil || e.Version.Command != "" && pattern.NumSubexp() != 1 {
			t.Errorf("%s: the pattern of its version is no good: %v", e.Name, err)
		}
		if e.Compile != "" && strings.Count(e.Compile, "%s") != 1 {
			t.Errorf("%s: where do the compiler options go?", e.Name)
		}
		known := append([]string{"share", "heap", "headers", "gocache", "types", "kotlin-lib"}, e.Tools...)
		for _, match := range regexp.MustCompile(`\{([^}]*)\}`).FindAllStringSubmatch(e.Version.Command+e.Compile+e.Run, -1) {
			if !slices.Contains(known, match[1]) {
				t.Errorf("%s: {%s} is none of its tools", e.Name, match[1])
			}
		}
	}
	for id := 43; id <= 89; id++ {
		if _, ok := seen[id]; ok == slices.Contains(notServed, id) {
			t.Errorf("id %d: in the catalogue: %v", id, ok)
		}
	}
}

func TestPackages(t *testing.T) {
	t.Parallel()
	all, err := Packages(true)
	if err != nil {
		t.Fatal(err)
	}
	core, err := Packages(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range core {
		if !slices.Contains(all, name) {
			t.Errorf("%s is in the small image only", name)
		}
	}
	if !slices.Contains(core, "gcc") || slices.Contains(core, "ghc") || !slices.Contains(all, "ghc") {
		t.Errorf("core: %v", core)
	}
}

func TestReadCatalogueIsStrict(t *testing.T) {
	t.Parallel()
	if _, err := readCatalogue([]byte("languages:\n  - ids: [1]\n    colour: red\n")); err == nil {
		t.Error("an unknown key was taken")
	}
}
