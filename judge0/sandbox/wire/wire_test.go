package wire

import (
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// over gives a function that reads a message as it comes in parts of that size.
func over(message []byte, size int) func(part, control []byte) (int, int, error) {
	return func(part, _ []byte) (int, int, error) {
		n := copy(part[:min(size, len(part))], message)
		message = message[n:]
		return n, 0, nil
	}
}

func read(t *testing.T, message []byte, size int) *Reader {
	t.Helper()
	r, _, err := Receive(over(message, size))
	if err != nil || r == nil {
		t.Fatalf("%v, %v", r, err)
	}
	return r
}

func TestMessages(t *testing.T) {
	t.Parallel()
	box := &Box{
		Root: "/tmp/root", Mounts: []Mount{{"proc", "proc", "proc", "", unix.MS_RDONLY}, {"/usr", "usr", "", "a=b", unix.MS_BIND}},
		Links: []Link{{"/bin", "usr/bin"}}, Home: "/box", Hostname: "sandbox", User: 1000, Filter: []byte{0, 1, 255},
	}
	program := &Program{
		Number: 7, Args: []string{"/bin/echo", "", strings.Repeat("ä", 100_000)}, Env: []string{"A=b"},
		Limits: []ResourceLimit{{unix.RLIMIT_CPU, syscall.Rlimit{Cur: 1, Max: unix.RLIM_INFINITY}}}, Extra: 1, Own: true, Offer: true,
	}
	result := &Result{Status: 139, CPU: time.Second, Memory: 1 << 40, Wall: time.Minute, Self: time.Microsecond}
	for _, size := range []int{1, 3, 4096, 1 << 20} {
		r := read(t, box.Message(), size)
		if kind := r.Kind(); kind != Setup {
			t.Errorf("kind %d", kind)
		}
		if got, err := ReadBox(r); err != nil || !reflect.DeepEqual(got, box) {
			t.Errorf("got %+v, %v", got, err)
		}
		r = read(t, program.Message(), size)
		r.Kind()
		if got, err := ReadProgram(r); err != nil || !reflect.DeepEqual(got, program) {
			t.Errorf("got %+v, %v", got, err)
		}
		r = read(t, result.Message(), size)
		r.Kind()
		if got, err := ReadResult(r); err != nil || *got != *result {
			t.Errorf("got %+v, %v", got, err)
		}
		r = read(t, FaultMessage(unix.E2BIG, "execute the program"), size)
		r.Kind()
		if err := ReadFault(r); err.Error() != "execute the program: argument list too long" {
			t.Errorf("got %v", err)
		}
	}
}

func TestFilesComeAlong(t *testing.T) {
	t.Parallel()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // sent one right after the other: each keeps its own
		err := Send(NewWriter(Kill).Message(), []int{pair[0], pair[1]}, func(part, control []byte) (int, error) {
			return unix.SendmsgN(pair[0], part, control, nil, 0)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = unix.Shutdown(pair[0], unix.SHUT_WR)
	receive := func() (*Reader, []int, error) {
		return Receive(func(part, control []byte) (int, int, error) {
			n, controlSize, _, _, err := unix.Recvmsg(pair[1], part, control, unix.MSG_CMSG_CLOEXEC)
			return n, controlSize, err
		})
	}
	for range 2 {
		_, files, err := receive()
		if err != nil || len(files) != 2 {
			t.Fatalf("%v, %v", files, err)
		}
		if flags, err := unix.FcntlInt(uintptr(files[0]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("flags %x, %v", flags, err)
		}
		CloseAll(files)
	}
	if r, _, err := receive(); r != nil || err != nil {
		t.Errorf("at the end: %v, %v", r, err)
	}
	CloseAll(pair[:])
}

// A box that a program took over could say anything.
func FuzzAnswers(f *testing.F) {
	f.Add((&Result{Status: 9}).Message())
	f.Add(FaultMessage(1, "x"))
	f.Add([]byte{255, 255, 255, 255, 1})
	f.Add([]byte{3, 0, 0, 0, Run, 255, 255})
	f.Fuzz(func(_ *testing.T, message []byte) {
		r, _, err := Receive(over(message, 7))
		if err != nil || r == nil {
			return
		}
		switch r.Kind() {
		case Setup:
			_, _ = ReadBox(r)
		case Write:
			_, _ = ReadFile(r)
		case Run:
			_, _ = ReadProgram(r)
		case Ended:
			_, _ = ReadResult(r)
		case Fault:
			_ = ReadFault(r)
		}
	})
}
