package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// The bounds of keys.
const (
	// MinSecret is the least length of a secret that an operator chooses.
	MinSecret = 16
	// MaxOverlap is the longest that a key may go on working after it was rotated.
	MaxOverlap = 30 * 24 * time.Hour

	maxKeyName   = 100
	maxKeyLife   = 10 * 365 * 24 * time.Hour
	maxLiveKeys  = 100   // of an account
	maxKeys      = 5_000 // of an account, revoked and expired ones among them
	prefixLength = 8
)

// Actor is who manages keys and accounts, for the rules and for the audit log.
type Actor struct {
	Account
	Address string // of the client
	Request string // its id
}

// Draft is what a new key is to be.
type Draft struct {
	Name      string
	Scopes    Scopes     // none: Submit and Read
	ExpiresAt *time.Time // nil: never
}

// Change says what is to be changed of a key; nil leaves it.
type Change struct {
	Name      *string
	Scopes    Scopes
	ExpiresAt *time.Time
	Forever   bool // it does not expire any more
}

// Create makes a key for an account. The secret is not to be had again.
func (k *Keys) Create(ctx context.Context, by Actor, account string, draft Draft) (key Key, secret string, err error) {
	return k.create(ctx, by, account, draft, maxLiveKeys)
}

// create makes a key where fewer than most work.
func (k *Keys) create(ctx context.Context, by Actor, account string, draft Draft, most int) (key Key, secret string, err error) {
	if len(draft.Scopes) == 0 {
		draft.Scopes = Scopes{Submit, Read}
	}
	if err := k.check(by, draft.Name, draft.Scopes, draft.ExpiresAt); err != nil {
		return Key{}, "", err
	}
	if !plainName(account, maxAccount) {
		return Key{}, "", errAccountName
	}
	keys, err := k.directory.Keys(ctx, account)
	if err != nil {
		return Key{}, "", err
	}
	live := 0
	for _, other := range keys {
		if other.Works(k.now()) {
			live++
		}
	}
	if live >= most || len(keys) >= maxKeys {
		return Key{}, "", submission.Errorf(submission.Conflict, "the account has too many keys")
	}
	secret = newSecret()
	key = k.newKey(draft.Name, account, draft.Scopes, secret)
	key.ExpiresAt = draft.ExpiresAt
	if err := k.Note(ctx, by, "key.create", account+" "+key.ID); err != nil {
		return Key{}, "", err
	}
	return key, secret, k.store(ctx, key, false)
}

// List gives the keys of an account, oldest first, revoked and expired ones among them.
func (k *Keys) List(ctx context.Context, account string) ([]Key, error) {
	return k.directory.Keys(ctx, account)
}

// Change renames a key, or changes its scopes or expiry.
func (k *Keys) Change(ctx context.Context, by Actor, account, id string, change Change) (Key, error) {
	key, err := k.find(ctx, by, account, id)
	if err != nil {
		return Key{}, err
	}
	if change.Name != nil {
		key.Name = *change.Name
	}
	if change.Scopes != nil {
		key.Scopes = change.Scopes
	}
	if change.ExpiresAt != nil || change.Forever {
		key.ExpiresAt = change.ExpiresAt
	}
	if err := k.check(by, key.Name, key.Scopes, change.ExpiresAt); err != nil {
		return Key{}, err
	}
	return key, k.change(ctx, by, "key.change", key)
}

// Revoke makes a key stop working. It stays in the list.
func (k *Keys) Revoke(ctx context.Context, by Actor, account, id string) error {
	key, err := k.any(ctx, account, id)
	if err != nil || key.RevokedAt != nil {
		return err
	}
	now := moment(k.now())
	key.RevokedAt = &now
	return k.change(ctx, by, "key.revoke", key)
}

// Rotate makes a key that takes the place of another: of its name and scopes, and with as long a life.
// The old one goes on working for overlap.
func (k *Keys) Rotate(ctx context.Context, by Actor, account, id string, overlap time.Duration) (key Key, secret string, err error) {
	old, err := k.find(ctx, by, account, id)
	if err != nil {
		return Key{}, "", err
	}
	now := moment(k.now())
	if !old.Works(now) {
		return Key{}, "", submission.Errorf(submission.Conflict, "the key does not work any more")
	}
	if overlap < 0 || overlap > MaxOverlap {
		return Key{}, "", invalid("overlapSeconds", "must be from 0 to %d", int(MaxOverlap.Seconds()))
	}
	draft := Draft{Name: old.Name, Scopes: old.Scopes}
	if old.ExpiresAt != nil {
		expires := now.Add(old.ExpiresAt.Sub(old.CreatedAt))
		draft.ExpiresAt = &expires
	}
	// The old key gives its place to the new one.
	if key, secret, err = k.create(ctx, by, account, draft, maxLiveKeys+1); err != nil {
		return Key{}, "", err
	}
	if until := now.Add(overlap); overlap == 0 {
		old.RevokedAt = &now
	} else if old.ExpiresAt == nil || until.Before(*old.ExpiresAt) {
		old.ExpiresAt = &until
	}
	return key, secret, k.change(ctx, by, "key.rotate", old)
}

// check tells what is wrong with a key that somebody wants.
func (k *Keys) check(by Actor, name string, scopes Scopes, expires *time.Time) error {
	switch now := k.now(); {
	case !plainName(name, maxKeyName):
		return invalid("name", "must have 1 to %d printable characters", maxKeyName)
	case strings.HasPrefix(name, "("):
		return invalid("name", "must not begin with a parenthesis")
	case len(scopes) == 0:
		return invalid("scopes", "can't be empty")
	case expires != nil && (!expires.After(now) || expires.After(now.Add(maxKeyLife))):
		return invalid("expiresAt", "must be in the future, by ten years at most")
	}
	return within(by, scopes)
}

