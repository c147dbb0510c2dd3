package sqlite

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/internal/sqlitedb"
)

const keyColumns = `id, hash, prefix, name, account, scopes, created_at, expires_at, revoked_at, last_used_at`

func readKey(scan func(...any) error) (auth.Key, error) {
	var key auth.Key
	var hash []byte
	var scopes string
	var created *time.Time
	if err := scan(&key.ID, &hash, &key.Prefix, &key.Name, &key.Account, &scopes, instant{&created}, instant{&key.ExpiresAt}, instant{&key.RevokedAt}, instant{&key.LastUsedAt}); err != nil {
		return key, err
	}
	copy(key.Hash[:], hash)
	key.CreatedAt, key.Scopes = *created, auth.ParseScopes(scopes)
	return key, nil
}

// KeyByHash gives the key with a hash; nil if there is none.
func (s *Store) KeyByHash(ctx context.Context, hash auth.Hash) (*auth.Key, error) {
	key, err := readKey(func(dest ...any) error {
		return s.db.QueryRow(ctx, `SELECT `+keyColumns+` FROM keys WHERE hash = ?`, []any{hash[:]}, dest...)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look a key up: %w", err)
	case subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1:
		return nil, nil
	}
	return &key, nil
}

// AddKey stores a key unless one of the same hash exists. With replace, the account's others of its
// name go.
func (s *Store) AddKey(ctx context.Context, key auth.Key, replace bool) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if replace {
			if _, err := tx.Exec(`DELETE FROM keys WHERE account = ? AND name = ?`, key.Account, key.Name); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO keys (id, hash, prefix, name, account, scopes, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			key.ID, key.Hash[:], key.Prefix, key.Name, key.Account, key.Scopes.String(), micros(&key.CreatedAt), micros(key.ExpiresAt), micros(key.RevokedAt))
		return err
	})
}

// CountKeys tells how many keys there are.
func (s *Store) CountKeys(ctx context.Context) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT count(*) FROM keys`, nil, &n)
	return n, err
}

// TouchKeys notes when keys were used last.
func (s *Store) TouchKeys(ctx context.Context, used map[string]time.Time) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		for id, at := range used {
			if _, err := tx.Exec(`UPDATE keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?`, at.UnixMicro(), id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keys lists the keys of an account, oldest first.
func (s *Store) Keys(ctx context.Context, account string) ([]auth.Key, error) {
	rows, err := s.db.Query(ctx, `SELECT `+keyColumns+` FROM keys WHERE account = ? ORDER BY created_at, id`, account)
	return collect(rows, err, readKey)
}

// ChangeKey replaces the name, scopes, expiry and revocation of a key.
func (s *Store) ChangeKey(ctx context.Context, key auth.Key) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		there, err := tx.ExecOne(`UPDATE keys SET name = ?, scopes = ?, expires_at = ?, revoked_at = ? WHERE id = ? AND account = ?`,
			key.Name, key.Scopes.String(), micros(key.ExpiresAt), micros(key.RevokedAt), key.ID, key.Account)
		if err == nil && !there {
			err = auth.ErrNoKey
		}
		return err
	})
}

const accountColumns = `id, name, issuer, subject, created_at, disabled, retention, limits, policy`

func readAccount(scan func(...any) error) (auth.Record, error) {
	var r auth.Record
	var created *time.Time
	var retention int64
	var limits string
	if err := scan(&r.ID, &r.Name, &r.Issuer, &r.Subject, instant{&created}, &r.Disabled, &retention, &limits, &r.Policy); err != nil {
		return r, err
	}
	r.CreatedAt, r.Retention = *created, time.Duration(retention)*time.Microsecond
	if err := json.Unmarshal([]byte(limits), &r.Limits); err != nil {
		return r, fmt.Errorf("read the limits of %s: %w", r.ID, err)
	}
	return r, nil
}

// Account gives a record; nil where there is none.
func (s *Store) Account(ctx context.Context, id string) (*auth.Record, error) {
	record, err := readAccount(func(dest ...any) error {
		return s.db.QueryRow(ctx, `SELECT `+accountColumns+` FROM accounts WHERE id = ?`, []any{id}, dest...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look an account up: %w", err)
	}
	return &record, nil
}

// EnsureAccount stores a record unless one of its id is there, and gives what is stored then.
func (s *Store) EnsureAccount(ctx context.Context, record auth.Record) (*auth.Record, error) {
	found, err := s.Account(ctx, record.ID)
	if err != nil || found != nil {
		return found, err
	}
	limits, err := json.Marshal(record.Limits)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO accounts (`+accountColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			record.ID, record.Name, record.Issuer, record.Subject, micros(&record.CreatedAt), record.Disabled, record.Retention.Microseconds(), string(limits), record.Policy); err != nil {
			return err
		}
		stored, err := readAccount(func(dest ...any) error {
			return tx.QueryRow(`SELECT `+accountColumns+` FROM accounts WHERE id = ?`, []any{record.ID}, dest...)
		})
		found = &stored
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// ChangeAccount replaces the name, retention, limits and policy of a record, and whether it is disabled.
func (s *Store) ChangeAccount(ctx context.Context, record auth.Record) error {
	limits, err := json.Marshal(record.Limits)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		there, err := tx.ExecOne(`UPDATE accounts SET name = ?, disabled = ?, retention = ?, limits = ?, policy = ? WHERE id = ?`,
			record.Name, record.Disabled, record.Retention.Microseconds(), string(limits), record.Policy, record.ID)
		if err == nil && !there {
			err = auth.ErrNoAccount
		}
		return err
	})
}

