package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandgate/sandgate/judge0/sandbox/wire"
)

// promptly fails a test that would hang.
func promptly(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Fatal("it hangs")
	}
}

// write puts a file into a box and waits for its answer.
func write(box *Box, name, text string) error {
	if err := box.Write(name, text, 0o644); err != nil {
		return err
	}
	return box.first.settle()
}

// The first process may write where programs may not, and has descriptors that lead out of the box.
func TestWriteFollowsNoDescriptor(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		box := openBox(t, s)
		in(t, box, usual, bash("for fd in {0..20}; do ln -s /proc/1/fd/$fd fd$fd; ln -s /proc/1/fd/$fd/sys/kernel kernel$fd; ln -s /proc/self/fd/$fd/1 init$fd; done")...)
		for fd := range 21 {
			for _, name := range []string{"fd%d/sys/kernel/hostname", "kernel%d/hostname", "init%d/oom_score_adj", "fd%d"} {
				if err := write(box, fmt.Sprintf(name, fd), "500"); err == nil {
					t.Errorf("%s was written to", fmt.Sprintf(name, fd))
				}
			}
		}
		if out := in(t, box, usual, bash("cat /proc/sys/kernel/hostname /proc/1/oom_score_adj")...); !strings.HasPrefix(out.Stdout, "sandbox\n") || strings.Contains(out.Stdout, "500") {
			t.Errorf("got %q", out.Stdout)
		}
	})
}

// A first process that does nothing, whatever the cause, holds up nobody beyond the grace.
func TestABoxThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		args []string
	}{
		{"small request", []string{"/bin/true"}},
		{"request larger than the socket's buffer", append([]string{"/bin/true"}, strings.Split(strings.Repeat("x", 50_000)+strings.Repeat(" "+strings.Repeat("x", 50_000), 20), " ")...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, s *Sandbox) {
				box := openBox(t, s)
				if err := syscall.Kill(box.first.pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				limits := usual
				limits.Wall = 100 * time.Millisecond
				promptly(t, func() {
					out, err := box.Run(context.Background(), Command{Args: tc.args, Env: searchPath, Limits: limits})
					if err != nil || !out.WallTimedOut || out.Signal != 9 {
						t.Errorf("got %+v, %v", out, err)
					}
				})
				if _, err := box.Run(context.Background(), Command{Args: []string{"/bin/true"}, Limits: usual}); err == nil {
					t.Error("the box was used again")
				}
			})
		})
	}
	t.Run("ended context", func(t *testing.T) {
		t.Parallel()
		box := openBox(t, shared)
		_ = syscall.Kill(box.first.pid, syscall.SIGSTOP)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		promptly(t, func() {
			if out, err := box.Run(ctx, Command{Args: []string{"/bin/true"}, Limits: usual}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %+v, %v", out, err)
			}
		})
	})
}

// A box that ends while a program runs gives an error, and no process outlives it.
func TestABoxThatEndsUnderARun(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		for _, end := range []func(*Box){
			func(b *Box) { _ = b.first.destroy() },
			func(b *Box) { _ = syscall.Kill(b.first.pid, syscall.SIGKILL) },
			func(b *Box) { _ = b.first.socket.CloseRead() },
		} {
			box := openBox(t, s)
			timer := time.AfterFunc(50*time.Millisecond, func() { end(box) })
			promptly(t, func() {
				out, err := box.Run(context.Background(), Command{Args: []string{"/bin/sleep", "100"}, Limits: usual})
				if err == nil {
					t.Errorf("got %+v", out)
				}
			})
			timer.Stop()
		}
	})
}

// stranger is a box that answers the first request as a test likes, and goes.
func stranger(t *testing.T, answers ...func(socket int)) *first {
	t.Helper()
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	go func() {
		defer unix.Close(theirs)
		// Who answers and goes before it was asked is gone, whatever it said.
		_, _ = unix.Read(theirs, make([]byte, 4096))
		for _, answer := range answers {
			answer(theirs)
		}
	}()
	return &first{socket: ours}
}

func sends(message []byte, files ...int) func(int) {
	return func(socket int) {
		var control []byte
		if len(files) > 0 {
			control = unix.UnixRights(files...)
		}
		_ = unix.Sendmsg(socket, message, control, nil, unix.MSG_NOSIGNAL)
	}
}

