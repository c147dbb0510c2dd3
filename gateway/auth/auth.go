// Package auth tells who makes a request and what they may do.
//
// It promises that the secret of an API key is stored as a SHA-256 hash only, is shown once, by the
// call that makes it, and is never logged. Other kinds of identity become an Account as well, which
// is all that the rest of the gateway sees.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// Scope is a right of a key.
type Scope string

// The scopes. Admin holds all of them.
const (
	Submit Scope = "submit"
	Read   Scope = "read"
	Delete Scope = "delete"
	Admin  Scope = "admin"
)

// Scopes are the rights of a key.
type Scopes []Scope

// AllScopes are the rights of the first key.
func AllScopes() Scopes { return Scopes{Submit, Read, Delete, Admin} }

// ParseScopes reads what String wrote.
func ParseScopes(text string) Scopes {
	var scopes Scopes
	for _, name := range strings.Fields(text) {
		scopes = append(scopes, Scope(name))
	}
	return scopes
}

// String lists the scopes with spaces between.
func (s Scopes) String() string {
	names := make([]string, len(s))
	for i, scope := range s {
		names[i] = string(scope)
	}
	return strings.Join(names, " ")
}

// Account is who makes a request, and with which rights.
type Account struct {
	ID     string
	KeyID  string
	Scopes Scopes
}

// May tells whether the account's rights hold scope.
func (a Account) May(scope Scope) bool {
	return slices.Contains(a.Scopes, scope) || slices.Contains(a.Scopes, Admin)
}

type contextKey struct{}

// WithAccount gives a context that carries account.
func WithAccount(ctx context.Context, account Account) context.Context {
	return context.WithValue(ctx, contextKey{}, account)
}

// AccountOf gives the account that a context carries.
func AccountOf(ctx context.Context) (Account, bool) {
	account, ok := ctx.Value(contextKey{}).(Account)
	return account, ok
}

// Hash is the SHA-256 of a key's secret.
type Hash [sha256.Size]byte

// Key is an API key as it is stored: all but its secret.
type Key struct {
	ID         string
	Hash       Hash
	Prefix     string // the first characters of the secret, to tell keys apart
	Name       string
	Account    string
	Scopes     Scopes
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil: never
	RevokedAt  *time.Time // nil: it is not
	LastUsedAt *time.Time
}

// Store keeps keys.
type Store interface {
	// KeyByHash gives the key with a hash, whether or not it is revoked or has expired; nil if there is none.
	KeyByHash(ctx context.Context, hash Hash) (*Key, error)
	// AddKey stores a key unless one of the same hash exists. With replace, the account's others of its
	// name go.
	AddKey(ctx context.Context, key Key, replace bool) error
	CountKeys(ctx context.Context) (int, error)
	TouchKeys(ctx context.Context, used map[string]time.Time) error
}

// The bounds of what is remembered of keys between requests.
const (
	cacheFor  = 10 * time.Second // a key that is revoked by another process works this long at most
	cacheMost = 10_000
	// MinSecret is the least length of a secret that an operator chooses.
	MinSecret = 16
)

const prefixLength = 8

// Keys authenticates requests by API key. Its methods may be called from any goroutine.
type Keys struct {
	store Store
	now   func() time.Time

	mu    sync.Mutex
	cache map[Hash]cached
	used  map[string]time.Time
}

type cached struct {
	key   *Key // nil: there is no such key
	until time.Time
}

// NewKeys makes Keys over a store.
func NewKeys(store Store, now func() time.Time) *Keys {
	return &Keys{store: store, now: now, cache: map[Hash]cached{}, used: map[string]time.Time{}}
}

var errUnauthenticated = submission.Errorf(submission.Unauthenticated, "a valid API key is needed")

// secret gives the key that a request carries, or "".
func secret(r *http.Request) string {
	if value := r.Header.Get("X-Auth-Token"); value != "" {
		return value
	}
	if scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value)
	}
	if value := r.Header.Get("X-RapidAPI-Key"); value != "" {
		return value
	}
	if strings.Contains(strings.ToLower(r.URL.RawQuery), "x-auth-token") {
		for name, values := range r.URL.Query() {
			if strings.EqualFold(name, "X-Auth-Token") && len(values) > 0 {
				return values[0]
			}
		}
	}
	return ""
}

