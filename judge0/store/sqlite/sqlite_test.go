package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sandgate/sandgate/judge0/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.RunEmbedded(t, func(t *testing.T) (storetest.Embedded, func() storetest.Embedded) {
		open := func(path string) *Store {
			s, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
		path := filepath.Join(t.TempDir(), "judge0.db")
		// Again reads a copy of the files as they are on the disk, with the first store still
		// open: what a killed process leaves.
		return open(path), func() storetest.Embedded {
			copied := filepath.Join(t.TempDir(), "copy.db")
			for _, suffix := range []string{"", "-wal"} {
				data, err := os.ReadFile(path + suffix)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(copied+suffix, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return open(copied)
		}
	})
}