// within refuses to give away a right that is not held.
func within(by Actor, scopes Scopes) error {
	for _, scope := range scopes {
		if !by.May(scope) {
			return submission.Errorf(submission.Forbidden, "only who has the scope %q may manage keys with it", scope)
		}
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return &submission.Error{Code: submission.Invalid, Message: "the request is not valid", Fields: map[string][]string{field: {fmt.Sprintf(format, args...)}}}
}

// any gives a key of an account.
func (k *Keys) any(ctx context.Context, account, id string) (Key, error) {
	keys, err := k.directory.Keys(ctx, account)
	if err != nil {
		return Key{}, err
	}
	for _, key := range keys {
		if key.ID == id {
			return key, nil
		}
	}
	return Key{}, ErrNoKey
}

// find gives a key that by may change: to lengthen the life of one or to get its successor's secret
// is to have its rights.
func (k *Keys) find(ctx context.Context, by Actor, account, id string) (Key, error) {
	key, err := k.any(ctx, account, id)
	switch {
	case err != nil:
		return Key{}, err
	case own(key.Name):
		return Key{}, submission.Errorf(submission.Conflict, "the gateway manages this key itself")
	}
	return key, within(by, key.Scopes)
}

func (k *Keys) change(ctx context.Context, by Actor, action string, key Key) error {
	if err := k.Note(ctx, by, action, key.Account+" "+key.ID); err != nil {
		return err
	}
	defer k.forget()
	return k.directory.ChangeKey(ctx, key)
}

// FirstAccount owns the key that Bootstrap makes.
const FirstAccount = "admin"

// The names of keys that the gateway makes for itself are in parentheses, which others may not use.
const bootstrapName = "(bootstrap)"

func own(name string) bool { return strings.HasPrefix(name, "(") }

// ErrBootstrapRevoked tells that the secret that an operator chose is that of a key that was revoked.
// It stays so.
var ErrBootstrapRevoked = errors.New("the bootstrap key was revoked; it is not taken until another is chosen")

// Bootstrap sees to it that there is a key with all rights. A secret that was chosen by the operator
// is added if it is new, the one chosen before stops working, and "" is returned. With none chosen
// and no key stored, it makes one and returns its secret, to be shown to the operator once.
func (k *Keys) Bootstrap(ctx context.Context, chosen string) (made string, err error) {
	if chosen == "" {
		count, err := k.directory.CountKeys(ctx)
		if err != nil || count > 0 {
			return "", err
		}
		made = newSecret()
		return made, k.store(ctx, k.newKey("first", FirstAccount, AllScopes(), made), false)
	}
	if len(chosen) < MinSecret {
		return "", fmt.Errorf("the bootstrap key is shorter than %d characters", MinSecret)
	}
	key := k.newKey(bootstrapName, FirstAccount, AllScopes(), chosen)
	keys, err := k.directory.Keys(ctx, FirstAccount)
	if err != nil {
		return "", err
	}
	for _, before := range keys {
		if before.Name == bootstrapName && before.Hash != key.Hash && before.RevokedAt == nil {
			before.RevokedAt = &key.CreatedAt
			if err := k.change(ctx, Actor{Account: Account{ID: "bootstrap"}}, "key.revoke", before); err != nil {
				return "", fmt.Errorf("revoke the bootstrap key of before: %w", err)
			}
		}
	}
	if err := k.store(ctx, key, false); err != nil {
		return "", err
	}
	stored, err := k.directory.KeyByHash(ctx, key.Hash)
	if err == nil && (stored == nil || !stored.Works(k.now())) {
		err = ErrBootstrapRevoked
	}
	return "", err
}

// EnsureKey makes a fresh key of that name for the gateway's own use, which replaces the account's one
// before, and returns its secret.
func (k *Keys) EnsureKey(ctx context.Context, name, account string, scopes ...Scope) (string, error) {
	if name == "" || account == "" || len(scopes) == 0 {
		return "", errors.New("a key needs a name, an account and a scope")
	}
	made := newSecret()
	return made, k.store(ctx, k.newKey("("+name+")", account, scopes, made), true)
}

// KeepKey sees to it that a secret that the operator chose is the key of that name for the gateway's own
// use, in place of the account's one before. Several gateways may do so at once.
func (k *Keys) KeepKey(ctx context.Context, name, account, chosen string, scopes ...Scope) error {
	if name == "" || account == "" || len(scopes) == 0 || len(chosen) < MinSecret {
		return fmt.Errorf("a key needs a name, an account, a scope and a secret of %d characters", MinSecret)
	}
	return k.store(ctx, k.newKey("("+name+")", account, scopes, chosen), true)
}

func (k *Keys) newKey(name, account string, scopes Scopes, secret string) Key {
	return Key{
		ID: rand.Text(), Hash: sha256.Sum256([]byte(secret)), Prefix: prefix(secret),
		Name: name, Account: account, Scopes: scopes, CreatedAt: moment(k.now()),
	}
}

func (k *Keys) store(ctx context.Context, key Key, replace bool) error {
	defer k.forget()
	// Whoever has a key is listed among the accounts, used or not, and so is the account that acts for a user.
	accounts := []string{key.Account}
	if actor, acted := submission.ActorOf(key.Account); acted {
		accounts = append(accounts, actor)
	}
	for _, id := range accounts {
		if _, err := k.record(ctx, Record{ID: id}); err != nil {
			return fmt.Errorf("store the account %q: %w", id, err)
		}
	}
	if err := k.directory.AddKey(ctx, key, replace); err != nil {
		return fmt.Errorf("store the key %q: %w", key.Name, err)
	}
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
