package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// fault is one thing that goes wrong at a site. begin lets it happen and gives what ends it; an error
// that is errCannot says that it can't be had here.
type fault struct {
	name  string
	short bool // it is part of the short form
	begin func(s *site) (end func() error, err error)
}

var errCannot = errors.New("can't be had here")

func cannot(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errCannot, fmt.Sprintf(format, args...))
}

// long marks a fault that the short form leaves out.
func long(f fault) fault {
	f.short = false
	return f
}

var nothing = fault{"nothing", true, func(*site) (func() error, error) { return func() error { return nil }, nil }}

// each does something to all of the named parts at once.
func each(what string, names []string, begin func(part) error, end func(part) error) fault {
	return fault{strings.Join(names, ", ") + ": " + what, true, func(s *site) (func() error, error) {
		for _, name := range names {
			if err := begin(s.part(name)); err != nil {
				return nil, err
			}
		}
		return func() error {
			for _, name := range names {
				if err := end(s.part(name)); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}}
}

func killed(names ...string) fault {
	return each("kill -9", names, func(p part) error { p.Kill(); return nil }, part.Start)
}

func stopped(names ...string) fault {
	return each("stop", names, part.Stop, part.Start)
}

func paused(names ...string) fault {
	return each("pause", names, func(p part) error { p.Pause(); return nil }, func(p part) error { p.Resume(); return nil })
}

// clock steps the clock of a part, and steps it back at the end.
func clock(by time.Duration, names ...string) fault {
	return each(fmt.Sprintf("clock %+.0f h", by.Hours()), names, func(p part) error {
		err := stepClock(p.Pid(), by)
		if errors.Is(err, errNoClock) || errors.Is(err, os.ErrPermission) {
			return cannot("%v", err)
		}
		return err
	}, func(p part) error { return stepClock(p.Pid(), 0) })
}

// line makes a wire bad.
func line(name, what string, m manner) fault {
	return fault{name + ": " + what, true, func(s *site) (func() error, error) {
		w := s.wires[name]
		w.turn(m)
		return func() error { w.turn(manner{}); return nil }, nil
	}}
}

// bad are the ways in which every wire is made bad.
func bad(name string) []fault {
	return []fault{
		line(name, "half-open", manner{frozen: true}),
		long(line(name, "refused", manner{refuse: true})),
		line(name, "20 % lost, 30 ms late", manner{loss: 0.2, delay: 30 * time.Millisecond}),
		line(name, "reset now and then", manner{cut: 0.1}),
		long(line(name, "answers lost", manner{unheard: 0.3})),
		long(line(name, "closed for writing", manner{halfOpen: true})),
	}
}

// injected has the system calls of a part's threads fail or take long, as on a bad disk. Programs that
// the part starts are left alone.
func injected(name, what, how string) fault {
	return fault{name + ": " + what, true, func(s *site) (func() error, error) {
		strace, err := exec.LookPath("strace")
		if err != nil {
			return nil, cannot("strace is not installed")
		}
		c := exec.Command(strace, "-f", "--detach-on=execve", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:"+how, "-p", fmt.Sprint(s.part(name).Pid()))
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := c.Start(); err != nil {
			return nil, cannot("%v", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		select {
		case err := <-ended:
			return nil, cannot("strace may not trace: %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		return func() error {
			_ = c.Process.Signal(syscall.SIGINT)
			<-ended
			return nil
		}, nil
	}}
}

// diskFull fills the file system of the data, which is a small one of its own.
func diskFull(data string) fault {
	return fault{"disk: full", true, func(*site) (func() error, error) {
		file := filepath.Join(data, "filler")
		f, err := os.Create(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		for size := 1 << 20; size > 0; size /= 2 {
			piece := make([]byte, size)
			for err == nil {
				_, err = f.Write(piece)
			}
			if !errors.Is(err, syscall.ENOSPC) {
				return nil, err
			}
			err = nil
		}
		return func() error { return os.Remove(file) }, nil
	}}
}

// mountSmall mounts a small file system in memory. It gives false where that is not allowed.
func mountSmall(dir string, megabytes int) bool {
	return syscall.Mount("drill", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=700", megabytes)) == nil
}

func unmount(dir string) { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }

// forgets empties Redis.
func forgets() fault {
	return fault{"redis: forgets everything", true, func(s *site) (func() error, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := s.flush(ctx)
		return func() error { return nil }, err
	}}
}

// standaloneFaults are those of the whole as one process. small tells that its data has a file system
// of its own.
func standaloneFaults(data string, small bool) []fault {
	const p = "sandgate"
	list := []fault{nothing, killed(p), stopped(p), paused(p)}
	full := diskFull(data)
	if !small {
		full.begin = func(*site) (func() error, error) { return nil, cannot("a file system can't be mounted without root") }
	}
	list = append(list, full,
		injected(p, "slow disk, 50 ms", "delay_enter=50000"),
		injected(p, "disk fails (EIO)", "error=EIO"),
		clock(time.Hour, p), long(clock(-time.Hour, p)),
	)
	return append(list, bad("client to gateway")...)
}

// clusterFaults are those of a cluster.
func clusterFaults() []fault {
	list := []fault{nothing}
	for i, name := range []string{"gateway-1", "server-1", "worker-1", "redis", "postgres"} {
		pause := paused(name)
		pause.short = i > 1
		list = append(list, killed(name), long(stopped(name)), pause)
	}
	list = append(list,
		long(killed("server-1", "server-2")), long(killed("worker-1", "worker-2")), long(stopped("worker-1", "worker-2")),
		long(killed("gateway-1", "server-1", "worker-1")), forgets(),
		long(injected("gateway-1", "slow disk, 50 ms", "delay_enter=50000")),
		long(injected("gateway-1", "disk fails (EIO)", "error=EIO")),
	)
	for _, name := range []string{"gateway-1", "server-1", "worker-1", "redis", "postgres"} {
		list = append(list, long(clock(time.Hour, name)), long(clock(-time.Hour, name)))
	}
	for _, name := range []string{"client to gateway 1", "gateway to engine", "engine to gateway 1", "engine to redis", "engine to postgres", "gateway to redis"} {
		for i, f := range bad(name) {
			f.short = f.short && (i == 0 || name == "gateway to engine")
			list = append(list, f)
		}
	}
	return list
}
