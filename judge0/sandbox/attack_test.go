package sandbox

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// onBoth runs a test on the sandbox of this host and on the fallback without control groups.
func onBoth(t *testing.T, test func(t *testing.T, s *Sandbox)) {
	t.Run("host", func(t *testing.T) { t.Parallel(); test(t, shared) })
	t.Run("fallback", func(t *testing.T) { t.Parallel(); test(t, weak) })
}

func openBox(t *testing.T, s *Sandbox) *Box {
	t.Helper()
	box, err := s.Box(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	return box
}

var searchPath = []string{"PATH=/usr/bin:/bin"}

func in(t *testing.T, box *Box, limits Limits, args ...string) Outcome {
	t.Helper()
	out, err := box.Run(context.Background(), Command{Args: args, Env: searchPath, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// works proves that s serves the next program as if nothing had been.
func works(t *testing.T, s *Sandbox) {
	t.Helper()
	if out := in(t, openBox(t, s), usual, "/bin/echo", "still here"); out.Stdout != "still here\n" || out.ExitCode != 0 {
		t.Errorf("the next program suffered: %+v", out)
	}
}

// tool skips a test where a program is missing in /usr, which is all that boxes see.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/" + name); err != nil {
		t.Skip("needs /usr/bin/" + name)
	}
}

func python(script string) []string { return []string{"/usr/bin/python3", "-c", script} }

var fast = Limits{CPU: 600 * time.Millisecond, Wall: 1200 * time.Millisecond, Memory: 128 << 20, Stack: 64 << 20, FileSize: 1 << 20, Processes: 60}

// compiled gives a program of testdata, compiled in a box.
func compiled(t *testing.T, name, text string) string {
	t.Helper()
	tool(t, "gcc")
	box := openBox(t, shared)
	if err := box.Write(name+".c", text, 0o644); err != nil {
		t.Fatal(err)
	}
	limits := usual
	limits.FileSize, limits.CPU, limits.Wall = 16<<20, 20*time.Second, 60*time.Second
	out := in(t, box, limits, bash("gcc -w -pthread -o /tmp/out "+name+".c >&2 && cat /tmp/out")...)
	if out.ExitCode != 0 {
		t.Fatalf("gcc: %s", out.Stderr)
	}
	return out.Stdout
}

// setuid runs every program that is to run as another user. The dynamic loader tells who it runs as, unless
// it does run as another: then it is silent.
const setuid = `find / -path /proc -prune -o -perm /6000 -type f -executable -print 2>/dev/null | while read -r f; do
	told=$(timeout -s KILL 1 env LD_SHOW_AUXV=1 "$f" </dev/null 2>&1 | grep -aE '^AT_(EUID|EGID):' | tr -d ' \t' | sort | xargs)
	[ "$told" = "AT_EGID:$(id -g) AT_EUID:$(id -u)" ] || echo "BROKE $f: $told"
done`

// Every attack of a script must fail, and it must have been tried.
func TestAttacks(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(os.TempDir(), "sandbox-test-secret")
	if err := os.WriteFile(secret, []byte("host-secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(secret) })
	for _, tc := range []struct{ name, script string }{
		{"shadow", "cat /etc/shadow && echo BROKE"},
		{"root's home", "ls -A /root 2>/dev/null | grep . && echo BROKE"},
		{"files of the host", "cat " + secret + " && echo BROKE"},
		{"environment of the worker", "cat /proc/*/environ | tr '\\0' '\\n' | grep -E '^(HOME|USER|GO|SANDBOX)' && echo BROKE"},
		{"root of init", "ls /proc/1/root/ && ls /proc/1/root/etc/shadow && echo BROKE"},
		{"descriptors of init", "cat /proc/1/fd/* && echo BROKE; readlink /proc/1/fd/* && echo BROKE"},
		{"writes to the root", "for p in / /usr /usr/bin /usr/lib /etc /bin /lib /dev /proc /proc/sys/kernel; do touch $p/x && echo BROKE $p; done"},
		{"links over the root", "for p in /usr/bin/env /etc/passwd /dev/null /bin; do mv /tmp $p 2>/dev/null && echo BROKE; ln -sf /tmp/x $p 2>/dev/null && echo BROKE; rm -rf $p 2>/dev/null && echo BROKE; done"},
		{"modes of the root", "chmod 777 /usr /etc /dev/null / && echo BROKE; chmod 777 /usr/bin/env && echo BROKE"},
		{"control groups", "find / -name cgroup.procs -not -path '/proc/*' 2>/dev/null | grep . && echo BROKE"},
		{"docker socket", "for s in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock; do [ -e $s ] && echo BROKE $s; done"},
		{"sockets of the host", "find / -path /proc -prune -o -type s -print 2>/dev/null | grep . && echo BROKE"},
		{"network", "tail -n +3 /proc/net/dev | grep -v lo: && echo BROKE; (echo > /dev/tcp/127.0.0.1/22) 2>/dev/null && echo BROKE; (echo > /dev/tcp/1.1.1.1/53) 2>/dev/null && echo BROKE"},
		{"loopback is down", "grep . /proc/net/route | tail -n +2 | grep . && echo BROKE"},
		{"user namespace", "unshare -U true && echo BROKE; unshare -r id && echo BROKE"},
		{"mount", "mount -t tmpfs x /tmp && echo BROKE; mount -o remount,rw / && echo BROKE; umount -l /proc && echo BROKE"},
		{"setuid", "su -c id root </dev/null && echo BROKE; " + setuid},
		{"own setuid", "cp /usr/bin/id /tmp/id; chmod 6755 /tmp/id; /tmp/id | grep -E 'e[ug]id' && echo BROKE"},
		{"capabilities", "grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | grep -v 0000000000000000 && echo BROKE"},
		{"no new privileges", "grep -q 'NoNewPrivs:.1' /proc/self/status || echo BROKE"},
		{"filtered", "grep -q 'Seccomp:.2' /proc/self/status || echo BROKE"},
		{"other processes", "ls -d /proc/[0-9]* | wc -l | awk '$1>8{print \"BROKE\"}'"},
		{"device", "mknod /tmp/sda b 8 0 && echo BROKE"},
		{"descriptors", "ls /proc/self/fd | grep -vE '^[0-3]$' && echo BROKE"},
		{"terminal", "(: < /dev/tty) 2>/dev/null && echo BROKE; (: < /dev/ptmx) 2>/dev/null && echo BROKE"},
		{"limits", "ulimit -Hn 100000 && echo BROKE; ulimit -Hc unlimited && echo BROKE; ulimit -c 0 && echo BROKE"},
		{"the disk of the host", "df / /tmp /box /dev/shm | tail -n +2 | grep -v tmpfs && echo BROKE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, s *Sandbox) {
				out := in(t, openBox(t, s), usual, bash(tc.script+"; echo tried")...)
				if strings.Contains(out.Stdout, "BROKE") || strings.Contains(out.Stdout, "host-secret") || !strings.HasSuffix(out.Stdout, "tried\n") {
					t.Errorf("%+v", out)
				}
			})
		})
	}
}

// Every system call of testdata/calls.c must give the error that tells that it was held.
func TestSystemCallsThatMustFail(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("testdata/calls.c")
	if err != nil {
		t.Fatal(err)
	}
	tool(t, "gcc")
	tcp, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	udp, err := net.ListenPacket("udp", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	name := fmt.Sprintf("sandbox-test-%d", os.Getpid())
	local, err := net.Listen("unix", "@"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	args := []string{"/box/calls", strconv.Itoa(tcp.Addr().(*net.TCPAddr).Port), strconv.Itoa(udp.LocalAddr().(*net.UDPAddr).Port), name, "127.0.0.1", "::1", "1.1.1.1", "169.254.169.254"}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && !network.IP.IsLoopback() {
			args = append(args, network.IP.String())
		}
	}
	program := compiled(t, "calls", string(source))

	// What is not listed must give EPERM. The first prefix that fits counts.
	expected := []struct {
		prefix string
		faults []syscall.Errno
	}{
		{"clone3", []syscall.Errno{syscall.ENOSYS}},
		{"later-call", []syscall.Errno{syscall.ENOSYS}},
		{"last-call", []syscall.Errno{syscall.ENOSYS}},
		{"socket-raw", []syscall.Errno{syscall.EPERM, syscall.EPROTONOSUPPORT}},
		{"reach-abstract", []syscall.Errno{syscall.ECONNREFUSED}},
		{"reach-", []syscall.Errno{syscall.ENETUNREACH, syscall.EADDRNOTAVAIL, syscall.EINVAL}},
		{"setuid", []syscall.Errno{syscall.EPERM, syscall.EINVAL}},
		{"setgid", []syscall.Errno{syscall.EPERM, syscall.EINVAL}},
		{"setresuid", []syscall.Errno{syscall.EPERM, syscall.EINVAL}},
		{"chown", []syscall.Errno{syscall.EPERM, syscall.EINVAL}},
		{"nice-init", []syscall.Errno{syscall.EPERM}},
		{"nice", []syscall.Errno{syscall.EACCES, syscall.EPERM}},
		{"tiocsti", []syscall.Errno{syscall.ENOTTY, syscall.EIO, syscall.EPERM}},
		{"raise-core", []syscall.Errno{syscall.EPERM}},
		{"raise-cpu-high", []syscall.Errno{syscall.EPERM}},
		{"tgkill-init", []syscall.Errno{syscall.EPERM, syscall.ESRCH}},
		{"read-", []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.ENOENT, syscall.ENXIO, syscall.ENODATA}},
		{"link-", []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.ENOENT, syscall.EINVAL}},
		{"write-", []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.ENOENT, syscall.EROFS}},
	}
	allowed := func(name string, fault syscall.Errno) bool {
		for _, e := range expected {
			if strings.HasPrefix(name, e.prefix) {
				for _, one := range e.faults {
					if one == fault {
						return true
					}
				}
				return false
			}
		}
		return fault == syscall.EPERM
	}
	onBoth(t, func(t *testing.T, s *Sandbox) {
		box := openBox(t, s)
		if err := box.Write("calls", program, 0o755); err != nil {
			t.Fatal(err)
		}
		limits := usual
		limits.Wall = 30 * time.Second // many of them wait for a network that is not there
		out := in(t, box, limits, args...)
		lines := strings.Split(strings.TrimSpace(out.Stdout), "\n")
		if len(lines) < 280 || lines[len(lines)-1] != "end 0" || out.ExitCode != 0 {
			t.Fatalf("it did not try everything: %d lines, %+v", len(lines), out)
		}
		for _, line := range lines[:len(lines)-1] {
			name, number, _ := strings.Cut(line, " ")
			fault, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("%q", line)
			}
			if !allowed(name, syscall.Errno(fault)) {
				t.Errorf("%s gave %d (%v)", name, fault, syscall.Errno(fault))
			}
		}
		if out := in(t, box, usual, "/bin/echo", "again"); out.Stdout != "again\n" {
			t.Errorf("the box suffered: %+v", out)
		}
	})
	t.Cleanup(func() {
		_ = udp.SetReadDeadline(time.Now())
		if n, from, err := udp.ReadFrom(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes came from %v", n, from)
		}
	})
}

