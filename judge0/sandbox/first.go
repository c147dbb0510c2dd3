package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandgate/sandgate/judge0/sandbox/birth"
	"github.com/sandgate/sandgate/judge0/sandbox/wire"
)

// first is the first process of a box, as the sandbox sees it: it does what it is asked, one thing at
// a time, and the box lives as long as it does.
type first struct {
	pid    int
	handle *os.Process
	socket *net.UnixConn
	birth  *birth.List // until it executes its program it lives in this memory
	files  []string    // those that were sent, and of which it has not yet said whether they are written
	ending sync.Once
}

// namespaces are those that a box has for itself. It has one of control groups as well, but where programs
// are created in groups of their own each of them makes that: where namespaces bound who may be moved (the mount
// option nsdelegate, which systemd sets), a first process with one would not be let create them there.
const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// identity is a user of the host that stands for a user of a box.
type identity struct{ inside, outside int }

// startFirst starts the first process of a box, in namespaces of its own. The worker's own user is user 0 inside.
func startFirst(program string, null *os.File, users []identity, namespaces uintptr) (*first, error) {
	socket, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("make a socket for a box: %w", err)
	}
	defer func() { _ = unix.Close(theirs) }()
	l := &birth.List{}
	l.Add("end with the worker", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	// It is nobody until we have said who its users are, and waits for that.
	l.Add("wait for its users", unix.SYS_READ, uintptr(theirs), birth.Pointer(l, new([8]byte)), 1)
	for fd := range uintptr(3) {
		l.Add("open files", unix.SYS_DUP3, null.Fd(), fd, 0)
	}
	l.Add("open files", unix.SYS_DUP3, uintptr(theirs), 3, 0)
	l.Add("execute "+program, unix.SYS_EXECVE, birth.Text(l, program), birth.Texts(l, []string{"sandbox-init", "box"}), birth.Texts(l, []string{"GOMAXPROCS=1"}))
	pid, err := l.Start(namespaces, -1)
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("start the first process of a box: %w", err)
	}
	f := &first{pid: pid, socket: socket, birth: l}
	f.handle, _ = os.FindProcess(pid) // never fails, whether there is such a process or not
	if err := f.introduce(users); err != nil {
		return nil, errors.Join(fmt.Errorf("start the first process of a box: %w", err), f.destroy())
	}
	return f, nil
}

// introduce tells the kernel who the users of the box are, and the first process to go on.
func (f *first) introduce(users []identity) error {
	var text strings.Builder
	for _, user := range users {
		fmt.Fprintf(&text, "%d %d 1\n", user.inside, user.outside)
	}
	for _, file := range []struct{ name, text string }{{"uid_map", text.String()}, {"setgroups", "deny"}, {"gid_map", text.String()}} {
		if err := writeKernel("/proc/"+strconv.Itoa(f.pid)+"/"+file.name, file.text); err != nil {
			return err
		}
	}
	_, err := f.socket.Write([]byte{1})
	return err
}

// lowest is a number above those of the files that the first process of a box has.
const lowest = 16

// above moves a descriptor to where it is in the way of none of those.
func above(fd int) (int, error) {
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, lowest)
	return moved, errors.Join(err, unix.Close(fd))
}

// socketPair gives two ends that speak to each other; who waits at ours holds no thread.
func socketPair() (ours *net.UnixConn, theirs int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, err
	}
	file := os.NewFile(uintptr(pair[0]), "box")
	defer file.Close()
	if theirs, err = above(pair[1]); err != nil {
		return nil, -1, err
	}
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, -1, errors.Join(err, unix.Close(theirs))
	}
	return conn.(*net.UnixConn), theirs, nil
}

// openNull opens what reads as empty.
func openNull() (*os.File, error) {
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		fd, err = above(fd)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), os.DevNull), nil
}

func (f *first) send(message []byte, files ...int) error {
	return gone(wire.Send(message, files, func(part, control []byte) (int, error) {
		n, _, err := f.socket.WriteMsgUnix(part, control, nil)
		return n, err
	}))
}

