package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// How long a part may take to answer after its start, and to end after SIGTERM.
const (
	startTime = time.Minute
	stopTime  = 45 * time.Second
)

// part is one process of a site: something that faults are done to.
type part interface {
	Name() string
	Start() error // and waits until it answers
	Kill()        // kill -9, and waits until it is gone
	Stop() error  // SIGTERM, and waits until it has ended
	Pause()       // SIGSTOP: its connections stay open
	Resume()
	Pid() int
}

// process is a part that is one of our programs.
type process struct {
	name    string
	program string
	args    []string
	env     []string
	log     string // file that it writes to
	ready   string // URL that answers 200 once it can be used; "" if nothing tells

	mu      sync.Mutex
	command *exec.Cmd
	ended   chan error // of length 1
}

func (p *process) Name() string { return p.name }

func (p *process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.command.Process.Pid
}

func (p *process) Start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	command, ended := exec.Command(p.program, p.args...), make(chan error, 1)
	command.Env = append(os.Environ(), p.env...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The kernel ends the process with the thread that started it, so that thread must stay.
		runtime.LockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			ended <- command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.mu.Lock()
	p.command, p.ended = command, ended
	p.mu.Unlock()
	return p.waitReady(ended)
}

func (p *process) waitReady(ended chan error) error {
	if p.ready == "" {
		return nil
	}
	client := &http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(startTime); ; time.Sleep(20 * time.Millisecond) {
		response, err := client.Get(p.ready)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(response.Status)
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("%s ended at its start: %v: %s", p.name, err, tail(p.log))
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not become ready: %w: %s", p.name, err, tail(p.log))
		}
	}
}

func tail(file string) string {
	text, _ := os.ReadFile(file)
	return string(text[max(0, len(text)-2000):])
}

func (p *process) signal(signal syscall.Signal) { _ = syscall.Kill(p.Pid(), signal) }

func (p *process) Kill() {
	p.signal(syscall.SIGKILL)
	err := <-p.ended
	p.ended <- err
}

func (p *process) Stop() error {
	p.signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		p.ended <- err
		if err != nil {
			return fmt.Errorf("%s ended with %w after SIGTERM: %s", p.name, err, tail(p.log))
		}
		return nil
	case <-time.After(stopTime):
		p.signal(syscall.SIGQUIT) // it writes to its log where it hangs
		err := <-p.ended
		p.ended <- err
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.name, stopTime)
	}
}

func (p *process) Pause()  { p.signal(syscall.SIGSTOP) }
func (p *process) Resume() { p.signal(syscall.SIGCONT) }

// backend is a part that is a server of internal/testservers.
type backend struct {
	name   string
	server interface {
		Start() error
		Kill()
		Stop()
		Pause()
		Resume()
		Pid() int
	}
}

func (b *backend) Name() string { return b.name }
func (b *backend) Start() error { return b.server.Start() }
func (b *backend) Kill()        { b.server.Kill() }
func (b *backend) Stop() error  { b.server.Stop(); return nil }
func (b *backend) Pause()       { b.server.Pause() }
func (b *backend) Resume()      { b.server.Resume() }
func (b *backend) Pid() int     { return b.server.Pid() }

// freePort gives a port that stays the same over all restarts of a part. Those that connections get
// on their own are not among them, or a part could find its port taken when it comes back.
func freePort() (string, error) {
	for range 1000 {
		port := 10_000 + int(time.Now().UnixNano()/1000)%20_000
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		_ = l.Close()
		if _, taken := givenPorts.LoadOrStore(port, true); !taken {
			return strconv.Itoa(port), nil
		}
	}
	return "", errors.New("no free port was found")
}

var givenPorts sync.Map

// folder makes a folder in dir.
func folder(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.MkdirAll(path, 0o700)
}
