package main

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// FuzzUnzip unpacks whatever is given as an archive. Nothing may come to lie outside of the folder, nothing in it but
// files and folders, and no more than is allowed; what was there stays.
func FuzzUnzip(f *testing.F) {
	pack := func(entries ...zip.FileHeader) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for i, entry := range entries {
			to, err := w.CreateHeader(&entry)
			if err != nil {
				f.Fatal(err)
			}
			_, _ = to.Write(bytes.Repeat([]byte{'a' + byte(i)}, 100*i))
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	link, folder := zip.FileHeader{Name: "link"}, zip.FileHeader{Name: "d/"}
	link.SetMode(fs.ModeSymlink | 0o777)
	folder.SetMode(fs.ModeDir | 0o700)
	f.Add(pack(zip.FileHeader{Name: "a"}, zip.FileHeader{Name: "d/b", Method: zip.Deflate}), int64(1000))
	f.Add(pack(zip.FileHeader{Name: "a"}, zip.FileHeader{Name: "d/b", Method: zip.Deflate}), int64(10))
	f.Add(pack(zip.FileHeader{Name: "../outside"}), int64(1000))
	f.Add(pack(zip.FileHeader{Name: "/outside"}), int64(1000))
	f.Add(pack(zip.FileHeader{Name: "here"}, zip.FileHeader{Name: "here/below"}), int64(1000))
	f.Add(pack(link, zip.FileHeader{Name: "link/outside"}), int64(1000))
	f.Add(pack(folder, zip.FileHeader{Name: "d"}, zip.FileHeader{Name: "."}), int64(1000))
	f.Add([]byte("PK\x05\x06"), int64(1000))
	f.Fuzz(func(t *testing.T, archive []byte, limit int64) {
		limit %= 1 << 20
		top := t.TempDir()
		input := filepath.Join(t.TempDir(), "archive")
		box := filepath.Join(top, "box")
		for _, err := range []error{os.Mkdir(box, 0o755), os.WriteFile(filepath.Join(box, "here"), []byte("mine"), 0o644), os.WriteFile(input, archive, 0o644)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		in, err := os.Open(input)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		before := os.Stdin
		os.Stdin = in
		defer func() { os.Stdin = before }()
		t.Chdir(box)
		failed := unzip(strconv.FormatInt(limit, 10))
		var size int64
		if err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			switch inside, _ := filepath.Rel(box, path); {
			case path == top || path == box:
			case filepath.Dir(path) == top:
				t.Errorf("%s lies outside of the folder", path)
			case inside == "here":
				if text, _ := os.ReadFile(path); string(text) != "mine" {
					t.Errorf("a file that was there now holds %q", text)
				}
			case !info.IsDir() && !info.Mode().IsRegular():
				t.Errorf("%s is %v", path, info.Mode())
			case info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 || info.Mode().Perm()&0o022 != 0:
				t.Errorf("%s has the mode %v", path, info.Mode())
			case info.Mode().IsRegular():
				size += info.Size()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if most := max(0, limit) + 1; size > most || failed == nil && size > max(0, limit) {
			t.Errorf("%d bytes were unpacked, %d are allowed; error: %v", size, limit, failed)
		}
	})
}
