package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandgate/sandgate/judge0/sandbox/wire"
)

// socket is where the sandbox speaks to us. Programs never have it: it is closed when one is executed.
const socket = 3

// serve answers what the sandbox asks, until it is gone; the box ends with us.
func serve() {
	unix.CloseOnExec(socket)
	closeOthers()
	var box *wire.Box
	for {
		request, files, err := receive()
		if err != nil || request == nil {
			os.Exit(0)
		}
		var answer []byte
		switch kind := request.Kind(); {
		case kind == wire.Setup && box == nil:
			if box, err = wire.ReadBox(request); err == nil {
				err = mountRoot(box)
			}
			answer = wire.NewWriter(wire.Done).Message()
		case kind == wire.Write && box != nil && len(files) == 1:
			err = write(request, files[0])
			answer = wire.NewWriter(wire.Done).Message()
		case kind == wire.Run && box != nil:
			answer, err = run(box, request, files)
		case kind == wire.Kill: // of a run that has ended meanwhile
			continue
		default:
			err = errors.New("the box can't do that")
		}
		wire.CloseAll(files)
		if err != nil {
			var number syscall.Errno
			text := err.Error()
			if errors.As(err, &number) {
				var place *fault
				if text = ""; errors.As(err, &place) {
					text = place.place
				}
			}
			answer = wire.FaultMessage(number, text)
		}
		if err := send(answer); err != nil {
			os.Exit(0)
		}
	}
}

// closeOthers closes what the worker has open for programs that it starts: a shell or a supervisor may
// have left it some.
func closeOthers() {
	if unix.CloseRange(socket+1, 1<<31-1, 0) == nil {
		return
	}
	for fd := socket + 1; fd < 65_536; fd++ { // before Linux 5.9
		_ = unix.Close(fd)
	}
}

// fault says where the kernel refused something.
type fault struct {
	place string
	err   error
}

func (f *fault) Error() string { return f.place + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

func at(place string, err error) error {
	if err == nil {
		return nil
	}
	return &fault{place, err}
}

func receive() (*wire.Reader, []int, error) {
	return wire.Receive(func(part, control []byte) (int, int, error) {
		for {
			n, controlSize, _, _, err := unix.Recvmsg(socket, part, control, unix.MSG_CMSG_CLOEXEC)
			if err != unix.EINTR {
				return n, controlSize, err
			}
		}
	})
}

func send(message []byte) error {
	return wire.Send(message, nil, func(part, _ []byte) (int, error) {
		for {
			n, err := unix.SendmsgN(socket, part, nil, nil, unix.MSG_NOSIGNAL)
			if err != unix.EINTR {
				return n, err
			}
		}
	})
}

// write makes a file with the text in another. The path is that of the box, and no link in it is
// followed, whoever has planted it: we may write where programs may not, and our own descriptors lead
// to more than any other path.
func write(request *wire.Reader, from int) error {
	file, err := wire.ReadFile(request)
	if err != nil {
		return err
	}
	folder, name, err := openFolder(file.Path)
	if err != nil {
		return at("make the folder of "+file.Path, err)
	}
	defer unix.Close(folder)
	var before unix.Stat_t
	switch err := unix.Fstatat(folder, name, &before, unix.AT_SYMLINK_NOFOLLOW); {
	case err == unix.ENOENT:
	case err != nil:
		return at("look at "+file.Path, err)
	case before.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("%s is not a regular file", file.Path)
	}
	to, err := unix.Openat(folder, name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return at("open "+file.Path, err)
	}
	err = copyAll(to, from)
	if chmodErr := unix.Fchmod(to, file.Mode&0o777); err == nil {
		err = chmodErr
	}
	if closeErr := unix.Close(to); err == nil {
		err = closeErr
	}
	return at("write "+file.Path, err)
}

// openFolder opens the folder of an absolute path, and makes what is missing of it.
func openFolder(path string) (folder int, name string, err error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if folder, err = unix.Open("/", flags, 0); err != nil {
		return -1, "", err
	}
	parts := strings.Split(filepath.Clean(path)[1:], "/")
	for _, part := range parts[:len(parts)-1] {
		next, err := unix.Openat(folder, part, flags, 0)
		if err == unix.ENOENT {
			if err = unix.Mkdirat(folder, part, 0o777); err == nil {
				next, err = unix.Openat(folder, part, flags, 0)
			}
		}
		_ = unix.Close(folder)
		if err != nil {
			return -1, "", err
		}
		folder = next
	}
	return folder, parts[len(parts)-1], nil
}

func copyAll(to, from int) error {
	for {
		n, err := unix.Sendfile(to, from, nil, 1<<30)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return nil
		}
	}
}

