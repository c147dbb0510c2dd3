package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// v2Cgroups is the interface with one tree for all controllers.
type v2Cgroups struct {
	parentGroup
}

// v2Controllers are given to the groups of runs; cpu is needed for the share of a core only.
var v2Controllers = []string{"memory", "pids", "cpu"}

// openV2 makes the parent group. A group that has processes of its own can't give controllers to
// its children, unless it is the root of the tree: then we move to a leaf beside the runs.
func openV2(root string, tree hierarchy) (*v2Cgroups, error) {
	base := filepath.Join(root, tree.mount, tree.own)
	if _, err := os.Stat(base); err != nil {
		base = filepath.Join(root, tree.mount)
	}
	// Started again from the leaf that an earlier process moved this shell's group to.
	if filepath.Base(base) == supervisorGroup {
		base = filepath.Dir(base)
	}
	available, err := os.ReadFile(filepath.Join(base, "cgroup.controllers"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCgroup, err)
	}
	for _, controller := range []string{"memory", "pids"} {
		if !containsWord(string(available), controller) {
			return nil, fmt.Errorf("%w: the group %s has no %s controller", errNoCgroup, base, controller)
		}
	}
	if err := delegate(base, string(available)); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCgroup, err)
	}
	parent, err := claimGroup(base)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCgroup, err)
	}
	if err := enable(parent.dir, string(available)); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCgroup, errors.Join(err, parent.remove()))
	}
	return &v2Cgroups{parent}, nil
}

const supervisorGroup = "sandgate-supervisor"

func delegate(base, available string) error {
	err := enable(base, available)
	if err == nil {
		return nil
	}
	// "no internal processes": move everybody in the group, ourselves among them, to a leaf.
	leaf := filepath.Join(base, supervisorGroup)
	if mkdirErr := os.Mkdir(leaf, 0o755); mkdirErr != nil && !errors.Is(mkdirErr, os.ErrExist) {
		return errors.Join(err, mkdirErr)
	}
	// Who is born meanwhile is moved in the next round.
	for range 10 {
		text, readErr := os.ReadFile(filepath.Join(base, "cgroup.procs"))
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		for _, pid := range strings.Fields(string(text)) {
			// Who has ended meanwhile need not be moved.
			if moveErr := writeGroup(leaf, "cgroup.procs", pid); moveErr != nil && !errors.Is(moveErr, unix.ESRCH) {
				return errors.Join(err, moveErr)
			}
		}
		if err = enable(base, available); !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return err
}

func enable(dir, available string) error {
	for _, controller := range v2Controllers {
		if !containsWord(available, controller) {
			continue
		}
		if err := writeGroup(dir, "cgroup.subtree_control", "+"+controller); err != nil {
			return fmt.Errorf("give %s to the groups of runs: %w", controller, err)
		}
	}
	return nil
}

func containsWord(text, word string) bool { return slices.Contains(strings.Fields(text), word) }

func (c *v2Cgroups) version() string { return "v2" }
func (c *v2Cgroups) close() error    { return c.remove() }

func (c *v2Cgroups) create(name string) (cgroup, error) {
	g := &v2Cgroup{parent: c.dir, name: name}
	return g, g.next()
}

// v2Cgroup makes a group for each run: a program is created in it from the start, so that nothing
// needs to be moved, and the peak of memory begins anew.
type v2Cgroup struct {
	parent, name string
	runs         []string // the groups made so far; the last is the current one
	used         bool
	handle       *os.File
}

// next makes the group of the next run.
func (g *v2Cgroup) next() error {
	dir := filepath.Join(g.parent, g.name+"."+strconv.Itoa(len(g.runs)))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make a control group: %w", err)
	}
	handle, err := os.Open(dir)
	if err != nil {
		return errors.Join(fmt.Errorf("open a control group: %w", err), removeGroup(dir))
	}
	if g.handle != nil {
		_ = g.handle.Close()
	}
	g.runs, g.handle, g.used = append(g.runs, dir), handle, false
	return nil
}

func (g *v2Cgroup) dir() string { return g.runs[len(g.runs)-1] }

func (g *v2Cgroup) adopt(int) error { return nil }

func (g *v2Cgroup) begin(l Limits) error {
	if g.used {
		if err := g.next(); err != nil {
			return err
		}
	}
	g.used = true
	if l.Memory > 0 {
		if err := writeGroup(g.dir(), "memory.max", strconv.FormatInt(l.Memory, 10)); err != nil {
			return fmt.Errorf("limit memory: %w", err)
		}
		if err := writeGroup(g.dir(), "memory.swap.max", "0"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("limit swap: %w", err)
		}
		// All of a run ends when it is out of memory, not its largest process alone.
		if err := writeGroup(g.dir(), "memory.oom.group", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("limit memory: %w", err)
		}
	}
	if l.Processes > 0 {
		if err := writeGroup(g.dir(), "pids.max", strconv.Itoa(l.Processes)); err != nil {
			return fmt.Errorf("limit processes: %w", err)
		}
	}
	if l.CPURate > 0 {
		if err := writeGroup(g.dir(), "cpu.max", fmt.Sprintf("%d %d", int(l.CPURate*cpuPeriod), cpuPeriod)); err != nil {
			return fmt.Errorf("limit the share of a core: %w", err)
		}
	}
	return nil
}

func (g *v2Cgroup) attach() *os.File { return g.handle }

func (g *v2Cgroup) cpu() (time.Duration, error) {
	n, err := readKey(g.dir(), "cpu.stat", "usage_usec")
	return time.Duration(n) * time.Microsecond, err
}

// memoryPeak needs kernel 5.19; before that the caller's own figure must do.
func (g *v2Cgroup) memoryPeak() (int64, error) { return readNumber(g.dir(), "memory.peak") }

func (g *v2Cgroup) outOfMemory() (bool, error) {
	n, err := readKey(g.dir(), "memory.events", "oom_kill")
	return n > 0, err
}

func (g *v2Cgroup) destroy() error {
	err := g.handle.Close()
	for _, dir := range g.runs {
		err = errors.Join(err, removeGroup(dir))
	}
	return err
}
