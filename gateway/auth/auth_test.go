package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/gateway/submission"
)

// counted is a directory that counts look-ups of keys.
type counted struct {
	auth.Directory
	lookups atomic.Int32
	nothing atomic.Bool // there are no keys, without a look
}

func (c *counted) KeyByHash(ctx context.Context, hash auth.Hash) (*auth.Key, error) {
	c.lookups.Add(1)
	if c.nothing.Load() {
		return nil, nil
	}
	return c.Directory.KeyByHash(ctx, hash)
}

// bundle is Keys over a real store, at a time that the test chooses.
type bundle struct {
	t     *testing.T
	store *counted
	*auth.Keys

	mu sync.Mutex
	at time.Time
}

func (b *bundle) now() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.at }

func (b *bundle) advance(d time.Duration) { b.mu.Lock(); defer b.mu.Unlock(); b.at = b.at.Add(d) }

func start(t *testing.T) *bundle {
	t.Helper()
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "gateway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	b := &bundle{t: t, store: &counted{Directory: store}, at: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	b.Keys = auth.NewKeys(b.store, b.now)
	return b
}

// elsewhere is another gateway on the same store.
func (b *bundle) elsewhere() *auth.Keys { return auth.NewKeys(b.store, b.now) }

var operator = auth.Actor{Account: auth.Account{ID: "root", KeyID: "k", Scopes: auth.AllScopes()}, Address: "192.0.2.7", Request: "r-1"}

func (b *bundle) create(account string, scopes ...auth.Scope) (auth.Key, string) {
	b.t.Helper()
	key, secret, err := b.Create(b.t.Context(), operator, account, auth.Draft{Name: "key of " + account, Scopes: scopes})
	if err != nil {
		b.t.Fatal(err)
	}
	return key, secret
}

