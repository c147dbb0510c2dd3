package sandbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What a process makes on the host (a folder, control groups, users of boxes) it claims by a lock, which
// the kernel takes back when the process ends, however it ends. Whoever finds such a thing without its
// lock may remove it. A process id would not tell: those who share a folder or a tree of control groups
// need not share the process ids.

// claimFolder makes a folder that is ours as long as the lock is open.
func claimFolder(parent, prefix string) (dir string, lock *os.File, err error) {
	for range 10 {
		// The process id is for people who look.
		dir = filepath.Join(parent, prefix+strconv.Itoa(os.Getpid())+"-"+strconv.FormatInt(time.Now().UnixNano(), 36))
		lock, err = claimNamed(dir)
		if err == nil || !errors.Is(err, os.ErrExist) && !errors.Is(err, errTaken) {
			break
		}
	}
	return dir, lock, err
}

// errTaken tells that somebody cleaned up before we had the lock.
var errTaken = errors.New("the folder was taken away")

func claimNamed(dir string) (*os.File, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	if lock == nil {
		return nil, errTaken
	}
	return lock, nil
}

// lockFolder gives the lock of a folder, or nil where somebody has it or the folder is gone.
func lockFolder(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	lock := os.NewFile(uintptr(fd), dir)
	if err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		var ours, there unix.Stat_t
		if unix.Fstat(fd, &ours) == nil && unix.Lstat(dir, &there) == nil && ours.Ino == there.Ino && ours.Dev == there.Dev {
			return lock, nil
		}
	}
	_ = lock.Close()
	if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return nil, nil
}

// forsaken calls remove with each folder of our user in parent that nobody has claimed.
func forsaken(parent, prefix string, remove func(dir string)) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		lock, err := lockFolder(dir)
		if err != nil || lock == nil {
			continue
		}
		var found unix.Stat_t
		if unix.Fstat(int(lock.Fd()), &found) == nil && int(found.Uid) == os.Geteuid() {
			remove(dir)
		}
		_ = lock.Close()
	}
}

// Every box has a user id of the host of its own, so that nothing that the kernel counts or shares by
// user is common to two boxes. The range lies above ordinary users and below those that distributions
// hand out to containers. Each worker of a host takes a slice of it, which is more than the boxes it
// has at a time.
const firstUser, users, slice = 60_000, 5_000, 250

// claimUsers gives the first user of a slice that is ours as long as the lock is open. Where workers
// can't see each other's locks, as in containers, or there are more of them than slices, it is any
// slice, and the lock nil.
func claimUsers(folders ...string) (first int, lock *os.File) {
	order := rand.Perm(users / slice)
	for _, folder := range folders {
		if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			continue
		}
		// In a folder that is not ours somebody could hold all the locks, or put links in their places.
		at, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		var found unix.Stat_t
		if err := unix.Fstat(at, &found); err == nil && int(found.Uid) == os.Geteuid() && found.Mode&0o022 == 0 {
			for _, i := range order {
				if lock = lockFile(at, "users-"+strconv.Itoa(i)); lock != nil {
					_ = unix.Close(at)
					return firstUser + i*slice, lock
				}
			}
		}
		_ = unix.Close(at)
	}
	return firstUser + order[0]*slice, nil
}

func lockFile(folder int, name string) *os.File {
	fd, err := unix.Openat(folder, name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil
	}
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
		_ = unix.Close(fd)
		return nil
	}
	return os.NewFile(uintptr(fd), name)
}
