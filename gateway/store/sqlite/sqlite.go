// Package sqlite keeps all that the gateway keeps in an embedded SQLite database: it implements the
// ports of the packages submission, dispatch, auth, limit and webhook, each in a file of its own.
//
// It promises that what a method returned without error survives a crash of the machine, that one call
// is stored as a whole or not at all, and that the state of a submission changes by compare-and-set: of
// several who would end a submission, one is told that it did. One process may use a file at a time.
package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/internal/sqlitedb"
)

//go:embed schema.sql
var schema string

//go:embed leaving.sql
var leaving string

// Store is an open database.
type Store struct {
	db    *sqlitedb.DB
	ended ended
}

// Options may be given to Open.
type Options struct {
	Observe func(operation string, took time.Duration) // called after each commit; it must be quick
}

// Open opens or creates the database file at path.
func Open(path string, options ...Options) (*Store, error) {
	var o sqlitedb.Options
	if len(options) > 0 && options[0].Observe != nil {
		o.Observe = func(c sqlitedb.Commit) { options[0].Observe("commit", c.Took) }
	}
	db, err := sqlitedb.Open(path, []string{schema, leaving}, o)
	if err != nil {
		return nil, fmt.Errorf("open the gateway's store: %w", err)
	}
	return &Store{db: db}, nil
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

// list makes one argument of many values, for json_each.
func list[T string | int](values []T) string {
	text, _ := json.Marshal(values)
	return string(text)
}

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, read func(scan func(...any) error) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		one, err := read(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// notFound gives instead in place of the error that there is no row.
func notFound(err, instead error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return instead
	}
	return err
}
