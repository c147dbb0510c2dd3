package sandbox

import (
	"encoding/binary"
	"fmt"
	"runtime"

	bpf "github.com/elastic/go-seccomp-bpf"
	xbpf "golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// deniedCalls answer EPERM. They administer the machine, look into other processes, or open parts
// of the kernel that a program of a contest or a course has no use for and that have had many holes.
var deniedCalls = []string{
	"unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise",
	"keyctl", "add_key", "request_key",
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "fanotify_init", "memfd_secret",
	"open_by_handle_at", "name_to_handle_at", "quotactl", "acct", "swapon", "swapoff", "reboot", "syslog", "vhangup",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
	"sync", "syncfs", // they make everybody on the host wait for the disk
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "personality", "nfsservctl", "lookup_dcookie",
}

// deniedOnAMD64 exist on that architecture only.
var deniedOnAMD64 = []string{"iopl", "ioperm", "modify_ldt", "uselib", "ustat", "sysfs"}

// newNamespaces are the flags of clone that make a namespace: a nested user namespace would give
// back every capability inside it.
var newNamespaces = []uint64{
	unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWPID, unix.CLONE_NEWNET,
	unix.CLONE_NEWIPC, unix.CLONE_NEWUTS, unix.CLONE_NEWCGROUP, unix.CLONE_NEWTIME,
}

// newestCall is the last system call that this filter was written for. What a later kernel adds does
// not exist for programs: a list of denials can't know what it does. The numbers from 424 on are the
// same on all architectures.
const newestCall = 467 // open_tree_attr, Linux 6.15

// x32Bit marks the system calls of the x32 ABI, which share amd64's architecture but not its numbers.
const x32Bit = 0x40000000

// lastLimit is the highest number of a resource limit.
const lastLimit = unix.RLIMIT_RTTIME

func is(argument uint32, op bpf.Operation, value uint64) bpf.Condition {
	return bpf.Condition{Argument: argument, Operation: op, Value: value}
}

// otherProtocols is a socket of the internet for anything but TCP and UDP.
func otherProtocols(family uint64) bpf.NameWithConditions {
	return bpf.NameWithConditions{Name: "socket", Conditions: []bpf.Condition{
		is(0, bpf.Equal, family), is(2, bpf.NotEqual, 0), is(2, bpf.NotEqual, unix.IPPROTO_TCP), is(2, bpf.NotEqual, unix.IPPROTO_UDP),
	}}
}

// systemCallFilter makes the filter that every program runs under.
func systemCallFilter() ([]byte, error) {
	var arch uint32
	names := append([]string(nil), deniedCalls...)
	switch runtime.GOARCH {
	case "amd64":
		arch = unix.AUDIT_ARCH_X86_64
		names = append(names, deniedOnAMD64...)
	case "arm64":
		arch = unix.AUDIT_ARCH_AARCH64
	default:
		return nil, fmt.Errorf("there is no system-call filter for %s", runtime.GOARCH)
	}
	eperm := bpf.ActionErrno
	enosys := bpf.ActionErrno | bpf.Action(unix.ENOSYS)

	var clones []bpf.NameWithConditions
	for _, flag := range newNamespaces {
		clones = append(clones, bpf.NameWithConditions{Name: "clone", Conditions: []bpf.Condition{{Argument: 0, Operation: bpf.BitsSet, Value: flag}}})
	}
	// A call with conditions must be in one group alone: after them the library's program compares
	// an argument, and no longer the number of the call, with the calls of the groups that follow.
	policy := bpf.Policy{
		DefaultAction: bpf.ActionAllow,
		Syscalls: []bpf.SyscallGroup{
			{Action: eperm, Names: names},
			{Action: eperm, NamesWithCondtions: clones},
			// The flags of clone3 are behind a pointer, where no filter sees them. ENOSYS makes
			// libraries fall back to clone; EPERM would break the creation of threads.
			{Action: enosys, Names: []string{"clone3"}},
			// Sockets: Unix, TCP and UDP (which lead nowhere), and routing netlink, which Go and
			// Node look at when they start. No vsock, packet, crypto and the like: to ask for one is
			// enough to make the kernel load a module.
			{Action: eperm, NamesWithCondtions: []bpf.NameWithConditions{
				{Name: "socket", Conditions: []bpf.Condition{
					is(0, bpf.NotEqual, unix.AF_UNIX), is(0, bpf.NotEqual, unix.AF_INET),
					is(0, bpf.NotEqual, unix.AF_INET6), is(0, bpf.NotEqual, unix.AF_NETLINK),
				}},
				{Name: "socket", Conditions: []bpf.Condition{is(0, bpf.Equal, unix.AF_NETLINK), is(2, bpf.NotEqual, unix.NETLINK_ROUTE)}},
				otherProtocols(unix.AF_INET), otherProtocols(unix.AF_INET6),
				{Name: "socketpair", Conditions: []bpf.Condition{is(0, bpf.NotEqual, unix.AF_UNIX)}},
			}},
			// A limit of 0 for core dumps still starts a handler of core dumps, as root on the host;
			// a limit of 1 does not (see resourceLimits), so it stays as it is. Numbers above the
			// last are refused, since the kernel looks at the lower half of the argument only.
			{Action: eperm, NamesWithCondtions: []bpf.NameWithConditions{
				{Name: "setrlimit", Conditions: []bpf.Condition{is(0, bpf.Equal, unix.RLIMIT_CORE)}},
				{Name: "setrlimit", Conditions: []bpf.Condition{is(0, bpf.GreaterThan, lastLimit)}},
				{Name: "prlimit64", Conditions: []bpf.Condition{is(1, bpf.Equal, unix.RLIMIT_CORE), is(2, bpf.NotEqual, 0)}},
				{Name: "prlimit64", Conditions: []bpf.Condition{is(1, bpf.GreaterThan, lastLimit)}},
				// Others keep their limits, above all the first process of the box, which may be of the same user.
				{Name: "prlimit64", Conditions: []bpf.Condition{is(0, bpf.NotEqual, 0), is(2, bpf.NotEqual, 0)}},
			}},
		},
	}
	program, err := policy.Assemble()
	if err != nil {
		return nil, fmt.Errorf("assemble the system-call filter: %w", err)
	}
	// A list of denials speaks of one architecture: a call by another one's numbers (int 0x80,
	// x32) would pass it. Whoever makes one is killed.
	kill := xbpf.RetConstant{Val: uint32(bpf.ActionKillProcess)}
	guard := []xbpf.Instruction{
		xbpf.LoadAbsolute{Off: 4, Size: 4},
		xbpf.JumpIf{Cond: xbpf.JumpEqual, Val: arch, SkipTrue: 1},
		kill,
	}
	if runtime.GOARCH == "amd64" {
		guard = append(guard,
			xbpf.LoadAbsolute{Off: 0, Size: 4},
			xbpf.JumpIf{Cond: xbpf.JumpLessThan, Val: x32Bit, SkipTrue: 1},
			kill,
		)
	}
	guard = append(guard,
		xbpf.LoadAbsolute{Off: 0, Size: 4},
		xbpf.JumpIf{Cond: xbpf.JumpLessOrEqual, Val: newestCall, SkipTrue: 1},
		xbpf.RetConstant{Val: uint32(enosys)},
	)
	raw, err := xbpf.Assemble(append(guard, program...))
	if err != nil {
		return nil, fmt.Errorf("encode the system-call filter: %w", err)
	}
	var filter []byte
	for _, in := range raw { // struct sock_filter
		filter = binary.NativeEndian.AppendUint16(filter, in.Op)
		filter = append(filter, in.Jt, in.Jf)
		filter = binary.NativeEndian.AppendUint32(filter, in.K)
	}
	return filter, nil
}
