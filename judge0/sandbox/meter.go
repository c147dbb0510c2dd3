package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// meter measures the processes of a box by looking at them, where there is no control group to count
// for us. It sees what is there when it looks, so a short peak may pass unseen.
type meter struct {
	init   int // the first process of the box
	before time.Duration
	cpu    time.Duration // the most seen so far
	memory int64         // the same, in bytes
}

const (
	// meterEvery is how often it looks.
	meterEvery = 20 * time.Millisecond
	// clockTicks is the unit of /proc/PID/stat, which is the same on all of Linux's architectures.
	clockTicks = time.Second / 100
	// mostMetered bounds a look at a box full of processes.
	mostMetered = 1000
)

func newMeter(first int) *meter {
	m := &meter{init: first}
	m.before, _ = m.total()
	return m
}

// look measures once more.
func (m *meter) look() {
	cpu, memory := m.total()
	m.cpu, m.memory = max(m.cpu, cpu-m.before), max(m.memory, memory)
}

// total sums up the time and memory of all processes below the first: of those that live, and of
// those that were waited for.
func (m *meter) total() (cpu time.Duration, memory int64) {
	seen := 0
	var visit func(pid int, isInit bool)
	visit = func(pid int, isInit bool) {
		stat, err := readStat(pid)
		if err != nil || seen >= mostMetered {
			return
		}
		seen++
		cpu += stat.waitedFor
		if !isInit {
			cpu += stat.own
			memory += ownMemory(pid)
		}
		for child := range childrenOf(pid) {
			visit(child, false)
		}
	}
	visit(m.init, true)
	return cpu, memory
}

type processStat struct {
	own, waitedFor time.Duration
}

// readStat reads the fields of /proc/PID/stat behind the name, which may hold anything.
func readStat(pid int) (processStat, error) {
	text, err := readKernel(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processStat{}, err
	}
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return processStat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(fields[i])
		return n
	}
	ticks := func(i int) time.Duration { return time.Duration(number(i)) * clockTicks }
	return processStat{own: ticks(11) + ticks(12), waitedFor: ticks(13) + ticks(14)}, nil
}

// ownMemory is what a process holds and does not share with files.
func ownMemory(pid int) (bytes int64) {
	text, err := readKernel(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		if name == "RssAnon" || name == "RssShmem" || name == "VmSwap" {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			bytes += kilobytes << 10
		}
	}
	return bytes
}

// childrenOf lists the children of all threads of a process.
func childrenOf(pid int) map[int]bool {
	children := map[int]bool{}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	for _, thread := range threads {
		for child := range childrenOfTask(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name())) {
			children[child] = true
		}
	}
	return children
}
