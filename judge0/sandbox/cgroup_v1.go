package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// v1Cgroups is the interface with a tree for each controller.
type v1Cgroups struct {
	memory, pids, cpuacct, cpuRate string                 // our parent group in each tree; cpuRate only where wanted
	parents                        map[string]parentGroup // by where they are; controllers may share a tree
}

func openV1(root string, trees map[string]hierarchy, rate bool) (*v1Cgroups, error) {
	c := &v1Cgroups{parents: map[string]parentGroup{}}
	for _, part := range []struct {
		controller string
		dir        *string
	}{{"memory", &c.memory}, {"pids", &c.pids}, {"cpuacct", &c.cpuacct}, {"cpu", &c.cpuRate}} {
		tree, ok := trees[part.controller]
		if !ok || part.controller == "cpu" && !rate {
			continue
		}
		base := parentOf(root, tree)
		if _, made := c.parents[base]; !made {
			parent, err := claimGroup(base)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errNoCgroup, errors.Join(err, c.close()))
			}
			c.parents[base] = parent
		}
		*part.dir = c.parents[base].dir
	}
	return c, nil
}

// parentOf gives the place of our parent group: below the group that we are in, so that what bounds us
// bounds our runs, or at the top of the tree where our own group can't be seen.
func parentOf(root string, tree hierarchy) string {
	base := filepath.Join(root, tree.mount, tree.own)
	if _, err := os.Stat(base); err != nil {
		base = filepath.Join(root, tree.mount)
	}
	return base
}

func (c *v1Cgroups) version() string { return "v1" }

func (c *v1Cgroups) close() error {
	var err error
	for _, parent := range c.parents {
		err = errors.Join(err, parent.remove())
	}
	return err
}

func (c *v1Cgroups) create(name string) (cgroup, error) {
	g := &v1Cgroup{memory: filepath.Join(c.memory, name), pids: filepath.Join(c.pids, name), cpuacct: filepath.Join(c.cpuacct, name)}
	dirs := distinct(g.memory, g.pids, g.cpuacct)
	if c.cpuRate != "" {
		g.cpuRate = filepath.Join(c.cpuRate, name)
		dirs = distinct(g.memory, g.pids, g.cpuacct, g.cpuRate)
	}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("make a control group: %w", err), g.destroy())
		}
		g.dirs = append(g.dirs, dir)
	}
	return g, nil
}

// v1Cgroup has the first process of its box as a member: the program is born into the group then.
// To move a process makes the kernel wait for all cores, 7 ms for each tree when it is idle, so it
// is done while a box is built and not while somebody waits. The first process and what it keeps
// in memory are left out of the figures as far as they can be told apart.
type v1Cgroup struct {
	memory, pids, cpuacct, cpuRate string
	dirs                           []string

	cpuBefore    time.Duration
	memoryBefore int64 // in files that earlier runs of the box left
	runs         int
	kernelBefore int64 // memory of the kernel before the first run
	killsBefore  int64
}

func (g *v1Cgroup) adopt(pid int) error {
	text := strconv.Itoa(pid)
	for _, dir := range g.dirs {
		if err := writeGroup(dir, "cgroup.procs", text); err != nil {
			return fmt.Errorf("join a control group: %w", err)
		}
	}
	return nil
}

func (g *v1Cgroup) begin(l Limits) error {
	// The files of a compiler must not eat up what its program may use, and where they exceed it,
	// the kernel refuses such a limit. (With version 2, each run has a group of its own.)
	g.memoryBefore, _ = readKey(g.memory, "memory.stat", "shmem")
	// Their names and the like are memory of the kernel: 1 KB a file.
	if kernel, err := readNumber(g.memory, "memory.kmem.usage_in_bytes"); err == nil {
		if g.runs++; g.runs == 1 {
			g.kernelBefore = kernel
		}
		g.memoryBefore += max(kernel-g.kernelBefore, 0)
	}
	limit := l.Memory
	if limit > 0 {
		limit += g.memoryBefore
	}
	err := g.limitMemory(limit)
	if err != nil && limit > 0 { // below what is held: what can't be told apart is left out as well
		if g.memoryBefore, err = readNumber(g.memory, "memory.usage_in_bytes"); err == nil {
			err = g.limitMemory(l.Memory + g.memoryBefore)
		}
	}
	if err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	if err := writeGroup(g.memory, "memory.max_usage_in_bytes", "0"); err != nil {
		return fmt.Errorf("reset the peak of memory: %w", err)
	}
	if g.killsBefore, err = readKey(g.memory, "memory.oom_control", "oom_kill"); err != nil {
		return fmt.Errorf("read whether memory ran out: %w", err)
	}
	most := "max"
	if l.Processes > 0 {
		present, err := readNumber(g.pids, "pids.current")
		if err != nil {
			return fmt.Errorf("count processes: %w", err)
		}
		most = strconv.FormatInt(present+int64(l.Processes), 10)
	}
	if err := writeGroup(g.pids, "pids.max", most); err != nil {
		return fmt.Errorf("limit processes: %w", err)
	}
	if err := g.limitRate(l.CPURate); err != nil {
		return err
	}
	used, err := readNumber(g.cpuacct, "cpuacct.usage")
	g.cpuBefore = time.Duration(used)
	return err
}

// limitMemory limits memory, and memory with swap where the kernel accounts for swap: the second
// must never be below the first, so their order depends on the way the limit moves.
func (g *v1Cgroup) limitMemory(limit int64) error {
	const memory, withSwap = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
	text := strconv.FormatInt(limit, 10)
	if limit <= 0 {
		text = "-1"
	}
	if err := writeGroup(g.memory, memory, text); err != nil {
		if err := writeGroup(g.memory, withSwap, text); err != nil {
			return err
		}
		return writeGroup(g.memory, memory, text)
	}
	if err := writeGroup(g.memory, withSwap, text); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// cpuPeriod is the period of CPU bandwidth, in microseconds.
const cpuPeriod = 100_000

func (g *v1Cgroup) limitRate(rate float64) error {
	if rate <= 0 {
		return nil
	}
	if g.cpuRate == "" {
		return errors.New("limit the share of a core: there is no cpu controller")
	}
	err := writeGroup(g.cpuRate, "cpu.cfs_period_us", strconv.Itoa(cpuPeriod))
	if err == nil {
		err = writeGroup(g.cpuRate, "cpu.cfs_quota_us", strconv.Itoa(int(rate*cpuPeriod)))
	}
	if err != nil {
		return fmt.Errorf("limit the share of a core: %w", err)
	}
	return nil
}

func (g *v1Cgroup) attach() *os.File { return nil }

func (g *v1Cgroup) cpu() (time.Duration, error) {
	n, err := readNumber(g.cpuacct, "cpuacct.usage")
	return time.Duration(n) - g.cpuBefore, err
}

func (g *v1Cgroup) memoryPeak() (int64, error) {
	n, err := readNumber(g.memory, "memory.max_usage_in_bytes")
	return max(n-g.memoryBefore, 0), err
}

func (g *v1Cgroup) outOfMemory() (bool, error) {
	n, err := readKey(g.memory, "memory.oom_control", "oom_kill")
	return n > g.killsBefore, err
}

func (g *v1Cgroup) destroy() error {
	var err error
	for _, dir := range g.dirs {
		err = errors.Join(err, removeGroup(dir))
	}
	return err
}

// distinct leaves out what is empty or repeats: controllers may share a tree.
func distinct(dirs ...string) []string {
	var out []string
next:
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		for _, known := range out {
			if known == dir {
				continue next
			}
		}
		out = append(out, dir)
	}
	return out
}
