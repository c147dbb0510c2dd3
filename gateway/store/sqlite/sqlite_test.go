package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/gateway/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s, err := sqlite.Open(filepath.Join(t.TempDir(), "data", "gateway.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}

func TestTheFileIsPrivateAndKeeps(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "gateway.db")
	s, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	key := auth.Key{ID: "1", Hash: auth.Hash{1}, Account: "me", CreatedAt: time.Unix(1, 0)}
	if err := s.AddKey(ctx, key, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	if s, err = sqlite.Open(path); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if got, err := s.KeyByHash(ctx, key.Hash); err != nil || got == nil {
		t.Errorf("after it was opened again: %v, %v", got, err)
	}
}
