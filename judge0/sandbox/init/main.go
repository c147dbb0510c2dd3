// Command sandbox-init is the first process of every box: it mounts the root, starts programs, and
// reaps what they leave. It is small and static, for it starts once for every submission: it does one
// thing after the other, on one thread, and asks the kernel for everything itself.
//
// As `sandbox-init launch FD PROGRAM [ARGUMENT…]` it is the launcher of the fallback without
// control groups: it starts PROGRAM, waits for it, and writes how it ended and what it used to FD.
// As `sandbox-init unzip BYTES` it unpacks the archive on stdin, inside the box.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// caught are the signals that other processes of a box may send to the first: it takes no notice of
// them. They are caught and not ignored, since programs would inherit that, and a shell or a test of
// SIGTERM would not work as anywhere else.
var caught = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL,
	syscall.SIGTRAP, syscall.SIGSYS, syscall.SIGSTKFLT, syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGIO, syscall.SIGPWR, syscall.SIGPIPE,
}

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
	case len(os.Args) != 2 || os.Args[1] != "box" || os.Getpid() != 1:
		fmt.Fprintln(os.Stderr, "sandbox-init is started by the sandbox only")
		os.Exit(2)
	}
	// It lives for one submission and allocates little: to collect garbage costs more than it frees.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(64 << 20)
	runtime.LockOSThread()
	signal.Notify(make(chan os.Signal, 1), caught...)
	// The sandbox starts us with all signals blocked.
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil)
	serve()
}
