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
	"runtime"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

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
	if err := dropSignals(); err != nil {
		os.Exit(2)
	}
	// The sandbox starts us with all signals blocked.
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil)
	serve()
}

// dropSignals takes back the handlers of the Go runtime. Where a first process has no handler, the
// kernel drops the signals that come from within its box, however they are made: an ordinary user's
// programs may send it any, and the runtime would take a forged fault for its own and crash. Only the
// end of a child interrupts what we wait for. Programs inherit no handlers, and nothing ignored.
func dropSignals() error {
	var fallback struct{ handler, flags, restorer, mask uintptr } // struct sigaction of SIG_DFL
	for number := uintptr(1); number <= 64; number++ {
		switch unix.Signal(number) {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD:
			continue
		}
		if _, _, err := unix.RawSyscall6(unix.SYS_RT_SIGACTION, number, uintptr(unsafe.Pointer(&fallback)), 0, unsafe.Sizeof(fallback.mask), 0, 0); err != 0 {
			return err
		}
	}
	return nil
}