// Calls by the numbers of another architecture would pass a list of denials.
func TestForeignSystemCallsAreKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("amd64 alone has other system calls beside its own")
	}
	for _, tc := range []struct{ name, call string }{
		{"int 0x80, unshare", `__asm__ volatile("int $0x80":"=a"(r):"a"(310),"b"(0x10000000));`},
		{"int 0x80, getpid", `__asm__ volatile("int $0x80":"=a"(r):"a"(20));`},
		{"int 0x80 in a thread", `pthread_t t; pthread_create(&t, 0, other, 0); pthread_join(t, 0);`},
		{"x32, getpid", `r = syscall(0x40000000 | 39);`},
		{"x32, unshare", `r = syscall(0x40000000 | 272, 0x10000000);`},
		{"x32, its own ptrace", `r = syscall(0x40000000 | 521, 0, 0, 0, 0);`},
		{"negative", `r = syscall(-1L & 0xffffffff);`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			program := compiled(t, "m", `#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static long r;
static void *other(void *x) { __asm__ volatile("int $0x80":"=a"(r):"a"(20)); return x; }
int main(void) { puts("tried"); fflush(stdout); `+tc.call+` printf("REACHED %ld\n", r); return 0; }`)
			box := openBox(t, shared)
			if err := box.Write("m", program, 0o755); err != nil {
				t.Fatal(err)
			}
			if out := in(t, box, usual, "/box/m"); out.Stdout != "tried\n" || out.Signal != 31 {
				t.Errorf("got %+v", out)
			}
		})
	}
}

