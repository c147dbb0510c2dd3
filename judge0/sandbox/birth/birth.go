// Package birth makes processes that execute a program after a list of system calls, such as those
// that give up rights. Until then the child shares its parent's memory: to copy that (its page tables,
// and then each page that either writes to) is most of what it costs to start a small program from
// a large one.
//
// The child runs no Go at all, since it has no runtime of its own. A few lines of assembly go through
// the list, and stop at the first call that fails. Signals are blocked meanwhile: a handler would run
// in the parent's memory.
package birth

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a system call; the assembly knows its layout.
type call struct {
	number    uintptr
	arguments [6]uintptr
}

// failure is what the child leaves where a call failed; the assembly knows its layout.
type failure struct {
	number uintptr // 0: nothing failed
	left   uintptr // calls that were left, the one that failed among them
}

// List is what a child does. Make it with Add, the last call being the one that executes a program. It
// must be kept until the child has done that or has ended.
type List struct {
	calls  []call
	places []string
	failed *failure
	kept   []any
}

// Add adds a system call; place says what it does, for the error.
func (l *List) Add(place string, number uintptr, arguments ...uintptr) {
	c := call{number: number}
	copy(c.arguments[:], arguments)
	l.calls, l.places = append(l.calls, c), append(l.places, place)
}

// Pointer gives the address of v as an argument, and keeps v as long as the list is kept.
func Pointer[T any](l *List, v *T) uintptr {
	l.kept = append(l.kept, v)
	return uintptr(unsafe.Pointer(v))
}

// Text is Pointer for a text; it must hold no zero byte.
func Text(l *List, text string) uintptr {
	b := append([]byte(text), 0)
	return Pointer(l, &b[0])
}

// Texts is Pointer for a list of texts, as arguments and environment are given to a program.
func Texts(l *List, texts []string) uintptr {
	addresses := make([]uintptr, len(texts)+1)
	for i, text := range texts {
		addresses[i] = Text(l, text)
	}
	return Pointer(l, &addresses[0])
}

// cloneArgs is struct clone_args of clone3.
type cloneArgs struct {
	flags, pidFD, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize, cgroup uint64
}

// Start makes the child, with these flags of clone and, unless it is negative, in that control group
// of version 2. With CLONE_VFORK it returns when the program executes, or the child has ended.
// Without, the child goes on beside us, and the caller finds out.
func (l *List) Start(flags uintptr, cgroup int) (pid int, err error) {
	l.failed = new(failure)
	number, first, second := uintptr(unix.SYS_CLONE), flags|unix.CLONE_VM|uintptr(unix.SIGCHLD), uintptr(0)
	args := new(cloneArgs)
	if cgroup >= 0 {
		*args = cloneArgs{flags: uint64(flags) | unix.CLONE_VM | unix.CLONE_INTO_CGROUP, exitSignal: uint64(unix.SIGCHLD), cgroup: uint64(cgroup)}
		number, first, second = unix.SYS_CLONE3, uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return 0, err
	}
	r := clone(number, first, second, &l.calls[0], uintptr(len(l.calls)), l.failed)
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	runtime.KeepAlive(args)
	if r < 0 {
		return 0, syscall.Errno(-r)
	}
	return int(r), nil
}

// Failure tells what stopped a child that has ended without executing a program.
func (l *List) Failure() (place string, err error) {
	if l.failed == nil || l.failed.number == 0 {
		return "", nil
	}
	return l.places[len(l.calls)-int(l.failed.left)], syscall.Errno(l.failed.number)
}

// clone makes the child, which goes through the calls. It gives the child's process id, or a negative
// error number.
func clone(number, first, second uintptr, calls *call, count uintptr, failed *failure) int64
