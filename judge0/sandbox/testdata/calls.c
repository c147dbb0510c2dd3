// Makes every system call that a program in a box must not get, and writes a line for each: its name
// and the error that it gave, 0 if it worked. Arguments: a TCP port, a UDP port and the name of an
// abstract socket of the host, then addresses of the host.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static void tell(const char *name, long result) {
	printf("%s %d\n", name, result == -1 ? errno : 0);
	fflush(stdout);
}
#define TRY(name, call) do { errno = 0; tell(name, (long)(call)); } while (0)

// A call by its number: those that are the same on all architectures, or missing from old headers.
#define HIGH 0x100000000ul

static void namespaces(void) {
	static const struct { const char *name; unsigned long flag; } flags[] = {
		{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID}, {"network", CLONE_NEWNET},
		{"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}, {"cgroup", 0x02000000}, {"all", 0x7e020000},
	};
	char name[64];
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		sprintf(name, "unshare-%s", flags[i].name);
		TRY(name, syscall(SYS_unshare, flags[i].flag));
		for (int high = 0; high < 2; high++) {
			sprintf(name, "clone-%s%s", flags[i].name, high ? "-high" : "");
			errno = 0;
			long r = syscall(SYS_clone, flags[i].flag | SIGCHLD | (high ? HIGH : 0), 0, 0, 0, 0);
			if (r == 0)
				_exit(0);
			tell(name, r);
		}
	}
	TRY("unshare-time", syscall(SYS_unshare, 0x80));
	TRY("unshare-nothing", syscall(SYS_unshare, 0));
	uint64_t arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
	errno = 0;
	long r = syscall(435, arguments, 64);
	if (r == 0)
		_exit(0);
	tell("clone3", r);
	static const char *kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char path[64];
		for (int init = 0; init < 2; init++) {
			sprintf(path, "/proc/%s/ns/%s", init ? "1" : "self", kinds[i]);
			int fd = open(path, O_RDONLY);
			sprintf(name, "setns-%s-%s", init ? "init" : "self", kinds[i]);
			TRY(name, syscall(SYS_setns, fd, 0));
			close(fd);
		}
	}
}

static void mounts(void) {
	TRY("mount", syscall(SYS_mount, "x", "/tmp", "tmpfs", 0, ""));
	TRY("remount", syscall(SYS_mount, "", "/usr", "", 0x1020 /* bind, remount */, ""));
	TRY("umount", syscall(SYS_umount2, "/proc", 2));
	TRY("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
	TRY("chroot", syscall(SYS_chroot, "/tmp"));
	TRY("open_tree", syscall(428, AT_FDCWD, "/", 1));
	TRY("move_mount", syscall(429, AT_FDCWD, "/tmp", AT_FDCWD, "/box", 0));
	TRY("fsopen", syscall(430, "tmpfs", 0));
	TRY("fsconfig", syscall(431, -1, 0, 0, 0, 0));
	TRY("fsmount", syscall(432, -1, 0, 0));
	TRY("fspick", syscall(433, AT_FDCWD, "/", 0));
	TRY("mount_setattr", syscall(442, AT_FDCWD, "/usr", 0, 0, 0));
	TRY("open_tree_attr", syscall(467, AT_FDCWD, "/", 1, 0, 0));
	TRY("later-call", syscall(470, 0, 0, 0, 0));
	TRY("last-call", syscall(1023, 0, 0, 0, 0));
}

static void processes(int victim) {
	char buffer[8];
	struct iovec here = {buffer, 8}, there = {(void *)&tell, 8};
	int pids[] = {1, victim};
	char name[64];
	for (int i = 0; i < 2; i++) {
		const char *of = i ? "own" : "init";
		sprintf(name, "ptrace-attach-%s", of);
		TRY(name, syscall(SYS_ptrace, PTRACE_ATTACH, pids[i], 0, 0));
		sprintf(name, "ptrace-seize-%s", of);
		TRY(name, syscall(SYS_ptrace, PTRACE_SEIZE, pids[i], 0, 0));
		sprintf(name, "process_vm_readv-%s", of);
		TRY(name, syscall(SYS_process_vm_readv, pids[i], &here, 1, &there, 1, 0));
		sprintf(name, "process_vm_writev-%s", of);
		TRY(name, syscall(SYS_process_vm_writev, pids[i], &here, 1, &there, 1, 0));
		sprintf(name, "kcmp-%s", of);
		TRY(name, syscall(SYS_kcmp, getpid(), pids[i], 0, 0, 0));
		int fd = syscall(434, pids[i], 0);
		sprintf(name, "pidfd_getfd-%s", of);
		TRY(name, syscall(438, fd, 0, 0));
		sprintf(name, "process_madvise-%s", of);
		TRY(name, syscall(440, fd, &there, 1, 4, 0));
		close(fd);
	}
	TRY("ptrace-me", syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0));
}

