package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroups makes the control groups of runs. There is an implementation for each version of the
// kernel's interface.
type cgroups interface {
	// create makes an empty group with its own counters.
	create(name string) (cgroup, error)
	version() string
	// close removes the parent of all groups.
	close() error
}

// cgroup holds the runs of one box, one after the other. Sizes are in bytes.
type cgroup interface {
	// adopt takes in the first process of a box while the box is built, where that saves time later.
	adopt(init int) error
	// begin sets the limits of the next run, and its counters to zero.
	begin(limits Limits) error
	// attach gives the descriptor of the group in which the program is to be created, or nil.
	attach() *os.File
	cpu() (time.Duration, error)
	memoryPeak() (int64, error)
	outOfMemory() (bool, error)
	destroy() error
}

// holdsFirst tells whether the first process of a box is in the box's group, and counts there: where programs
// are not created in the group, they come into it as its children.
func holdsFirst(group cgroup) bool { return group.attach() == nil }

// groupPrefix begins the names of our parent groups.
const groupPrefix = "sandgate-boxes-"

// errNoCgroup is why runs are held by resource limits only.
var errNoCgroup = errors.New("no writable control group")

// hierarchy is where a control-group file system is mounted, and our own group in it.
type hierarchy struct {
	mount string
	own   string
}

// openCgroups finds the host's control groups and makes a parent for the groups of this process.
// root is "/" in a program; a test gives a tree of its own. With rate, runs can be held to a share
// of a core.
func openCgroups(root string, rate bool) (cgroups, error) {
	mountinfo, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	membership, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return nil, err
	}
	v1, v2 := findHierarchies(string(mountinfo), string(membership))
	if v1["memory"].mount != "" && v1["pids"].mount != "" && v1["cpuacct"].mount != "" {
		c, err := openV1(root, v1, rate)
		if err != nil {
			return nil, err // and not a nil of a type, which would not equal nil
		}
		return c, nil
	}
	if v2.mount != "" {
		c, err := openV2(root, v2)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	return nil, fmt.Errorf("%w: no control-group file system with memory, pids and cpu is mounted", errNoCgroup)
}

// findHierarchies reads /proc/self/mountinfo and /proc/self/cgroup. A controller may be mounted
// under several names ("cpu,cpuacct"); each of them gets an entry.
func findHierarchies(mountinfo, membership string) (v1 map[string]hierarchy, v2 hierarchy) {
	own := map[string]string{}
	for _, line := range strings.Split(membership, "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, controller := range strings.Split(parts[1], ",") {
			own[controller] = parts[2]
		}
	}
	v1 = map[string]hierarchy{}
	for _, line := range strings.Split(mountinfo, "\n") {
		before, after, ok := strings.Cut(line, " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(super) < 3 {
			continue
		}
		mountRoot, mount := fields[3], fields[4]
		// A container may see the tree from its own group on: cut off what lies above.
		below := func(group string) string {
			if mountRoot != "/" {
				group = strings.TrimPrefix(group, mountRoot)
			}
			if strings.HasPrefix(group, "/..") {
				group = "/"
			}
			return group
		}
		switch super[0] {
		case "cgroup2":
			if v2.mount == "" {
				v2 = hierarchy{mount, below(own[""])}
			}
		case "cgroup":
			for _, controller := range strings.Split(super[2], ",") {
				if _, known := v1[controller]; !known { // later ones belong to other roots, such as a chroot's
					v1[controller] = hierarchy{mount, below(own[controller])}
				}
			}
		}
	}
	return v1, v2
}

// claimGroup makes a parent group below base, after those that dead owners left there are removed with
// what is in them.
func claimGroup(base string) (parentGroup, error) {
	forsaken(base, groupPrefix, func(parent string) {
		runs, err := os.ReadDir(parent)
		if err != nil {
			return
		}
		for _, run := range runs {
			if run.IsDir() {
				group := filepath.Join(parent, run.Name())
				killAll(group)
				_ = removeGroup(group)
			}
		}
		_ = removeGroup(parent)
	})
	dir, lock, err := claimFolder(base, groupPrefix)
	return parentGroup{dir, lock}, err
}

// parentGroup is above the groups of runs.
type parentGroup struct {
	dir  string
	lock *os.File
}

func (g parentGroup) remove() error {
	err := removeGroup(g.dir)
	if g.lock != nil {
		err = errors.Join(err, g.lock.Close())
	}
	return err
}

func killAll(group string) {
	text, err := readKernel(filepath.Join(group, "cgroup.procs"))
	if err != nil {
		return
	}
	for _, field := range strings.Fields(text) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// removeGroup removes an empty group. The kernel says "busy" for a moment after the last process
// has gone.
func removeGroup(dir string) error {
	var err error
	for wait := time.Millisecond; wait < 300*time.Millisecond; wait *= 2 {
		err = syscall.Rmdir(dir)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(wait)
	}
	return fmt.Errorf("remove the control group %s: %w", dir, err)
}

func writeGroup(dir, file, value string) error {
	return writeKernel(filepath.Join(dir, file), value)
}

func readNumber(dir, file string) (int64, error) {
	text, err := readKernel(filepath.Join(dir, file))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
}

// readKey reads a number from a file of lines "key number".
func readKey(dir, file, key string) (int64, error) {
	text, err := readKernel(filepath.Join(dir, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, " "); ok && name == key {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", filepath.Join(dir, file), key)
}
