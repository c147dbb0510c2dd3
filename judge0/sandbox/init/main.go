// Command sandbox-init is the first process of every box: it mounts the root, starts programs, and
// reaps what they leave. It is small and static, for it starts once for every submission.
//
// As `sandbox-init launch FD PROGRAM [ARGUMENT…]` it is the launcher of the fallback without
// control groups: it starts PROGRAM, waits for it, and writes how it ended and what it used to FD.
// As `sandbox-init unzip BYTES` it unpacks the archive on stdin, inside the box.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/criyle/go-sandbox/container"
	"golang.org/x/sys/unix"
)

// programSignals are ignored by container.Init, for the sake of pid 1. Programs would inherit that,
// and a shell or a test of SIGTERM would not work as anywhere else.
var programSignals = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGTERM}

func main() {
	switch {
	case len(os.Args) > 3 && os.Args[1] == "launch":
		os.Exit(launch(os.Args[2], os.Args[3:]))
	case len(os.Args) == 3 && os.Args[1] == "unzip":
		if err := unzip(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// It lives for one submission and allocates little: to collect garbage costs more than it frees.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(64 << 20)
	go restoreDefaults()
	if err := container.Init(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Fprintln(os.Stderr, "sandbox-init is started by the sandbox only")
	os.Exit(2)
}

// restoreDefaults catches the ignored signals instead, as soon as Init has ignored them: a caught
// signal goes back to its default when a program is executed, an ignored one does not. It also
// takes back the umask of 0. Both are done long before the first program: Init then has yet to
// receive its configuration and mount the root.
func restoreDefaults() {
	for !signal.Ignored(syscall.SIGTERM) {
		time.Sleep(20 * time.Microsecond)
	}
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, programSignals...)
	time.Sleep(20 * time.Microsecond) // Init sets the umask right after
	syscall.Umask(0o022)
	for range caught {
		// pid 1 takes no notice
	}
}

func launch(fd string, argv []string) int {
	// The report is not the program's to write: neither through an inherited descriptor nor
	// through /proc/PID/fd.
	report, err := strconv.Atoi(fd)
	if err != nil {
		return 2
	}
	unix.CloseOnExec(report)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return 2
	}
	out := os.NewFile(uintptr(report), "report")
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: os.Environ()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 127
	}
	state, err := p.Wait()
	if err != nil {
		return 2
	}
	status := state.Sys().(syscall.WaitStatus)
	usage := state.SysUsage().(*syscall.Rusage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if _, err := fmt.Fprintf(out, "%d %d %d\n", uint32(status), cpu.Nanoseconds(), usage.Maxrss); err != nil {
		return 2
	}
	return 0
}
