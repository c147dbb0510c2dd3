package httpapi

import (
	"net/http"
	"net/netip"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
)

// door lets in who may, unless they come too fast.
type door struct {
	keys   Authenticator
	limits *Limits
}

// always is an Authenticator to which everybody is the same account.
type always auth.Account

func (a always) Authenticate(*http.Request) (auth.Account, error) { return auth.Account(a), nil }

func (a always) Authorize(_ *http.Request, account auth.Account, _ auth.Scope) (auth.Account, error) {
	return account, nil
}

// needs lets in requests of an account with scope; "" stands for any account.
func (d *door) needs(scope auth.Scope) gin.HandlerFunc {
	return func(c *gin.Context) {
		account, err := d.keys.Authenticate(c.Request)
		if err == nil && scope != "" && !account.May(scope) {
			var allowed auth.Account
			if allowed, err = d.keys.Authorize(c.Request, account, scope); err == nil {
				account = allowed
			}
		}
		d.enter(c, account, err)
	}
}

// managesKeys lets in who may manage the keys of their account.
func (d *door) managesKeys(c *gin.Context) {
	account, err := d.keys.Authenticate(c.Request)
	if err == nil && !account.MayManageKeys() {
		err = submission.Errorf(submission.Forbidden, "managing keys takes the scope %q, or to be signed in", auth.Admin)
	}
	d.enter(c, account, err)
}

// enter lets account in, or answers with why it may not. A request that is refused counts as well, of
// its account if that is known.
func (d *door) enter(c *gin.Context, account auth.Account, err error) {
	if account.ID != "" {
		c.Request = c.Request.WithContext(auth.WithAccount(c.Request.Context(), account))
	}
	if fast := d.limits.admit(c); fast != nil {
		err = fast
	}
	if err != nil {
		_ = c.Error(err)
		c.Abort()
	}
}

// account is who passed the door.
func account(c *gin.Context) string {
	account, _ := auth.AccountOf(c.Request.Context())
	return account.ID
}

// actor is who passed the door, as the audit log names them.
func actor(c *gin.Context, address func(*http.Request) netip.Addr) auth.Actor {
	account, _ := auth.AccountOf(c.Request.Context())
	by := auth.Actor{Account: account, Request: c.GetString(requestIDHeader)}
	if from := address(c.Request); from.IsValid() {
		by.Address = from.String()
	}
	return by
}

// me tells a client who it is.
func me(c *gin.Context) {
	account, _ := auth.AccountOf(c.Request.Context())
	c.JSON(http.StatusOK, gin.H{
		"account": account.ID, "name": account.Name, "keyId": account.KeyID, "scopes": scopesOrNone(account.Scopes), "limits": limitsJSON(account.Limits),
	})
}