static void administration(void) {
	char buffer[4096] = {0};
	struct timespec now = {0, 0};
	TRY("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3));
	TRY("request_key", syscall(SYS_request_key, "user", "x", 0, 0));
	TRY("keyctl", syscall(SYS_keyctl, 0, -3, 1));
	TRY("bpf", syscall(SYS_bpf, 0, buffer, 64));
	TRY("perf_event_open", syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0));
	TRY("io_uring_setup", syscall(425, 4, buffer));
	TRY("io_uring_enter", syscall(426, -1, 0, 0, 0, 0, 0));
	TRY("io_uring_register", syscall(427, -1, 0, 0, 0));
	TRY("userfaultfd", syscall(SYS_userfaultfd, 1));
	TRY("memfd_secret", syscall(447, 0));
	TRY("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, buffer, 0));
	TRY("name_to_handle_at", syscall(SYS_name_to_handle_at, AT_FDCWD, "/usr", buffer, buffer + 64, 0));
	TRY("fanotify_init", syscall(SYS_fanotify_init, 0, 0));
	TRY("quotactl", syscall(SYS_quotactl, 0, "/dev/vda", 0, buffer));
	TRY("acct", syscall(SYS_acct, 0));
	TRY("swapon", syscall(SYS_swapon, "/tmp/x", 0));
	TRY("swapoff", syscall(SYS_swapoff, "/tmp/x"));
	TRY("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0));
	TRY("syslog", syscall(SYS_syslog, 3, buffer, sizeof buffer));
	TRY("vhangup", syscall(SYS_vhangup));
	TRY("init_module", syscall(SYS_init_module, buffer, 16, ""));
	TRY("finit_module", syscall(SYS_finit_module, 0, "", 0));
	TRY("delete_module", syscall(SYS_delete_module, "x", 0));
	TRY("kexec_load", syscall(SYS_kexec_load, 0, 0, 0, 0));
	TRY("settimeofday", syscall(SYS_settimeofday, &now, 0));
	TRY("clock_settime", syscall(SYS_clock_settime, 0, &now));
	TRY("clock_adjtime", syscall(SYS_clock_adjtime, 0, buffer));
	TRY("adjtimex", syscall(SYS_adjtimex, buffer));
	TRY("sethostname", syscall(SYS_sethostname, "x", 1));
	TRY("setdomainname", syscall(SYS_setdomainname, "x", 1));
	TRY("personality", syscall(SYS_personality, 0x0040000 /* no randomization */));
	TRY("sync", syscall(SYS_sync));
	TRY("syncfs", syscall(SYS_syncfs, 0));
#ifdef __x86_64__
	TRY("iopl", syscall(SYS_iopl, 3));
	TRY("ioperm", syscall(SYS_ioperm, 0x80, 1, 1));
	TRY("modify_ldt", syscall(SYS_modify_ldt, 0, buffer, sizeof buffer));
#endif
}

static void sockets(void) {
	static const struct { const char *name; long family, type, protocol; } kinds[] = {
		{"vsock", 40, SOCK_STREAM, 0}, {"packet", 17, SOCK_RAW, 0}, {"alg", 38, SOCK_SEQPACKET, 0},
		{"bluetooth", 31, SOCK_RAW, 0}, {"can", 29, SOCK_RAW, 1}, {"tipc", 30, SOCK_STREAM, 0},
		{"rds", 21, SOCK_SEQPACKET, 0}, {"xdp", 44, SOCK_RAW, 0}, {"key", 15, SOCK_RAW, 2},
		{"appletalk", 5, SOCK_DGRAM, 0}, {"x25", 9, SOCK_SEQPACKET, 0}, {"llc", 26, SOCK_STREAM, 0},
		{"netlink-audit", AF_NETLINK, SOCK_RAW, 9}, {"netlink-uevent", AF_NETLINK, SOCK_RAW, 15},
		{"netlink-netfilter", AF_NETLINK, SOCK_RAW, 12}, {"netlink-diag", AF_NETLINK, SOCK_RAW, 4},
		{"netlink-generic", AF_NETLINK, SOCK_RAW, 16}, {"netlink-xfrm", AF_NETLINK, SOCK_RAW, 6},
		{"vsock-high", HIGH | 40, SOCK_STREAM, 0}, {"netlink-high", HIGH | AF_NETLINK, SOCK_RAW, 16},
		{"raw", AF_INET, SOCK_RAW, 0}, {"raw6", AF_INET6, SOCK_RAW, 0}, {"raw-all", AF_INET, SOCK_RAW, 255}, {"packet-old", AF_INET, SOCK_PACKET, 0},
		{"icmp", AF_INET, SOCK_DGRAM, 1}, {"sctp", AF_INET, SOCK_STREAM, 132}, {"sctp6", AF_INET6, SOCK_STREAM, 132},
		{"mptcp", AF_INET, SOCK_STREAM, 262}, {"dccp", AF_INET, 6, 33}, {"smc", AF_INET, SOCK_STREAM, 256},
		{"l2tp", AF_INET, SOCK_DGRAM, 115}, {"sctp-high", AF_INET, SOCK_STREAM, HIGH | 132},
	};
	char name[64];
	int pair[2];
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		sprintf(name, "socket-%s", kinds[i].name);
		TRY(name, syscall(SYS_socket, kinds[i].family, kinds[i].type, kinds[i].protocol));
		sprintf(name, "socketpair-%s", kinds[i].name);
		TRY(name, syscall(SYS_socketpair, kinds[i].family, kinds[i].type, kinds[i].protocol, pair));
	}
}

static int reach(struct sockaddr *address, socklen_t size, int type) {
	int fd = socket(address->sa_family, type | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int r = connect(fd, address, size);
	if (r != 0 && errno == EINPROGRESS) {
		struct pollfd wait = {fd, POLLOUT, 0};
		poll(&wait, 1, 300);
		socklen_t length = sizeof errno;
		int fault = ETIMEDOUT;
		if (wait.revents)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &length);
		errno = fault;
		r = fault ? -1 : 0;
	}
	if (r == 0 && type == SOCK_DGRAM && address->sa_family != AF_UNIX)
		r = send(fd, "x", 1, 0) == 1 ? 0 : -1;
	int kept = errno;
	close(fd);
	errno = kept;
	return r;
}

static void network(char **argv) {
	struct sockaddr_un local = {AF_UNIX, ""};
	strcpy(local.sun_path + 1, argv[3]);
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[3]);
	TRY("reach-abstract", reach((struct sockaddr *)&local, length, SOCK_STREAM));
	for (char **address = argv + 4; *address; address++) {
		struct sockaddr_in v4 = {.sin_family = AF_INET};
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
		char name[128];
		for (int udp = 0; udp < 2; udp++) {
			int port = htons(atoi(argv[1 + udp])), type = udp ? SOCK_DGRAM : SOCK_STREAM;
			sprintf(name, "reach-%s-%s", udp ? "udp" : "tcp", *address);
			v4.sin_port = v6.sin6_port = port;
			if (inet_pton(AF_INET, *address, &v4.sin_addr) == 1)
				TRY(name, reach((struct sockaddr *)&v4, sizeof v4, type));
			else if (inet_pton(AF_INET6, *address, &v6.sin6_addr) == 1)
				TRY(name, reach((struct sockaddr *)&v6, sizeof v6, type));
		}
	}
}

