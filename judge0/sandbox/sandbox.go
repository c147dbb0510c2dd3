package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandgate/sandgate/judge0/sandbox/wire"
)

// Options says how boxes are made.
type Options struct {
	// Init is the path of the sandbox-init program.
	Init string
	// Ready is how many boxes are kept built ahead of need; at least 1.
	Ready int
	// Folders of toolchains outside /usr that programs may read, by their place in the box.
	Folders []Folder
	// CPURate makes it possible to hold runs to a share of a core.
	CPURate bool
	// RequireCgroup refuses to start on resource limits alone.
	RequireCgroup bool
	// Observer is told what there is to measure; may be nil.
	Observer Observer
	Logger   *slog.Logger

	withoutCgroup bool // as on a host that gives none
}

// Folder shows a folder of the host in every box, read-only.
type Folder struct {
	Host string // absolute
	Box  string // absolute, such as /opt/rust
}

// Isolation says what holds the programs of this host.
type Isolation struct {
	// Cgroup is "v1", "v2", or "" for the weaker fallback on resource limits of each process.
	Cgroup string
	// Reason tells why there is no control group.
	Reason string
}

func (i Isolation) String() string {
	if i.Cgroup == "" {
		return "namespaces and resource limits (weaker: " + i.Reason + ")"
	}
	return "namespaces and cgroup " + i.Cgroup
}

// Sandbox makes boxes. It is safe for concurrent use.
type Sandbox struct {
	init    string
	setup   []byte // what every box is told first
	users   atomic.Uint32
	dir     string
	locks   []*os.File // what is ours on the host
	groups  cgroups
	program *os.File // sandbox-init, for what it does inside boxes
	null    *os.File
	reason  string
	observe Observer
	pool    pool
	log     *slog.Logger

	firstUser int // of a slice of users of the host
	sequence  atomic.Uint64
	ready     chan *Box
	buildErr  atomic.Pointer[error]
	stop      context.CancelFunc
	filling   sync.WaitGroup
	ending    sync.WaitGroup
}

// dirPrefix begins the name of the folder for the roots of boxes.
const dirPrefix = "sandgate-boxes-"

// New prepares the host and tries every limit on a tiny program, so that a host that can't isolate is
// told at the start, with the cause.
func New(options Options) (*Sandbox, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Observer == nil {
		options.Observer = unobserved{}
	}
	s := &Sandbox{log: options.Logger, observe: options.Observer, ready: make(chan *Box, max(options.Ready, 1))}
	if err := s.prepare(options); err != nil {
		s.cleanUp()
		return nil, err
	}
	if err := s.selfTest(probes); err != nil {
		s.ending.Wait()
		s.cleanUp()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	for range (cap(s.ready) + 1) / 2 {
		s.filling.Add(1)
		go s.fill(ctx)
	}
	return s, nil
}

func (s *Sandbox) prepare(options Options) error {
	if _, err := os.Stat(options.Init); err != nil {
		return fmt.Errorf("find the program that starts boxes: %w", err)
	}
	filter, err := systemCallFilter()
	if err != nil {
		return err
	}
	forsaken(os.TempDir(), dirPrefix, func(dir string) { _ = os.RemoveAll(dir) })
	dir, lock, err := claimFolder(os.TempDir(), dirPrefix)
	if err != nil {
		return fmt.Errorf("make a folder for boxes: %w", err)
	}
	s.dir, s.locks = dir, append(s.locks, lock)
	if err := os.Chmod(s.dir, 0o700); err != nil {
		return fmt.Errorf("make a folder for boxes: %w", err)
	}
	if os.Geteuid() == 0 {
		s.firstUser, lock = claimUsers("/run/sandgate", filepath.Join(os.TempDir(), "sandgate-users"))
		if lock != nil {
			s.locks = append(s.locks, lock)
		}
	}
	if options.withoutCgroup {
		err = errNoCgroup
	} else {
		s.groups, err = openCgroups("/", options.CPURate)
	}
	if err != nil {
		if options.RequireCgroup {
			return err
		}
		s.groups = nil
		s.reason = err.Error()
	}
	if s.program, err = seal(options.Init); err != nil {
		return err
	}
	if s.null, err = openNull(); err != nil {
		return err
	}
	etc := filepath.Join(s.dir, "etc")
	if err := writeEtc(etc, boxUser()); err != nil {
		return fmt.Errorf("write the configuration of boxes: %w", err)
	}
	below, err := mountsBelow()
	if err != nil {
		return fmt.Errorf("read what is mounted: %w", err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "root"), 0o755); err != nil {
		return fmt.Errorf("make a folder for boxes: %w", err)
	}
	mounts, links := root(etc, boxUser(), options.Folders, below)
	// One empty folder serves all boxes: each mounts its root over it where only it can see.
	box := wire.Box{
		Root: filepath.Join(s.dir, "root"), Mounts: mounts, Links: links, Home: Home, Hostname: "sandbox",
		User: boxUser(), Filter: filter,
	}
	s.init, s.setup = options.Init, box.Message()
	return nil
}

// programUser is the user of a program inside its box, where the worker runs as root. An ordinary
// user can map nobody but itself, and then programs are root of their own empty world, without any
// capability.
const programUser = 1000

func boxUser() int {
	if os.Geteuid() == 0 {
		return programUser
	}
	return 0
}

// identities gives the users of a new box.
func (s *Sandbox) identities() []identity {
	if os.Geteuid() != 0 {
		return []identity{{0, os.Geteuid()}}
	}
	return []identity{{0, 0}, {programUser, s.firstUser + int(s.users.Add(1)%slice)}}
}

// seal copies our own program to a sealed memory file: whoever finds that file in a box can't
// change it.
func seal(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return sealed("sandbox-init", f)
}

// hint adds what an operator can do about a refusal to make namespaces.
func hint(err error) string {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EACCES) || strings.Contains(err.Error(), "not permitted") {
		return " (are user namespaces allowed? See the sysctls user.max_user_namespaces, kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns; in a container, its seccomp and AppArmor profiles)"
	}
	return ""
}