func TestABoxThatLies(t *testing.T) {
	t.Parallel()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(pipe[0]) })
	ended := (&wire.Result{CPU: -1, Memory: 1 << 62}).Message()
	withFiles := []func(int){}
	for i := range ended[:5] { // more of them with each byte
		withFiles = append(withFiles, sends(ended[i:i+1], pipe[1], pipe[1], pipe[1], pipe[1]))
	}
	for _, tc := range []struct {
		name    string
		answers []func(int)
	}{
		{"nothing", nil},
		{"half a length", []func(int){sends([]byte{1, 0})}},
		{"no length", []func(int){sends([]byte{0, 0, 0, 0})}},
		{"endless", []func(int){sends([]byte{255, 255, 255, 255})}},
		{"cut", []func(int){sends(ended[:len(ended)-1])}},
		{"another answer", []func(int){sends(wire.NewWriter(wire.Done).Message())}},
		{"no such kind", []func(int){sends(wire.NewWriter(99).Message())}},
		{"an answer without its parts", []func(int){sends(wire.NewWriter(wire.Ended).Message())}},
		{"files without end", withFiles},
		{"a fault that is a book", []func(int){sends(wire.FaultMessage(0, strings.Repeat("x", 100_000)))}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			promptly(t, func() {
				result, err := stranger(t, tc.answers...).run(&wire.Program{Number: 1})
				if err == nil || len(err.Error()) > 2000 {
					t.Errorf("got %+v, %.100v", result, err)
				}
			})
		})
	}
	// Files that come are closed: nobody but us holds the end of the pipe.
	if _, err := stranger(t, sends(ended, pipe[1], pipe[1])).run(&wire.Program{Number: 1}); err != nil {
		t.Error(err)
	}
	_ = unix.Close(pipe[1])
	// A box that is being born beside us has it, too, until it executes its program, and who still sends above.
	waitFor(t, func() bool {
		n, err := unix.Read(pipe[0], make([]byte, 1))
		return n == 0 && err == nil
	})
}

// Orphans are buried while the program runs: the dead count as processes.
func TestOrphansAreBuried(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		limits := usual
		limits.Processes = 30
		out := in(t, openBox(t, s), limits, bash("for i in {1..150}; do (/bin/true &); done; echo done")...)
		if out.Stdout != "done\n" || out.Stderr != "" || out.Wall > 9*time.Second {
			t.Errorf("got %+v", out)
		}
	})
}

// Time that a program spends is its own, however much it gives the first process to do meanwhile.
func TestOrphansHideNoTime(t *testing.T) {
	t.Parallel()
	out := in(t, openBox(t, shared), usual, bash("for i in {1..100}; do (/bin/true &); done; i=0; while ((i++ < 300000)); do :; done; times")...)
	if out.CPU < 150*time.Millisecond {
		t.Errorf("it used %v of CPU time", out.CPU)
	}
}

// With hardly any memory a program fails, and not the sandbox.
func TestHardlyAnyMemory(t *testing.T) {
	t.Parallel()
	programs := [][]string{
		bash("echo hi"),
		bash("x=x; while :; do x=$x$x; done"),
		bash("for i in {1..20}; do /bin/true & done; wait"),
		bash("head -c 100M /dev/zero > /tmp/x"),
		{"/usr/bin/python3", "-c", "print('hi')"},
		{"/bin/echo", strings.Repeat("x", 100_000), strings.Repeat("y", 100_000)},
	}
	for _, kilobytes := range []int64{1024, 1536, 2048, 3072, 4096, 8192} {
		t.Run(fmt.Sprint(kilobytes, " KB"), func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, s *Sandbox) {
				for _, each := range []bool{false, true} {
					for _, args := range programs {
						limits := usual
						limits.Memory = kilobytes << 10
						if each {
							limits.EachMemory, limits.Memory = limits.Memory, usual.Memory
						}
						out, err := openBox(t, s).Run(context.Background(), Command{Args: args, Env: searchPath, Limits: limits})
						if err != nil || out.WallTimedOut {
							t.Errorf("each %v, %.50q: %+v, %v", each, args, out, err)
						}
					}
				}
			})
		})
	}
}

// The files of a compiler take nothing of its program's memory, be they ever so many.
func TestManyFilesOfEarlierRuns(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		box := openBox(t, s)
		in(t, box, usual, bash("for i in {1..10000}; do : > /tmp/$i; done")...)
		small := usual
		if s.groups != nil {
			small.Memory = 4 << 20
		}
		if out := in(t, box, small, "/bin/echo", "hello"); out.Stdout != "hello\n" || s.groups != nil && out.Memory > 5<<20 {
			t.Errorf("got %+v", out)
		}
	})
}