static void rights(int victim) {
	struct { uint32_t version; int pid; } header = {0x20080522, 0};
	uint32_t all[6] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
	TRY("setuid", syscall(SYS_setuid, 12345));
	TRY("setgid", syscall(SYS_setgid, 12345));
	TRY("setresuid", syscall(SYS_setresuid, 12345, 12345, 12345));
	TRY("setgroups", syscall(SYS_setgroups, 0, 0));
	TRY("capset", syscall(SYS_capset, &header, all));
	TRY("nice", setpriority(PRIO_PROCESS, 0, -20));
	struct sched_param first = {50};
	TRY("real-time", sched_setscheduler(0, SCHED_FIFO, &first));
	TRY("mknod-block", mknod("/tmp/block", S_IFBLK | 0666, makedev(8, 0)));
	TRY("mknod-char", mknod("/tmp/char", S_IFCHR | 0666, makedev(1, 1)));
	TRY("chown", chown("/box", 12345, 12345));
	TRY("tiocsti", ioctl(0, TIOCSTI, "x"));
	TRY("tiocsti-in", ioctl(1, TIOCSTI, "x"));
	TRY("trace-all", syscall(SYS_prctl, 35 /* PR_SET_MM */, 1, 4096, 0, 0));
	static const struct { const char *name; int limit; } limits[] = {
		{"files", RLIMIT_NOFILE}, {"core", RLIMIT_CORE}, {"file-size", RLIMIT_FSIZE}, {"cpu", RLIMIT_CPU}, {"stack", RLIMIT_STACK},
	};
	struct rlimit now, none = {RLIM_INFINITY, RLIM_INFINITY}, zero = {0, 0};
	char name[64];
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		getrlimit(limits[i].limit, &now);
		sprintf(name, "raise-%s", limits[i].name);
		TRY(name, setrlimit(limits[i].limit, &none));
		sprintf(name, "raise-%s-high", limits[i].name);
		TRY(name, syscall(SYS_prlimit64, 0, HIGH | limits[i].limit, &none, 0));
		struct rlimit after;
		getrlimit(limits[i].limit, &after);
		if (memcmp(&now, &after, sizeof now) != 0)
			printf("raised-%s 0\n", limits[i].name);
	}
	TRY("core-zero", setrlimit(RLIMIT_CORE, &zero));
	TRY("core-zero-old", syscall(SYS_setrlimit, RLIMIT_CORE, &zero));
	TRY("core-zero-high", syscall(SYS_setrlimit, HIGH | RLIMIT_CORE, &zero));
	TRY("core-zero-other", syscall(SYS_prlimit64, victim, RLIMIT_CORE, &zero, 0));
}

