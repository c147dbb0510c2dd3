package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What nobody has claimed is removed, whatever its name says of a process; the rest is not.
func TestForsaken(t *testing.T) {
	t.Parallel()
	parent, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	claimed, lock, err := claimFolder(parent, dirPrefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() })
	released, second, err := claimFolder(parent, dirPrefix)
	if err != nil || released == claimed {
		t.Fatalf("%s and %s, %v", claimed, released, err)
	}
	_ = second.Close()
	names := map[string]bool{
		filepath.Base(claimed):  true,
		filepath.Base(released): false,
		dirPrefix + "1-abc":     false, // that process lives, but does not have the lock
		dirPrefix + "x":         false,
		"another-1":             true,
		supervisorGroup:         true,
	}
	for name := range names {
		if err := os.MkdirAll(filepath.Join(parent, name, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(parent, name, "link")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(parent, dirPrefix+"link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(parent, dirPrefix+"file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	names[dirPrefix+"link"], names[dirPrefix+"file"] = true, true
	remove := func(dir string) { _ = os.RemoveAll(dir) }
	forsaken(parent, dirPrefix, remove)
	forsaken(filepath.Join(parent, "nowhere"), dirPrefix, remove)
	for name, stays := range names {
		if _, err := os.Lstat(filepath.Join(parent, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(outside, "file")); err != nil {
		t.Error("it went through a link")
	}
}

// The kernel takes a lock back from a process that is killed.
func TestALockEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	tool(t, "flock")
	dir := t.TempDir()
	holder := exec.Command("/usr/bin/flock", "-x", dir, "/bin/sh", "-c", "echo held; exec sleep 100")
	holder.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if lock, err := lockFolder(dir); lock != nil || err != nil {
		t.Errorf("a lock that another holds: %v, %v", lock, err)
	}
	_ = syscall.Kill(-holder.Process.Pid, syscall.SIGKILL)
	_ = holder.Wait()
	waitFor(t, func() bool {
		lock, err := lockFolder(dir)
		if lock != nil {
			_ = lock.Close()
		}
		return lock != nil && err == nil
	})
}

// Cleaning up and claiming at once: nobody loses what it has claimed.
func TestClaimsWhileOthersCleanUp(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				forsaken(parent, dirPrefix, func(dir string) { _ = os.Remove(dir) })
			}
		}
	}()
	for range 300 {
		dir, lock, err := claimFolder(parent, dirPrefix)
		if err != nil {
			t.Error(err)
			break
		}
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("it was taken away: %v", err)
		}
		_ = lock.Close()
	}
	close(stop)
	<-stopped
}

func TestGroupsOfDeadOwnersAreRemoved(t *testing.T) {
	t.Parallel()
	if shared.groups == nil {
		t.Skip("needs control groups, which this host does not give")
	}
	own := groupDirs(shared)[0]
	dead := filepath.Join(filepath.Dir(own), groupPrefix+"dead")
	if err := os.MkdirAll(filepath.Join(dead, "box-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	left := exec.Command("/bin/sleep", "100")
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	if err := writeGroup(filepath.Join(dead, "box-1"), "cgroup.procs", strconv.Itoa(left.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	parent, err := claimGroup(filepath.Dir(own))
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("what a dead owner left has ended with %v", err)
	}
	waitFor(t, func() bool { // another may have to remove it where the kernel was busy
		if _, err := os.Stat(dead); err != nil {
			return true
		}
		again, err := claimGroup(filepath.Dir(own))
		if err == nil {
			err = again.remove()
		}
		return err != nil
	})
	if _, err := os.Stat(own); err != nil {
		t.Errorf("a group that is claimed is gone: %v", err)
	}
	if err := parent.remove(); err != nil {
		t.Error(err)
	}
}

func TestUsersOfTheHost(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "users")
	taken := map[int]bool{}
	for range users / slice {
		first, lock := claimUsers("/nowhere/at/all", folder)
		if lock == nil || taken[first] || first < firstUser || first+slice > firstUser+users || (first-firstUser)%slice != 0 {
			t.Fatalf("got %d of %v", first, taken)
		}
		taken[first] = true
		if len(taken) > 1 {
			t.Cleanup(func() { _ = lock.Close() })
			continue
		}
		defer func() {
			if again, lock := claimUsers(folder); lock != nil || again < firstUser {
				t.Errorf("one more slice than there are: %d", again)
			}
			_ = lock.Close()
			again, lock := claimUsers(folder)
			if lock == nil || again != first {
				t.Errorf("the slice that was given back is not taken: %d", again)
			}
			_ = lock.Close()
		}()
	}
	// A folder that others may write to is not trusted, nor is a link.
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	if first, lock := claimUsers(open, link); lock != nil || first < firstUser || first+slice > firstUser+users {
		t.Errorf("got %d with the lock %v", first, lock)
	}
}
