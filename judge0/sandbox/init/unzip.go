package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// unzip unpacks the archive on stdin into the working folder, as the program's own user and within
// its limits: whatever an archive tries, it tries in a box. Files that are there already stay.
func unzip(limit string) error {
	left, err := strconv.ParseInt(limit, 10, 64)
	if err != nil {
		return err
	}
	info, err := os.Stdin.Stat()
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(os.Stdin, info.Size())
	if err != nil {
		return err
	}
	for _, entry := range archive.File {
		name := filepath.Clean(entry.Name)
		mode := entry.Mode()
		switch {
		case !filepath.IsLocal(name):
			return fmt.Errorf("%q leads out of the folder", entry.Name)
		case mode.IsDir():
			if err := os.MkdirAll(name, 0o755); err != nil {
				return err
			}
		case !mode.IsRegular():
			return fmt.Errorf("%q is neither a file nor a folder", entry.Name)
		default:
			n, err := extract(entry, name, left)
			if err != nil {
				return err
			}
			left -= n
		}
	}
	return nil
}

func extract(entry *zip.File, name string, left int64) (int64, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, err
	}
	from, err := entry.Open()
	if err != nil {
		return 0, fmt.Errorf("%q: %w", entry.Name, err)
	}
	defer from.Close()
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, entry.Mode().Perm()&0o755|0o644)
	if errors.Is(err, os.ErrExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(to, io.LimitReader(from, left+1))
	if err = errors.Join(err, to.Close()); err != nil {
		return n, fmt.Errorf("%q: %w", entry.Name, err)
	}
	if n > left {
		return n, errors.New("the archive unpacks to more than is allowed")
	}
	return n, nil
}