// Programs of the architecture's smaller sister, which most kernels run too, have its system calls.
func TestForeignProgramsAreKilled(t *testing.T) {
	t.Parallel()
	// They ask for their process id, and end with 3.
	sisters := map[string]struct {
		machine uint16
		flags   uint32
		code    string
	}{
		"amd64": {3 /* 386 */, 0, "\xb8\x14\x00\x00\x00\xcd\x80\xbb\x03\x00\x00\x00\xb8\x01\x00\x00\x00\xcd\x80"},
		"arm64": {40 /* ARM */, 0x05000200, "\x14\x70\xa0\xe3\x00\x00\x00\xef\x03\x00\xa0\xe3\x01\x70\xa0\xe3\x00\x00\x00\xef"},
	}
	sister, ok := sisters[runtime.GOARCH]
	if !ok {
		t.Skip("nothing is known of sisters of " + runtime.GOARCH)
	}
	const base, headers = 0x400000, 52 + 32
	size := uint32(headers + len(sister.code))
	var program bytes.Buffer
	program.WriteString("\x7fELF\x01\x01\x01" + strings.Repeat("\x00", 9))
	for _, field := range []any{
		uint16(2), sister.machine, uint32(1), uint32(base + headers), uint32(52), uint32(0), sister.flags, uint16(52), uint16(32), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(0), uint32(base), uint32(base), size, size, uint32(5), uint32(0x10000),
	} {
		if err := binary.Write(&program, binary.LittleEndian, field); err != nil {
			t.Fatal(err)
		}
	}
	program.WriteString(sister.code)
	path := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(path, program.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
	// The copy is nobody's to write: this process may be making children that have all of its files.
	var ended *exec.ExitError
	if err := exec.Command("/bin/sh", "-c", `cp "$0" "$0.copy" && exec "$0.copy"`, path).Run(); !errors.As(err, &ended) || ended.ExitCode() != 3 {
		t.Skip("this kernel runs no such programs:", err)
	}
	onBoth(t, func(t *testing.T, s *Sandbox) {
		box := openBox(t, s)
		if err := box.Write("foreign", program.String(), 0o755); err != nil {
			t.Fatal(err)
		}
		if out := in(t, box, usual, "/box/foreign"); out.Signal != 31 {
			t.Errorf("got %+v", out)
		}
	})
}

// The worker writes nothing through what a program has planted.
func TestWriteStaysInTheBox(t *testing.T) {
	t.Parallel()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, plant, write string
		refused            bool
	}{
		{"link to a file of the system", "ln -s /etc/passwd x", "x", true},
		{"link upwards", "ln -s ../../../../../../../.." + victim + " x", "x", true},
		{"link to the host", "ln -s " + victim + " x", "x", true},
		{"folder that is a link to the host", "ln -s " + filepath.Dir(victim) + " x", "x/victim", true},
		{"folder through the root of init", "ln -s /proc/1/root" + filepath.Dir(victim) + " x", "x/victim", true},
		{"descriptors of init", "ln -s /proc/1/fd x", "x/3", true},
		{"folder of init", "ln -s /proc/1/cwd/../usr x", "x/evil", true},
		{"setting of the kernel", "ln -s /proc/sys/kernel x", "x/core_pattern", true},
		{"map of users", "ln -s /proc/self x", "x/uid_map", true},
		{"memory of init", "ln -s /proc/1 x", "x/mem", true},
		{"circle", "ln -s x x", "x", true},
		{"dangling link", "ln -s /usr/evil x", "x", true},
		{"device", "ln -s /dev x", "x/null", true},
		{"FIFO", "mkfifo x", "x", true},
		{"socket", "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"x\")' || mkfifo x", "x", true},
		{"folder", "mkdir x", "x", true},
		{"file for a folder", "touch x", "x/y", true},
		{"hard link", "echo old > y; ln y x", "x", false},
		{"folder without any right", "mkdir x; chmod 0 x", "x/y", false},
		{"home without any right", "chmod 0 /box", "x", false},
		{"file without any right", "touch x; chmod 0 x", "x", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, s *Sandbox) {
				box := openBox(t, s)
				if out := in(t, box, usual, bash(tc.plant)...); out.ExitCode != 0 {
					t.Fatalf("plant: %+v", out)
				}
				done := make(chan error, 1)
				go func() { done <- write(box, tc.write, "written") }()
				select {
				case err := <-done:
					if (err != nil) != tc.refused {
						t.Errorf("got %v", err)
					}
				case <-time.After(30 * time.Second):
					t.Fatal("it hangs")
				}
				if text, err := os.ReadFile(victim); err != nil || string(text) != "untouched" {
					t.Errorf("the host was written to: %q, %v", text, err)
				}
				if out := in(t, box, usual, "/bin/true"); out.ExitCode != 0 {
					t.Errorf("the box suffered: %+v", out)
				}
			})
		})
	}
}