func request(secret string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Auth-Token", secret)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func try(k *auth.Keys, secret string) (auth.Account, error) { return k.Authenticate(request(secret)) }

// refused tells whether err is a fault of that code.
func refused(err error, code submission.Code) bool {
	var fault *submission.Error
	return errors.As(err, &fault) && fault.Code == code
}

func TestKeysAreRememberedBriefly(t *testing.T) {
	t.Parallel()
	b := start(t)
	key, secret := b.create("me", auth.Submit, auth.Read)
	if !strings.HasPrefix(secret, "sg_") || len(secret) != 46 || key.Prefix != secret[:8] {
		t.Fatalf("got %+v, %q", key, secret)
	}
	for range 3 {
		if account, err := try(b.Keys, secret); err != nil || account.ID != "me" || account.KeyID != key.ID || !account.May(auth.Read) || account.May(auth.Delete) || account.May(auth.Admin) || account.MayManageKeys() {
			t.Fatalf("got %+v, %v", account, err)
		}
		if _, err := try(b.Keys, "bad"); !refused(err, submission.Unauthenticated) {
			t.Fatalf("a bad key: %v", err)
		}
	}
	if n := b.store.lookups.Load(); n != 2 {
		t.Errorf("%d look-ups for two keys", n)
	}
	b.store.nothing.Store(true)
	for i := range auth.CacheMost + 1 {
		_, _ = try(b.Keys, fmt.Sprint(i))
	}
	b.store.nothing.Store(false)
	n := b.store.lookups.Load()
	if _, err := try(b.Keys, secret); err != nil || b.store.lookups.Load() != n {
		t.Errorf("made-up keys push out those in use: %v", err)
	}
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keys, err := b.List(t.Context(), "me"); err != nil || len(keys) != 1 || keys[0].LastUsedAt == nil || !keys[0].LastUsedAt.Equal(b.at) {
		t.Errorf("last used: %+v, %v", keys, err)
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	b := start(t)
	key, secret := b.create("me", auth.Read)
	other := b.elsewhere()
	for _, k := range []*auth.Keys{b.Keys, other} {
		if _, err := try(k, secret); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Revoke(t.Context(), operator, "me", key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := try(b.Keys, secret); !refused(err, submission.Unauthenticated) {
		t.Errorf("a revoked key, here: %v", err)
	}
	b.advance(auth.CacheFor)
	if _, err := try(other, secret); !refused(err, submission.Unauthenticated) {
		t.Errorf("a revoked key, elsewhere: %v", err)
	}
	if err := b.Revoke(t.Context(), operator, "me", key.ID); err != nil {
		t.Errorf("a second time: %v", err)
	}
	for _, account := range []string{"you", ""} {
		if err := b.Revoke(t.Context(), operator, account, key.ID); !errors.Is(err, auth.ErrNoKey) {
			t.Errorf("as another account's: %v", err)
		}
	}
}

// slow is a directory whose look-ups can be held up.
type slow struct {
	auth.Directory
	read, goOn chan struct{}
}

func (s *slow) KeyByHash(ctx context.Context, hash auth.Hash) (*auth.Key, error) {
	key, err := s.Directory.KeyByHash(ctx, hash)
	if s.read != nil {
		s.read <- struct{}{}
		<-s.goOn
	}
	return key, err
}

func TestWhatWasReadBeforeARevocationIsNotRemembered(t *testing.T) {
	t.Parallel()
	b := start(t)
	key, secret := b.create("me", auth.Read)
	held := &slow{b.store, make(chan struct{}), make(chan struct{})}
	k := auth.NewKeys(held, b.now)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = try(k, secret)
	}()
	<-held.read
	if err := k.Revoke(t.Context(), operator, "me", key.ID); err != nil {
		t.Fatal(err)
	}
	held.goOn <- struct{}{}
	<-ended
	held.read = nil
	if _, err := try(k, secret); !refused(err, submission.Unauthenticated) {
		t.Errorf("got %v", err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	b := start(t)
	key, secret := b.create("me", auth.Read)
	expires := b.at.Add(5 * time.Second)
	if _, err := b.Change(t.Context(), operator, "me", key.ID, auth.Change{ExpiresAt: &expires}); err != nil {
		t.Fatal(err)
	}
	if _, err := try(b.Keys, secret); err != nil {
		t.Error(err)
	}
	b.advance(5 * time.Second)
	if _, err := try(b.Keys, secret); !refused(err, submission.Unauthenticated) {
		t.Errorf("an expired key, out of memory: %v", err)
	}
	if _, err := b.Change(t.Context(), operator, "me", key.ID, auth.Change{Forever: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := try(b.Keys, secret); err != nil {
		t.Error(err)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	b := start(t)
	expires := b.at.Add(24 * time.Hour)
	old, first, err := b.Create(t.Context(), operator, "me", auth.Draft{Name: "ci", Scopes: auth.Scopes{auth.Read}, ExpiresAt: &expires})
	if err != nil {
		t.Fatal(err)
	}
	b.advance(time.Hour)
	fresh, second, err := b.Rotate(t.Context(), operator, "me", old.ID, time.Minute)
	if err != nil || fresh.Name != "ci" || fresh.Scopes.String() != "read" || !fresh.ExpiresAt.Equal(b.at.Add(24*time.Hour)) || second == first {
		t.Fatalf("got %+v, %v", fresh, err)
	}
	for _, secret := range []string{first, second} {
		if _, err := try(b.Keys, secret); err != nil {
			t.Errorf("while both work: %v", err)
		}
	}
	b.advance(time.Minute)
	if _, err := try(b.Keys, first); !refused(err, submission.Unauthenticated) {
		t.Errorf("the old key after the overlap: %v", err)
	}
	_, third, err := b.Rotate(t.Context(), operator, "me", fresh.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(b.Keys, second); !refused(err, submission.Unauthenticated) {
		t.Errorf("a key that was rotated without overlap: %v", err)
	}
	if _, err := try(b.Keys, third); err != nil {
		t.Error(err)
	}
	if _, _, err := b.Rotate(t.Context(), operator, "me", fresh.ID, 0); !refused(err, submission.Conflict) {
		t.Errorf("rotating a revoked key: %v", err)
	}
	if _, _, err := b.Rotate(t.Context(), operator, "me", old.ID, -1); err == nil {
		t.Error("a negative overlap was taken")
	}
}

func TestNobodyGivesAwayWhatTheyDontHave(t *testing.T) {
	t.Parallel()
	b := start(t)
	user := auth.Actor{Account: auth.Account{ID: "me", User: true, Scopes: auth.Scopes{auth.Submit, auth.Read}}}
	strong, _ := b.create("me", auth.Admin)
	deleter, _ := b.create("me", auth.Read, auth.Delete)
	for _, scope := range []auth.Scope{auth.Delete, auth.Admin, auth.Act} {
		if _, _, err := b.Create(t.Context(), user, "me", auth.Draft{Name: "x", Scopes: auth.Scopes{auth.Read, scope}}); !refused(err, submission.Forbidden) {
			t.Errorf("a key with %s: %v", scope, err)
		}
	}
	key, _, err := b.Create(t.Context(), user, "me", auth.Draft{Name: "x"})
	if err != nil || key.Scopes.String() != "submit read" {
		t.Fatalf("got %+v, %v", key, err)
	}
	if _, err := b.Change(t.Context(), user, "me", key.ID, auth.Change{Scopes: auth.AllScopes()}); !refused(err, submission.Forbidden) {
		t.Errorf("more scopes for an old key: %v", err)
	}
	for _, stronger := range []auth.Key{strong, deleter} {
		if _, _, err := b.Rotate(t.Context(), user, "me", stronger.ID, 0); !refused(err, submission.Forbidden) {
			t.Errorf("the successor of a stronger key: %v", err)
		}
		name := "mine"
		if _, err := b.Change(t.Context(), user, "me", stronger.ID, auth.Change{Name: &name}); !refused(err, submission.Forbidden) {
			t.Errorf("a change of a stronger key: %v", err)
		}
		if err := b.Revoke(t.Context(), user, "me", stronger.ID); err != nil {
			t.Errorf("revoking one's own stronger key: %v", err)
		}
	}
}

func TestWhatAKeyMayBe(t *testing.T) {
	t.Parallel()
	b := start(t)
	past, far := b.at.Add(-time.Second), b.at.Add(11*365*24*time.Hour)
	for what, draft := range map[string]auth.Draft{
		"no name":         {},
		"a long name":     {Name: strings.Repeat("é", 101)},
		"a name of ours":  {Name: "(bootstrap)"},
		"control":         {Name: "a\nb"},
		"no text":         {Name: "\xff"},
		"spaces around":   {Name: " a"},
		"expired":         {Name: "a", ExpiresAt: &past},
		"nearly for ever": {Name: "a", ExpiresAt: &far},
	} {
		if _, _, err := b.Create(t.Context(), operator, "me", draft); !refused(err, submission.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range 100 {
		b.create("me")
	}
	if _, _, err := b.Create(t.Context(), operator, "me", auth.Draft{Name: "one more"}); !refused(err, submission.Conflict) {
		t.Errorf("beyond the bound: %v", err)
	}
	keys, err := b.List(t.Context(), "me")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Rotate(t.Context(), operator, "me", keys[0].ID, 0); err != nil {
		t.Errorf("a rotation at the bound: %v", err)
	}
	if _, err := auth.ScopesOf([]string{"read", "root"}); err == nil {
		t.Error("a scope that is none was taken")
	}
	if scopes, err := auth.ScopesOf([]string{"read", "act", "read"}); err != nil || scopes.String() != "read act" {
		t.Errorf("got %v, %v", scopes, err)
	}
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	b := start(t)
	first, err := b.Bootstrap(t.Context(), "")
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	if again, err := b.Bootstrap(t.Context(), ""); again != "" || err != nil {
		t.Errorf("a second first key: %v", err)
	}
	if _, err := b.Bootstrap(t.Context(), "short"); err == nil {
		t.Error("a short key was taken")
	}
	const chosen, changed = "chosen-by-the-operator", "another-of-the-operator"
	for range 2 {
		if made, err := b.Bootstrap(t.Context(), chosen); made != "" || err != nil {
			t.Errorf("got %q, %v", made, err)
		}
	}
	for _, secret := range []string{first, chosen} {
		if account, err := try(b.Keys, secret); err != nil || account.ID != auth.FirstAccount || !account.May(auth.Delete) {
			t.Errorf("got %+v, %v", account, err)
		}
	}
	if _, err := b.Bootstrap(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if _, err := try(b.Keys, chosen); !refused(err, submission.Unauthenticated) {
		t.Errorf("the key that was chosen before: %v", err)
	}
	for _, secret := range []string{first, changed} {
		if _, err := try(b.Keys, secret); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.Bootstrap(t.Context(), chosen); !errors.Is(err, auth.ErrBootstrapRevoked) {
		t.Errorf("a revoked key that is chosen again: %v", err)
	}
	keys, _ := b.List(t.Context(), auth.FirstAccount)
	for _, key := range keys {
		name := "mine"
		if _, err := b.Change(t.Context(), operator, auth.FirstAccount, key.ID, auth.Change{Name: &name}); key.Name == "(bootstrap)" && !refused(err, submission.Conflict) {
			t.Errorf("a bootstrap key was renamed: %v", err)
		}
		if key.Name == "(bootstrap)" && key.Prefix != "" {
			t.Errorf("of a key that was chosen, %q is shown", key.Prefix)
		}
	}
}

func TestEnsureKeyReplacesItsOwnOnly(t *testing.T) {
	t.Parallel()
	b := start(t)
	ensure := func(account string) string {
		secret, err := b.EnsureKey(t.Context(), "web", account, auth.Read)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	mine, theirs := ensure("me"), ensure("you")
	_, made, err := b.Create(t.Context(), operator, "me", auth.Draft{Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	fresh := ensure("me")
	for secret, works := range map[string]bool{mine: false, theirs: true, made: true, fresh: true} {
		if _, err := try(b.Keys, secret); works != (err == nil) {
			t.Errorf("works=%v: %v", works, err)
		}
	}
}

func TestKeepKey(t *testing.T) {
	t.Parallel()
	b := start(t)
	const first, second = "the-first-that-was-chosen", "another-that-was-chosen"
	for _, secret := range []string{first, first, second} {
		if err := b.KeepKey(t.Context(), "web client", "web", secret, auth.Submit, auth.Read); err != nil {
			t.Fatal(err)
		}
	}
	account, err := try(b.Keys, second)
	if err != nil || account.ID != "web" || !account.May(auth.Submit) || account.May(auth.Admin) {
		t.Errorf("got %+v, %v", account, err)
	}
	if _, err := try(b.Keys, first); !refused(err, submission.Unauthenticated) {
		t.Errorf("the key that was chosen before: %v", err)
	}
	if err := b.KeepKey(t.Context(), "web client", "web", "short", auth.Read); err == nil {
		t.Error("a short key was taken")
	}
}

func TestOnBehalf(t *testing.T) {
	t.Parallel()
	b := start(t)
	_, trusted := b.create("web", auth.Submit, auth.Read, auth.Act)
	_, admin := b.create("web", auth.Admin)
	_, plain := b.create("web", auth.Submit, auth.Read)
	as := func(secret string, users ...string) (auth.Account, error) {
		r := request(secret)
		for _, user := range users {
			r.Header.Add(auth.UserHeader, user)
		}
		return b.Authenticate(r)
	}
	account, err := as(trusted, "alice")
	if err != nil || account.ID != "web/alice" || account.Scopes.String() != "submit read" || !account.User || !account.MayManageKeys() || account.May(auth.Act) {
		t.Errorf("got %+v, %v", account, err)
	}
	if account, err := as(admin, "alice"); err != nil || account.ID != "web/alice" || account.Scopes.String() != "submit read delete" || account.May(auth.Admin) {
		t.Errorf("got %+v, %v", account, err)
	}
	if account, err := as(trusted); err != nil || account.ID != "web" || account.User {
		t.Errorf("without a name: %+v, %v", account, err)
	}
	if _, err := as(plain, "alice"); !refused(err, submission.Forbidden) {
		t.Errorf("without the scope: %v", err)
	}
	for _, users := range [][]string{{""}, {"a", "b"}, {strings.Repeat("x", 129)}, {"a\tb"}, {"\xff"}, {" "}} {
		if _, err := as(trusted, users...); !refused(err, submission.Malformed) {
			t.Errorf("%q: %v", users, err)
		}
	}
	ids := map[string]string{}
	for _, name := range []string{"a/b", "a%2Fb", "a", "../web", "jürgen", "a@b.example", strings.Repeat("x", 128)} {
		account, err := as(trusted, name)
		if err != nil || strings.Count(account.ID, "/") != 1 || ids[account.ID] != "" || account.Name != name {
			t.Errorf("%q: %+v, %v", name, account, err)
		}
		ids[account.ID] = name
	}
	if record, err := b.Record(t.Context(), "web/alice"); err != nil || record == nil || record.Name != "alice" {
		t.Errorf("got %+v, %v", record, err)
	}
}

func TestDisabledAccounts(t *testing.T) {
	t.Parallel()
	b := start(t)
	_, trusted := b.create("web", auth.Submit, auth.Read, auth.Act)
	alice := request(trusted, auth.UserHeader, "alice")
	set := func(id string, disabled bool) {
		if _, err := b.SetAccount(t.Context(), operator, auth.Record{ID: id, Disabled: disabled, Limits: auth.Limits{Rate: 2}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Authenticate(alice); err != nil {
		t.Fatal(err)
	}
	set("web/alice", true)
	if _, err := b.Authenticate(alice); !refused(err, submission.Forbidden) {
		t.Errorf("a user who is disabled: %v", err)
	}
	if _, err := try(b.Keys, trusted); err != nil {
		t.Error(err)
	}
	set("web/alice", false)
	if account, err := b.Authenticate(alice); err != nil || account.Limits.Rate != 2 {
		t.Errorf("got %+v, %v", account, err)
	}
	_, own := b.create("web/alice", auth.Submit)
	if account, err := try(b.Keys, own); err != nil || !account.Person || account.User {
		t.Errorf("a user's own key: %+v, %v", account, err)
	}
	set("web", true)
	for _, r := range []*http.Request{alice, request(trusted), request(own)} {
		if _, err := b.Authenticate(r); !refused(err, submission.Forbidden) {
			t.Errorf("with the account disabled: %v", err)
		}
	}
	if err := b.DeleteAccount(t.Context(), operator, "web"); err != nil {
		t.Fatal(err)
	}
	if _, err := try(b.Keys, trusted); !refused(err, submission.Unauthenticated) {
		t.Errorf("a key of an account that was deleted: %v", err)
	}
	if _, err := try(b.Keys, own); !refused(err, submission.Forbidden) {
		t.Errorf("a user's own key, with the account deleted: %v", err)
	}
	if err := b.DeleteAccount(t.Context(), operator, "web"); !errors.Is(err, auth.ErrNoAccount) {
		t.Errorf("got %v", err)
	}
	if err := b.DeleteAccount(t.Context(), operator, operator.ID); !refused(err, submission.Conflict) {
		t.Errorf("got %v", err)
	}
	if _, err := b.SetAccount(t.Context(), operator, auth.Record{ID: operator.ID, Disabled: true}); !refused(err, submission.Conflict) {
		t.Errorf("got %v", err)
	}
	for what, record := range map[string]auth.Record{
		"policy": {ID: "a", Policy: "{"}, "retention": {ID: "a", Retention: -1}, "name": {ID: "a", Name: "\n"}, "limits": {ID: "a", Limits: auth.Limits{Rate: 1e300}},
	} {
		if _, err := b.SetAccount(t.Context(), operator, record); !refused(err, submission.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestJudge0Authorization(t *testing.T) {
	t.Parallel()
	b := start(t)
	_, reader := b.create("me", auth.Read)
	_, deleter := b.create("me", auth.Delete)
	_, stranger := b.create("you", auth.Delete)
	_, admin := b.create("root", auth.Admin)
	for _, tc := range []struct {
		second string
		scope  auth.Scope
		ok     bool
	}{
		{deleter, auth.Delete, true}, {admin, auth.Delete, true},
		{stranger, auth.Delete, false}, {reader, auth.Delete, false}, {"bad", auth.Delete, false}, {"", auth.Delete, false},
		{admin, auth.Admin, false}, {admin, auth.Submit, false},
	} {
		for _, r := range []*http.Request{request(reader, "X-Auth-User", tc.second), httptest.NewRequest("GET", "/?x-auth-user="+tc.second, nil)} {
			account, err := b.AuthenticateWith(r, reader)
			if err != nil {
				t.Fatal(err)
			}
			account, err = b.Authorize(r, account, tc.scope)
			if tc.ok != (err == nil) || err != nil && !refused(err, submission.Forbidden) {
				t.Errorf("%+v: %v", tc, err)
			}
			if tc.ok && (account.ID != "me" || account.Scopes.String() != "read delete") {
				t.Errorf("got %+v", account)
			}
		}
	}
}

func TestFailuresAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Failures = 3
	_, good := b.create("me", auth.Read)
	from := func(address, secret string) error {
		r := request(secret)
		r.RemoteAddr = address
		_, err := b.Authenticate(r)
		return err
	}
	for i := range 5 {
		err := from("192.0.2.1:99", fmt.Sprint("bad", i))
		if want := map[bool]submission.Code{true: submission.Unauthenticated, false: submission.TooMany}[i < 3]; !refused(err, want) {
			t.Errorf("attempt %d: %v", i+1, err)
		}
		var fault *submission.Error
		if i >= 3 && (!errors.As(err, &fault) || fault.RetryAfter <= 0 || fault.RetryAfter > time.Minute) {
			t.Errorf("got %+v", fault)
		}
	}
	if err := from("192.0.2.1:7", good); err != nil {
		t.Errorf("a right key from behind the same address: %v", err)
	}
	if err := from("192.0.2.2:99", "bad"); !refused(err, submission.Unauthenticated) {
		t.Errorf("another address: %v", err)
	}
	if err := from("192.0.2.1:99", ""); !refused(err, submission.Unauthenticated) {
		t.Errorf("no key at all: %v", err)
	}
	for i := range 4 {
		err := from(fmt.Sprintf("[2001:db8::%d]:1", i), "bad")
		if i == 3 && !refused(err, submission.TooMany) {
			t.Errorf("another address of the same network: %v", err)
		}
	}
	for range 5 {
		if err := from("", "bad"); !refused(err, submission.Unauthenticated) {
			t.Errorf("without an address: %v", err)
		}
	}
	b.advance(time.Minute)
	if err := from("192.0.2.1:99", "bad"); !refused(err, submission.Unauthenticated) {
		t.Errorf("a minute later: %v", err)
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	b := start(t)
	ctx := t.Context()
	key, secret, err := b.Create(ctx, operator, "me", auth.Draft{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	fresh, second, err := b.Rotate(ctx, operator, "me", key.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := "b"
	_, changed := b.Change(ctx, operator, "me", fresh.ID, auth.Change{Name: &name})
	_, set := b.SetAccount(ctx, operator, auth.Record{ID: "me"})
	_, read := b.Account(ctx, operator, "me")
	_, own := b.Account(ctx, auth.Actor{Account: auth.Account{ID: "me"}}, "me")
	_, listed := b.Accounts(ctx, operator, "", 10)
	if err := errors.Join(changed, set, read, own, listed, b.Revoke(ctx, operator, "me", fresh.ID), b.DeleteAccount(ctx, operator, "me")); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for before := ""; ; {
		page, err := b.store.Audit(ctx, before, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			actions = append(actions, e.Action)
			before = e.ID
			if text := fmt.Sprintf("%+v", e); strings.Contains(text, secret) || strings.Contains(text, second) {
				t.Errorf("a secret is in %s", text)
			}
			if e.Account != "root" || e.KeyID != "k" || e.Address != "192.0.2.7" || e.Request != "r-1" || !e.At.Equal(b.at) {
				t.Errorf("got %+v", e)
			}
		}
		if len(page) < 2 {
			break
		}
	}
	slices.Reverse(actions)
	want := []string{"key.create", "key.create", "key.rotate", "key.change", "account.set", "account.read", "account.list", "key.revoke", "account.delete"}
	if !slices.Equal(actions, want) {
		t.Errorf("got %q", actions)
	}
}

// unwritable is a directory whose audit log can't be written.
type unwritable struct{ auth.Directory }

func (unwritable) Append(context.Context, auth.Entry) error { return errors.New("the disk is full") }

func TestWhatCantBeWrittenDownIsNotDone(t *testing.T) {
	t.Parallel()
	b := start(t)
	key, secret := b.create("me", auth.Read)
	k := auth.NewKeys(unwritable{b.store}, b.now)
	if err := k.Revoke(t.Context(), operator, "me", key.ID); err == nil {
		t.Error("a key was revoked")
	}
	if _, _, err := k.Create(t.Context(), operator, "me", auth.Draft{Name: "x"}); err == nil {
		t.Error("a key was made")
	}
	if err := k.DeleteAccount(t.Context(), operator, "me"); err == nil {
		t.Error("an account was deleted")
	}
	if _, err := try(k, secret); err != nil {
		t.Error(err)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	store, err := sqlite.Open(filepath.Join(b.TempDir(), "gateway.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	k := auth.NewKeys(store, time.Now)
	secret, err := k.EnsureKey(b.Context(), "x", "me", auth.Read)
	if err != nil {
		b.Fatal(err)
	}
	r := request(secret)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}
