package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sandgate/sandgate/judge0/sandbox/wire"
)

// Limits bound one run. What is zero is not limited, other than Wall, which must be set.
type Limits struct {
	CPU       time.Duration // user and system time of all processes
	CPUExtra  time.Duration // how much longer a program over CPU is left alive
	Wall      time.Duration
	Memory    int64   // bytes, of all processes and the files they keep in memory
	Stack     int64   // bytes
	FileSize  int64   // bytes of each file that is written, stdout and stderr among them
	Processes int     // processes and threads
	CPURate   float64 // share of a core, such as 0.5

	// EachCPU and EachMemory hold each process by itself: its CPU time, to the second, and its address
	// space in bytes.
	EachCPU    time.Duration
	EachMemory int64
}

// Command is a program to run. Args[0] is an absolute path in the box.
type Command struct {
	Args        []string
	Env         []string
	Stdin       string
	MergeStderr bool // stderr goes where stdout goes, in the order written
	Limits

	own bool // run our own program, with Args as its arguments
}

// Outcome is how a run ended and what it used. Either Signal is set or ExitCode tells.
type Outcome struct {
	ExitCode int
	Signal   int
	// TimedOut tells that the CPU limit was exceeded, WallTimedOut that the wall limit was.
	TimedOut     bool
	WallTimedOut bool
	// OutOfMemory tells that the kernel killed a process of the run for want of memory.
	OutOfMemory bool
	CPU         time.Duration
	Wall        time.Duration
	Memory      int64 // bytes, the most that the group held
	Stdout      string
	Stderr      string
}

// openFiles is the most files that a program may hold open.
const openFiles = 512

// killGrace is how long a killed run may take to end before its box is torn down from outside.
const killGrace = 5 * time.Second

// Box is a container for one submission: its files, its compiler and its program. It is not safe
// for concurrent use.
type Box struct {
	sandbox *Sandbox
	first   *first
	group   cgroup // nil where there are none
	inUse   bool   // counted as such
	runs    int64
	broken  bool
}

// Write puts a file into the box. A relative name is in Home; folders are made. The name is
// resolved inside the box, where nothing of the host is writable. It does not wait until a small file is
// there: what is run next finds it, and fails with the error where it can't be written.
func (b *Box) Write(name, text string, mode os.FileMode) error {
	if !strings.HasPrefix(name, "/") {
		name = Home + "/" + name
	}
	file, err := sealed("file", strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("write %s into the box: %w", name, err)
	}
	defer file.Close()
	if err := b.first.write(name, mode, file); err != nil {
		return fmt.Errorf("write %s into the box: %w", name, err)
	}
	if len(text) > unwaited {
		return b.first.hurry(b.first.settle)
	}
	return nil
}

// unwaited is the size of a file, in bytes, beyond which it is waited for: what is in memory before a run is left out
// of what the program used, and a large file would show there.
const unwaited = 64 << 10

// Unzip unpacks an archive into Home, inside the box and within limits: no more than size bytes,
// no links, nothing outside the folder. Files that are there stay. ErrBadArchive tells that the
// archive is at fault.
func (b *Box) Unzip(ctx context.Context, archive string, size int64, limits Limits) error {
	out, err := b.Run(ctx, Command{own: true, Args: []string{"unzip", strconv.FormatInt(size, 10)}, Stdin: archive, Limits: limits})
	if err != nil {
		return err
	}
	if out.ExitCode != 0 || out.Signal != 0 {
		return fmt.Errorf("%w: %s", ErrBadArchive, strings.TrimSpace(out.Stderr))
	}
	return nil
}

// ErrBadArchive is the answer of Unzip to what is no archive, or one that may not be unpacked.
var ErrBadArchive = errors.New("the archive can't be unpacked")

// Run runs a program to its end. An error means that the box failed, not the program, or that ctx
// ended; the box is of no more use then.
func (b *Box) Run(ctx context.Context, c Command) (Outcome, error) {
	if b.broken {
		return Outcome{}, errors.New("run a program: the box has failed before")
	}
	out, err := b.run(ctx, c)
	if err != nil {
		b.broken = true
	}
	return out, err
}