// A program may do what it likes to its files between two runs.
func TestFilesSpoiltBetweenRuns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, script, then, want string }{
		{"home is deleted", "rm -rf /box /box/* 2>/dev/null; rmdir /box; mv /box /tmp/x; echo", "cd /box && touch a && ls", "a\n"},
		{"home has no rights", "chmod 0 /box", "echo here", "here\n"},
		{"a program that is gone", "rm -f main", "./main || echo gone", "gone\n"},
		{"a program that is a folder", "rm -f main; mkdir main", "./main || echo folder", "folder\n"},
		{"a program that is a FIFO", "rm -f main; mkfifo main", "./main || echo fifo", "fifo\n"},
		{"a program that is a link to itself", "ln -sf main main", "./main || echo circle", "circle\n"},
		{"a deep tree", `/usr/bin/python3 -c "import os
while True: os.mkdir('d'); os.chdir('d')" || for i in {1..300}; do mkdir d && cd d || exit; done`, "echo deep", "deep\n"},
		{"long names", "n=$(printf 'x%.0s' {1..255}); for i in {1..200}; do mkdir $n && cd $n || exit; done", "echo long", "long\n"},
		{"rights of nobody", "mkdir -p a/b/c; chmod 0 a/b/c a/b a", "echo closed", "closed\n"},
		{"odd names", `touch -- -rf $'\n' $'\e[2J' '*' ' ' .hidden`, "ls -A | wc -l", "7\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, s *Sandbox) {
				box := openBox(t, s)
				in(t, box, usual, bash(tc.script)...)
				if out := in(t, box, usual, bash(tc.then)...); out.Stdout != tc.want {
					t.Errorf("got %+v", out)
				}
				began := time.Now()
				if err := box.first.destroy(); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("the end of the box took %v", took)
				}
			})
		})
	}
}

// What a compiler leaves in files must not stop its program.
func TestMemoryOfEarlierRunsIsNotCounted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		box := openBox(t, s)
		large := usual
		large.FileSize = 0
		if out := in(t, box, large, bash("head -c 150M /dev/zero > /tmp/large")...); out.ExitCode != 0 {
			t.Fatalf("got %+v", out)
		}
		small := usual
		small.Memory = 64 << 20
		if s.groups == nil {
			small.Memory = usual.Memory
		}
		out := in(t, box, small, bash("echo hello")...)
		if out.Stdout != "hello\n" || out.OutOfMemory || out.Memory > 32<<20 {
			t.Errorf("got %+v", out)
		}
	})
}

const holdUsual = "each process is held by itself without control groups"

