package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// profile is where the time of one path goes.
type profile struct {
	Path     string  `json:"path"`
	Requests float64 `json:"requestsPerSecond"`
	CPU      []share `json:"cpu"`      // by function, in percent of the process' own
	Syscalls []calls `json:"syscalls"` // by name, for each request

	Allocated   float64 `json:"allocatedBytesPerRequest"`
	Allocations []share `json:"allocations"`        // by function that asked for the memory, in percent
	Locked      float64 `json:"lockedMsPerRequest"` // waits of all goroutines together for locks
}

type share struct {
	Name    string  `json:"name"`
	Percent float64 `json:"percent"`
}

type calls struct {
	Name string  `json:"name"`
	Each float64 `json:"callsPerRequest"`
}

// profileTime is how long each tool looks.
const profileTime = 5 * time.Second

// profiles looks at the three hottest paths: wait=true, intake and reads.
func profiles(bin, dir string) (list []profile, err error) {
	for _, tool := range []string{"perf", "strace"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is not installed", tool)
		}
	}
	inside, err := freePort()
	if err != nil {
		return nil, err
	}
	whole, err := startGateway(bin, dir, "SANDGATE_PROFILES=127.0.0.1:"+inside)
	if err != nil {
		return nil, err
	}
	defer whole.stop()
	instant := newInstant()
	defer instant.Close()
	insideAlone, err := freePort()
	if err != nil {
		return nil, err
	}
	alone, err := startGrown(bin, dir, "profiled", instant.URL, nil, "SANDGATE_PROFILES=127.0.0.1:"+insideAlone)
	if err != nil {
		return nil, err
	}
	defer alone.stop()
	var known result
	if err := alone.call(http.MethodPost, "/submissions?wait=true", hello.attributes(), &known); err != nil {
		return nil, err
	}
	for _, path := range []struct {
		name    string
		t       *target
		inside  string
		clients int
		request func() error
	}{
		{"wait=true, Python, gateway and engine", whole, inside, 2, func() error { return whole.submit(programs[0]) }},
		{"accepted, gateway", alone.target, insideAlone, intakeClients, func() error {
			var created result
			return alone.call(http.MethodPost, "/submissions", hello.attributes(), &created)
		}},
		{"reads by token, gateway", alone.target, insideAlone, intakeClients, func() error {
			var r result
			return alone.call(http.MethodGet, "/submissions/"+known.Token, nil, &r)
		}},
	} {
		p, err := profiled(path.t.process.Process.Pid, path.inside, dir, path.clients, path.request)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.name, err)
		}
		p.Path = path.name
		list = append(list, p)
	}
	return list, nil
}

// profiled keeps a process busy: under perf, under Go's own profiles, and under strace.
func profiled(pid int, inside, dir string, clients int, request func() error) (p profile, err error) {
	record := filepath.Join(dir, "perf.data")
	perf := exec.Command("perf", "record", "-q", "-F", "499", "-o", record, "-p", strconv.Itoa(pid), "--", "sleep", fmt.Sprint(profileTime.Seconds()))
	done := make(chan error, 1)
	go func() {
		out, err := perf.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("perf: %w: %.200s", err, out)
		}
		done <- err
	}()
	if p.Requests, err = rate(clients, profileTime, request); err != nil {
		return p, err
	}
	if err := <-done; err != nil {
		return p, err
	}
	out, err := exec.Command("perf", "report", "-q", "-i", record, "--stdio", "--no-children", "--sort", "symbol", "--percent-limit", "1").Output()
	if err != nil {
		return p, fmt.Errorf("perf report: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		percent, name, ok := strings.Cut(strings.TrimSpace(line), "%")
		value, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
		if ok && err == nil && len(p.CPU) < 15 {
			name = strings.TrimSpace(name)
			kernel := strings.HasPrefix(name, "[k]")
			_, name, _ = strings.Cut(name, "] ")
			if name, _, _ = strings.Cut(name, "  "); kernel {
				name += " (kernel)"
			}
			p.CPU = append(p.CPU, share{strings.TrimSpace(name), value})
		}
	}
	if err := p.within(inside, dir, clients, request); err != nil {
		return p, err
	}
	p.Syscalls, err = counted(pid, dir, clients, request)
	return p, err
}