func (b *Box) run(ctx context.Context, c Command) (out Outcome, err error) {
	stdin, err := sealed("stdin", strings.NewReader(c.Stdin))
	if err != nil {
		return out, err
	}
	defer stdin.Close()
	stdout, err := newMemory("stdout")
	if err != nil {
		return out, err
	}
	defer stdout.Close()
	stderr := stdout
	if !c.MergeStderr {
		if stderr, err = newMemory("stderr"); err != nil {
			return out, err
		}
		defer stderr.Close()
	}
	group := b.group
	b.runs++
	program := wire.Program{Number: b.runs, Args: c.Args, Env: c.Env, Limits: resourceLimits(c.Limits, group != nil)}
	files := []int{int(stdin.Fd()), int(stdout.Fd()), int(stderr.Fd())}
	var looker *meter // without a control group the processes are looked at
	var report *os.File
	switch {
	case c.own:
		program.Args = append([]string{"sandbox-init"}, c.Args...)
		program.Own = true
	case group == nil:
		if report, err = newMemory("report"); err != nil {
			return out, err
		}
		defer report.Close()
		files = append(files, int(report.Fd()))
		program.Args = append([]string{"sandbox-init", "launch", "3"}, c.Args...)
		program.Extra, program.Own = 1, true
	}
	if program.Own {
		files = append(files, int(b.sandbox.program.Fd()))
	}
	if group == nil {
		looker = newMeter(b.first.pid)
	} else {
		if err := group.begin(c.Limits); err != nil {
			return out, err
		}
		// A worker that is never to be killed for want of memory would hand that on, and the limit be none.
		program.Offer = true
		if handle := group.attach(); handle != nil {
			program.Group = true
			files = append(files, int(handle.Fd()))
		}
	}

	verdict, done := make(chan cause, 1), make(chan struct{})
	go func() {
		why := watch(ctx, c.Limits, group, looker, done)
		if why != endedAlone || ctx.Err() != nil {
			// Where it fails, the box is gone, or is torn down below.
			_ = b.first.kill(program.Number, killGrace)
		}
		verdict <- why
		b.tearDown(done)
	}()
	result, err := b.first.run(&program, files...)
	close(done)
	why := <-verdict
	if ctx.Err() != nil {
		return out, fmt.Errorf("run a program: %w", ctx.Err())
	}
	if errors.Is(err, unix.E2BIG) { // as a shell would have it
		return Outcome{ExitCode: 126, Stderr: c.Args[0] + ": Argument list too long\n"}, nil
	}
	if err != nil {
		return b.lost(c.Limits, why, err)
	}

	out.Wall, out.CPU, out.Memory = result.Wall, result.CPU, result.Memory
	if result.Status.Signaled() {
		out.Signal = int(result.Status.Signal())
	} else {
		out.ExitCode = result.Status.ExitStatus()
	}
	switch {
	case group != nil:
		err = out.readGroup(group, result.Self)
		out.withinMemory(c.Limits)
	case report != nil:
		err = out.readReport(report)
	}
	if err != nil {
		return out, err
	}
	if looker != nil {
		out.CPU, out.Memory = max(out.CPU, looker.cpu), max(out.Memory, looker.memory)
		out.OutOfMemory = why == overMemory
	}
	out.TimedOut = why == overCPU || c.CPU > 0 && out.CPU > c.CPU || out.Signal == int(unix.SIGXCPU)
	out.WallTimedOut = why == overWall && !out.TimedOut
	if out.Stdout, err = readOutput(stdout, c.FileSize); err != nil {
		return out, err
	}
	if !c.MergeStderr {
		out.Stderr, err = readOutput(stderr, c.FileSize)
	}
	return out, err
}

