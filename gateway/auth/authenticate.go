package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sandgate/sandgate/gateway/clientip"
	"github.com/sandgate/sandgate/gateway/submission"
)

// The bounds of what is remembered between requests.
const (
	cacheFor  = 10 * time.Second // what another process changes is noticed after this time at most
	cacheMost = 10_000
)

// maxCredential bounds a key or JWT, in bytes.
const maxCredential = 16 << 10

// maxUser bounds the name of a user for whom a key acts, in characters.
const maxUser = 128

// UserHeader names the user for whom a key with the scope act makes a request.
const UserHeader = "X-Sandgate-User"

// Keys authenticates requests, and manages keys and accounts. Its methods may be called from any
// goroutine; its fields are set before the first call.
type Keys struct {
	Issuer   *Issuer                        // of JWTs; nil: none are taken
	Address  func(*http.Request) netip.Addr // of the client
	Failures int                            // failed attempts of an address in a minute, beyond which it gets TooMany; 0: no bound

	directory Directory
	now       func() time.Time
	failed    failures

	mu       sync.Mutex
	changes  uint64 // grows with each change: what was read before one is not remembered
	keys     map[Hash]remembered[*Key]
	unknown  map[Hash]time.Time // until when it is known that there is no such key
	accounts map[string]remembered[*Record]
	used     map[string]time.Time
}

type remembered[T any] struct {
	value T
	until time.Time
}

// NewKeys makes Keys over a directory.
func NewKeys(directory Directory, now func() time.Time) *Keys {
	return &Keys{
		Address:   clientip.New(nil, clientip.Forwarded).Of,
		directory: directory, now: now,
		keys: map[Hash]remembered[*Key]{}, unknown: map[Hash]time.Time{}, accounts: map[string]remembered[*Record]{}, used: map[string]time.Time{},
	}
}

// credential gives the key or JWT that a request carries, or "".
func credential(r *http.Request) string {
	if value := r.Header.Get("X-Auth-Token"); value != "" {
		return value
	}
	if scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value)
	}
	if value := r.Header.Get("X-RapidAPI-Key"); value != "" {
		return value
	}
	return parameter(r, "X-Auth-Token")
}

