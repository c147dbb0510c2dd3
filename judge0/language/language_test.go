package language_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/language"
	"github.com/sandgate/sandgate/judge0/runner"
	"github.com/sandgate/sandgate/judge0/sandboxtest"
)

var (
	table     = flag.String("table", "", "write the table of languages, in Markdown, to this file")
	languages *language.Set
	programs  *runner.Runner
	isolation string
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		boxes, set, closeAll, err := sandboxtest.Open(4)
		if err != nil {
			fmt.Println("FAIL: no sandbox:", err)
			return 1
		}
		defer closeAll()
		languages, programs, isolation = set, runner.New(runner.Options{Boxes: boxes, Languages: set, Config: api.DefaultConfig()}), boxes.Isolation().String()
		return m.Run()
	}())
}

// submit runs a program as a client's that asks for no limits of its own: with Judge0's defaults.
func submit(t *testing.T, id int, source, stdin string) api.Result {
	t.Helper()
	params := api.Params{"language_id": fmt.Sprint(id), "source_code": source, "stdin": stdin}
	s, faults := api.NewSubmission(params, false, api.DefaultConfig(), languages.Languages())
	if faults != nil {
		t.Fatalf("refused: %v", faults)
	}
	result, err := programs.Run(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func show(r api.Result) string {
	text := func(p *string) string {
		if p == nil {
			return "null"
		}
		return fmt.Sprintf("%.1500q", *p)
	}
	return fmt.Sprintf("status %d, stdout %s, stderr %s, compile_output %s, message %s", r.Status, text(r.Stdout), text(r.Stderr), text(r.CompileOutput), text(r.Message))
}

// toolchains groups the ids that one entry of the catalogue serves.
func toolchains() [][]api.Language {
	groups := map[string][]api.Language{}
	for _, l := range languages.Languages().Active() {
		key := l.Name + l.CompileCmd + l.RunCmd
		groups[key] = append(groups[key], l)
	}
	var list [][]api.Language
	for _, group := range groups {
		list = append(list, group)
	}
	sort.Slice(list, func(i, j int) bool { return strings.ToLower(list[i][0].Name) < strings.ToLower(list[j][0].Name) })
	return list
}

// measure is what the hello sample of a language took.
type measure struct {
	total, run time.Duration // with compiling, and without
	memory     int           // kilobytes
}

// TestSamples runs the samples of every language that is installed: one that prints what is not
// ASCII, one that reads, and one that must fail where a compiler or an interpreter finds the fault.
func TestSamples(t *testing.T) {
	measures := map[int]measure{}
	tries := 1
	if *table != "" {
		tries = 5 // the fastest counts
	}
	for _, group := range toolchains() {
		l, _ := languages.Get(group[0].ID)
		t.Run(l.Name, func(t *testing.T) {
			if l.ID == api.MultiFile {
				t.Skip("has no source; it is tested with the runner")
			}
			t.Run("hello", func(t *testing.T) {
				m := measure{total: time.Hour}
				for range tries {
					start := time.Now()
					r := submit(t, l.ID, l.Samples.Hello, "")
					if r.Status != api.Accepted || strings.TrimRight(*r.Stdout, "\n") != language.Greeting || r.Stderr != nil {
						t.Fatalf("got %s", show(r))
					}
					if took := time.Since(start); took < m.total {
						m = measure{total: took, run: time.Duration(*r.WallTime * float64(time.Second)), memory: *r.Memory}
					}
				}
				measures[l.ID] = m
			})
			if l.Samples.Echo != "" {
				t.Run("echo", func(t *testing.T) {
					t.Parallel()
					line := "3 Würfel, ✓ 骰子\n"
					if r := submit(t, l.ID, l.Samples.Echo, line); r.Status != api.Accepted || strings.TrimRight(*r.Stdout, "\n") != strings.TrimRight(line, "\n") {
						t.Errorf("got %s", show(r))
					}
				})
			}
			if l.Samples.Error != "" {
				t.Run("error", func(t *testing.T) {
					t.Parallel()
					r := submit(t, l.ID, l.Samples.Error, "")
					switch {
					case l.CompileCmd != "":
						if r.Status != api.CompilationError || r.CompileOutput == nil || len(*r.CompileOutput) < 10 {
							t.Errorf("got %s", show(r))
						}
					case r.Status != api.RuntimeErrorNZEC && r.Status != api.ExecFormatError || r.Stderr == nil:
						t.Errorf("got %s", show(r))
					}
				})
			}
		})
	}
	text := markdown(measures)
	t.Logf("isolation: %s; left out: %s\n%s", isolation, strings.Join(languages.Missing(), ", "), text)
	if *table != "" {
		if err := os.WriteFile(*table, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// markdown makes the table of docs/languages.md.
func markdown(measures map[int]measure) string {
	bash := measures[46].total
	var b strings.Builder
	b.WriteString("| language | ids | source file | hello | × Bash | memory |\n| --- | --- | --- | ---: | ---: | ---: |\n")
	for _, group := range toolchains() {
		var ids []string
		for _, l := range group {
			ids = append(ids, fmt.Sprint(l.ID))
		}
		slices.SortFunc(ids, func(a, b string) int { return len(a) - len(b) })
		m, ok := measures[group[0].ID]
		if !ok {
			fmt.Fprintf(&b, "| %s | %s | %s | | | |\n", group[0].Name, strings.Join(ids, ", "), group[0].SourceFile)
			continue
		}
		relative := "–"
		if bash > 0 {
			relative = fmt.Sprintf("%.0f", float64(m.total)/float64(bash))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d ms | %s | %d MB |\n", group[0].Name, strings.Join(ids, ", "), group[0].SourceFile, m.total.Milliseconds(), relative, (m.memory+1023)/1024)
	}
	return b.String()
}

// TestPrepared shows that compilers use what was prepared for them: each tells in its own words.
func TestPrepared(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name            string
		id              int
		source, options string
		want            string
	}{
		{"headers of C++", 54, "#include <bits/stdc++.h>\nint main() {}", "-O2 -std=c++17 -H", "! /"},
		{"classes of javac", 62, "public class Main { public static void main(String[] a) {} }", "-J-Xlog:class+load", "shared objects file (top)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, ok := languages.Get(tc.id); !ok {
				t.Skip("this host has not its compiler")
			}
			params := api.Params{"language_id": fmt.Sprint(tc.id), "source_code": tc.source, "compiler_options": tc.options}
			s, faults := api.NewSubmission(params, false, api.DefaultConfig(), languages.Languages())
			if faults != nil {
				t.Fatalf("refused: %v", faults)
			}
			r, err := programs.Run(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != api.Accepted || r.CompileOutput == nil || !strings.Contains(*r.CompileOutput, tc.want) {
				t.Errorf("got %s", show(r))
			}
		})
	}
}
