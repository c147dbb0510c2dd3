// Package sqlite keeps submissions, API keys and settings in an embedded SQLite database.
//
// It promises that what a method returned without error survives a crash of the machine, and that
// the state of a submission changes by compare-and-set: of several who would end a submission, one
// is told that it did. One process may use a file at a time.
package sqlite

import (
	"context"
	"crypto/subtle"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/internal/sqlitedb"
)

//go:embed schema.sql
var schema string

// Store is an open database.
type Store struct{ db *sqlitedb.DB }

// Open opens or creates the database file at path.
func Open(path string) (*Store, error) {
	db, err := sqlitedb.Open(path, []string{schema})
	if err != nil {
		return nil, fmt.Errorf("open the gateway's store: %w", err)
	}
	return &Store{db}, nil
}

// Close finishes the writes that wait and closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Ping tells whether the store can be written.
func (s *Store) Ping(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (name, value) VALUES ('ping', x'') ON CONFLICT DO UPDATE SET value = x''`)
		return err
	})
}

// Setting gives the value stored under name. Where there is none, it stores what make yields first.
func (s *Store) Setting(ctx context.Context, name string, create func() ([]byte, error)) ([]byte, error) {
	var value []byte
	err := s.db.QueryRow(ctx, `SELECT value FROM settings WHERE name = ?`, []any{name}, &value)
	if !errors.Is(err, sql.ErrNoRows) {
		return value, err
	}
	made, err := create()
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, name, made); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT value FROM settings WHERE name = ?`, []any{name}, &value)
	})
	return value, err
}

// SetSetting stores value under name.
func (s *Store) SetSetting(ctx context.Context, name string, value []byte) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, name, value)
		return err
	})
}

// micros stores a time as microseconds since 1970; nil is NULL.
func micros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}

// instant reads what micros stored.
type instant struct{ dest **time.Time }

func (i instant) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i.dest = nil
	case int64:
		t := time.UnixMicro(v).UTC()
		*i.dest = &t
	default:
		return fmt.Errorf("%T is no time", src)
	}
	return nil
}

// list makes one argument of many strings, for json_each.
func list(values []string) string {
	text, _ := json.Marshal(values)
	return string(text)
}

// KeyByHash gives the key with a hash; nil if there is none.
func (s *Store) KeyByHash(ctx context.Context, hash auth.Hash) (*auth.Key, error) {
	var key auth.Key
	var stored []byte
	var scopes string
	var created *time.Time
	err := s.db.QueryRow(ctx, `SELECT id, hash, prefix, name, account, scopes, created_at, expires_at, last_used_at FROM keys WHERE hash = ?`,
		[]any{hash[:]}, &key.ID, &stored, &key.Prefix, &key.Name, &key.Account, &scopes, instant{&created}, instant{&key.ExpiresAt}, instant{&key.LastUsedAt})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look a key up: %w", err)
	}
	if subtle.ConstantTimeCompare(stored, hash[:]) != 1 {
		return nil, nil
	}
	key.Hash, key.CreatedAt, key.Scopes = hash, *created, auth.ParseScopes(scopes)
	return &key, nil
}

// AddKey stores a key unless one of the same hash exists. With replace, other keys of its name go.
func (s *Store) AddKey(ctx context.Context, key auth.Key, replace bool) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if replace {
			if _, err := tx.Exec(`DELETE FROM keys WHERE name = ?`, key.Name); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO keys (id, hash, prefix, name, account, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			key.ID, key.Hash[:], key.Prefix, key.Name, key.Account, key.Scopes.String(), micros(&key.CreatedAt), micros(key.ExpiresAt))
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
			if _, err := tx.Exec(`UPDATE keys SET last_used_at = ? WHERE id = ?`, at.UnixMicro(), id); err != nil {
				return err
			}
		}
		return nil
	})
}

var _ submission.Store = (*Store)(nil)
var _ auth.Store = (*Store)(nil)
