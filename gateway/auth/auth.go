// Package auth tells who makes a request and what they may do, and keeps accounts and API keys.
//
// It promises that the secret of an API key is stored as a SHA-256 hash only, is shown once, by the
// call that makes it, and is never logged; that a key which is revoked here is refused here from then
// on, and by other gateways on the same store within ten seconds; and that nobody gives away rights
// that they don't hold. Users of an OpenID Connect issuer, and those for whom a trusted key acts,
// become an Account as well, which is all that the rest of the gateway sees.
package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
	Act    Scope = "act" // on behalf of users that the key's holder names
)

// Scopes are the rights of a key.
type Scopes []Scope

// AllScopes are the rights of the first key.
func AllScopes() Scopes { return Scopes{Submit, Read, Delete, Admin} }

// userScopes are the rights of a person: a JWT's user, or somebody for whom a key acts.
func userScopes() Scopes { return Scopes{Submit, Read, Delete} }

// ParseScopes reads what String wrote.
func ParseScopes(text string) Scopes {
	var scopes Scopes
	for _, name := range strings.Fields(text) {
		scopes = append(scopes, Scope(name))
	}
	return scopes
}

// ScopesOf reads the names that a client gives, and leaves out repetitions.
func ScopesOf(names []string) (Scopes, error) {
	var scopes Scopes
	for _, name := range names {
		scope := Scope(name)
		if !slices.Contains([]Scope{Submit, Read, Delete, Admin, Act}, scope) {
			return nil, fmt.Errorf("%q is no scope: there are submit, read, delete, admin and act", name)
		}
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes, nil
}

// String lists the scopes with spaces between.
func (s Scopes) String() string {
	names := make([]string, len(s))
	for i, scope := range s {
		names[i] = string(scope)
	}
	return strings.Join(names, " ")
}

func (s Scopes) hold(scope Scope) bool {
	return slices.Contains(s, scope) || slices.Contains(s, Admin)
}

// Account is who makes a request, and with which rights.
type Account struct {
	ID     string
	KeyID  string // of the key that was used; "" for a JWT
	Scopes Scopes
	Name   string
	Limits Limits
	// Person is set for the account of a person: a JWT's user, or somebody for whom a key acts, also when they
	// come with a key of their own.
	Person bool
	// User is set for a person who comes without a key of their own. They manage such keys; with a key
	// alone that takes the scope admin.
	User bool
}

// May tells whether the account's rights hold scope.
func (a Account) May(scope Scope) bool { return a.Scopes.hold(scope) }

// MayManageKeys tells whether the keys of the account may be managed with what was shown.
func (a Account) MayManageKeys() bool { return a.User || a.May(Admin) }

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

var (
	errUnauthenticated = submission.Errorf(submission.Unauthenticated, "a valid API key is needed")
	errDisabled        = submission.Errorf(submission.Forbidden, "the account is disabled")
)

func errScope(scope Scope) error {
	return submission.Errorf(submission.Forbidden, "the key lacks the scope %q", scope)
}