// Isolation tells what holds the programs.
func (s *Sandbox) Isolation() Isolation {
	if s.groups == nil {
		return Isolation{Reason: s.reason}
	}
	return Isolation{Cgroup: s.groups.version()}
}

// Err tells why boxes can't be built at the moment, or nil.
func (s *Sandbox) Err() error {
	if err := s.buildErr.Load(); err != nil {
		return *err
	}
	return nil
}

// Box gives a box that nobody has used. The caller closes it.
func (s *Sandbox) Box(ctx context.Context) (*Box, error) {
	began := time.Now()
	select {
	case box := <-s.ready:
		return s.taken(box, began), nil
	default:
	}
	select {
	case box := <-s.ready:
		return s.taken(box, began), nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), s.Err())
	}
}

func (s *Sandbox) fill(ctx context.Context) {
	defer s.filling.Done()
	wait := 10 * time.Millisecond
	for {
		box, err := s.buildObserved()
		if err != nil {
			s.buildErr.Store(&err)
			s.log.Error("a box can't be built", "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			wait = min(2*wait, 5*time.Second)
			continue
		}
		wait = 10 * time.Millisecond
		s.buildErr.Store(nil)
		select {
		case s.ready <- box:
		case <-ctx.Done():
			box.destroy()
			return
		}
	}
}

func (s *Sandbox) build() (*Box, error) {
	box := &Box{sandbox: s}
	var err error
	if s.groups != nil {
		if box.group, err = s.groups.create("box-" + strconv.FormatUint(s.sequence.Add(1), 10)); err != nil {
			return nil, err
		}
	}
	kinds := uintptr(namespaces)
	if box.group == nil || holdsFirst(box.group) {
		kinds |= unix.CLONE_NEWCGROUP
	}
	if box.first, err = s.start(kinds); err == nil && box.group != nil {
		err = box.group.adopt(box.first.pid)
	}
	if err == nil {
		if err = box.first.setUp(s.setup); err != nil {
			err = fmt.Errorf("set a box up: %w", err)
		}
	}
	if err != nil {
		box.destroy()
		return nil, err
	}
	return box, nil
}

// start starts the first process of a box. It would take along the supplementary groups of a worker
// that is root (nothing can take them away inside a user namespace), and programs could read what is
// there for those groups. The groups of a process are those of the thread that starts it.
func (s *Sandbox) start(namespaces uintptr) (*first, error) {
	if os.Geteuid() != 0 {
		return startFirst(s.init, s.null, s.identities(), namespaces)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	groups, err := unix.Getgroups()
	if err != nil {
		return nil, fmt.Errorf("read the groups of the worker: %w", err)
	}
	if len(groups) == 0 {
		return startFirst(s.init, s.null, s.identities(), namespaces)
	}
	if err := unix.Setgroups(nil); err != nil { // of this thread alone, other than syscall.Setgroups
		return nil, fmt.Errorf("leave the groups of the worker: %w", err)
	}
	box, err := startFirst(s.init, s.null, s.identities(), namespaces)
	if groupsErr := unix.Setgroups(groups); groupsErr != nil {
		s.log.Warn("a thread stays without the groups of the worker", "error", groupsErr)
	}
	return box, err
}

// childrenOfTask reads such a file, or nothing where the kernel has none.
func childrenOfTask(path string) map[int]bool {
	text, err := readKernel(path)
	if err != nil {
		return nil
	}
	children := map[int]bool{}
	for _, field := range strings.Fields(text) {
		if pid, err := strconv.Atoi(field); err == nil {
			children[pid] = true
		}
	}
	return children
}

// Close destroys the boxes that wait and those that were closed before. Boxes in use must be closed
// by their users first.
func (s *Sandbox) Close() {
	s.stop()
	s.filling.Wait()
	for len(s.ready) > 0 {
		(<-s.ready).destroy()
	}
	s.ending.Wait()
	s.cleanUp()
}

func (s *Sandbox) cleanUp() {
	if s.groups != nil {
		if err := s.groups.close(); err != nil {
			s.log.Warn("a control group stays behind", "error", err)
		}
	}
	for _, file := range []*os.File{s.program, s.null} {
		if file != nil {
			_ = file.Close()
		}
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	for _, lock := range s.locks {
		_ = lock.Close()
	}
}
