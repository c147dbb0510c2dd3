package birth

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// execute makes a list that executes a program with its output in a file.
func execute(t *testing.T, out *os.File, before func(*List), args ...string) *List {
	t.Helper()
	l := &List{}
	l.Add("open the output", unix.SYS_DUP3, out.Fd(), 1, 0)
	if before != nil {
		before(l)
	}
	var none unix.Sigset_t
	l.Add("unblock signals", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, Pointer(l, &none), 0, 8)
	l.Add("execute", unix.SYS_EXECVE, Text(l, args[0]), Texts(l, args), Texts(l, nil))
	return l
}

func wait(t *testing.T, pid int) unix.WaitStatus {
	t.Helper()
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		t.Fatal(err)
	}
	return status
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	masked := func(l *List) { l.Add("set the mask", unix.SYS_UMASK, 0o027) }
	l := execute(t, out, masked, "/bin/sh", "-c", "umask; grep SigBlk /proc/self/status; exit 7")
	pid, err := l.Start(unix.CLONE_VFORK, -1)
	if err != nil {
		t.Fatal(err)
	}
	if status := wait(t, pid); status.ExitStatus() != 7 {
		t.Errorf("it ended with %v", status)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil || string(text) != "0027\nSigBlk:\t0000000000000000\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if place, err := l.Failure(); err != nil {
		t.Errorf("%s: %v", place, err)
	}
}

func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	l := execute(t, out, nil, "/nowhere")
	pid, err := l.Start(unix.CLONE_VFORK, -1)
	if err != nil {
		t.Fatal(err)
	}
	if status := wait(t, pid); status.ExitStatus() != 127 {
		t.Errorf("it ended with %v", status)
	}
	if place, err := l.Failure(); place != "execute" || !errors.Is(err, unix.ENOENT) {
		t.Errorf("%s: %v", place, err)
	}
	if _, err := execute(t, out, nil, "/bin/true").Start(unix.CLONE_VFORK, int(out.Fd())); err == nil {
		t.Error("a file was taken for a control group")
	}
}

// The parent goes on, allocates and collects garbage while children live in its memory.
func TestBesideARunningParent(t *testing.T) {
	t.Parallel()
	out, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	for range 50 {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		held := func(l *List) {
			l.Add("wait", unix.SYS_READ, uintptr(pipe[0]), Pointer(l, new([8]byte)), 1)
		}
		l := execute(t, out, held, "/bin/true")
		pid, err := l.Start(0, -1)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for range 100 {
			texts = append(texts, strings.Repeat("x", 1000))
		}
		runtime.GC()
		runtime.KeepAlive(texts)
		if _, err := unix.Write(pipe[1], []byte{1}); err != nil {
			t.Fatal(err)
		}
		if status := wait(t, pid); status.ExitStatus() != 0 {
			place, err := l.Failure()
			t.Errorf("it ended with %v: %s: %v", status, place, err)
		}
		_, _ = unix.Close(pipe[0]), unix.Close(pipe[1])
	}
}