var bombs = []struct {
	name    string
	args    []string
	grouped string // why it needs control groups
}{
	{"fork bomb", bash("b() { b | b & }; b; sleep 100"), ""},
	{"fork bomb that is deaf", bash("trap '' TERM HUP INT QUIT; b() { b | b & }; b; while :; do :; done"), ""},
	{"threads", python("import threading, time\nwhile True:\n  try: threading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n  except Exception: pass"), ""},
	{"memory", bash("a=x; while :; do a=$a$a; done"), ""},
	{"memory of many", python("import os, time\nfor i in range(40): os.fork() if i < 5 else None\nx = bytearray(100 << 20)\ntime.sleep(100)"), holdUsual},
	{"mapped zeros", python("import mmap, os\nf = os.open('/dev/zero', os.O_RDWR)\nm = []\nwhile True:\n  m.append(mmap.mmap(f, 16 << 20, mmap.MAP_PRIVATE))\n  m[-1][::4096] = b'x' * 4096"), ""},
	{"shared zeros", python("import mmap\nm = []\nwhile True:\n  m.append(mmap.mmap(-1, 16 << 20))\n  m[-1][::4096] = b'x' * 4096"), holdUsual},
	{"memory files", python("import os\nfds = []\nwhile True:\n  fds.append(os.memfd_create('x'))\n  for i in range(16): os.write(fds[-1], b'x' * (1 << 16))"), holdUsual},
	{"pipes", python("import os\nfor i in range(6): os.fork()\nfds = []\nwhile True:\n  try:\n    r, w = os.pipe(); os.set_blocking(w, False); fds.append(w); fds.append(r)\n    while True: os.write(w, b'x' * 65536)\n  except BlockingIOError: pass\n  except OSError: break\nimport time; time.sleep(100)"), holdUsual},
	{"sockets", python("import socket, os, time\nfor i in range(6): os.fork()\nkeep = []\nwhile True:\n  try:\n    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); a.setblocking(False); keep += [a, b]\n    while True: a.send(b'x' * 100000)\n  except BlockingIOError: pass\n  except OSError: break\ntime.sleep(100)"), holdUsual},
	{"shared memory of System V", bash("while ipcmk -M 16777216; do :; done; i=0; for id in $(ipcs -m | awk '/^0x/{print $2}'); do :; done"), holdUsual},
	{"output", bash("exec yes"), ""},
	{"1 GB to both streams", bash("head -c 1G /dev/zero & head -c 1G /dev/zero >&2; wait"), ""},
	{"disk", bash("i=0; while head -c 1M /dev/zero > /tmp/$i; do i=$((i+1)); done; echo full"), ""},
	{"inodes", bash("i=0; while : > /tmp/f$i; do i=$((i+1)); done 2>/dev/null; echo full"), ""},
	{"10,000 open files", python("import os\nn = 0\ntry:\n  while n < 10000: os.open('/dev/null', 0); n += 1\nfinally: print(n)"), ""},
	{"file locks", python("import fcntl\nf = open('/tmp/x', 'w')\nwhile True:\n  for i in range(10**6): fcntl.lockf(f, fcntl.LOCK_EX, 1, 2 * i)"), ""},
	{"stopped", bash("kill -STOP $$"), ""},
	{"stopped with children", bash("for i in 1 2 3 4 5; do (trap '' TERM; sleep 100) & done; kill -STOP 0"), ""},
	{"deaf daemon", bash("trap '' TERM HUP INT; setsid sleep 1000 & disown; echo gone"), ""},
	{"daemon forked twice", python("import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\nfor i in range(3): os.close(i)\ntime.sleep(1000)"), ""},
	{"deaf to all", python("import signal\nfor i in range(1, 65):\n  try: signal.signal(i, signal.SIG_IGN)\n  except Exception: pass\nwhile True: pass"), ""},
	{"exit with busy children", bash("for i in 1 2 3 4; do (while :; do :; done) & done; exit 3"), ""},
	{"many short processes", bash("while :; do /bin/true; done"), ""},
	{"CPU time in children", bash("while :; do (i=0; while ((i++ < 3000)); do :; done); done"), "each process begins anew without control groups"},
	{"kill everybody", bash("kill -9 -1; while :; do :; done"), ""},
	{"closed streams", bash("exec <&- >&- 2>&-; while :; do :; done"), ""},
	{"crashes", bash("while :; do bash -c 'kill -SEGV $$'; done 2>/dev/null"), ""},
	{"deep recursion", bash("f() { f; }; f"), ""},
	{"a queue of signals", python("import os, signal, threading\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: os.kill(os.getpid(), signal.SIGRTMIN)"), ""},
}

func TestBombsAreContained(t *testing.T) {
	for _, tc := range bombs {
		t.Run(tc.name, func(t *testing.T) {
			// One after the other, lest they hide behind each other, but both sandboxes at a time.
			onBoth(t, func(t *testing.T, s *Sandbox) {
				if strings.Contains(tc.args[0], "python3") {
					tool(t, "python3")
				}
				if s.groups == nil && tc.grouped != "" {
					t.Skip(tc.grouped)
				}
				box := openBox(t, s)
				began := time.Now()
				out := in(t, box, fast, tc.args...)
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("it was held for %v, far above its limit", took)
				}
				if s.groups != nil && out.Memory > fast.Memory+8<<20 {
					t.Errorf("it held %d bytes of memory", out.Memory)
				}
				if s.groups != nil && out.CPU > fast.CPU+2*time.Second {
					t.Errorf("it used %v of CPU time", out.CPU)
				}
				if len(out.Stdout) > 1<<20 || len(out.Stderr) > 1<<20 {
					t.Errorf("it wrote %d and %d bytes", len(out.Stdout), len(out.Stderr))
				}
				// The box itself serves a next run, where it finds no process of the first.
				next := in(t, box, usual, bash("ls -d /proc/[0-9]* | wc -l")...)
				if n, err := strconv.Atoi(strings.TrimSpace(next.Stdout)); err != nil || n > 6 {
					t.Errorf("the next run of the box got %+v", next)
				}
				works(t, s)
			})
		})
	}
}

