package sandbox

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// newMemory makes a file in memory that no path leads to.
func newMemory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// sealed makes a file in memory with a content that nobody can change, whoever finds it.
func sealed(name string, content io.Reader) (*os.File, error) {
	f, err := newMemory(name)
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(f, content); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
