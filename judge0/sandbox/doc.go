// Package sandbox runs one untrusted program at a time in a box that is used once.
//
// A box is a container of its own: user, pid, mount, network, IPC, UTS and cgroup namespaces, a
// read-only root with the toolchains of the host, bounded tmpfs at /box, /tmp and /dev/shm, no
// network at all, a system-call filter, no capabilities, and control groups (v1 or v2) for memory,
// processes and CPU. Boxes are built ahead of need, so that a submission does not wait for one, and
// are destroyed after it: nothing that a program leaves behind is there for the next.
//
// The package promises that Run returns within the wall-time limit (and a moment to kill), that no
// process of a run outlives it, and that the figures it reports are those of the whole group of
// processes. Where the host gives no writable control group it falls back to resource limits of
// each process and says so in Isolation; that is for development only.
//
// What a verdict is called, how a language is compiled and what a limit may be are left to others.
package sandbox
