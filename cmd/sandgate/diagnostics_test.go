package main

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sandgate/sandgate/judge0/sandboxtest"
)

var record = flag.String("record", "", "write what the toolchains print for the samples of this language (or all) into gateway/diagnose/testdata")

// The faults that the toolchains of this machine find, or run into, are told by the line of the
// user's source. The samples are those of package diagnose: a line with the word HERE must be named.
func TestDiagnostics(t *testing.T) {
	p := start(t, dataDir(t), nil, "SANDGATE_BOOTSTRAP_KEY="+key)
	var known []struct {
		ID   int
		Name string
	}
	if _, err := p.call("GET", "/languages", nil, &known); err != nil {
		t.Fatal(err)
	}
	idOf := func(folder string) int {
		prefix := map[string]string{
			"c": "C (GCC", "cpp": "C++ (GCC", "c-clang": "C (Clang", "cpp-clang": "C++ (Clang", "java": "Java (", "python": "Python (3",
			"go": "Go (", "rust": "Rust (", "javascript": "JavaScript (", "typescript": "TypeScript (",
		}[folder]
		for _, language := range known {
			if strings.HasPrefix(language.Name, prefix) {
				return language.ID
			}
		}
		return 0
	}
	samples, err := filepath.Glob(filepath.Join(sandboxtest.Root(), "gateway/diagnose/testdata/samples/*/*"))
	if err != nil || len(samples) == 0 {
		t.Fatal("there are no samples", err)
	}
	atOnce := make(chan struct{}, 2)
	var wg sync.WaitGroup
	missing := map[string]bool{}
	for _, sample := range samples {
		folder := filepath.Base(filepath.Dir(sample))
		id := idOf(folder)
		if id == 0 {
			missing[folder] = true
			continue
		}
		wg.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			p.diagnose(t, sample, id, *record == "all" || *record == folder)
		})
	}
	wg.Wait()
	for folder := range missing {
		t.Run(folder, func(t *testing.T) { t.Skip("its toolchain is not on this machine") })
	}
}

func (p *process) diagnose(t *testing.T, sample string, language int, keep bool) {
	files, err := filepath.Glob(filepath.Join(sample, "[Mms][ac][ir]*.*")) // main, Main or script
	if err != nil || len(files) != 1 {
		t.Errorf("%s: %d sources, %v", sample, len(files), err)
		return
	}
	source, err := os.ReadFile(files[0])
	if err != nil {
		t.Error(err)
		return
	}
	request := map[string]any{"language_id": language, "source_code": string(source), "cpu_time_limit": 15, "wall_time_limit": 20, "memory_limit": 256000}
	if _, options, ok := strings.Cut(strings.SplitN(string(source), "\n", 2)[0], "// options: "); ok {
		request["compiler_options"] = options
	}
	var taken answer
	if code, err := p.call("POST", "/submissions?wait=true", request, &taken); err != nil || code != 201 {
		t.Errorf("%s: %d, %v", sample, code, err)
		return
	}
	var job struct {
		CompileOutput, Stderr *string
		Diagnostics           []struct {
			Line     int
			Severity string
		}
	}
	if _, err := p.call("GET", "/api/v1/submissions/"+url.PathEscape(taken.Token), nil, &job); err != nil {
		t.Error(err)
		return
	}
	lines := map[int]bool{}
	for _, d := range job.Diagnostics {
		lines[d.Line] = true
	}
	for i, line := range strings.Split(string(source), "\n") {
		if strings.Contains(line, "HERE") && !lines[i+1] {
			t.Errorf("%s: line %d is not named; compiler: %s\nstderr: %.3000s\nfound: %v", sample, i+1, text(job.CompileOutput), text(job.Stderr), job.Diagnostics)
		}
	}
	if !keep {
		return
	}
	for name, text := range map[string]*string{"compile_output.txt": job.CompileOutput, "stderr.txt": job.Stderr} {
		path := filepath.Join(sample, name)
		if text == nil {
			_ = os.Remove(path)
		} else if err := os.WriteFile(path, []byte(*text), 0o644); err != nil {
			t.Error(err)
		}
	}
}