// Authenticate tells who makes a request: by the header or query parameter X-Auth-Token, by
// Authorization: Bearer, or by X-RapidAPI-Key.
func (k *Keys) Authenticate(r *http.Request) (Account, error) {
	text := secret(r)
	if text == "" {
		return Account{}, errUnauthenticated
	}
	hash := Hash(sha256.Sum256([]byte(text)))
	key, err := k.lookup(r.Context(), hash)
	if err != nil {
		return Account{}, err
	}
	now := k.now()
	if key == nil || subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1 || key.ExpiresAt != nil && !now.Before(*key.ExpiresAt) {
		return Account{}, errUnauthenticated
	}
	return Account{ID: key.Account, KeyID: key.ID, Scopes: key.Scopes}, nil
}

func (k *Keys) lookup(ctx context.Context, hash Hash) (*Key, error) {
	now := k.now()
	k.mu.Lock()
	entry, ok := k.cache[hash]
	if ok && now.Before(entry.until) {
		if entry.key != nil {
			k.used[entry.key.ID] = now
		}
		k.mu.Unlock()
		return entry.key, nil
	}
	k.mu.Unlock()
	key, err := k.store.KeyByHash(ctx, hash)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.cache) >= cacheMost {
		clear(k.cache)
	}
	k.cache[hash] = cached{key, now.Add(cacheFor)}
	if key != nil {
		k.used[key.ID] = now
	}
	return key, nil
}

// Flush stores when keys were used last, as far as that is new.
func (k *Keys) Flush(ctx context.Context) error {
	k.mu.Lock()
	used := k.used
	k.used = map[string]time.Time{}
	k.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	return k.store.TouchKeys(ctx, used)
}

// FirstAccount owns the key that Bootstrap makes.
const FirstAccount = "admin"

// Bootstrap sees to it that there is a key with all rights. A secret that was chosen by the operator
// is added if it is new, and "" is returned. With none chosen and no key stored, it makes one and
// returns its secret, to be shown to the operator once.
func (k *Keys) Bootstrap(ctx context.Context, chosen string) (made string, err error) {
	const name, account = "first", FirstAccount
	if chosen != "" {
		if len(chosen) < MinSecret {
			return "", fmt.Errorf("the bootstrap key is shorter than %d characters", MinSecret)
		}
		return "", k.add(ctx, name, account, AllScopes(), chosen, false)
	}
	count, err := k.store.CountKeys(ctx)
	if err != nil || count > 0 {
		return "", err
	}
	made = newSecret()
	return made, k.add(ctx, name, account, AllScopes(), made, false)
}

// EnsureKey makes a fresh key of that name, which replaces the one before, and returns its secret.
func (k *Keys) EnsureKey(ctx context.Context, name, account string, scopes ...Scope) (string, error) {
	if name == "" || account == "" || len(scopes) == 0 {
		return "", errors.New("a key needs a name, an account and a scope")
	}
	made := newSecret()
	return made, k.add(ctx, name, account, scopes, made, true)
}

func (k *Keys) add(ctx context.Context, name, account string, scopes Scopes, secret string, replace bool) error {
	key := Key{
		ID: rand.Text(), Hash: sha256.Sum256([]byte(secret)), Prefix: prefix(secret),
		Name: name, Account: account, Scopes: scopes, CreatedAt: k.now(),
	}
	if err := k.store.AddKey(ctx, key, replace); err != nil {
		return fmt.Errorf("store the key %q: %w", name, err)
	}
	k.mu.Lock()
	clear(k.cache)
	k.mu.Unlock()
	return nil
}

// prefix shows enough of a secret to tell it from others. Of one that an operator chose, which may
// be short, it shows nothing that helps to guess it.
func prefix(secret string) string {
	if !strings.HasPrefix(secret, "sg_") || len(secret) < 40 {
		return ""
	}
	return secret[:prefixLength]
}

func newSecret() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: the program ends if the system has no randomness
	return "sg_" + base64.RawURLEncoding.EncodeToString(random[:])
}
