package auth

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// memory is a Store that counts look-ups.
type memory struct {
	mu      sync.Mutex
	keys    map[Hash]Key
	used    map[string]time.Time
	lookups int
}

func newMemory() *memory { return &memory{keys: map[Hash]Key{}, used: map[string]time.Time{}} }

func (m *memory) KeyByHash(_ context.Context, hash Hash) (*Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups++
	if key, ok := m.keys[hash]; ok {
		return &key, nil
	}
	return nil, nil
}

func (m *memory) AddKey(_ context.Context, key Key, replace bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for hash, other := range m.keys {
		if replace && other.Name == key.Name {
			delete(m.keys, hash)
		}
	}
	if _, there := m.keys[key.Hash]; !there {
		m.keys[key.Hash] = key
	}
	return nil
}

func (m *memory) CountKeys(context.Context) (int, error) { return len(m.keys), nil }

func (m *memory) TouchKeys(_ context.Context, used map[string]time.Time) error {
	for id, at := range used {
		m.used[id] = at
	}
	return nil
}

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func try(k *Keys, secret string) (Account, error) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Auth-Token", secret)
	return k.Authenticate(r)
}

func TestKeysAreRememberedBriefly(t *testing.T) {
	t.Parallel()
	store, c := newMemory(), &clock{time.Unix(1_000_000, 0)}
	k := NewKeys(store, c.now)
	secret, err := k.EnsureKey(t.Context(), "web", "web", Submit, Read)
	if err != nil || !strings.HasPrefix(secret, "sg_") || len(secret) != 46 {
		t.Fatal(secret, err)
	}
	for range 3 {
		if account, err := try(k, secret); err != nil || account.ID != "web" || !account.May(Read) || account.May(Delete) || account.May(Admin) {
			t.Fatalf("got %+v, %v", account, err)
		}
		if _, err := try(k, "bad"); err == nil {
			t.Fatal("a bad key was taken")
		}
	}
	if store.lookups != 2 {
		t.Errorf("%d look-ups for two keys", store.lookups)
	}
	clear(store.keys) // another process revokes it
	c.at = c.at.Add(cacheFor)
	if _, err := try(k, secret); err == nil {
		t.Error("a revoked key is taken for longer than promised")
	}
	if err := k.Flush(t.Context()); err != nil || len(store.used) != 1 {
		t.Errorf("last used: %v, %v", store.used, err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	store, c := newMemory(), &clock{time.Unix(1_000_000, 0)}
	k := NewKeys(store, c.now)
	secret, _ := k.EnsureKey(t.Context(), "web", "web", Read)
	expires := c.at.Add(5 * time.Second)
	for hash, key := range store.keys {
		key.ExpiresAt = &expires
		store.keys[hash] = key
	}
	if _, err := try(k, secret); err != nil {
		t.Error(err)
	}
	c.at = expires
	if _, err := try(k, secret); err == nil {
		t.Error("an expired key was taken, out of memory")
	}
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	k := NewKeys(newMemory(), time.Now)
	first, err := k.Bootstrap(t.Context(), "")
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	if again, err := k.Bootstrap(t.Context(), ""); again != "" || err != nil {
		t.Errorf("a second first key: %v", err)
	}
	if _, err := k.Bootstrap(t.Context(), "short"); err == nil {
		t.Error("a short key was taken")
	}
	for range 2 {
		if made, err := k.Bootstrap(t.Context(), "chosen-by-the-operator"); made != "" || err != nil {
			t.Errorf("got %q, %v", made, err)
		}
	}
	for _, secret := range []string{first, "chosen-by-the-operator"} {
		if account, err := try(k, secret); err != nil || !account.May(Delete) {
			t.Errorf("got %+v, %v", account, err)
		}
	}
}
