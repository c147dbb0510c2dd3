package httpapi

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
)

// accounts handles what administrators do with accounts, and the audit log.
type accounts struct {
	directory Directory
	address   func(*http.Request) netip.Addr
}

// The entries of a page of accounts or of the audit log.
const (
	entriesDefault = 100
	entriesMost    = 500
)

// AccountLimits are an account's own bounds as /api/v1 shows them; 0 stands for the gateway's, a negative
// number for none.
type AccountLimits struct {
	Rate             float64 `json:"rate"`
	Burst            int     `json:"burst"`
	DailySubmissions int     `json:"dailySubmissions"`
	DailyCPUSeconds  float64 `json:"dailyCpuSeconds"`
}

func limitsJSON(l auth.Limits) AccountLimits {
	return AccountLimits{l.Rate, l.Burst, l.DailySubmissions, l.DailyCPU}
}

// Account is an account as /api/v1 shows it to administrators.
type Account struct {
	ID               string          `json:"id"`
	Name             string          `json:"name"`
	Issuer           string          `json:"issuer,omitempty"`
	Subject          string          `json:"subject,omitempty"`
	CreatedAt        time.Time       `json:"createdAt"`
	Disabled         bool            `json:"disabled"`
	RetentionSeconds int64           `json:"retentionSeconds"` // 0: the gateway's
	Limits           AccountLimits   `json:"limits"`
	Policy           json.RawMessage `json:"policy"`
}

// NewAccount shows a record.
func NewAccount(r auth.Record) Account {
	shown := Account{r.ID, r.Name, r.Issuer, r.Subject, r.CreatedAt, r.Disabled, int64(r.Retention / time.Second), limitsJSON(r.Limits), nil}
	if r.Policy != "" {
		shown.Policy = json.RawMessage(r.Policy)
	}
	return shown
}

func (a *accounts) list(c *gin.Context) {
	limit, err := pageLimit(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	list, err := a.directory.Accounts(c.Request.Context(), actor(c, a.address), c.Query("cursor"), limit)
	if err != nil {
		_ = c.Error(err)
		return
	}
	shown := make([]Account, len(list))
	for i, record := range list {
		shown[i] = NewAccount(record)
	}
	var next *string
	if len(list) == limit {
		next = &list[limit-1].ID
	}
	c.JSON(http.StatusOK, gin.H{"accounts": shown, "next": next})
}

func pageLimit(c *gin.Context) (int, error) {
	text, given := c.GetQuery("limit")
	if !given {
		return entriesDefault, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > entriesMost {
		return 0, submission.Errorf(submission.Malformed, "limit is no number from 1 to %d", entriesMost)
	}
	return limit, nil
}

func (a *accounts) get(c *gin.Context) {
	record, err := a.directory.Account(c.Request.Context(), actor(c, a.address), c.Param("id"))
	if err != nil {
		_ = c.Error(err)
		return
	}
	c.JSON(http.StatusOK, NewAccount(record))
}

func (a *accounts) set(c *gin.Context) {
	var body struct {
		Name             string          `json:"name"`
		Disabled         bool            `json:"disabled"`
		RetentionSeconds int64           `json:"retentionSeconds"`
		Limits           AccountLimits   `json:"limits"`
		Policy           json.RawMessage `json:"policy"`
	}
	if err := readJSON(c, &body); err != nil {
		_ = c.Error(err)
		return
	}
	const most = int64(1<<63-1) / int64(time.Second) // that a time.Duration can hold
	record := auth.Record{
		ID: c.Param("id"), Name: body.Name, Disabled: body.Disabled, Retention: time.Duration(min(max(body.RetentionSeconds, -1), most)) * time.Second,
		Limits: auth.Limits{Rate: body.Limits.Rate, Burst: body.Limits.Burst, DailySubmissions: body.Limits.DailySubmissions, DailyCPU: body.Limits.DailyCPUSeconds},
	}
	if text := string(body.Policy); text != "null" {
		record.Policy = text
	}
	record, err := a.directory.SetAccount(c.Request.Context(), actor(c, a.address), record)
	if err != nil {
		_ = c.Error(err)
		return
	}
	c.JSON(http.StatusOK, NewAccount(record))
}

func (a *accounts) remove(c *gin.Context) {
	if err := a.directory.DeleteAccount(c.Request.Context(), actor(c, a.address), c.Param("id")); err != nil {
		_ = c.Error(err)
		return
	}
	c.Status(http.StatusNoContent)
}

// Entry is an entry of the audit log as /api/v1 shows it.
type Entry struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	KeyID   string    `json:"keyId"`
	Action  string    `json:"action"`
	Target  string    `json:"target"`
	Address string    `json:"address"`
	Request string    `json:"request"`
}

func (a *accounts) audit(c *gin.Context) {
	limit, err := pageLimit(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	list, err := a.directory.Audit(c.Request.Context(), actor(c, a.address), c.Query("cursor"), limit)
	if err != nil {
		_ = c.Error(err)
		return
	}
	shown := make([]Entry, len(list))
	for i, e := range list {
		shown[i] = Entry(e)
	}
	var next *string
	if len(list) == limit {
		next = &list[limit-1].ID
	}
	c.JSON(http.StatusOK, gin.H{"entries": shown, "next": next})
}