// run runs a program to its end, then ends all that is left in the box but us.
func run(box *wire.Box, request *wire.Reader, files []int) ([]byte, error) {
	p, err := wire.ReadProgram(request)
	if err != nil {
		return nil, err
	}
	self, began := clock(unix.CLOCK_PROCESS_CPUTIME_ID), clock(unix.CLOCK_MONOTONIC)
	pid, err := start(box, p, files)
	if err != nil {
		return nil, err
	}
	w := waiting{pid: pid, number: p.Number}
	handle, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		err = w.endOrKill(handle)
		_ = unix.Close(handle)
	}
	if err != nil {
		_ = unix.Kill(-1, unix.SIGKILL)
	}
	err = errors.Join(err, w.reap(0))
	ended := clock(unix.CLOCK_MONOTONIC)
	killAll()
	if err != nil {
		return nil, err
	}
	result := wire.Result{
		Status: syscall.WaitStatus(w.status), CPU: time.Duration(w.usage.Utime.Nano() + w.usage.Stime.Nano()), Memory: w.usage.Maxrss << 10,
		Wall: ended - began, Self: clock(unix.CLOCK_PROCESS_CPUTIME_ID) - self,
	}
	return result.Message(), nil
}

// killAll ends all processes of the box but us, and waits until they are gone.
func killAll() {
	for {
		// Nobody can be born in between: a signal to all reaches those who fork as well.
		if err := unix.Kill(-1, unix.SIGKILL); err == unix.ESRCH {
			break
		}
		if _, err := unix.Wait4(-1, nil, unix.WALL, nil); err == unix.ECHILD {
			break
		}
	}
	for {
		if _, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil); err != nil && err != unix.EINTR {
			return
		}
	}
}

// waiting is for the end of a program.
type waiting struct {
	pid    int
	number int64 // of the run
	ended  bool
	status unix.WaitStatus
	usage  unix.Rusage
}

// reap takes note of the program's end, and before that buries whom it or its children have left to us:
// the dead count as processes of the box. With WNOHANG it takes those that have ended.
func (w *waiting) reap(options int) error {
	for !w.ended {
		var status unix.WaitStatus
		var usage unix.Rusage
		switch pid, err := unix.Wait4(-1, &status, options|unix.WALL, &usage); {
		case err == unix.EINTR:
		case err != nil:
			return at("wait for the program", err)
		case pid == 0:
			return nil
		case pid == w.pid:
			w.ended, w.status, w.usage = true, status, usage
		}
	}
	return nil
}

// endOrKill waits for the end of the program, and kills all when the sandbox says so, or is gone.
func (w *waiting) endOrKill(program int) error {
	for {
		polled := []unix.PollFd{{Fd: int32(program), Events: unix.POLLIN}, {Fd: socket, Events: unix.POLLIN}}
		switch _, err := unix.Poll(polled, -1); {
		case err == unix.EINTR: // a child has ended
			if err := w.reap(unix.WNOHANG); err != nil || w.ended {
				return err
			}
			continue
		case err != nil:
			return at("wait for the program", err)
		case polled[0].Revents != 0:
			return nil
		}
		request, files, err := receive()
		if err != nil || request == nil {
			os.Exit(0)
		}
		wire.CloseAll(files)
		if request.Kind() == wire.Kill && request.Number() == w.number {
			return at("end the program", ignore(unix.Kill(-1, unix.SIGKILL), unix.ESRCH))
		}
	}
}

func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}

func clock(id int32) time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(id, &now)
	return time.Duration(now.Nano())
}