// Boxes leave nothing in the worker: no descriptor, thread or mount, and no control group.
func TestManyBoxesLeaveNothing(t *testing.T) {
	s, err := New(Options{Init: shared.init, Ready: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	count := func(folder string) int {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	use := func(boxes int) {
		for i := range boxes {
			box, err := s.Box(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			args := [][]string{{"/bin/true"}, {"/nowhere"}, bash("sleep 100 & kill -9 $$"), bash("exec >&-; (sleep 9 &)")}[i%4]
			_, _ = box.Run(context.Background(), Command{Args: args, Env: searchPath, Limits: fast})
			box.Close()
		}
		s.ending.Wait()
		waitFor(t, func() bool { return len(s.ready) == cap(s.ready) })
	}
	mounts := func() int {
		text, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), s.dir)
	}
	groups := func() (n int) {
		for _, dir := range groupDirs(s) {
			n += count(dir)
		}
		return n
	}
	use(20)
	runtime.GC()
	files, threads, grouped := count("/proc/self/fd"), count("/proc/self/task"), groups()
	use(300)
	runtime.GC()
	// Besides the boxes that wait, one may be on its way.
	if now := count("/proc/self/fd"); now > files+8 {
		t.Errorf("%d open files became %d", files, now)
	}
	if now := count("/proc/self/task"); now > threads+8 {
		t.Errorf("%d threads became %d", threads, now)
	}
	if now := mounts(); now != 0 {
		t.Errorf("%d mounts are left", now)
	}
	if now := groups(); now > grouped+8 {
		t.Errorf("%d control groups became %d", grouped, now)
	}
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !what(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came")
		}
	}
}

// Where the worker is an ordinary user, programs are of the same user as the first process of their
// box, and may send it signals. It must outlive them, and programs must not reach it otherwise.
func TestFirstProcessOfTheSameUser(t *testing.T) {
	if os.Geteuid() == 0 {
		asOrdinaryUser(t, "TestFirstProcessOfTheSameUser")
		return
	}
	tool(t, "python3")
	for name, script := range map[string]string{
		"signals":          "for s in range(1, 65):\n  for i in range(3):\n    try: os.kill(1, s)\n    except OSError: pass",
		"queued signals":   "info = (ctypes.c_int * 32)()\nfor s in range(1, 65):\n  info[0], info[2] = s, -1\n  libc.syscall(129, 1, s, info)\n  for thread in range(1, 12): libc.syscall(297, 1, thread, s, info)\n  libc.syscall(424, os.pidfd_open(1), s, info, 0)",
		"signals of files": "for s in range(1, 65):\n  a, b = socket.socketpair()\n  fcntl.fcntl(a, fcntl.F_SETOWN, 1)\n  fcntl.fcntl(a, 10, s)\n  fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC)\n  b.send(b'x')",
		"limits":           "ok = []\nfor t in range(1, 12):\n  for r in range(16):\n    try: resource.prlimit(t, r, (0, 0)); ok.append((t, r))\n    except (OSError, ValueError): pass\nassert not ok, ok",
		"memory":           "try: open('/proc/1/mem', 'rb'); assert 0\nexcept OSError: pass",
		"files":            "for fd in range(20):\n  try: os.readlink(f'/proc/1/fd/{fd}'); assert 0\n  except OSError: pass",
		"a flood":          "end = time.time() + .3\nwhile time.time() < end: os.kill(1, 10); os.kill(1, 17)",
	} {
		t.Run(name, func(t *testing.T) {
			box := openBox(t, shared)
			script := "import os, signal, ctypes, socket, fcntl, resource, time\nlibc = ctypes.CDLL(None)\n" + script + "\nprint('tried')"
			out, err := box.Run(context.Background(), Command{Args: python(script), Env: searchPath, Limits: usual})
			if err != nil || out.Stdout != "tried\n" {
				t.Errorf("got %+v, %v", out, err)
			}
			if out := in(t, box, usual, "/bin/echo", "again"); out.Stdout != "again\n" {
				t.Errorf("the next run got %+v", out)
			}
		})
	}
}

// asOrdinaryUser runs a test in a process of a user without rights.
func asOrdinaryUser(t *testing.T, test string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandbox-user-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for from, name := range map[string]string{"/proc/self/exe": "sandbox.test", initPath: "sandbox-init"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "tmp")
	if err := errors.Join(os.Mkdir(own, 0o700), os.Chown(own, 65_534, 65_534)); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(filepath.Join(dir, "sandbox.test"), "-test.run=^"+test+"$", "-test.v")
	command.Dir = own
	command.Env = []string{"SANDBOX_INIT=" + filepath.Join(dir, "sandbox-init"), "TMPDIR=" + own, "HOME=" + own, "PATH=/usr/bin:/bin"}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65_534, Gid: 65_534}}
	out, err := command.CombinedOutput()
	if strings.Contains(string(out), "user namespaces allowed") {
		t.Skipf("an ordinary user can't make a box here: %s", out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// What the sandbox itself puts into a box is not the program's, however large, and whether or not it was waited for.
func TestFilesOfASubmissionAreNotItsMemory(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		for _, size := range []int{100, unwaited, unwaited + 1, 48 << 20} {
			box := openBox(t, s)
			if err := box.Write("source", strings.Repeat("x", size), 0o644); err != nil {
				t.Fatal(err)
			}
			limits := usual
			limits.Memory = 32 << 20
			if out := in(t, box, limits, bash("wc -c < source")...); out.Stdout != fmt.Sprintln(size) || out.Memory > 16<<20 {
				t.Errorf("%d bytes: got %+v", size, out)
			}
		}
	})
}