// What is done to stdout itself must not confuse whoever reads it.
func TestTricksWithTheOutput(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, script string
		check        func(Outcome) bool
	}{
		{"made long", "import os; os.ftruncate(1, 1 << 20); os.lseek(1, 0, 2)", func(o Outcome) bool { return len(o.Stdout) == 1<<20 && o.ExitCode == 0 }},
		{"made too long", "import os; os.ftruncate(1, 1 << 40)", func(o Outcome) bool { return o.Stdout == "" && (o.Signal == 25 || o.ExitCode != 0) }},
		{"written far behind", "import os; os.lseek(1, 1 << 40, 0); os.write(1, b'x')", func(o Outcome) bool { return o.Stdout == "" && (o.Signal == 25 || o.ExitCode != 0) }},
		{"allocated", "import os; os.posix_fallocate(1, 0, 1 << 40)", func(o Outcome) bool { return o.Stdout == "" }},
		{"sealed", "import os, fcntl; os.write(1, b'x'); fcntl.fcntl(1, 1033, 15); os.write(1, b'y')", func(o Outcome) bool { return o.Stdout == "x" && o.ExitCode != 0 }},
		{"opened again and cut", "import os; os.write(1, b'one'); os.open('/proc/self/fd/1', os.O_RDWR | os.O_TRUNC); os.write(1, b'two')", func(o Outcome) bool { return o.Stdout == "\x00\x00\x00two" }},
		{"mapped", "import mmap, os; os.ftruncate(1, 4096); m = mmap.mmap(1, 4096); m[:3] = b'abc'", func(o Outcome) bool { return len(o.Stdout) == 4096 && strings.HasPrefix(o.Stdout, "abc") }},
		{"replaced", "import os; os.dup2(os.open('/dev/null', 1), 1); os.write(1, b'x')", func(o Outcome) bool { return o.Stdout == "" && o.ExitCode == 0 }},
		{"binary", "import os; os.write(1, bytes(range(256)))", func(o Outcome) bool { return len(o.Stdout) == 256 }},
		{"stdin is written", "import os; os.write(os.open('/proc/self/fd/0', os.O_RDWR), b'x')", func(o Outcome) bool { return o.ExitCode != 0 }},
		{"stdin is cut", "import os; os.truncate('/proc/self/fd/0', 1)", func(o Outcome) bool { return o.ExitCode != 0 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tool(t, "python3")
			onBoth(t, func(t *testing.T, s *Sandbox) {
				out := in(t, openBox(t, s), usual, python(tc.script)...)
				if !tc.check(out) {
					t.Errorf("got %d bytes %.20q, %+v", len(out.Stdout), out.Stdout, out.Stderr)
				}
			})
		})
	}
	t.Run("endless without a limit", func(t *testing.T) {
		t.Parallel()
		tool(t, "python3")
		unlimited := usual
		unlimited.FileSize = 0
		out := in(t, openBox(t, shared), unlimited, python("import os; os.ftruncate(1, 1 << 60)")...)
		if int64(len(out.Stdout)) != mostOutput {
			t.Errorf("got %d bytes, %s", len(out.Stdout), out.Stderr)
		}
	})
}

// A child of the launcher's is not the launcher: the figures can't be forged.
func TestReportIsNotForged(t *testing.T) {
	t.Parallel()
	tool(t, "python3")
	for _, script := range []string{
		"import os\nfor fd in range(3, 512):\n  try: os.write(fd, b'0 0 0\\n' * 9)\n  except OSError: pass",
		"import os\nfor p in (os.getppid(), 1):\n  for fd in range(20):\n    try: os.write(os.open(f'/proc/{p}/fd/{fd}', os.O_WRONLY), b'0 0 0\\n')\n    except OSError: pass",
	} {
		out := in(t, openBox(t, weak), usual, python(script+"\nx = sum(range(3 * 10**6)); os._exit(7)")...)
		if out.ExitCode != 7 || out.CPU < 10*time.Millisecond || out.Memory < 1<<20 {
			t.Errorf("got %+v", out)
		}
	}
	if out := in(t, openBox(t, weak), usual, bash("kill -9 $PPID; sleep 100")...); out.ExitCode == 0 && out.Signal == 0 {
		t.Errorf("without its launcher a program ended well: %+v", out)
	}
}

func TestHugeArguments(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		many := []string{"/bin/echo"}
		for range 10_000 {
			many = append(many, "argument")
		}
		if out := in(t, openBox(t, s), usual, many...); len(out.Stdout) != 10_000*len("argument ") {
			t.Errorf("got %d bytes", len(out.Stdout))
		}
		// Longer than the kernel takes: an error in good time, and no harm to the next.
		box := openBox(t, s)
		began := time.Now()
		out, err := box.Run(context.Background(), Command{Args: []string{"/bin/echo", strings.Repeat("x", 4<<20)}, Env: []string{"X=" + strings.Repeat("y", 4<<20)}, Limits: usual})
		if err == nil && out.ExitCode == 0 {
			t.Errorf("it ran: %d bytes", len(out.Stdout))
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
		works(t, s)
	})
}

// Nothing of a box is there for the next, nor for one that runs beside it.
func TestNothingIsLeftForTheNext(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		in(t, openBox(t, s), usual, bash("echo secret > /tmp/left; echo secret > /box/left; echo secret > /dev/shm/left; ipcmk -M 4096 -Q -S 1 >/dev/null 2>&1")...)
		if _, err := os.Stat("/usr/bin/python3"); err == nil {
			in(t, openBox(t, s), usual, python("import ctypes; c = ctypes.CDLL(None); print(c.mq_open(b'/left', 0o102, 0o777, None))")...)
		}
		out := in(t, openBox(t, s), usual, bash("ls -A /tmp /box /dev/shm; tail -qn +2 /proc/sysvipc/*; cat /proc/keys")...)
		if out.Stdout != "/box:\n\n/dev/shm:\n\n/tmp:\n" {
			t.Errorf("found %q", out.Stdout)
		}
		if _, err := os.Stat("/usr/bin/python3"); err == nil {
			out := in(t, openBox(t, s), usual, python("import ctypes; c = ctypes.CDLL(None); print(c.mq_open(b'/left', 0))")...)
			if out.Stdout != "-1\n" {
				t.Errorf("found a queue: %q", out.Stdout)
			}
		}
	})
}

func TestTwoBoxesAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *Sandbox) {
		one, two := openBox(t, s), openBox(t, s)
		var wg sync.WaitGroup
		var first Outcome
		var firstErr error
		wg.Go(func() {
			limits := usual
			limits.Wall = 3 * time.Second
			first, firstErr = one.Run(context.Background(), Command{Args: bash("echo > /tmp/treasure; exec -a find-me sleep 2"), Env: searchPath, Limits: limits})
		})
		time.Sleep(200 * time.Millisecond)
		out := in(t, two, usual, bash("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep '[f]ind-me'; ls /tmp; for i in {2..2000}; do [ $i != $$ ] && kill -9 $i; done 2>/dev/null; kill -9 -1 2>/dev/null; id -u; cat /proc/self/uid_map")...)
		if strings.Contains(out.Stdout, "find-me") || strings.Contains(out.Stdout, "treasure") {
			t.Errorf("it saw the other: %q", out.Stdout)
		}
		wg.Wait()
		if firstErr != nil || first.Signal != 0 || first.ExitCode != 0 {
			t.Errorf("the other suffered: %+v, %v", first, firstErr)
		}
		if os.Geteuid() != 0 {
			return // all boxes have the worker's user
		}
		users := map[string]bool{}
		for _, box := range []*Box{one, two} {
			out := in(t, box, usual, bash("awk '$1 == 1000 { print $2 }' /proc/self/uid_map")...)
			users[out.Stdout] = true
		}
		if len(users) != 2 || users["0\n"] || users[""] {
			t.Errorf("two boxes have the users %v of the host", users)
		}
	})
}

// Whatever a bomb does in one box, a program beside it ends well.
func TestABombBeside(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Sandbox) {
		bomb := openBox(t, s)
		done := make(chan struct{})
		go func() {
			defer close(done)
			limits := fast
			limits.CPU = 2 * time.Second
			_, _ = bomb.Run(context.Background(), Command{Args: bash("b() { b | b & }; b; while :; do :; done"), Env: searchPath, Limits: limits})
		}()
		for range 5 {
			out := in(t, openBox(t, s), usual, bash("for i in 1 2 3 4 5; do /bin/echo $i | cat; done")...)
			if out.Stdout != "1\n2\n3\n4\n5\n" {
				t.Errorf("got %+v", out)
			}
		}
		<-done
	})
}