// within takes Go's profiles of what is allocated, and of waits for locks. That of all blocking is left out: nearly all
// of it is goroutines that have nothing to do.
func (p *profile) within(port, dir string, clients int, request func() error) error {
	kinds := []string{"allocs", "mutex"}
	failed := make(chan error, len(kinds))
	for _, kind := range kinds {
		go func() {
			failed <- fetch(fmt.Sprintf("http://127.0.0.1:%s/debug/pprof/%s?seconds=%.0f", port, kind, profileTime.Seconds()), filepath.Join(dir, kind))
		}()
	}
	perSecond, err := rate(clients, profileTime, request)
	for range kinds {
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return err
	}
	requests := perSecond * profileTime.Seconds()
	bytes, allocations, err := top(filepath.Join(dir, "allocs"), "-sample_index=alloc_space", "-unit=B")
	if err != nil {
		return err
	}
	locked, _, err := top(filepath.Join(dir, "mutex"), "-sample_index=delay", "-unit=ms")
	if err != nil {
		return err
	}
	p.Allocated, p.Allocations = bytes/requests, allocations
	p.Locked = locked / requests
	return nil
}

func fetch(url, file string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o600)
}

var total = regexp.MustCompile(`% of ([\d.]+)\w* total$`)

// top gives the sum of a profile, and its largest functions.
func top(file string, options ...string) (sum float64, list []share, err error) {
	out, err := exec.Command("go", append(append([]string{"tool", "pprof", "-top", "-nodecount=12"}, options...), file)...).Output()
	if err != nil {
		return 0, nil, fmt.Errorf("go tool pprof: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if found := total.FindStringSubmatch(line); found != nil {
			sum, _ = strconv.ParseFloat(found[1], 64)
		}
		words := strings.Fields(line)
		if len(words) < 6 || !strings.HasSuffix(words[1], "%") {
			continue
		}
		percent, err := strconv.ParseFloat(strings.TrimSuffix(words[1], "%"), 64)
		if err == nil && percent >= 1 {
			list = append(list, share{strings.Join(words[5:], " "), percent})
		}
	}
	return sum, list, nil
}

// counted counts system calls of the process' threads. What it starts is not followed.
func counted(pid int, dir string, clients int, request func() error) (list []calls, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*profileTime)
	defer cancel()
	summary := filepath.Join(dir, "strace")
	strace := exec.CommandContext(ctx, "strace", "-f", "--detach-on=execve", "-c", "-qq", "-o", summary, "-p", strconv.Itoa(pid))
	if err := strace.Start(); err != nil {
		return nil, err
	}
	time.Sleep(300 * time.Millisecond)
	var requests int
	var mu sync.Mutex
	_, err = rate(clients, profileTime/2, func() error {
		mu.Lock()
		requests++
		mu.Unlock()
		return request()
	})
	_ = strace.Process.Signal(os.Interrupt)
	_ = strace.Wait()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(summary)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 5 || words[len(words)-1] == "total" {
			continue
		}
		if n, err := strconv.Atoi(words[3]); err == nil && len(list) < 12 {
			list = append(list, calls{words[len(words)-1], float64(n) / float64(max(1, requests))})
		}
	}
	return list, nil
}

func printProfiles(list []profile) {
	for _, p := range list {
		fmt.Printf("\n%s: %.0f a second\n", p.Path, p.Requests)
		for _, s := range p.CPU {
			fmt.Printf("  %5.1f %%  %s\n", s.Percent, s.Name)
		}
		for _, s := range p.Syscalls {
			fmt.Printf("  %7.2f  %s\n", s.Each, s.Name)
		}
	}
}
