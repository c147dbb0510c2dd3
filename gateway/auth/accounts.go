package auth

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sandgate/sandgate/gateway/check"
	"github.com/sandgate/sandgate/gateway/submission"
)

// The bounds of what an account may have.
const (
	maxAccount   = 512 // characters of an id
	maxLabel     = 128 // characters of a name
	maxRetention = 100 * 365 * 24 * time.Hour
	maxLimit     = 1_000_000_000
	maxTarget    = 4 << 10 // bytes of an audit entry's target
)

var errAccountName = submission.Errorf(submission.Malformed, "an account's id has 1 to %d printable characters", maxAccount)

// Account gives the record of an account; ErrNoAccount where there is none.
func (k *Keys) Account(ctx context.Context, by Actor, id string) (Record, error) {
	record, err := k.directory.Account(ctx, id)
	switch {
	case err != nil:
		return Record{}, err
	case record == nil:
		return Record{}, ErrNoAccount
	}
	return *record, k.NoteRead(ctx, by, "account.read", id)
}

// Accounts lists records by id, after the given one.
func (k *Keys) Accounts(ctx context.Context, by Actor, after string, limit int) ([]Record, error) {
	if err := k.Note(ctx, by, "account.list", after); err != nil {
		return nil, err
	}
	return k.directory.Accounts(ctx, after, limit)
}

// SetAccount stores the name, the limits and the rest that may be chosen of an account, which comes to
// be if it is new.
func (k *Keys) SetAccount(ctx context.Context, by Actor, record Record) (Record, error) {
	if err := checkRecord(record); err != nil {
		return Record{}, err
	}
	if record.Disabled && record.ID == by.ID {
		return Record{}, submission.Errorf(submission.Conflict, "an account can't disable itself")
	}
	if err := k.Note(ctx, by, "account.set", record.ID); err != nil {
		return Record{}, err
	}
	defer k.forget()
	fresh := record
	fresh.CreatedAt = moment(k.now())
	stored, err := k.directory.EnsureAccount(ctx, fresh)
	if err != nil {
		return Record{}, err
	}
	record.Issuer, record.Subject, record.CreatedAt = stored.Issuer, stored.Subject, stored.CreatedAt
	return record, k.directory.ChangeAccount(ctx, record)
}

// DeleteAccount removes an account with all that is its.
func (k *Keys) DeleteAccount(ctx context.Context, by Actor, id string) error {
	if id == by.ID {
		return submission.Errorf(submission.Conflict, "an account can't delete itself")
	}
	record, err := k.directory.Account(ctx, id)
	if err != nil {
		return err
	}
	if record == nil {
		return ErrNoAccount
	}
	if err := k.Note(ctx, by, "account.delete", id); err != nil {
		return err
	}
	defer k.forget()
	return k.directory.DeleteAccount(ctx, id)
}

func checkRecord(record Record) error {
	limits := record.Limits
	switch {
	case !plainName(record.ID, maxAccount):
		return errAccountName
	case record.Name != "" && !plainName(record.Name, maxLabel):
		return invalid("name", "must have %d printable characters at most", maxLabel)
	case record.Retention < 0 || record.Retention > maxRetention:
		return invalid("retentionSeconds", "must be from 0 to %d", int64(maxRetention.Seconds()))
	case unreasonable(limits.Rate) || unreasonable(limits.DailyCPU) || unreasonable(float64(limits.Burst)) || unreasonable(float64(limits.DailySubmissions)):
		return invalid("limits", "must be numbers up to %d", maxLimit)
	}
	if _, err := check.ParsePolicy(record.Policy); err != nil {
		return &submission.Error{Code: submission.Invalid, Message: "the request is not valid", Fields: map[string][]string{"policy": strings.Split(err.Error(), "\n")}}
	}
	return nil
}

func unreasonable(limit float64) bool {
	return math.IsNaN(limit) || limit > maxLimit || limit < -maxLimit
}

// Note writes into the audit log. What can't be written down is not to be done: it comes before the
// deed.
func (k *Keys) Note(ctx context.Context, by Actor, action, target string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return k.directory.Append(ctx, Entry{
		ID: id.String(), At: moment(k.now()), Account: by.ID, KeyID: by.KeyID,
		Action: action, Target: target[:min(len(target), maxTarget)], Address: by.Address, Request: by.Request,
	})
}

// NoteRead writes down that somebody read what is not theirs.
func (k *Keys) NoteRead(ctx context.Context, by Actor, action, account string) error {
	if account == by.ID {
		return nil
	}
	return k.Note(ctx, by, action, account)
}

// Audit lists entries of the audit log, newest first, before the given id; "": from the newest.
func (k *Keys) Audit(ctx context.Context, by Actor, before string, limit int) ([]Entry, error) {
	if err := k.Note(ctx, by, "audit.read", before); err != nil {
		return nil, err
	}
	return k.directory.Audit(ctx, before, limit)
}
