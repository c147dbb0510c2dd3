package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sandgate/sandgate/judge0/language"
)

// installed is the hello program of a language, and how it is compiled and run plainly: by the
// commands of the catalogue, in a folder that stands for /box and /tmp.
type installed struct {
	program
	compile, run string
	env          []string
	folders      []string // places in a box, each followed by that of this host
}

// findLanguages lists what this host has a hello program of, one entry of the catalogue each.
func findLanguages(cache string) ([]installed, error) {
	set, err := language.Find(context.Background(), language.Options{Toolchains: filepath.Join(filepath.Dir(filepath.Dir(cache)), "toolchains"), Cache: cache})
	if err != nil {
		return nil, err
	}
	if err := set.Load(context.Background(), nil); err != nil {
		return nil, err
	}
	var pairs []string
	for _, folder := range set.Folders() {
		pairs = append(pairs, folder.Box, folder.Host)
	}
	var list []installed
	seen := map[string]bool{}
	for _, shown := range set.Languages().Active() {
		l, ok := set.Get(shown.ID)
		if !ok || l.Samples.Hello == "" || seen[l.Name] {
			continue
		}
		seen[l.Name] = true
		list = append(list, installed{
			program: program{name: l.Name, language: l.ID, file: l.SourceFile, source: l.Samples.Hello, want: language.Greeting + "\n"},
			compile: strings.Replace(l.CompileCmd, "%s", "", 1), run: strings.Replace(l.RunCmd, "{heap}", "75", 1), env: l.Env, folders: pairs,
		})
	}
	slices.SortFunc(list, func(a, b installed) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	return list, nil
}

// plainly compiles and runs the program in a fresh folder, as every submission has one.
func (l installed) plainly(parent string) error {
	dir, err := os.MkdirTemp(parent, "run-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, l.file), []byte(l.source), 0o755); err != nil {
		return err
	}
	place := strings.NewReplacer(append(slices.Clone(l.folders), "/tmp/", dir+"/", "/box/", dir+"/")...).Replace
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "LANG=C.UTF-8", "LC_ALL=C.UTF-8"}
	for _, pair := range l.env {
		env = append(env, place(pair))
	}
	got := ""
	for _, line := range []string{l.compile, l.run} {
		if line == "" {
			continue
		}
		c := exec.Command("/bin/bash", "-c", place(line))
		c.Dir, c.Env = dir, env
		var fault strings.Builder
		c.Stderr = &fault
		text, err := c.Output()
		if err != nil {
			return fmt.Errorf("%w: %.300s", err, fault.String())
		}
		got = string(text)
	}
	if strings.TrimRight(got, "\r\n") != language.Greeting {
		return fmt.Errorf("it printed %.100q", got)
	}
	return nil
}

// languages compares hello of each language through the engine with the same commands run plainly.
// What does not run plainly on this host is named, and left out.
func languages(dir, cache string, engine *target, rounds int) ([]row, error) {
	list, err := findLanguages(cache)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, l := range list {
		var plainTook, engineTook []float64
		for i := -1; i < rounds; i++ { // the first warms up
			a, err := timed(func() error { return l.plainly(dir) })
			if err != nil {
				fmt.Printf("left out: %s does not run plainly here: %v\n", l.name, err)
				break
			}
			b, err := timed(func() error { return engine.submit(l.program) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.name, err)
			}
			if i >= 0 {
				plainTook, engineTook = append(plainTook, a), append(engineTook, b)
			}
		}
		if len(plainTook) > 0 {
			rows = append(rows, compare(l.name, "fork+exec", "ms", engineTook, plainTook))
		}
	}
	return rows, nil
}
