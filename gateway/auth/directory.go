package auth

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

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

// Works tells whether the key is taken at a time: it is neither revoked nor expired.
func (k Key) Works(at time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || at.Before(*k.ExpiresAt))
}

// What a Directory answers where something is not there, or not the account's.
var (
	ErrNoKey     = submission.Errorf(submission.NotFound, "there is no such key")
	ErrNoAccount = submission.Errorf(submission.NotFound, "there is no such account")
)

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

// Record is what is kept of an account. Accounts come to be when somebody of theirs is first seen.
type Record struct {
	ID        string
	Name      string
	Issuer    string // of the JWT that named it; "" for accounts of API keys
	Subject   string
	CreatedAt time.Time
	Disabled  bool
	Retention time.Duration // how long ended submissions are kept; 0: as the gateway's settings say
	Limits    Limits
	Policy    string // JSON of package check: what programs may not contain; "": no policy
}

// Implied tells whether a record says nothing that would not come to be again: it is of a user for whom a key
// acted, and nobody has chosen anything for it.
func (r Record) Implied() bool {
	return r.Name != "" && strings.HasSuffix(r.ID, "/"+escaped.Replace(r.Name)) && !r.Disabled && r.Retention == 0 && r.Limits == Limits{} && r.Policy == ""
}

// Limits are an account's own bounds. Zero values stand for those of the gateway's settings,
// negative ones for none.
type Limits struct {
	Rate             float64 // requests a second
	Burst            int
	DailySubmissions int
	DailyCPU         float64 // seconds
}

// Entry of the audit log: who did what to what.
type Entry struct {
	ID      string // grows with time
	At      time.Time
	Account string // of who did it
	KeyID   string
	Action  string // such as "key.create"
	Target  string
	Address string
	Request string
}

// Directory keeps accounts, their keys and the audit log.
type Directory interface {
	Store
	// Keys lists the keys of an account, oldest first, revoked and expired ones among them.
	Keys(ctx context.Context, account string) ([]Key, error)
	// ChangeKey replaces what may change of a key, by its id and account: name, scopes, expiry,
	// revocation. ErrNoKey where there is none.
	ChangeKey(ctx context.Context, key Key) error
	// Account gives a record; nil where there is none.
	Account(ctx context.Context, id string) (*Record, error)
	// EnsureAccount stores a record unless one of its id is there, and gives what is stored then.
	EnsureAccount(ctx context.Context, record Record) (*Record, error)
	// ChangeAccount replaces what may change of a record: name, whether it is disabled, retention, limits,
	// policy. ErrNoAccount where there is none.
	ChangeAccount(ctx context.Context, record Record) error
	// Accounts lists records by id, after the given one.
	Accounts(ctx context.Context, after string, limit int) ([]Record, error)
	// DeleteAccount removes an account with all that is its: submissions, shares, keys, usage. Submissions
	// that have not ended go when they have. ErrNoAccount where there is none. What it did stays in the audit log.
	DeleteAccount(ctx context.Context, id string) error
	// RemoveUnused removes those of the accounts for which nothing was chosen and of which nothing else is stored:
	// no submission, key, usage or Idempotency-Key.
	RemoveUnused(ctx context.Context, ids []string) (removed int, err error)
	// Append adds to the audit log. The caller makes the ID.
	Append(ctx context.Context, entry Entry) error
	// Audit lists entries, newest first, before the given id; "": from the newest.
	Audit(ctx context.Context, before string, limit int) ([]Entry, error)
}
