package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

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
