package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A tree of plain files stands for the kernel's: what is read is there, and what is written can be
// looked at. The kernel makes the files of a new group by itself; makeFiles does here.
type fakeTree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T, mountinfo, membership string) fakeTree {
	tree := fakeTree{t, t.TempDir()}
	tree.write("proc/self/mountinfo", mountinfo)
	tree.write("proc/self/cgroup", membership)
	return tree
}

func (f fakeTree) write(path, text string) {
	f.t.Helper()
	full := filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// read gives what a file holds now. A write to a control file replaces what it says, but on a plain
// file it leaves the rest of a longer text, so the files begin empty where that matters.
func (f fakeTree) read(path string) string {
	f.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

func (f fakeTree) makeFiles(dir string, files map[string]string) {
	f.t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
}

func TestFindHierarchies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name                  string
		mountinfo, membership string
		v1                    map[string]hierarchy
		v2                    hierarchy
	}{
		{
			name:       "v2 of a host",
			mountinfo:  "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			membership: "0::/user.slice/user-1000.slice/session-1.scope\n",
			v2:         hierarchy{"/sys/fs/cgroup", "/user.slice/user-1000.slice/session-1.scope"},
		},
		{
			name:       "v2 in a private namespace",
			mountinfo:  "30 24 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n",
			membership: "0::/\n",
			v2:         hierarchy{"/sys/fs/cgroup", "/"},
		},
		{
			name:       "v2 with a member from outside the namespace",
			mountinfo:  "30 24 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
			membership: "0::/../other\n",
			v2:         hierarchy{"/sys/fs/cgroup", "/"},
		},
		{
			name: "v1 mounted together",
			mountinfo: "33 32 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
				"34 32 0:29 / /sys/fs/cgroup/memory rw shared:9 master:1 - cgroup cgroup rw,memory\n" +
				"35 32 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n" +
				"36 32 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n",
			membership: "4:cpu,cpuacct:/a\n3:memory:/b\n2:pids:/c\n1:name=systemd:/d\n",
			v1: map[string]hierarchy{
				"cpu": {"/sys/fs/cgroup/cpu,cpuacct", "/a"}, "cpuacct": {"/sys/fs/cgroup/cpu,cpuacct", "/a"},
				"memory": {"/sys/fs/cgroup/memory", "/b"}, "pids": {"/sys/fs/cgroup/pids", "/c"},
			},
		},
		{
			name:       "v1 as a container sees it",
			mountinfo:  "34 32 0:29 /docker/abc /sys/fs/cgroup/memory rw master:1 - cgroup cgroup rw,memory\n",
			membership: "3:memory:/docker/abc\n",
			v1:         map[string]hierarchy{"memory": {"/sys/fs/cgroup/memory", ""}},
		},
		{
			name:       "v1 below the group of a container",
			mountinfo:  "34 32 0:29 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			membership: "3:memory:/docker/abc/worker\n",
			v1:         map[string]hierarchy{"memory": {"/sys/fs/cgroup/memory", "/worker"}},
		},
		{
			name: "both",
			mountinfo: "34 32 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"41 32 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n42 32 0:38 / /elsewhere rw - cgroup2 cgroup2 rw\n" +
				"43 32 0:29 / /tmp/chroot/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			membership: "3:memory:/m\n0::/u\n",
			v1:         map[string]hierarchy{"memory": {"/sys/fs/cgroup/memory", "/m"}},
			v2:         hierarchy{"/sys/fs/cgroup/unified", "/u"},
		},
		{name: "nothing", mountinfo: "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n\nodd line\n1 2 - \n", membership: "odd\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v1, v2 := findHierarchies(tc.mountinfo, tc.membership)
			for controller, want := range tc.v1 {
				if v1[controller] != want {
					t.Errorf("%s: got %+v, want %+v", controller, v1[controller], want)
				}
			}
			for _, controller := range []string{"memory", "pids", "cpu", "cpuacct"} {
				if _, ok := tc.v1[controller]; !ok && v1[controller].mount != "" {
					t.Errorf("%s: got %+v", controller, v1[controller])
				}
			}
			if v2 != tc.v2 {
				t.Errorf("v2: got %+v, want %+v", v2, tc.v2)
			}
		})
	}
}

