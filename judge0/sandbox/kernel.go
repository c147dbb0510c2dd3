package sandbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// Files of control groups and of /proc are read and written a dozen times for each run, so this asks the kernel itself:
// package os would look at each of them and have it watched for events besides.

func openKernel(path string, mode int) (int, error) {
	for {
		fd, err := unix.Open(path, mode|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, pathError("open", path, err)
		}
	}
}

// writeKernel writes text to such a file, at once.
func writeKernel(path, text string) error {
	fd, err := openKernel(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		if _, err := unix.Write(fd, []byte(text)); err != unix.EINTR {
			return pathError("write", path, err)
		}
	}
}

// readKernel reads such a file to its end.
func readKernel(path string) (string, error) {
	fd, err := openKernel(path, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return "", pathError("read", path, err)
		case n == 0:
			return string(text), nil
		}
		if text = text[:len(text)+n]; len(text) == cap(text) {
			text = append(make([]byte, 0, 2*cap(text)), text...)
		}
	}
}

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: path, Err: err}
}
