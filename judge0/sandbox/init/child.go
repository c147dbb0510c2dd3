package main

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sandgate/sandgate/judge0/sandbox/birth"
	"github.com/sandgate/sandgate/judge0/sandbox/wire"
)

// Bits of prctl(PR_SET_SECUREBITS): user 0 has no powers, changing the user neither gives nor takes
// any, and none of this can be undone.
const (
	noRoot         = 1<<0 | 1<<1
	noFixup        = 1<<2 | 1<<3
	keepCapsLocked = 1 << 5
)

// start starts a program with all rights given up, and gives its process id once it executes.
func start(box *wire.Box, p *wire.Program, files []int) (int, error) {
	take := func() int {
		if len(files) == 0 {
			return -1
		}
		fd := files[0]
		files = files[1:]
		return fd
	}
	stdio := 3 + p.Extra
	if len(p.Args) == 0 || p.Extra < 0 || len(files) < stdio {
		return 0, at("start the program", unix.EINVAL)
	}
	l := &birth.List{}
	l.Add("set the mask of modes", unix.SYS_UMASK, 0o022)
	if p.Group {
		l.Add("see its own control group alone", unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP)
	}
	if box.User != 0 {
		l.Add("become the user", unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, keepCapsLocked|noFixup, 0, 0, 0)
		l.Add("become the user", unix.SYS_SETGID, uintptr(box.User))
		l.Add("become the user", unix.SYS_SETUID, uintptr(box.User))
	}
	// What came in is above what it becomes: our own files have the numbers from 0 to 3.
	for i := range stdio {
		l.Add("give the program its files", unix.SYS_DUP3, uintptr(take()), uintptr(i), 0)
	}
	l.Add("begin a session", unix.SYS_SETSID)
	l.Add("enter the home folder", unix.SYS_CHDIR, birth.Text(l, box.Home))
	for i := range p.Limits {
		limit := &p.Limits[i]
		l.Add("set limits", unix.SYS_PRLIMIT64, 0, uintptr(limit.Resource), birth.Pointer(l, &limit.Rlimit), 0)
	}
	none := [2]unix.CapUserData{}
	l.Add("forbid new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	l.Add("drop capabilities", unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, keepCapsLocked|noFixup|noRoot, 0, 0, 0)
	l.Add("drop capabilities", unix.SYS_CAPSET, birth.Pointer(l, &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}), birth.Pointer(l, &none[0]))
	var unblocked unix.Sigset_t
	l.Add("unblock signals", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, birth.Pointer(l, &unblocked), 0, unsafe.Sizeof(unblocked.Val[0]))
	filter := unix.SockFprog{
		Len:    uint16(len(box.Filter) / int(unsafe.Sizeof(unix.SockFilter{}))),
		Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(box.Filter))),
	}
	l.Add("filter system calls", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, birth.Pointer(l, &filter))
	const execute = "execute the program"
	if p.Own {
		l.Add(execute, unix.SYS_EXECVEAT, uintptr(take()), birth.Text(l, ""), birth.Texts(l, p.Args), birth.Texts(l, p.Env), unix.AT_EMPTY_PATH)
	} else {
		l.Add(execute, unix.SYS_EXECVE, birth.Text(l, p.Args[0]), birth.Texts(l, p.Args), birth.Texts(l, p.Env))
	}
	group := -1
	if p.Group {
		group = take()
	}
	if p.Offer {
		// When memory runs out the program is to go, and never we or the worker. It inherits our score, and until it
		// executes it shares our memory, so that one can't go without the other anyway.
		if _, err := unix.Pwrite(score, []byte("1000"), 0); err != nil {
			return 0, at("offer the program to the memory killer", err)
		}
	}
	pid, err := l.Start(unix.CLONE_VFORK, group)
	if p.Offer {
		if _, scoreErr := unix.Pwrite(score, ownScore, 0); err == nil && scoreErr != nil {
			_ = unix.Kill(-1, unix.SIGKILL)
			err = scoreErr
		}
	}
	if err != nil {
		return 0, at("start the program", err)
	}
	if place, err := l.Failure(); err != nil {
		_, _ = unix.Wait4(pid, nil, 0, nil)
		return 0, at(place, err)
	}
	return pid, nil
}