// parameter gives a query parameter, whose name may be written in any case.
func parameter(r *http.Request, name string) string {
	if len(r.URL.RawQuery) < len(name) || !strings.Contains(strings.ToLower(r.URL.RawQuery), strings.ToLower(name)) {
		return ""
	}
	query := r.URL.Query()
	if query.Has(name) {
		return query.Get(name)
	}
	for other, values := range query {
		if strings.EqualFold(other, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// Authenticate tells who makes a request: by the header or query parameter X-Auth-Token, by
// Authorization: Bearer, or by X-RapidAPI-Key. Each may hold an API key or a JWT.
func (k *Keys) Authenticate(r *http.Request) (Account, error) {
	return k.AuthenticateWith(r, credential(r))
}

// AuthenticateWith does the same with a key or JWT that did not come in a header or the query.
func (k *Keys) AuthenticateWith(r *http.Request, credential string) (Account, error) {
	account, err := k.identify(r, credential)
	if err != nil {
		return Account{}, err
	}
	if users := r.Header.Values(UserHeader); len(users) > 0 {
		return k.onBehalf(r.Context(), account, users)
	}
	return account, nil
}

// Authorize gives the account with a scope that it lacks, if the request carries a second key that
// has it, as Judge0's clients send for what needs authorization: in the header or query parameter
// X-Auth-User. That key is of the same account, or an administrator's.
func (k *Keys) Authorize(r *http.Request, account Account, scope Scope) (Account, error) {
	second := r.Header.Get("X-Auth-User")
	if second == "" {
		second = parameter(r, "X-Auth-User")
	}
	if second == "" || scope != Read && scope != Delete {
		return Account{}, errScope(scope)
	}
	other, err := k.identify(r, second)
	var fault *submission.Error
	switch {
	case errors.As(err, &fault) && fault.Code == submission.Unauthenticated:
		return Account{}, errScope(scope)
	case err != nil:
		return Account{}, err
	case !other.May(scope) || other.ID != account.ID && !other.May(Admin):
		return Account{}, errScope(scope)
	}
	account.Scopes = append(append(Scopes{}, account.Scopes...), scope)
	return account, nil
}

// identify tells whose a credential is, and counts those that are nobody's.
func (k *Keys) identify(r *http.Request, credential string) (Account, error) {
	if credential == "" {
		return Account{}, errUnauthenticated
	}
	var account Account
	err := error(errUnauthenticated)
	switch {
	case len(credential) > maxCredential:
	case k.Issuer != nil && looksLikeJWT(credential):
		account, err = k.person(r.Context(), credential)
	default:
		account, err = k.holder(r.Context(), credential)
	}
	var fault *submission.Error
	if k.Failures > 0 && errors.As(err, &fault) && fault.Code == submission.Unauthenticated {
		// Without an address it is the gateway itself that asks again, for a connection that is open.
		if from := k.Address(r); from.IsValid() {
			if wait := k.failed.add(clientip.Network(from), k.Failures, k.now()); wait > 0 {
				return Account{}, &submission.Error{Code: submission.TooMany, Message: "too many failed attempts from this address", RetryAfter: wait}
			}
		}
	}
	return account, err
}

// holder tells who holds an API key.
func (k *Keys) holder(ctx context.Context, secret string) (Account, error) {
	hash := Hash(sha256.Sum256([]byte(secret)))
	key, err := k.key(ctx, hash)
	if err != nil {
		return Account{}, err
	}
	now := k.now()
	if key == nil || subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1 || !key.Works(now) {
		return Account{}, errUnauthenticated
	}
	record, err := k.record(ctx, Record{ID: key.Account})
	if err != nil {
		return Account{}, err
	}
	if record.Disabled {
		return Account{}, errDisabled
	}
	person := record.Issuer != ""
	if actor, acted := submission.ActorOf(key.Account); acted {
		// A key that users made while an account acted for them works as long as that account does.
		acts, err := k.Record(ctx, actor)
		if err != nil {
			return Account{}, err
		}
		if acts == nil || acts.Disabled {
			return Account{}, errDisabled
		}
		person = true
	}
	k.mu.Lock()
	k.used[key.ID] = moment(now)
	k.mu.Unlock()
	return Account{ID: key.Account, KeyID: key.ID, Scopes: key.Scopes, Name: record.Name, Limits: record.Limits, Person: person}, nil
}

// person tells whom a JWT is about.
func (k *Keys) person(ctx context.Context, token string) (Account, error) {
	claims, err := k.Issuer.Verify(ctx, token)
	if err != nil {
		return Account{}, err
	}
	record, err := k.record(ctx, Record{ID: accountOfSubject(claims.Issuer, claims.Subject), Name: claims.label(), Issuer: claims.Issuer, Subject: claims.Subject})
	if err != nil {
		return Account{}, err
	}
	if record.Disabled {
		return Account{}, errDisabled
	}
	return Account{ID: record.ID, Scopes: userScopes(), Name: record.Name, Limits: record.Limits, User: true, Person: true}, nil
}

// onBehalf gives the account of a user that the holder of a key names.
func (k *Keys) onBehalf(ctx context.Context, account Account, users []string) (Account, error) {
	if !account.May(Act) {
		return Account{}, errScope(Act)
	}
	if len(users) != 1 || !plainName(users[0], maxUser) {
		return Account{}, submission.Errorf(submission.Malformed, "%s is not one name of 1 to %d printable characters", UserHeader, maxUser)
	}
	var scopes Scopes
	for _, scope := range userScopes() {
		if account.May(scope) {
			scopes = append(scopes, scope)
		}
	}
	record, err := k.record(ctx, Record{ID: account.ID + "/" + escaped.Replace(users[0]), Name: users[0]})
	if err != nil {
		return Account{}, err
	}
	if record.Disabled {
		return Account{}, errDisabled
	}
	return Account{ID: record.ID, KeyID: account.KeyID, Scopes: scopes, Name: record.Name, Limits: record.Limits, User: true, Person: true}, nil
}

// escaped keeps what others choose from reaching into the account of somebody else: the slash stands
// between an account and the users for whom its keys act.
var escaped = strings.NewReplacer("%", "%25", "/", "%2F")

// plainName tells whether text is fit for a name: printable, not empty, and of most characters at most.
func plainName(text string, most int) bool {
	if text == "" || len(text) > 4*most || !utf8.ValidString(text) || utf8.RuneCountInString(text) > most || strings.TrimSpace(text) != text {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// key looks a key up; nil: there is none.
func (k *Keys) key(ctx context.Context, hash Hash) (*Key, error) {
	now := k.now()
	k.mu.Lock()
	changes := k.changes
	known, there := k.keys[hash]
	missing := now.Before(k.unknown[hash])
	k.mu.Unlock()
	switch {
	case there && now.Before(known.until):
		return known.value, nil
	case missing:
		return nil, nil
	}
	key, err := k.directory.KeyByHash(ctx, hash)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.changes != changes:
	case key != nil:
		keep(k.keys, hash, remembered[*Key]{key, now.Add(cacheFor)})
	default:
		// Made-up keys must not push out those that are in use.
		keep(k.unknown, hash, now.Add(cacheFor))
	}
	return key, nil
}

// keep stores into a map that forgets everything rather than outgrow its bound.
func keep[K comparable, V any](m map[K]V, key K, value V) {
	if _, there := m[key]; !there && len(m) >= cacheMost {
		clear(m)
	}
	m[key] = value
}

// Record gives what is kept of an account, out of a short memory; nil where it was never seen. It is
// shared: it must not be changed.
func (k *Keys) Record(ctx context.Context, id string) (*Record, error) {
	return k.recordOf(ctx, id, nil)
}

// record gives the record of an account, which comes to be if it was never seen.
func (k *Keys) record(ctx context.Context, fresh Record) (*Record, error) {
	return k.recordOf(ctx, fresh.ID, &fresh)
}

func (k *Keys) recordOf(ctx context.Context, id string, fresh *Record) (*Record, error) {
	now := k.now()
	k.mu.Lock()
	changes := k.changes
	known, there := k.accounts[id]
	k.mu.Unlock()
	if there && now.Before(known.until) {
		return known.value, nil
	}
	record, err := k.directory.Account(ctx, id)
	if err == nil && record == nil && fresh != nil {
		fresh.CreatedAt = moment(now)
		record, err = k.directory.EnsureAccount(ctx, *fresh)
	}
	if err != nil || record == nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes == changes {
		keep(k.accounts, id, remembered[*Record]{record, now.Add(cacheFor)})
	}
	return record, nil
}

// moment is a time as it is stored and shown.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// forget makes a change felt at once.
func (k *Keys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	clear(k.keys)
	clear(k.unknown)
	clear(k.accounts)
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
	return k.directory.TouchKeys(ctx, used)
}