func TestUnzip(t *testing.T) {
	t.Parallel()
	link := func(name, target string) func(*zip.Writer) {
		return func(w *zip.Writer) {
			header := &zip.FileHeader{Name: name}
			header.SetMode(os.ModeSymlink | 0o777)
			f, _ := w.CreateHeader(header)
			_, _ = f.Write([]byte(target))
			add(w, name+"/evil", "x")
		}
	}
	special := func(mode fs.FileMode) func(*zip.Writer) {
		return func(w *zip.Writer) {
			header := &zip.FileHeader{Name: "special"}
			header.SetMode(mode)
			_, _ = w.CreateHeader(header)
		}
	}
	big := strings.Repeat("x", 1<<20)
	for _, tc := range []struct {
		name  string
		files func(*zip.Writer)
		fault string // part of it; "any" where the words are the system's
	}{
		{"good", func(w *zip.Writer) { add(w, "a/b.txt", "text"); add(w, "there", "new") }, ""},
		{"twice the same name", func(w *zip.Writer) {
			add(w, "a/b.txt", "text")
			add(w, "a/b.txt", "other")
			add(w, "a/./b.txt", "third")
		}, ""},
		{"backslashes are no folders", func(w *zip.Writer) { add(w, "a/b.txt", "text"); add(w, `..\..\evil`, "x") }, ""},
		{"upwards within", func(w *zip.Writer) { add(w, "x/../a/b.txt", "text") }, ""},
		{"slip", func(w *zip.Writer) { add(w, "../../usr/evil", "x") }, "leads out"},
		{"slip behind a folder", func(w *zip.Writer) { add(w, "a/../../evil", "x") }, "leads out"},
		{"absolute", func(w *zip.Writer) { add(w, "/etc/evil", "x") }, "leads out"},
		{"link", link("link", "/etc/passwd"), "neither a file"},
		{"link to a folder", link("link", "/tmp"), "neither a file"},
		{"link upwards", link("link", "../.."), "neither a file"},
		{"device", special(fs.ModeDevice | 0o666), "neither a file"},
		{"FIFO", special(fs.ModeNamedPipe | 0o666), "neither a file"},
		{"socket", special(fs.ModeSocket | 0o666), "neither a file"},
		{"NUL in a name", func(w *zip.Writer) { add(w, "a\x00b", "x") }, "any"},
		{"a name too long", func(w *zip.Writer) { add(w, strings.Repeat("x", 5000), "x") }, "any"},
		{"a path too deep", func(w *zip.Writer) { add(w, strings.Repeat("x/", 20_000)+"y", "x") }, "any"},
		{"a file for a folder", func(w *zip.Writer) { add(w, "there/x", "x") }, "any"},
		{"bomb", func(w *zip.Writer) {
			for i := range 20 {
				add(w, fmt.Sprint(i), big)
			}
		}, "more than is allowed"},
		{"bomb in one file", func(w *zip.Writer) { add(w, "one", strings.Repeat(big, 40)) }, "any"},
		{"more files than there may be", func(w *zip.Writer) {
			for i := range 20_000 {
				add(w, fmt.Sprint(i), "")
			}
		}, "any"},
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
			onBoth(t, func(t *testing.T, s *Sandbox) {
				box := openBox(t, s)
				if err := box.Write("there", "old", 0o644); err != nil {
					t.Fatal(err)
				}
				limits := usual
				limits.FileSize = 10<<20 + 1
				err := box.Unzip(context.Background(), archive.String(), 10<<20, limits)
				if tc.fault != "" {
					if !errors.Is(err, ErrBadArchive) || tc.fault != "any" && !strings.Contains(err.Error(), tc.fault) {
						t.Errorf("got %v", err)
					}
					out := in(t, box, usual, bash("find / -xdev -name 'evil*' 2>/dev/null; find /tmp -name 'evil*'")...)
					if out.Stdout != "" {
						t.Errorf("found %q", out.Stdout)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if out := in(t, box, usual, bash("cat a/b.txt there")...); out.Stdout != "textold" {
					t.Errorf("got %+v", out)
				}
			})
		})
	}
	t.Run("a file that is no archive to the end", func(t *testing.T) {
		t.Parallel()
		var archive bytes.Buffer
		w := zip.NewWriter(&archive)
		add(w, "a", big)
		_ = w.Close()
		for cut := range 8 {
			text := archive.String()[:archive.Len()*cut/8]
			if err := openBox(t, shared).Unzip(context.Background(), text, 10<<20, usual); !errors.Is(err, ErrBadArchive) {
				t.Errorf("cut at %d: %v", cut, err)
			}
		}
	})
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

// A folder with other file systems in it is read-only with all of them.
func TestMountsBelowAFolderAreReadOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	inner := filepath.Join(folder, "with space")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", inner, "tmpfs", 0, "mode=1777"); err != nil {
		t.Skip("needs the right to mount:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(inner, syscall.MNT_DETACH) })
	s, err := New(Options{Init: shared.init, Folders: []Folder{{Host: folder, Box: "/opt/tool"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close) // after the box
	out := in(t, openBox(t, s), usual, bash("touch '/opt/tool/with space/x' && echo BROKE; ls -d '/opt/tool/with space'")...)
	if out.Stdout != "/opt/tool/with space\n" || !strings.Contains(out.Stderr, "Read-only") {
		t.Errorf("got %+v", out)
	}
}

// A program takes its own control group for the top of the tree, whether it is a run's first or second.
func TestProgramsSeeTheirOwnControlGroupAlone(t *testing.T) {
	t.Parallel()
	if shared.Isolation().Cgroup != "v2" {
		t.Skip("needs control groups of version 2, which this host does not give")
	}
	box := openBox(t, shared)
	for range 2 {
		if out := in(t, box, usual, "/bin/cat", "/proc/self/cgroup"); out.Stdout != "0::/\n" {
			t.Errorf("got %+v", out)
		}
	}
}

// Programs are in none of the groups of the worker, whatever those may read.
func TestGroupsOfTheWorkerStayOutside(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user can't leave its groups inside a user namespace")
	}
	before, err := syscall.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setgroups([]int{0, 4, 27}); err != nil {
		t.Skip("needs the right to set groups:", err)
	}
	defer func() { _ = syscall.Setgroups(before) }()
	s, err := New(Options{Init: shared.init})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close) // after the box
	out := in(t, openBox(t, s), usual, bash("id -G")...)
	if out.Stdout != "1000\n" {
		t.Errorf("a program is in the groups %q", out.Stdout)
	}
	if now, err := syscall.Getgroups(); err != nil || len(now) != 3 {
		t.Errorf("the worker is in the groups %v, %v", now, err)
	}
}

func TestNothingIsLeftOnTheHost(t *testing.T) {
	s, err := New(Options{Init: shared.init, Ready: 1})
	if err != nil {
		t.Fatal(err)
	}
	mark := fmt.Sprintf("left-%d", os.Getpid())
	for _, script := range []string{
		"setsid bash -c 'exec -a " + mark + " sleep 1000' & sleep 0.1",
		"trap '' TERM; exec -a " + mark + " sleep 1000",
		"ipcmk -M 4096; echo x > /dev/shm/x; mkdir -p a/b; chmod 0 a",
	} {
		box, err := s.Box(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		limits := usual
		limits.Wall = 500 * time.Millisecond
		if _, err := box.Run(context.Background(), Command{Args: bash(script), Env: searchPath, Limits: limits}); err != nil {
			t.Error(err)
		}
		box.Close()
	}
	dir, groups := s.dir, groupDirs(s)
	s.Close()

	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder %s is still there", dir)
	}
	mounted, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounted), dir) {
		t.Errorf("something is mounted in %s still", dir)
	}
	for _, group := range groups {
		if _, err := os.Stat(group); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the control group %s is still there", group)
		}
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range commands {
		if text, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(text), mark) {
			t.Errorf("a process is left: %s %q", path, text)
		}
	}
}

func groupDirs(s *Sandbox) []string {
	switch groups := s.groups.(type) {
	case *v1Cgroups:
		return distinct(groups.memory, groups.pids, groups.cpuacct, groups.cpuRate)
	case *v2Cgroups:
		return []string{groups.dir}
	}
	return nil
}