static void files(void) {
	static const char *readable[] = {
		"/proc/1/environ", "/proc/1/root", "/proc/1/cwd", "/proc/1/exe", "/proc/1/fd/0", "/proc/1/fd/3", "/proc/1/fd/4", "/proc/1/maps", "/proc/1/mem", "/proc/1/auxv",
		"/proc/1/stack", "/proc/1/syscall", "/proc/1/ns/mnt", "/proc/1/root/etc/passwd", "/proc/1/task/1/environ", "/proc/1/task/1/mem",
		"/proc/1/io", "/proc/1/fdinfo", "/proc/1/timers",
		"/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/tty", "/dev/ptmx", "/dev/vda", "/dev/sda", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/userfaultfd",
		"/proc/kcore", "/proc/kmsg", "/proc/kpagecount", "/proc/slabinfo", "/sys", "/sys/fs/cgroup", "/sys/kernel/debug", "/boot", "/home", "/root", "/var", "/run", "/mnt", "/old_root",
		"/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh", "/etc/ssl/private",
	};
	static const char *writable[] = {
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory",
		"/proc/sys/net/ipv4/ip_forward", "/proc/sys/user/max_user_namespaces", "/proc/sysrq-trigger", "/proc/sys/kernel/ns_last_pid",
		"/proc/self/oom_score_adj", "/proc/self/oom_adj", "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups", "/proc/self/loginuid",
		"/proc/1/oom_score_adj", "/proc/1/mem", "/proc/1/comm", "/usr/bin/env", "/etc/passwd", "/etc/ld.so.cache", "/bin/sh",
	};
	char name[128], target[PATH_MAX];
	for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
		sprintf(name, "read-%s", readable[i]);
		errno = 0;
		int fd = open(readable[i], O_RDONLY | O_NONBLOCK | O_NOCTTY);
		struct stat null, found;
		// What is masked by the null device is not there.
		if (fd >= 0 && fstat(fd, &found) == 0 && S_ISCHR(found.st_mode) && stat("/dev/null", &null) == 0 && found.st_rdev == null.st_rdev)
			fd = -1, errno = ENOENT;
		char first;
		if (fd >= 0 && !S_ISDIR(found.st_mode))
			fd = read(fd, &first, 1) == 1 ? fd : (errno = errno ? errno : ENODATA, -1);
		tell(name, fd);
		sprintf(name, "link-%s", readable[i]);
		TRY(name, readlink(readable[i], target, sizeof target));
	}
	for (size_t i = 0; i < sizeof writable / sizeof *writable; i++) {
		sprintf(name, "write-%s", writable[i]);
		TRY(name, open(writable[i], O_WRONLY | O_NONBLOCK));
	}
}

// Where programs are the user 0 of the box, the worker is an ordinary user with no second user to
// give, and a program may end its own box.
static void signals(void) {
	char name[64];
	for (int i = 0; i <= SIGRTMAX; i++) {
		sprintf(name, "kill-init-%d", i);
		TRY(name, kill(1, i));
		sprintf(name, "queue-init-%d", i);
		union sigval value = {0};
		TRY(name, sigqueue(1, i, value));
	}
	int fd = syscall(434, 1, 0);
	TRY("pidfd-kill-init", syscall(424, fd, SIGSEGV, 0, 0));
	for (int thread = 1; thread < 12; thread++) {
		sprintf(name, "tgkill-init-%d", thread);
		TRY(name, syscall(SYS_tgkill, 1, thread, SIGSEGV));
	}
	struct rlimit zero = {0, 0};
	TRY("limit-init", syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, &zero, 0));
	TRY("nice-init", setpriority(PRIO_PROCESS, 1, 19));
}

int main(int argc, char **argv) {
	int victim = fork();
	if (victim == 0) {
		pause();
		_exit(0);
	}
	namespaces();
	mounts();
	processes(victim);
	administration();
	sockets();
	network(argv);
	rights(victim);
	files();
	if (getuid() != 0) // under an ordinary user, the first process has the same user: see below
		signals();
	kill(victim, SIGKILL);
	puts("end 0");
	return 0;
}