// Accounts lists records by id, after the given one.
func (s *Store) Accounts(ctx context.Context, after string, limit int) ([]auth.Record, error) {
	rows, err := s.db.Query(ctx, `SELECT `+accountColumns+` FROM accounts WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
	return collect(rows, err, readAccount)
}

// removeAtOnce is how many submissions of an account go in one write: others wait for it.
const removeAtOnce = 500

// DeleteAccount removes an account with all that is its. Its record goes last: what was broken off can
// be asked for again.
func (s *Store) DeleteAccount(ctx context.Context, id string) error {
	switch found, err := s.Account(ctx, id); {
	case err != nil:
		return err
	case found == nil:
		return auth.ErrNoAccount
	}
	if err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		for _, statement := range []string{`DELETE FROM keys WHERE account = ?`, `DELETE FROM shares WHERE account = ?`, `DELETE FROM once WHERE account = ?`, `DELETE FROM usage WHERE account = ?`} {
			if _, err := tx.Exec(statement, id); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	defer s.ended.forget()
	for n := removeAtOnce; n == removeAtOnce; {
		if err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
			tokens, err := texts(tx, `SELECT token FROM submissions WHERE account = ? AND state = 3 LIMIT ?`, id, removeAtOnce)
			if err == nil {
				n, err = remove(tx, tokens)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO leaving (account, seq) SELECT account, max(seq) FROM submissions WHERE account = ?1 GROUP BY account
			ON CONFLICT DO UPDATE SET seq = excluded.seq`, id); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM accounts WHERE id = ?`, id)
		return err
	})
}

// Append adds to the audit log.
func (s *Store) Append(ctx context.Context, e auth.Entry) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT INTO audit (`+entryColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			e.ID, micros(&e.At), e.Account, e.KeyID, e.Action, e.Target, e.Address, e.Request)
		return err
	})
}

const entryColumns = `id, at, account, key_id, action, target, address, request`

func readEntry(scan func(...any) error) (auth.Entry, error) {
	var e auth.Entry
	var at *time.Time
	if err := scan(&e.ID, instant{&at}, &e.Account, &e.KeyID, &e.Action, &e.Target, &e.Address, &e.Request); err != nil {
		return e, err
	}
	e.At = *at
	return e, nil
}

// Audit lists entries, newest first, before the given id.
func (s *Store) Audit(ctx context.Context, before string, limit int) ([]auth.Entry, error) {
	rows, err := s.db.Query(ctx, `SELECT `+entryColumns+` FROM audit WHERE ?1 = '' OR id < ?1 ORDER BY id DESC LIMIT ?2`, before, limit)
	return collect(rows, err, readEntry)
}

// RemoveUnused removes those of the accounts for which nothing was chosen and of which nothing else is stored.
func (s *Store) RemoveUnused(ctx context.Context, ids []string) (removed int, err error) {
	none, err := json.Marshal(auth.Limits{})
	if err != nil {
		return 0, err
	}
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		gone, err := texts(tx, `DELETE FROM accounts WHERE id IN (SELECT value FROM json_each(?)) AND disabled = 0 AND retention = 0 AND policy = '' AND limits = ?
			AND NOT EXISTS (SELECT 1 FROM submissions WHERE account = accounts.id) AND NOT EXISTS (SELECT 1 FROM keys WHERE account = accounts.id)
			AND NOT EXISTS (SELECT 1 FROM once WHERE account = accounts.id) AND NOT EXISTS (SELECT 1 FROM usage WHERE account = accounts.id)
			RETURNING id`, list(ids), string(none))
		removed = len(gone)
		return err
	})
	return removed, err
}

// Forget removes what the audit log and usage have of the time before; a zero time removes nothing.
func (s *Store) Forget(ctx context.Context, audit, usage time.Time, limit int) (removed int, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		removed = 0
		if !audit.IsZero() { // ids grow with time: nobody looks at more than the oldest
			ids, err := texts(tx, `SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT ?2) WHERE at < ?1`, micros(&audit), limit)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if _, err := tx.Exec(`DELETE FROM audit WHERE id = ?`, id); err != nil {
					return err
				}
			}
			removed += len(ids)
		}
		if usage.IsZero() || removed == limit {
			return nil
		}
		accounts, err := texts(tx, `DELETE FROM usage WHERE (account, day) IN (SELECT account, day FROM usage WHERE day < ?1 LIMIT ?2) RETURNING account`, usage.Unix()/secondsOfDay, limit-removed)
		removed += len(accounts)
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

var _ auth.Directory = (*Store)(nil)
