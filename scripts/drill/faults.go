package main

import (
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
	begin func(s *site) (end func() error, err error)
}

var errCannot = errors.New("can't be had here")

func cannot(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errCannot, fmt.Sprintf(format, args...))
}

var nothing = fault{"nothing", func(*site) (func() error, error) { return func() error { return nil }, nil }}

// each does something to all of the named parts at once.
func each(what string, names []string, begin func(part) error, end func(part) error) fault {
	return fault{strings.Join(names, ", ") + ": " + what, func(s *site) (func() error, error) {
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
	return fault{name + ": " + what, func(s *site) (func() error, error) {
		w := s.wires[name]
		w.turn(m)
		return func() error { w.turn(manner{}); return nil }, nil
	}}
}

// bad are the ways in which every wire is made bad.
func bad(name string) []fault {
	return []fault{
		line(name, "half-open", manner{frozen: true}),
		line(name, "refused", manner{refuse: true}),
		line(name, "20 % lost, 30 ms late", manner{loss: 0.2, delay: 30 * time.Millisecond}),
		line(name, "reset now and then", manner{cut: 0.1}),
		line(name, "answers lost", manner{unheard: 0.3}),
		line(name, "closed for writing", manner{halfOpen: true}),
	}
}

// injected has the system calls of a part's threads fail or take long, as on a bad disk. Other programs
// that the part starts are left alone.
func injected(name, what, how string) fault {
	return fault{name + ": " + what, func(s *site) (func() error, error) {
		strace, err := exec.LookPath("strace")
		if err != nil {
			return nil, cannot("strace is not installed")
		}
		c := exec.Command(strace, "-f", "--detach-on=execve", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:"+how, "-p", strings.Join(processes(s.part(name).Pid()), ","))
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
			return revive(s, name)
		}, nil
	}}
}

func slow(name string) fault    { return injected(name, "slow disk, 50 ms", "delay_enter=50000") }
func failing(name string) fault { return injected(name, "disk fails (EIO)", "error=EIO") }

// processes are a process and its children of the same program: PostgreSQL has one for each connection.
// What they fork later is followed by strace itself.
func processes(pid int) []string {
	list := []string{fmt.Sprint(pid)}
	program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file)
		for _, child := range strings.Fields(string(text)) {
			if same, _ := os.Readlink("/proc/" + child + "/exe"); same == program {
				list = append(list, child)
			}
		}
	}
	return list
}

// revive does what whoever looks after a database does once its disk is well again. One that has ended is started,
// as PostgreSQL does when it can't recover; one that goes on refusing is restarted, as Redis does after an
// fsync that failed. Our own parts must go on by themselves.
func revive(s *site, name string) error {
	works := s.works[name]
	if works == nil {
		return nil
	}
	p := s.part(name)
	for range 50 {
		if syscall.Kill(p.Pid(), 0) != nil {
			return p.Start()
		}
		if works() == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.Join(p.Stop(), p.Start())
}

// full fills the disk of a part.
func full(name string) fault {
	return fault{name + ": disk full", func(s *site) (func() error, error) {
		if s.disks[name] == "" {
			return nil, cannot("a file system can't be mounted without root")
		}
		file := filepath.Join(s.disks[name], "filler")
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
		return func() error { return errors.Join(os.Remove(file), revive(s, name)) }, nil
	}}
}

// forgets empties Redis.
func forgets() fault {
	return fault{"redis: forgets everything", func(s *site) (func() error, error) {
		return func() error { return nil }, s.redis("FLUSHALL")
	}}
}

// slowRedis has Redis wait for the disk after each command: by itself it does that in the background.
func slowRedis() fault {
	f := slow("redis")
	return fault{f.name, func(s *site) (func() error, error) {
		end, err := f.begin(s)
		if err != nil {
			return nil, err
		}
		return func() error { return errors.Join(end(), s.redis("CONFIG", "SET", "appendfsync", "everysec")) }, s.redis("CONFIG", "SET", "appendfsync", "always")
	}}
}

// quick are the faults of the short form, by site: those that have broken something before, or would first.
var quick = map[string][]string{
	"standalone": {
		"sandgate: kill -9", "sandgate: pause", "sandgate: disk full", "sandgate: disk fails (EIO)", "sandgate: clock +1 h",
		"client to gateway: half-open", "client to gateway: answers lost",
	},
	"cluster": {
		"gateway-1: stop", "gateway-1, server-1, worker-1: kill -9", "redis: kill -9", "postgres: kill -9", "redis: forgets everything",
		"gateway to engine: answers lost", "gateway to engine: closed for writing", "engine to redis: half-open",
	},
}

// standaloneFaults are those of the whole as one process.
func standaloneFaults() []fault {
	const p = "sandgate"
	list := []fault{nothing, killed(p), stopped(p), paused(p), full(p), slow(p), failing(p), clock(time.Hour, p), clock(-time.Hour, p)}
	return append(list, bad("client to gateway")...)
}

// clusterFaults are those of a cluster.
func clusterFaults() []fault {
	parts := []string{"gateway-1", "server-1", "worker-1", "redis", "postgres"}
	list := []fault{nothing}
	for _, name := range parts {
		list = append(list, killed(name), stopped(name), paused(name))
	}
	list = append(list,
		killed("server-1", "server-2"), killed("worker-1", "worker-2"), stopped("worker-1", "worker-2"), killed("gateway-1", "server-1", "worker-1"), forgets(),
		full("gateway-1"), slow("gateway-1"), failing("gateway-1"), full("worker-1"), full("redis"), slowRedis(), failing("redis"), full("postgres"), slow("postgres"), failing("postgres"),
	)
	for _, name := range parts {
		list = append(list, clock(time.Hour, name), clock(-time.Hour, name))
	}
	for _, name := range []string{"client to gateway 1", "gateway to engine", "engine to gateway 1", "engine to redis", "engine to postgres", "gateway to redis"} {
		list = append(list, bad(name)...)
	}
	return list
}
