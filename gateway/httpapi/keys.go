package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
)

// Directory manages keys and accounts.
type Directory interface {
	Create(ctx context.Context, by auth.Actor, account string, draft auth.Draft) (key auth.Key, secret string, err error)
	List(ctx context.Context, account string) ([]auth.Key, error)
	Change(ctx context.Context, by auth.Actor, account, id string, change auth.Change) (auth.Key, error)
	Revoke(ctx context.Context, by auth.Actor, account, id string) error
	Rotate(ctx context.Context, by auth.Actor, account, id string, overlap time.Duration) (key auth.Key, secret string, err error)
	NoteRead(ctx context.Context, by auth.Actor, action, account string) error

	Account(ctx context.Context, by auth.Actor, id string) (auth.Record, error)
	Accounts(ctx context.Context, by auth.Actor, after string, limit int) ([]auth.Record, error)
	SetAccount(ctx context.Context, by auth.Actor, record auth.Record) (auth.Record, error)
	DeleteAccount(ctx context.Context, by auth.Actor, id string) error
	Audit(ctx context.Context, by auth.Actor, before string, limit int) ([]auth.Entry, error)
}

// keys handles the keys of an account: the client's own, or one that an administrator names.
type keys struct {
	directory Directory
	address   func(*http.Request) netip.Addr
	owner     func(c *gin.Context) (account, id string)
}

// Key is an API key as /api/v1 shows it. The secret is there only in the answer to the request that
// made it.
type Key struct {
	ID         string      `json:"id"`
	Prefix     string      `json:"prefix"`
	Name       string      `json:"name"`
	Account    string      `json:"account"`
	Scopes     auth.Scopes `json:"scopes"`
	CreatedAt  time.Time   `json:"createdAt"`
	ExpiresAt  *time.Time  `json:"expiresAt"`
	RevokedAt  *time.Time  `json:"revokedAt"`
	LastUsedAt *time.Time  `json:"lastUsedAt"`
	Secret     string      `json:"secret,omitempty"`
}

// NewKey shows a key.
func NewKey(key auth.Key, secret string) Key {
	return Key{key.ID, key.Prefix, key.Name, key.Account, scopesOrNone(key.Scopes), key.CreatedAt, key.ExpiresAt, key.RevokedAt, key.LastUsedAt, secret}
}

// scopesOrNone makes JSON show a list always.
func scopesOrNone(scopes auth.Scopes) auth.Scopes {
	if scopes == nil {
		return auth.Scopes{}
	}
	return scopes
}

func (k *keys) list(c *gin.Context) {
	account, _ := k.owner(c)
	if err := k.directory.NoteRead(c.Request.Context(), actor(c, k.address), "key.list", account); err != nil {
		_ = c.Error(err)
		return
	}
	list, err := k.directory.List(c.Request.Context(), account)
	if err != nil {
		_ = c.Error(err)
		return
	}
	shown := make([]Key, len(list))
	for i, key := range list {
		shown[i] = NewKey(key, "")
	}
	c.JSON(http.StatusOK, gin.H{"keys": shown})
}

func (k *keys) create(c *gin.Context) {
	var body struct {
		Name      string     `json:"name"`
		Scopes    []string   `json:"scopes"`
		ExpiresAt *time.Time `json:"expiresAt"`
	}
	scopes, err := auth.Scopes(nil), readJSON(c, &body)
	if err == nil {
		scopes, err = scopesOf(body.Scopes)
	}
	if err != nil {
		_ = c.Error(err)
		return
	}
	account, _ := k.owner(c)
	key, secret, err := k.directory.Create(c.Request.Context(), actor(c, k.address), account, auth.Draft{Name: body.Name, Scopes: scopes, ExpiresAt: utc(body.ExpiresAt)})
	k.made(c, key, secret, err)
}

func (k *keys) rotate(c *gin.Context) {
	var body struct {
		OverlapSeconds int64 `json:"overlapSeconds"`
	}
	if err := readJSON(c, &body); err != nil {
		_ = c.Error(err)
		return
	}
	// More than fits is beyond the bound all the same.
	overlap := time.Duration(min(max(body.OverlapSeconds, -1), int64(auth.MaxOverlap.Seconds())+1)) * time.Second
	account, id := k.owner(c)
	key, secret, err := k.directory.Rotate(c.Request.Context(), actor(c, k.address), account, id, overlap)
	k.made(c, key, secret, err)
}

// made shows a new key, the only time with its secret.
func (k *keys) made(c *gin.Context, key auth.Key, secret string, err error) {
	if err != nil {
		_ = c.Error(err)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusCreated, NewKey(key, secret))
}

func (k *keys) change(c *gin.Context) {
	var body struct {
		Name      *string         `json:"name"`
		Scopes    []string        `json:"scopes"`
		ExpiresAt json.RawMessage `json:"expiresAt"`
	}
	change, err := auth.Change{}, readJSON(c, &body)
	if err == nil {
		change.Name = body.Name
		change.Scopes, err = scopesOf(body.Scopes)
	}
	if err == nil && body.ExpiresAt != nil {
		err = json.Unmarshal(body.ExpiresAt, &change.ExpiresAt)
		if err != nil {
			err = errTime
		}
		change.ExpiresAt = utc(change.ExpiresAt)
		change.Forever = change.ExpiresAt == nil
	}
	if err != nil {
		_ = c.Error(err)
		return
	}
	account, id := k.owner(c)
	key, err := k.directory.Change(c.Request.Context(), actor(c, k.address), account, id, change)
	if err != nil {
		_ = c.Error(err)
		return
	}
	c.JSON(http.StatusOK, NewKey(key, ""))
}

var errTime = &submission.Error{Code: submission.Invalid, Message: "the request is not valid", Fields: map[string][]string{"expiresAt": {"must be a time such as 2030-01-31T00:00:00Z"}}}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := t.UTC().Truncate(time.Millisecond)
	return &at
}

func scopesOf(names []string) (auth.Scopes, error) {
	scopes, err := auth.ScopesOf(names)
	if err != nil {
		return nil, &submission.Error{Code: submission.Invalid, Message: "the request is not valid", Fields: map[string][]string{"scopes": {err.Error()}}}
	}
	return scopes, nil
}

func (k *keys) revoke(c *gin.Context) {
	account, id := k.owner(c)
	if err := k.directory.Revoke(c.Request.Context(), actor(c, k.address), account, id); err != nil {
		_ = c.Error(err)
		return
	}
	c.Status(http.StatusNoContent)
}

// smallBody bounds the bodies of what manages keys and accounts, in bytes.
const smallBody = 128 << 10

// readJSON reads a body into what it is to hold. None at all stands for an empty object; what is not
// known is refused, so that a slip of the pen does not pass for consent.
func readJSON(c *gin.Context, into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, smallBody))
	if err != nil {
		return unfinished(err)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		var mismatch *json.UnmarshalTypeError
		if errors.As(err, &mismatch) && mismatch.Field != "" {
			return submission.Errorf(submission.Malformed, "%s can't be a %s", mismatch.Field, mismatch.Value)
		}
		return submission.Errorf(submission.Malformed, "the body can't be read: %v", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return submission.Errorf(submission.Malformed, "the body is more than one JSON object")
	}
	return nil
}