// lost is the outcome where the box has not answered. That is the program's doing where it had exceeded
// a limit: what ends a box in time or frees memory may take its first process along.
func (b *Box) lost(limits Limits, why cause, err error) (out Outcome, _ error) {
	b.broken = true
	out.Signal = int(unix.SIGKILL)
	if b.group != nil && errors.Is(err, errGone) {
		out.OutOfMemory, _ = b.group.outOfMemory()
	}
	out.OutOfMemory = out.OutOfMemory || why == overMemory
	if why == endedAlone && !out.OutOfMemory {
		return Outcome{}, fmt.Errorf("run a program: %w", err)
	}
	if b.group != nil {
		out.CPU, _ = b.group.cpu()
		out.Memory, _ = b.group.memoryPeak()
		out.withinMemory(limits)
	}
	out.TimedOut = why == overCPU || limits.CPU > 0 && out.CPU > limits.CPU
	if out.WallTimedOut = why == overWall && !out.TimedOut; out.WallTimedOut {
		out.Wall = limits.Wall
	}
	return out, nil
}

// cause is why a run was killed by us.
type cause int

const (
	endedAlone cause = iota
	overCPU
	overWall
	overMemory
)

// watch waits until a run ends (done) or exceeds its time. It looks no more often than a program on
// all cores could exceed its CPU limit, so a short run costs no wake-up.
func watch(ctx context.Context, limits Limits, group cgroup, looker *meter, done <-chan struct{}) cause {
	const (
		soonest = 5 * time.Millisecond
		// What the first process of the box may use meanwhile: no program is killed for that. What exceeds its
		// limit by less ends by itself, and too late all the same.
		ofFirst = 20 * time.Millisecond
	)
	cores := time.Duration(runtime.NumCPU())
	wall := time.NewTimer(limits.Wall)
	defer wall.Stop()
	cpuLimit := limits.CPU + limits.CPUExtra
	if group != nil && holdsFirst(group) {
		cpuLimit += ofFirst
	}
	look := time.NewTimer(max(cpuLimit/cores, soonest))
	defer look.Stop()
	switch {
	case looker != nil:
		look.Reset(meterEvery)
	case limits.CPU == 0:
		look.Stop()
	}
	for {
		select {
		case <-done:
			return endedAlone
		case <-ctx.Done():
			return endedAlone
		case <-wall.C:
			if looker != nil {
				looker.look()
			}
			return overWall
		case <-look.C:
		}
		if looker != nil {
			looker.look()
			switch {
			case limits.CPU > 0 && looker.cpu > cpuLimit:
				return overCPU
			case limits.Memory > 0 && looker.memory > limits.Memory:
				return overMemory
			}
			look.Reset(meterEvery)
			continue
		}
		used, err := group.cpu()
		if err == nil && used > cpuLimit {
			return overCPU
		}
		look.Reset(max((cpuLimit-used)/cores, soonest))
	}
}

// tearDown ends the whole box where a killed run does not end (done) in good time.
func (b *Box) tearDown(done <-chan struct{}) {
	grace := time.NewTimer(killGrace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		_ = b.first.destroy()
	}
}

// readGroup takes what the group counted; first is what the first process of the box used meanwhile.
func (o *Outcome) readGroup(group cgroup, first time.Duration) error {
	var err error
	if o.CPU, err = group.cpu(); err != nil {
		return fmt.Errorf("read the CPU time: %w", err)
	}
	if holdsFirst(group) {
		o.CPU = max(o.CPU-first, 0)
	}
	if peak, err := group.memoryPeak(); err == nil {
		o.Memory = peak
	}
	if o.OutOfMemory, err = group.outOfMemory(); err != nil {
		return fmt.Errorf("read whether memory ran out: %w", err)
	}
	return nil
}

// withinMemory leaves out what the kernel lends a process beyond the limit of its group while it kills it.
func (o *Outcome) withinMemory(limits Limits) {
	if limits.Memory > 0 {
		o.Memory = min(o.Memory, limits.Memory)
	}
}

// readReport takes what the launcher wrote. Where it was killed with its program, there is none.
func (o *Outcome) readReport(report *os.File) error {
	text, err := readOutput(report, 128)
	if err != nil || text == "" {
		return err
	}
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return fmt.Errorf("the launcher reported %q", text)
	}
	var numbers [3]int64
	for i, field := range fields {
		if numbers[i], err = strconv.ParseInt(field, 10, 64); err != nil {
			return fmt.Errorf("the launcher reported %q", text)
		}
	}
	status := syscall.WaitStatus(numbers[0])
	o.ExitCode, o.Signal = 0, 0
	if status.Signaled() {
		o.Signal = int(status.Signal())
	} else {
		o.ExitCode = status.ExitStatus()
	}
	o.CPU, o.Memory = time.Duration(numbers[1]), numbers[2]<<10
	return nil
}

