package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// shared is the sandbox as this host allows it, weak the fallback without control groups.
var shared, weak *Sandbox

var initPath string // of sandbox-init

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sandbox-test-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		// A test binary that runs as an ordinary user, without a toolchain, is given a built one.
		initPath = os.Getenv("SANDBOX_INIT")
		if initPath == "" {
			initPath = filepath.Join(dir, "sandbox-init")
			build := exec.Command("go", "build", "-o", initPath, "./init")
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				panic(fmt.Sprintf("build sandbox-init: %v\n%s", err, out))
			}
		}
		shared, err = New(Options{Init: initPath, Ready: 2})
		if err != nil {
			fmt.Println("FAIL: no sandbox:", err)
			return 1
		}
		groups := groupDirs(shared)
		weak, err = New(Options{Init: initPath, Ready: 2, withoutCgroup: true})
		if err != nil {
			shared.Close()
			fmt.Println("FAIL: no sandbox without control groups:", err)
			return 1
		}
		fmt.Println("isolation:", shared.Isolation())
		code := m.Run()
		shared.Close()
		weak.Close()
		for _, dir := range groups {
			own := filepath.Join(filepath.Dir(dir), groupPrefix+strconv.Itoa(os.Getpid())+"-*")
			if left, err := filepath.Glob(own); err != nil || len(left) != 0 {
				fmt.Println("FAIL: control groups stay behind:", left, err)
				code = 1
			}
		}
		if left, err := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+strconv.Itoa(os.Getpid())+"-*")); err != nil || len(left) != 0 {
			fmt.Println("FAIL: folders stay behind:", left, err)
			code = 1
		}
		return code
	}())
}

var usual = Limits{CPU: 5 * time.Second, Wall: 10 * time.Second, Memory: 256 << 20, Stack: 64 << 20, FileSize: 1 << 20, Processes: 60}

func run(t *testing.T, limits Limits, args ...string) Outcome {
	t.Helper()
	out, err := runIn(t, limits, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func runIn(t *testing.T, limits Limits, args ...string) (Outcome, error) {
	t.Helper()
	box, err := shared.Box(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	return box.Run(context.Background(), Command{Args: args, Env: []string{"PATH=/usr/bin:/bin"}, Limits: limits})
}

func bash(script string) []string { return []string{"/bin/bash", "-c", script} }

func TestOutcomes(t *testing.T) {
	t.Parallel()
	short := usual
	short.CPU, short.Wall = 300*time.Millisecond, 30*time.Second // the wall is for a busy machine
	sleepy := usual
	sleepy.Wall = time.Second
	small := usual
	small.Memory = 32 << 20
	for _, tc := range []struct {
		name   string
		limits Limits
		script string
		check  func(Outcome) bool
	}{
		{"exit code", usual, "echo out; echo err >&2; exit 3", func(o Outcome) bool {
			return o.ExitCode == 3 && o.Stdout == "out\n" && o.Stderr == "err\n" && o.CPU > 0 && o.Memory > 0
		}},
		{"segmentation fault", usual, "kill -SEGV $$", func(o Outcome) bool { return o.Signal == 11 && o.ExitCode == 0 }},
		{"terminated", usual, "kill -TERM $$", func(o Outcome) bool { return o.Signal == 15 }},
		{"hung up", usual, "kill -HUP $$", func(o Outcome) bool { return o.Signal == 1 }},
		{"own kill is no time limit", usual, "kill -KILL $$", func(o Outcome) bool { return o.Signal == 9 && !o.TimedOut && !o.WallTimedOut && !o.OutOfMemory }},
		{"CPU limit", short, "while :; do :; done", func(o Outcome) bool { return o.TimedOut && o.CPU > 300*time.Millisecond && o.CPU < time.Second }},
		{"CPU limit of many", short, "for i in 1 2 3 4; do (while :; do :; done) & done; wait", func(o Outcome) bool { return o.TimedOut && o.CPU < time.Second }},
		{"wall limit", sleepy, "echo before; sleep 100", func(o Outcome) bool { return o.WallTimedOut && !o.TimedOut && o.Stdout == "before\n" }},
		{"deaf at the wall limit", sleepy, "trap '' TERM INT HUP; sleep 100 & kill -STOP $$", func(o Outcome) bool { return o.WallTimedOut }},
		{"memory limit", small, "x=$(head -c 100M /dev/zero | tr '\\0' x); echo ${#x}", func(o Outcome) bool { return o.Stdout == "" && o.OutOfMemory && o.Memory <= 33<<20 }},
		{"file size limit", usual, "exec head -c 1G /dev/zero", func(o Outcome) bool { return o.Signal == 25 && len(o.Stdout) == 1<<20 }},
		{"no such program", usual, "exec /nowhere", func(o Outcome) bool { return o.ExitCode == 127 }},
		{"umask", usual, "umask", func(o Outcome) bool { return o.Stdout == "0022\n" }},
		{"a child outlives nothing", usual, "(sleep 100 &) ; echo started", func(o Outcome) bool { return o.Stdout == "started\n" && o.Wall < 5*time.Second }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if shared.groups == nil && (strings.Contains(tc.name, "CPU limit") || strings.Contains(tc.name, "memory")) {
				t.Skip("needs control groups, which this host does not give")
			}
			out := run(t, tc.limits, bash(tc.script)...)
			shown := out
			shown.Stdout = fmt.Sprintf("%.80q", out.Stdout)
			if !tc.check(out) {
				t.Errorf("got %+v", shown)
			}
		})
	}
}

func TestStdinAndMergedOutput(t *testing.T) {
	t.Parallel()
	box, err := shared.Box(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	out, err := box.Run(context.Background(), Command{Args: bash("cat; echo two >&2; echo three"), Stdin: "one\n", MergeStderr: true, Limits: usual})
	if err != nil || out.Stdout != "one\ntwo\nthree\n" || out.Stderr != "" {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestFilesStayBetweenCompileAndRun(t *testing.T) {
	t.Parallel()
	box, err := shared.Box(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if err := box.Write("dir/in.txt", "text", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := box.Run(context.Background(), Command{Args: bash("cat dir/in.txt > out.txt"), Limits: usual}); err != nil {
		t.Fatal(err)
	}
	out, err := box.Run(context.Background(), Command{Args: bash("cat out.txt; rm -f dir/in.txt; ls; pwd"), Limits: usual})
	if err != nil || out.Stdout != "textdir\nout.txt\n/box\n" {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	box, err := shared.Box(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = box.Run(ctx, Command{Args: []string{"/bin/sleep", "100"}, Limits: usual})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := box.Run(context.Background(), Command{Args: []string{"/bin/true"}, Limits: usual}); err == nil {
		t.Error("a box that failed was used again")
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			out, err := runIn(t, usual, "/bin/echo", fmt.Sprint(i))
			if err != nil || out.Stdout != fmt.Sprintln(i) {
				t.Errorf("run %d: %+v, %v", i, out, err)
			}
		}()
	}
	wg.Wait()
}

func BenchmarkRunTrue(b *testing.B)   { benchmark(b, "/bin/true") }
func BenchmarkRunPython(b *testing.B) { benchmark(b, "/usr/bin/python3", "-c", "print('hello')") }

func benchmark(b *testing.B, args ...string) {
	for b.Loop() {
		box, err := shared.Box(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := box.Run(context.Background(), Command{Args: args, Limits: usual}); err != nil {
			b.Fatal(err)
		}
		box.Close()
	}
}
