package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sandgate/sandgate/judge0/sandbox/wire"
)

// Home is the working folder of programs, as in Judge0.
const Home = "/box"

// Sizes of the writable folders of a box. What a program writes there counts as its memory too.
const (
	homeSize   = "size=256m,nr_inodes=16k"
	tmpSize    = "size=256m,nr_inodes=16k"
	sharedSize = "size=64m,nr_inodes=1k"
)

// root lists what is mounted in a box: /usr of the host, our own /etc, devices that lead nowhere,
// and bounded folders in memory.
// below lists the places that are mounted below a folder.
func root(etc string, user int, folders []Folder, below func(folder string) []string) ([]wire.Mount, []wire.Link) {
	links := []wire.Link{
		{Path: "/dev/fd", Target: "/proc/self/fd"},
		{Path: "/dev/stdin", Target: "/proc/self/fd/0"},
		{Path: "/dev/stdout", Target: "/proc/self/fd/1"},
		{Path: "/dev/stderr", Target: "/proc/self/fd/2"},
	}
	var b mounts
	show := func(host, box string) {
		b.bind(host, box, unix.MS_RDONLY)
		// A folder is bound with all that is mounted below it, but read-only at its top alone.
		for _, place := range below(host) {
			b.bind(filepath.Join(host, place), filepath.Join(box, place), unix.MS_RDONLY)
		}
	}
	show("/usr", "usr")
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		target, err := os.Readlink("/" + name)
		switch {
		case err == nil: // merged into /usr, as in all current distributions
			links = append(links, wire.Link{Path: "/" + name, Target: target})
		default:
			show("/"+name, name)
		}
	}
	for _, folder := range folders {
		show(folder.Host, strings.TrimPrefix(folder.Box, "/"))
	}
	b.bind(etc, "etc", unix.MS_RDONLY)
	for _, device := range []string{"null", "zero", "full", "random", "urandom"} {
		b.bind("/dev/"+device, "dev/"+device, 0)
	}
	owner := fmt.Sprintf("uid=%d,gid=%d,", user, user)
	b.tmpfs("box", owner+"mode=755,"+homeSize)
	b.tmpfs("tmp", owner+"mode=1777,"+tmpSize)
	b.tmpfs("dev/shm", owner+"mode=1777,"+sharedSize)
	b = append(b, wire.Mount{Source: "proc", Target: "proc", Type: "proc", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY})
	return b, links
}

// mounts is a list in the making; its targets are relative to the root of the box.
type mounts []wire.Mount

// bind shows a file or folder of the host, if it is there.
func (b *mounts) bind(host, box string, flags uintptr) {
	if _, err := os.Stat(host); err != nil {
		return
	}
	*b = append(*b, wire.Mount{Source: host, Target: box, Flags: flags | unix.MS_BIND | unix.MS_REC | unix.MS_PRIVATE | unix.MS_NOSUID})
}

// tmpfs makes a bounded folder in memory.
func (b *mounts) tmpfs(box, options string) {
	*b = append(*b, wire.Mount{Source: "tmpfs", Target: box, Type: "tmpfs", Data: options, Flags: unix.MS_NOSUID | unix.MS_NOATIME | unix.MS_NODEV})
}

// mountsBelow reads what is mounted now. The function returned gives the places mounted below a
// folder, relative to it and outer ones first.
func mountsBelow() (func(folder string) []string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var places []string
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 4 {
			places = append(places, unescape.Replace(fields[4]))
		}
	}
	slices.Sort(places)
	places = slices.Compact(places)
	return func(folder string) []string {
		if resolved, err := filepath.EvalSymlinks(folder); err == nil {
			folder = resolved
		}
		var found []string
		for _, place := range places {
			if inner, ok := strings.CutPrefix(place, strings.TrimSuffix(folder, "/")+"/"); ok && inner != "" {
				found = append(found, inner)
			}
		}
		return found
	}, nil
}

// etcFromHost are the files and folders of /etc that toolchains need. None of them holds a secret,
// and they are copied: a link among them can't lead out of what is listed here.
var etcFromHost = []string{
	"ld.so.cache", "localtime", "alternatives", "java-*-openjdk", "python3*", "mono", "php", "perl",
	"R", "ghc", "erlang", "fpc*.cfg", "octaverc", "lua", "ldc2.conf", "gnucobol", "sbclrc", "groovy", "GNUstep",
}

func writeEtc(dir string, user int) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	own := map[string]string{
		"passwd":        fmt.Sprintf("root:x:0:0:root:/:/usr/sbin/nologin\nsandbox:x:%d:%d:sandbox:/tmp:/bin/bash\n", user, user),
		"group":         fmt.Sprintf("root:x:0:\nsandbox:x:%d:\n", user),
		"hosts":         "127.0.0.1 localhost sandbox\n::1 localhost\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"hostname":      "sandbox\n",
	}
	if user == 0 {
		own["passwd"] = "root:x:0:0:sandbox:/tmp:/bin/bash\n"
		own["group"] = "root:x:0:\n"
	}
	for name, text := range own {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, pattern := range etcFromHost {
		found, err := filepath.Glob(filepath.Join("/etc", pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := copyTree(path, filepath.Join(dir, filepath.Base(path))); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyTree copies what everybody may read: regular files, folders, and links as links. A link at the
// top (as /etc/localtime) is followed.
func copyTree(from, to string) error {
	if resolved, err := filepath.EvalSymlinks(from); err == nil {
		from = resolved
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // unreadable for us: left out
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		target := to + strings.TrimPrefix(path, from)
		switch {
		case entry.IsDir():
			if info.Mode().Perm()&0o005 != 0o005 {
				return filepath.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return nil
			}
			return os.Symlink(link, target)
		case info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0:
			text, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			return os.WriteFile(target, text, 0o644)
		}
		return nil
	})
}