// mostOutput is what is read where files are not limited: a program can make a file seem endless.
const mostOutput = 64 << 20

// readOutput reads what a program wrote, from the start and no more than limit.
func readOutput(f *os.File, limit int64) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read the output: %w", err)
	}
	if limit <= 0 {
		limit = mostOutput
	}
	size := min(info.Size(), limit)
	if size == 0 {
		return "", nil
	}
	var text strings.Builder
	text.Grow(int(size))
	if _, err := io.CopyBuffer(&text, io.NewSectionReader(f, 0, size), make([]byte, min(size, 32<<10))); err != nil {
		return "", fmt.Errorf("read the output: %w", err)
	}
	return text.String(), nil
}

// resourceLimits are the limits of each process. With a control group they only back it up.
func resourceLimits(l Limits, grouped bool) []wire.ResourceLimit {
	// A core dump of 1 byte is none at all. A limit of 0 is none on disk, but where the host hands
	// core dumps to a program, it is started nevertheless, as root and outside the box.
	limits := []wire.ResourceLimit{clamp(unix.RLIMIT_CORE, 1), clamp(unix.RLIMIT_NOFILE, openFiles)}
	switch whole := func(d time.Duration) uint64 { return uint64((d + time.Second - 1) / time.Second) }; {
	case l.EachCPU > 0:
		// The soft limit gives a signal that tells why; a process that ignores it is killed.
		limit := clamp(unix.RLIMIT_CPU, whole(l.EachCPU)+1)
		limit.Cur = whole(l.EachCPU)
		limits = append(limits, limit)
	case l.CPU > 0:
		limits = append(limits, clamp(unix.RLIMIT_CPU, whole(l.CPU+l.CPUExtra)+1))
	}
	if l.EachMemory > 0 {
		limits = append(limits, clamp(unix.RLIMIT_AS, uint64(l.EachMemory)))
	}
	if l.Stack > 0 {
		limits = append(limits, clamp(unix.RLIMIT_STACK, uint64(l.Stack)))
	}
	if l.FileSize > 0 {
		limits = append(limits, clamp(unix.RLIMIT_FSIZE, uint64(l.FileSize)))
	}
	if !grouped {
		if l.Processes > 0 {
			limits = append(limits, clamp(unix.RLIMIT_NPROC, uint64(l.Processes+launcherThreads)))
		}
		if l.Memory > 0 {
			limits = append(limits, clamp(unix.RLIMIT_DATA, uint64(l.Memory+reserved)))
		}
	}
	return limits
}

// reserved is what a process may set aside beyond its memory limit without using it: runtimes do so
// for stacks and heaps. What is used is measured.
const reserved = 2 << 30

// launcherThreads leaves room for the launcher itself in the count of processes.
const launcherThreads = 8

// clamp keeps a limit within our own, which nobody may exceed.
func clamp(resource int, value uint64) wire.ResourceLimit {
	var own syscall.Rlimit
	if err := syscall.Getrlimit(resource, &own); err == nil {
		value = min(value, own.Max)
	}
	return wire.ResourceLimit{Resource: resource, Rlimit: syscall.Rlimit{Cur: value, Max: value}}
}

// Close destroys the box, in the background.
func (b *Box) Close() {
	b.sandbox.ending.Add(1)
	b.released()
	go func() {
		defer b.sandbox.ending.Done()
		b.destroy()
	}()
}

func (b *Box) destroy() {
	if b.first != nil {
		if err := b.first.destroy(); err != nil {
			b.sandbox.log.Warn("a box was not ended cleanly", "error", err)
		}
	}
	if b.group == nil {
		return
	}
	if err := b.group.destroy(); err != nil {
		b.sandbox.log.Warn("a control group stays behind", "error", err)
	}
}
