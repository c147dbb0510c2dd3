package sandbox

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var shared *Sandbox

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sandbox-test-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		initPath := filepath.Join(dir, "sandbox-init")
		build := exec.Command("go", "build", "-o", initPath, "./init")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("build sandbox-init: %v\n%s", err, out))
		}
		shared, err = New(Options{Init: initPath, Ready: 2})
		if err != nil {
			fmt.Println("FAIL: no sandbox:", err)
			return 1
		}
		defer shared.Close()
		fmt.Println("isolation:", shared.Isolation())
		return m.Run()
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
	short.CPU, short.Wall = 300*time.Millisecond, 2*time.Second
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
			if shared.groups == nil && (strings.Contains(tc.name, "of many") || strings.Contains(tc.name, "memory")) {
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

// Every attack must fail, and the next program must find the box as if nothing had been.
func TestAttacks(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(os.TempDir(), "sandbox-test-secret")
	if err := os.WriteFile(secret, []byte("host-secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(secret) })
	fast := usual
	fast.CPU, fast.Wall = 2*time.Second, 4*time.Second
	for _, tc := range []struct{ name, script, mustNot string }{
		{"shadow", "cat /etc/shadow && echo LEAK", "LEAK"},
		{"root's home", "ls -A /root 2>/dev/null | grep . && echo LEAK", "LEAK"},
		{"files of the host", "cat " + secret, "host-secret"},
		{"environment of init", "tr '\\0' '\\n' </proc/1/environ && echo LEAK", "LEAK"},
		{"root of init", "ls /proc/1/root/ && ls /proc/1/root/etc/shadow && echo LEAK", "LEAK"},
		{"descriptors of init", "ls /proc/1/fd && echo LEAK", "LEAK"},
		{"writes to the root", "for p in / /usr /etc /bin /lib /dev /proc /proc/sys/kernel; do touch $p/x && echo WROTE $p; done", "WROTE"},
		{"kernel settings", "echo x > /proc/sys/kernel/core_pattern && echo WROTE; echo b > /proc/sysrq-trigger && echo WROTE", "WROTE"},
		{"control groups", "find / -name cgroup.procs -not -path '/proc/*' 2>/dev/null | grep . && echo LEAK", "LEAK"},
		{"docker socket", "ls /var/run/docker.sock /run/docker.sock && echo LEAK", "LEAK"},
		{"network", "ls /sys/class/net 2>/dev/null; (echo > /dev/tcp/127.0.0.1/22) 2>/dev/null && echo REACHED; (echo > /dev/tcp/1.1.1.1/53) 2>/dev/null && echo REACHED", "REACHED"},
		{"user namespace", "unshare -U true && echo NESTED; unshare -r id && echo NESTED", "NESTED"},
		{"mount", "mount -t tmpfs x /tmp && echo MOUNTED; mount -o remount,rw / && echo MOUNTED", "MOUNTED"},
		{"setuid", "su -c id root </dev/null && echo ROOT; find / -xdev -perm -4000 -exec {} --version \\; 2>/dev/null | grep -i uid=0 && echo ROOT", "ROOT"},
		{"capabilities", "grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status | grep -v 0000000000000000 && echo CAPABLE", "CAPABLE"},
		{"no new privileges", "grep -q 'NoNewPrivs:.1' /proc/self/status || echo PRIVILEGED", "PRIVILEGED"},
		{"other processes", "ls -d /proc/[0-9]* | wc -l | awk '$1>8{print \"CROWD\"}'", "CROWD"},
		{"device", "mknod /tmp/sda b 8 0 && echo MADE", "MADE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out := run(t, fast, bash(tc.script)...)
			if strings.Contains(out.Stdout, tc.mustNot) {
				t.Errorf("it worked: %q %q", out.Stdout, out.Stderr)
			}
		})
	}
}

func TestBombsAreContained(t *testing.T) {
	fast := usual
	fast.CPU, fast.Wall = 2*time.Second, 4*time.Second
	for _, tc := range []struct{ name, script string }{
		{"fork bomb", "b() { b | b & }; b; sleep 100"},
		{"memory bomb", "a=x; while :; do a=$a$a; done"},
		{"output bomb", "exec yes"},
		{"disk bomb", "i=0; while head -c 1M /dev/zero > /tmp/$i; do i=$((i+1)); done; echo full"},
		{"inode bomb", "i=0; while : > /tmp/f$i; do i=$((i+1)); done 2>/dev/null; echo full"},
		{"stopped", "kill -STOP $$"},
		{"deaf daemon", "trap '' TERM HUP INT; setsid sleep 1000 & disown; echo gone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			began := time.Now()
			run(t, fast, bash(tc.script)...)
			if took := time.Since(began); took > 9*time.Second {
				t.Errorf("it was held for %v, far above its limit", took)
			}
			if out := run(t, usual, "/bin/echo", "still here"); out.Stdout != "still here\n" {
				t.Errorf("the next program suffered: %+v", out)
			}
		})
	}
}

func TestForeignSystemCallsAreKilled(t *testing.T) {
	t.Parallel()
	gcc, err := exec.LookPath("gcc")
	if err != nil || !strings.HasPrefix(gcc, "/usr/") {
		t.Skip("needs gcc to make a program of other system calls")
	}
	box, err := shared.Box(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	// 310 is unshare and 20 getpid by the numbers of i386.
	source := `#include <stdio.h>
int main(){ long r; __asm__ volatile("int $0x80":"=a"(r):"a"(310),"b"(0x10000000)); printf("REACHED %ld\n", r); return 0; }`
	if err := box.Write("m.c", source, 0o644); err != nil {
		t.Fatal(err)
	}
	limits := usual
	limits.FileSize = 16 << 20
	out, err := box.Run(context.Background(), Command{Args: bash("gcc m.c -o m && ./m"), Env: []string{"PATH=/usr/bin:/bin"}, Limits: limits})
	if err != nil || strings.Contains(out.Stdout, "REACHED") || out.ExitCode != 128+31 && out.Signal != 31 {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestNothingIsLeftForTheNext(t *testing.T) {
	t.Parallel()
	run(t, usual, bash("echo secret > /tmp/left; echo secret > /box/left; echo secret > /dev/shm/left; ipcmk -M 4096 >/dev/null 2>&1")...)
	out := run(t, usual, bash("ls -A /tmp /box /dev/shm; tail -n +2 /proc/sysvipc/shm")...)
	if out.Stdout != "/box:\n\n/dev/shm:\n\n/tmp:\n" {
		t.Errorf("found %q", out.Stdout)
	}
}

func TestUnzip(t *testing.T) {
	t.Parallel()
	link := &zip.FileHeader{Name: "link"}
	link.SetMode(os.ModeSymlink | 0o777)
	big := strings.Repeat("x", 1<<20)
	for _, tc := range []struct {
		name  string
		files func(*zip.Writer)
		fault string
	}{
		{"good", func(w *zip.Writer) { add(w, "a/b.txt", "text"); add(w, "there", "new") }, ""},
		{"slip", func(w *zip.Writer) { add(w, "../../usr/evil", "x") }, "leads out"},
		{"absolute", func(w *zip.Writer) { add(w, "/etc/evil", "x") }, "leads out"},
		{"link", func(w *zip.Writer) { f, _ := w.CreateHeader(link); _, _ = f.Write([]byte("/etc/passwd")) }, "neither a file"},
		{"bomb", func(w *zip.Writer) {
			for i := range 20 {
				add(w, fmt.Sprint(i), big)
			}
		}, "more than is allowed"},
		{"no archive", nil, "not a valid zip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var archive bytes.Buffer
			if tc.files != nil {
				w := zip.NewWriter(&archive)
				tc.files(w)
				_ = w.Close()
			}
			box, err := shared.Box(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer box.Close()
			if err := box.Write("there", "old", 0o644); err != nil {
				t.Fatal(err)
			}
			err = box.Unzip(context.Background(), archive.String(), 10<<20, usual)
			if tc.fault != "" {
				if !errors.Is(err, ErrBadArchive) || !strings.Contains(err.Error(), tc.fault) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			out, err := box.Run(context.Background(), Command{Args: bash("cat a/b.txt there"), Limits: usual})
			if err != nil || out.Stdout != "textold" {
				t.Errorf("got %+v, %v", out, err)
			}
		})
	}
}

func add(w *zip.Writer, name, text string) {
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err != nil {
		panic(err)
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

func TestNothingIsLeftOnTheHost(t *testing.T) {
	s, err := New(Options{Init: shared.builder.ExecFile, Ready: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := s.dir
	box, err := s.Box(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	box.Close()
	s.Close()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder %s is still there", dir)
	}
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