// receive gives the next answer. A box sends no files: what comes anyway is closed.
func (f *first) receive() (*wire.Reader, error) {
	answer, files, err := wire.Receive(func(part, control []byte) (int, int, error) {
		n, controlSize, _, _, err := f.socket.ReadMsgUnix(part, control)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return n, controlSize, err
	})
	wire.CloseAll(files)
	if err == nil && answer == nil {
		err = errGone
	}
	return answer, gone(err)
}

// gone tells the end of the box by its one name: what the kernel says of it depends on what was under way.
func gone(err error) error {
	if errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		return errGone
	}
	return err
}

// errGone tells that the box has ended by itself.
var errGone = errors.New("the first process of the box is gone")

// ask sends a request and gives the answer, of the kind that is expected.
func (f *first) ask(expected byte, message []byte, files ...int) (*wire.Reader, error) {
	if err := f.send(message, files...); err != nil {
		return nil, err
	}
	if err := f.settle(); err != nil {
		return nil, err
	}
	return f.answer(expected)
}

// settle takes the answers to the files that were sent.
func (f *first) settle() error {
	for len(f.files) > 0 {
		path := f.files[0]
		f.files = f.files[1:]
		if _, err := f.answer(wire.Done); err != nil {
			return fmt.Errorf("write %s into the box: %w", path, err)
		}
	}
	return nil
}

func (f *first) answer(expected byte) (*wire.Reader, error) {
	answer, err := f.receive()
	if err != nil {
		return nil, err
	}
	switch answer.Kind() {
	case expected:
		return answer, nil
	case wire.Fault:
		return nil, wire.ReadFault(answer)
	}
	return nil, errors.New("the box gave an answer to another question")
}

// setupPatience is how long a box may take to mount its root, or to take a file that is to be written.
const setupPatience = time.Minute

func (f *first) setUp(message []byte) error {
	err := f.hurry(func() error {
		_, err := f.ask(wire.Done, message)
		return err
	})
	if place, birthErr := f.birth.Failure(); birthErr != nil {
		return fmt.Errorf("%s: %w", place, birthErr)
	}
	if err == nil { // otherwise it may still be on its way
		f.birth = nil
	}
	return err
}

// write sends a file. Its answer comes before that to the next request: a submission does not wait for the
// first process to be woken twice.
func (f *first) write(path string, mode os.FileMode, text *os.File) error {
	file := wire.File{Path: path, Mode: uint32(mode.Perm())}
	err := f.hurry(func() error { return f.send(file.Message(), int(text.Fd())) })
	if err == nil {
		f.files = append(f.files, path)
	}
	return err
}

func (f *first) hurry(do func() error) error {
	if err := f.socket.SetDeadline(time.Now().Add(setupPatience)); err != nil {
		return err
	}
	return errors.Join(do(), f.socket.SetDeadline(time.Time{}))
}

// run has a program run to its end, or to destroy.
func (f *first) run(p *wire.Program, files ...int) (*wire.Result, error) {
	answer, err := f.ask(wire.Ended, p.Message(), files...)
	if err != nil {
		return nil, err
	}
	return wire.ReadResult(answer)
}

// kill ends the run with that number. It waits no longer than patience, and neither does a request
// that is still being sent then: a box that reads nothing holds nobody up.
func (f *first) kill(number int64, patience time.Duration) error {
	w := wire.NewWriter(wire.Kill)
	w.Number(number)
	if err := f.socket.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return errors.Join(f.send(w.Message()), f.socket.SetWriteDeadline(time.Time{}))
}

// destroy ends the box with all that is in it. It may be called more than once, and while something
// is asked.
func (f *first) destroy() (err error) {
	f.ending.Do(func() {
		_ = f.socket.Close()
		_ = f.handle.Kill()
		_, err = f.handle.Wait()
		runtime.KeepAlive(f.birth)
	})
	return err
}
