package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/internal/testservers"
)

// TestMain is a clock instead of the tests where it is told so.
func TestMain(m *testing.M) {
	if os.Getenv("SANDGATE_TEST_CLOCK") != "" {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Println(time.Now().Unix())
		}
		return
	}
	os.Exit(m.Run())
}

// TestShortDrill does the short form of the drill: the faults that are most likely, for a second each.
func TestShortDrill(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute")
	}
	bin := buildPrograms(t)
	for _, site := range []string{"standalone", "cluster"} {
		t.Run(site, func(t *testing.T) {
			var out bytes.Buffer
			d := drill{
				bin: bin, dir: t.TempDir(), sites: site, only: regexp.MustCompile(""), short: true, accounts: 3, each: 2, open: 6,
				lead: 300 * time.Millisecond, hold: time.Second, after: 500 * time.Millisecond, out: &out,
			}
			rows, violations, err := d.run()
			if errors.Is(err, testservers.ErrMissing) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err, "\n", out.String())
			}
			t.Log("\n" + out.String())
			for _, v := range violations {
				t.Error(v.What)
			}
			for _, r := range rows {
				t.Run(r.Fault, func(t *testing.T) { // so that what can't be done here is counted
					switch {
					case r.Skipped != "":
						t.Skip(r.Skipped)
					case r.Accepted == 0:
						t.Error("nothing was accepted")
					}
				})
			}
		})
	}
}

// buildPrograms builds what the drill starts. What they prepare once is that of the repository.
func buildPrograms(t *testing.T) programs {
	bin := filepath.Join(t.TempDir(), "bin")
	build := func(args ...string) {
		c := exec.Command("go", append([]string{"build", "-trimpath"}, args...)...)
		c.Dir, c.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	build("-o", bin+"/", "./cmd/...")
	build("-ldflags=-s -w", "-o", filepath.Join(bin, "sandbox-init"), "./judge0/sandbox/init")
	cache, err := filepath.Abs("../../bin/cache")
	if err == nil {
		err = errors.Join(os.MkdirAll(cache, 0o755), os.Symlink(cache, filepath.Join(bin, "cache")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return programs{bin}
}

// TestTheCheckerSees shows that each invariant that is broken is told of.
func TestTheCheckerSees(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	result := func(token, stdout string) (a answer) {
		a.Token, a.Stdout, a.Status.ID = token, text(stdout), 3
		return a
	}
	for _, test := range []struct {
		name string
		do   func(l *ledger, a, b *job)
		want string // in the violation; "": there is none
	}{
		{"nothing wrong", func(l *ledger, a, b *job) {
			l.accepted(a, "t1")
			l.accepted(a, "t1")
			l.accepted(b, "t2")
			l.seen(a, result("t1", "a\n"))
			l.seen(a, result("t1", "a\n"))
		}, ""},
		{"another token for a repeated request", func(l *ledger, a, _ *job) { l.accepted(a, "t1"); l.accepted(a, "t2") }, "when it was repeated"},
		{"one token for two", func(l *ledger, a, b *job) { l.accepted(a, "t1"); l.accepted(b, "t1") }, "which is that of a"},
		{"a wrong result", func(l *ledger, a, _ *job) { l.accepted(a, "t1"); l.seen(a, result("t1", "b\n")) }, "ended wrongly"},
		{"a result that changes", func(l *ledger, a, _ *job) {
			l.accepted(a, "t1")
			l.seen(a, result("t1", "a\n"))
			later := result("t1", "a\n")
			later.Time = text("0.2")
			l.seen(a, later)
		}, "changed from"},
		{"a result that is gone", func(l *ledger, a, _ *job) {
			l.accepted(a, "t1")
			l.seen(a, result("t1", "a\n"))
			l.seen(a, answer{Token: "t1"})
		}, "changed from"},
		{"another's submission", func(l *ledger, a, _ *job) { l.accepted(a, "t1"); l.seen(a, result("t2", "a\n")) }, "was shown"},
		{"a callback that never comes", func(l *ledger, a, _ *job) { a.hook = true; l.accepted(a, "t1"); l.checkCalls(true) }, "was never made"},
		{"callbacks that differ", func(l *ledger, _, _ *job) { l.called("t1", "x"); l.called("t1", "y"); l.checkCalls(true) }, "differ"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, c := newLedger(), &client{}
			a, b := &job{client: c, text: "a"}, &job{client: c, text: "b"}
			l.sent(a)
			l.sent(b)
			test.do(l, a, b)
			switch found := l.broken(); {
			case test.want == "" && len(found) > 0:
				t.Error(found)
			case test.want != "" && (len(found) != 1 || !strings.Contains(found[0].What, test.want)):
				t.Errorf("violations %v, want one with %q", found, test.want)
			}
		})
	}
}

// TestStepClock shows that the clock of another process can be set off, and of this one is not.
func TestStepClock(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), "SANDGATE_TEST_CLOCK=1")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = child.Wait() }()
	lines := bufio.NewReader(out)
	off := func() time.Duration {
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		var seconds int64
		if _, err := fmt.Fscanln(lines, &seconds); err != nil {
			t.Fatal(err)
		}
		return time.Until(time.Unix(seconds, 0))
	}
	near := func(a, b time.Duration) bool { return (a - b).Abs() < 10*time.Minute }
	if !near(off(), 0) {
		t.Fatal("its clock is off before it was set")
	}
	for _, by := range []time.Duration{time.Hour, -5 * time.Hour, 0} {
		if err := stepClock(child.Process.Pid, by); errors.Is(err, errNoClock) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		if got := off(); !near(got, by) {
			t.Errorf("the clock is %v off, want %v", got, by)
		}
	}
}

// TestWire shows what each manner of a wire does to a request and its answer.
func TestWire(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { defer func() { _ = conn.Close() }(); _, _ = io.Copy(conn, conn) }()
		}
	}()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	w, err := newWire(gone.Addr().String(), echo.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", w.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	talk := func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "hello"); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, make([]byte, 5))
		return err
	}
	old := dial()
	for range 2 { // one of them begins with the end that is gone
		if err := talk(dial()); err != nil {
			t.Error("a good wire:", err)
		}
	}
	if err := talk(old); err != nil {
		t.Fatal(err)
	}
	w.turn(manner{unheard: 1})
	if err := talk(dial()); err == nil {
		t.Error("an answer came that should be lost")
	}
	w.turn(manner{frozen: true})
	if err := old.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := talk(old); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a half-open connection:", err)
	}
	if err := old.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.turn(manner{})
	if err := talk(old); err == nil {
		t.Error("a connection that was half-open is whole again")
	}
	w.turn(manner{refuse: true})
	// It may be reset before it is known to be there.
	if conn, err := net.Dial("tcp", w.address()); err == nil {
		if err := talk(conn); err == nil {
			t.Error("a refused connection was served")
		}
		_ = conn.Close()
	}
	w.turn(manner{halfOpen: true})
	if err := talk(dial()); err != nil {
		t.Error("closed for writing:", err)
	}
}
