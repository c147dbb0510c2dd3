package main

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sandgate/sandgate/judge0/sandbox/wire"
)

// mountRoot makes the root of the box and leaves that of the host.
func mountRoot(box *wire.Box) error {
	// What is mounted here is nobody else's business, whatever the host shares.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return at("keep mounts to the box", err)
	}
	unix.Umask(0) // modes are as they are given
	if err := unix.Mount("tmpfs", box.Root, "tmpfs", 0, "mode=755"); err != nil {
		return at("mount the root", err)
	}
	if err := os.Chdir(box.Root); err != nil {
		return at("enter the root", err)
	}
	for _, m := range box.Mounts {
		if m.Type == "proc" {
			if err := openScore(m); err != nil {
				return at("open oom_score_adj", err)
			}
		}
		if err := mount(m); err != nil {
			return at("mount "+m.Target, err)
		}
	}
	const old = "old_root"
	if err := os.Mkdir(old, 0o755); err != nil {
		return at("leave the host's root", err)
	}
	err := unix.PivotRoot(box.Root, old)
	if err == nil {
		err = unix.Unmount(old, unix.MNT_DETACH)
	}
	if err == nil {
		err = os.Remove(old)
	}
	if err != nil {
		return at("leave the host's root", err)
	}
	for _, link := range box.Links {
		if err := makeFolder(filepath.Dir(link.Path)); err != nil {
			return at("make "+link.Path, err)
		}
		if err := os.Symlink(link.Target, link.Path); err != nil {
			return at("make "+link.Path, err)
		}
	}
	for _, path := range masked {
		if err := mask(path); err != nil {
			return at("hide "+path, err)
		}
	}
	if err := unix.Mount("tmpfs", "/", "tmpfs", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOATIME|unix.MS_NOSUID, ""); err != nil {
		return at("make the root read-only", err)
	}
	if err := unix.Sethostname([]byte(box.Hostname)); err != nil {
		return at("name the box", err)
	}
	if err := unix.Setdomainname([]byte(box.Hostname)); err != nil {
		return at("name the box", err)
	}
	return at("enter "+box.Home, os.Chdir(box.Home))
}

// score is our own oom_score_adj, ownScore what it holds. The /proc that programs see is read-only, and
// one that is not, with its settings of the host's kernel, must not be within anybody's reach.
var (
	score    = -1
	ownScore []byte
)

// openScore opens it in a /proc that is there for that moment only.
func openScore(m wire.Mount) error {
	if err := makeFolder(m.Target); err != nil {
		return err
	}
	if err := unix.Mount(m.Source, m.Target, m.Type, m.Flags&^unix.MS_RDONLY, m.Data); err != nil {
		return err
	}
	fd, err := unix.Open(filepath.Join(m.Target, "self/oom_score_adj"), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		text := make([]byte, 16)
		var n int
		if n, err = unix.Read(fd, text); err == nil {
			score, ownScore = fd, text[:n]
		}
	}
	return errors.Join(err, unix.Unmount(m.Target, unix.MNT_DETACH))
}

// masked are places that tell of the host.
var masked = []string{
	"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/usr/lib/wsl",
}

func mask(path string) error {
	err := unix.Mount("/dev/null", path, "", unix.MS_BIND, "")
	if err == unix.ENOTDIR {
		err = unix.Mount("tmpfs", path, "tmpfs", unix.MS_RDONLY, "")
	}
	return ignore(err, unix.ENOENT)
}

func mount(m wire.Mount) error {
	if err := makePlace(m); err != nil {
		return err
	}
	if err := unix.Mount(m.Source, m.Target, m.Type, m.Flags, m.Data); err != nil {
		return err
	}
	if m.Flags&(unix.MS_BIND|unix.MS_RDONLY) != unix.MS_BIND|unix.MS_RDONLY {
		return nil
	}
	// A bind mount becomes read-only by a second call. What the host has forbidden there must stay so.
	var s unix.Statfs_t
	if err := unix.Statfs(m.Source, &s); err != nil {
		return err
	}
	const kept = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME
	return unix.Mount("", m.Target, m.Type, m.Flags|unix.MS_REMOUNT|uintptr(s.Flags)&kept, m.Data)
}

// makePlace makes what is mounted over: a folder, or a file where one is bound.
func makePlace(m wire.Mount) error {
	var s unix.Stat_t
	file := m.Flags&unix.MS_BIND != 0 && unix.Stat(m.Source, &s) == nil && s.Mode&unix.S_IFMT != unix.S_IFDIR
	if !file {
		return makeFolder(m.Target)
	}
	if err := makeFolder(filepath.Dir(m.Target)); err != nil {
		return err
	}
	err := unix.Mknod(m.Target, unix.S_IFREG|0o755, 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// makeFolder makes a folder with those above it. Most are at the top, and need no look at what is there.
func makeFolder(path string) error {
	switch err := unix.Mkdir(path, 0o755); err {
	case nil, unix.EEXIST:
		return nil
	case unix.ENOENT:
		return os.MkdirAll(path, 0o755)
	default:
		return err
	}
}