const (
	v2Mount      = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	v2Membership = "0::/worker\n"
	v2Base       = "sys/fs/cgroup/worker"
)

func TestOpenV2(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, membership, base, controllers string
		fault                               string
	}{
		{"below our own group", v2Membership, v2Base, "cpuset cpu io memory pids", ""},
		{"at the top where our own group can't be seen", "0::/elsewhere\n", "sys/fs/cgroup", "cpu memory pids", ""},
		{"beside the leaf of an earlier start", "0::/worker/" + supervisorGroup + "\n", v2Base, "cpu memory pids", ""},
		{"without cpu", v2Membership, v2Base, "memory pids", ""},
		{"without pids", v2Membership, v2Base, "cpu memory", "no pids controller"},
		{"with a name that only begins alike", v2Membership, v2Base, "cpu memory_recursiveprot pids", "no memory controller"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tree := newTree(t, v2Mount, tc.membership)
			tree.write("sys/fs/cgroup/.keep", "")
			tree.write(tc.base+"/"+supervisorGroup+"/cgroup.procs", "")
			tree.write(tc.base+"/cgroup.controllers", tc.controllers+"\n")
			tree.write(tc.base+"/cgroup.subtree_control", "")
			_, err := openCgroups(tree.root, true)
			// The new group has no control files in this tree, so opening ends there at the latest.
			if !errors.Is(err, errNoCgroup) {
				t.Fatalf("got %v", err)
			}
			if tc.fault != "" {
				if !strings.Contains(err.Error(), tc.fault) {
					t.Errorf("got %v", err)
				}
				return
			}
			if made := filepath.Join(tree.root, tc.base, groupPrefix+strconv.Itoa(os.Getpid())+"-"); !strings.Contains(err.Error(), made) {
				t.Errorf("it is not made as %s…: %v", made, err)
			}
			if tree.read(filepath.Join(tree.root, tc.base, "cgroup.subtree_control")) == "" {
				t.Error("no controller is given on")
			}
			if left, _ := filepath.Glob(filepath.Join(tree.root, tc.base, groupPrefix+"*")); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestEnable(t *testing.T) {
	t.Parallel()
	tree := newTree(t, "", "")
	tree.write("group/cgroup.subtree_control", "")
	dir := filepath.Join(tree.root, "group")
	if err := enable(dir, "cpuset cpu io"); err != nil || tree.read(filepath.Join(dir, "cgroup.subtree_control")) != "+cpu" {
		t.Errorf("got %v, %q", err, tree.read(filepath.Join(dir, "cgroup.subtree_control")))
	}
	if err := enable(filepath.Join(tree.root, "nowhere"), "cpu"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Where a group may not give on its controllers, everybody in it moves to a leaf first.
func TestDelegateMovesTheProcesses(t *testing.T) {
	t.Parallel()
	tree := newTree(t, "", "")
	tree.write("base/cgroup.procs", "17\n42\n")
	base := filepath.Join(tree.root, "base")
	// A folder in place of the file makes the first attempt fail, as the kernel's EBUSY would.
	if err := os.Mkdir(filepath.Join(base, "cgroup.subtree_control"), 0o755); err != nil {
		t.Fatal(err)
	}
	tree.write("base/"+supervisorGroup+"/cgroup.procs", "")
	if err := delegate(base, "memory pids cpu"); err == nil {
		t.Fatal("it gave on what it can't")
	}
	if moved := tree.read(filepath.Join(base, supervisorGroup, "cgroup.procs")); moved != "42" {
		t.Errorf("the last to be moved is %q", moved)
	}
}

func TestV2Group(t *testing.T) {
	t.Parallel()
	tree := newTree(t, "", "")
	parent := filepath.Join(tree.root, "parent")
	if err := os.Mkdir(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	groups := &v2Cgroups{parentGroup{dir: parent}}
	made, err := groups.create("box-1")
	if err != nil {
		t.Fatal(err)
	}
	group := made.(*v2Cgroup)
	control := map[string]string{"memory.max": "", "memory.swap.max": "", "memory.oom.group": "", "pids.max": "", "cpu.max": ""}
	limits := Limits{Memory: 64 << 20, Processes: 7, CPURate: 0.5}
	tree.makeFiles(group.dir(), control)
	if err := group.begin(limits); err != nil {
		t.Fatal(err)
	}
	first := group.dir()
	for file, want := range map[string]string{"memory.max": "67108864", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "7", "cpu.max": "50000 100000"} {
		if got := tree.read(filepath.Join(first, file)); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	if group.attach() == nil {
		t.Error("there is no descriptor to create programs in the group with")
	}

	tree.makeFiles(first, map[string]string{
		"cpu.stat": "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n", "memory.peak": "4096\n",
		"memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 1\n",
	})
	if used, err := group.cpu(); err != nil || used != 1500*time.Millisecond {
		t.Errorf("CPU time %v, %v", used, err)
	}
	if peak, err := group.memoryPeak(); err != nil || peak != 4096 {
		t.Errorf("peak %d, %v", peak, err)
	}
	if killed, err := group.outOfMemory(); err != nil || !killed {
		t.Errorf("out of memory %v, %v", killed, err)
	}

	// The next run has a group of its own, so its counters begin anew. Its files are not there yet.
	if err := group.begin(Limits{}); err != nil {
		t.Fatal(err)
	}
	if group.dir() == first || filepath.Dir(group.dir()) != parent {
		t.Errorf("the second run is in %s", group.dir())
	}
	if _, err := group.cpu(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	tree.makeFiles(group.dir(), map[string]string{"memory.events": "max 0\noom_kill 0\n", "cpu.stat": "nr_periods 0\n"})
	if killed, err := group.outOfMemory(); err != nil || killed {
		t.Errorf("out of memory %v, %v", killed, err)
	}
	if _, err := group.cpu(); err == nil {
		t.Error("a file without the counter gave one")
	}

	// Kernels without swap or without oom.group have no such files; they are left out.
	if err := group.begin(Limits{}); err != nil {
		t.Fatal(err)
	}
	group.used = false
	tree.makeFiles(group.dir(), map[string]string{"memory.max": ""})
	if err := group.begin(Limits{Memory: 1}); err != nil {
		t.Errorf("got %v", err)
	}
	group.used = false
	if err := group.begin(Limits{Processes: 1}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a limit that can't be set gave %v", err)
	}

	for _, dir := range group.runs { // the kernel's files go with their folder
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, file := range files {
			_ = os.Remove(file)
		}
	}
	if err := errors.Join(group.destroy(), groups.close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(parent); !errors.Is(err, os.ErrNotExist) {
		t.Error("the groups are still there")
	}
}

const v1Mounts = "33 32 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
	"34 32 0:29 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
	"35 32 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"

const v1Membership = "4:cpu,cpuacct:/a\n3:memory:/docker/abc\n2:pids:/unseen\n"

func openFakeV1(t *testing.T, rate bool) (fakeTree, *v1Cgroups) {
	t.Helper()
	tree := newTree(t, v1Mounts, v1Membership)
	for _, dir := range []string{"cpu,cpuacct/a", "memory", "pids"} {
		tree.write("sys/fs/cgroup/"+dir+"/cgroup.procs", "")
	}
	groups, err := openCgroups(tree.root, rate)
	if err != nil {
		t.Fatal(err)
	}
	return tree, groups.(*v1Cgroups)
}

func TestOpenV1(t *testing.T) {
	t.Parallel()
	tree, groups := openFakeV1(t, true)
	for want, dir := range map[string]string{"cpu,cpuacct/a": groups.cpuacct, "memory": groups.memory, "pids": groups.pids} {
		if filepath.Dir(dir) != filepath.Join(tree.root, "sys/fs/cgroup", want) {
			t.Errorf("the groups of %s are in %s", want, dir)
		}
	}
	if groups.cpuRate != groups.cpuacct {
		t.Errorf("cpu is in %s, cpuacct in %s", groups.cpuRate, groups.cpuacct)
	}
	made, err := groups.create("box-1")
	if err != nil {
		t.Fatal(err)
	}
	if dirs := made.(*v1Cgroup).dirs; len(dirs) != 3 {
		t.Errorf("the group is in %v", dirs)
	}
	if _, err := groups.create("box-1"); !errors.Is(err, os.ErrExist) {
		t.Errorf("two groups of one name: %v", err)
	}
	if err := errors.Join(made.destroy(), groups.close()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(tree.root, "sys/fs/cgroup/*", groupPrefix+"*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestV1Group(t *testing.T) {
	t.Parallel()
	tree, groups := openFakeV1(t, true)
	made, err := groups.create("box-1")
	if err != nil {
		t.Fatal(err)
	}
	group := made.(*v1Cgroup)
	const inFiles = 1 << 20
	tree.makeFiles(group.memory, map[string]string{
		"memory.limit_in_bytes": "", "memory.memsw.limit_in_bytes": "", "memory.max_usage_in_bytes": "",
		"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "memory.stat": "cache 5\nshmem " + strconv.Itoa(inFiles) + "\ntotal_shmem 9\n",
		"cgroup.procs": "",
	})
	tree.makeFiles(group.pids, map[string]string{"pids.current": "5\n", "pids.max": "", "cgroup.procs": ""})
	tree.makeFiles(group.cpuacct, map[string]string{"cpuacct.usage": "1000\n", "cpu.cfs_period_us": "", "cpu.cfs_quota_us": "", "cgroup.procs": ""})
	if err := group.adopt(4242); err != nil {
		t.Fatal(err)
	}
	for _, dir := range group.dirs {
		if member := tree.read(filepath.Join(dir, "cgroup.procs")); member != "4242" {
			t.Errorf("%s has %q", dir, member)
		}
	}
	if err := group.begin(Limits{Memory: 64 << 20, Processes: 7, CPURate: 0.25}); err != nil {
		t.Fatal(err)
	}
	memory := strconv.Itoa(64<<20 + inFiles)
	for path, want := range map[string]string{
		"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory, "memory.max_usage_in_bytes": "0",
		"pids.max": "12", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "25000",
	} {
		found := ""
		for _, dir := range group.dirs {
			if text, err := os.ReadFile(filepath.Join(dir, path)); err == nil {
				found = string(text)
			}
		}
		if found != want {
			t.Errorf("%s is %q, want %q", path, found, want)
		}
	}

	group.cpuBefore = 1000
	tree.makeFiles(group.cpuacct, map[string]string{"cpuacct.usage": "2500001000\n"})
	tree.makeFiles(group.memory, map[string]string{"memory.max_usage_in_bytes": strconv.Itoa(inFiles + 4096), "memory.oom_control": "oom_kill 3\n"})
	if used, err := group.cpu(); err != nil || used != 2500*time.Millisecond {
		t.Errorf("CPU time %v, %v", used, err)
	}
	if peak, err := group.memoryPeak(); err != nil || peak != 4096 {
		t.Errorf("peak %d, %v", peak, err)
	}
	if killed, err := group.outOfMemory(); err != nil || killed {
		t.Errorf("an earlier kill was counted: %v, %v", killed, err)
	}
	tree.makeFiles(group.memory, map[string]string{"memory.oom_control": "oom_kill 4\n"})
	if killed, err := group.outOfMemory(); err != nil || !killed {
		t.Errorf("out of memory %v, %v", killed, err)
	}
}

func TestV1WithoutRate(t *testing.T) {
	t.Parallel()
	_, groups := openFakeV1(t, false)
	made, err := groups.create("box-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := made.(*v1Cgroup).limitRate(0.5); err == nil {
		t.Error("a rate was set without the controller")
	}
	if err := made.(*v1Cgroup).limitRate(0); err != nil {
		t.Error(err)
	}
}

func TestNoCgroups(t *testing.T) {
	t.Parallel()
	tree := newTree(t, "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "0::/\n")
	if _, err := openCgroups(tree.root, false); !errors.Is(err, errNoCgroup) {
		t.Errorf("got %v", err)
	}
	// Mounted, but not for us to write: whoever asks for groups gets none, and can close what it has.
	for _, tree := range []fakeTree{
		newTree(t, "30 20 0:26 /docker/a /sys/memory ro - cgroup cgroup rw,memory\n31 20 0:27 /docker/a /sys/pids ro - cgroup cgroup rw,pids\n32 20 0:28 /docker/a /sys/cpuacct ro - cgroup cgroup rw,cpuacct\n", ""),
		newTree(t, "30 20 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/\n"),
	} {
		if groups, err := openCgroups(tree.root, false); !errors.Is(err, errNoCgroup) || groups != nil {
			t.Errorf("got %v, %v", groups, err)
		}
	}
	if _, err := openCgroups(t.TempDir(), false); err == nil {
		t.Error("it opened nothing at all")
	}
}
