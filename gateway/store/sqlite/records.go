package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/sandgate/sandgate/gateway/store"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/internal/sqlitedb"
)

// InsertOnce stores subs under a client's key, or gives what the key stands for already.
func (s *Store) InsertOnce(ctx context.Context, once submission.Once, since time.Time, subs ...*submission.Submission) (before *submission.Once, err error) {
	rows, err := rowsOf(subs)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		// The writer is alone: between the look and the write nothing happens.
		var err error
		if before, err = readOnce(tx.QueryRow, once.Account, once.Key, since); before != nil || err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO once (account, key, request, tokens, created_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET request = excluded.request, tokens = excluded.tokens, created_at = excluded.created_at`,
			once.Account, once.Key, once.Request[:], list(once.Tokens), micros(&once.At)); err != nil {
			return err
		}
		return insert(tx, rows)
	})
	if err != nil {
		return nil, err
	}
	return before, nil
}

// Once gives what an account's key stands for since the given time; nil: nothing.
func (s *Store) Once(ctx context.Context, account, key string, since time.Time) (*submission.Once, error) {
	return readOnce(func(query string, args []any, dest ...any) error { return s.db.QueryRow(ctx, query, args, dest...) }, account, key, since)
}

func readOnce(queryRow func(query string, args []any, dest ...any) error, account, key string, since time.Time) (*submission.Once, error) {
	once := submission.Once{Account: account, Key: key}
	var request []byte
	var tokens string
	var at *time.Time
	err := queryRow(`SELECT request, tokens, created_at FROM once WHERE account = ? AND key = ? AND created_at >= ?`, []any{account, key, micros(&since)}, &request, &tokens, instant{&at})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	copy(once.Request[:], request)
	once.At = *at
	return &once, json.Unmarshal([]byte(tokens), &once.Tokens)
}

// History gives a page of an account's submissions, newest first.
func (s *Store) History(ctx context.Context, account string, filter submission.Filter) ([]*submission.Submission, string, error) {
	cursor, err := store.ParseCursor(filter.Cursor)
	if err != nil {
		return nil, "", err
	}
	since := int64(math.MinInt64)
	if !filter.Since.IsZero() {
		since = filter.Since.UnixMicro()
	}
	// One upper bound, so that the index is entered where the page begins.
	if !filter.Until.IsZero() && filter.Until.UnixMicro() <= cursor.At {
		cursor = store.Cursor{At: filter.Until.UnixMicro(), Seq: math.MinInt64}
	}
	languages, statuses := list(filter.Languages), list(filter.Statuses)
	rows, err := s.query(ctx, `SELECT `+outline+` FROM submissions
		WHERE account = ? AND created_at >= ? AND (created_at, seq) < (?, ?)
			AND (? IN ('[]', 'null') OR language_id IN (SELECT value FROM json_each(?)))
			AND (? IN ('[]', 'null') OR status IN (SELECT value FROM json_each(?)))
		ORDER BY created_at DESC, seq DESC LIMIT ?`,
		account, since, cursor.At, cursor.Seq, languages, languages, statuses, statuses, filter.Limit+1)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > filter.Limit {
		rows = rows[:filter.Limit]
		last := rows[len(rows)-1]
		next = store.Cursor{At: last.CreatedAt.UnixMicro(), Seq: last.seq, Token: last.Token}.String()
	}
	return plain(rows), next, nil
}

// AddShare stores a share, or gives the one that the submission has.
func (s *Store) AddShare(ctx context.Context, share submission.Share) (submission.Share, error) {
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO shares (id, account, token, created_at) SELECT ?, account, token, ? FROM submissions WHERE token = ? AND account = ?
			ON CONFLICT (token) DO NOTHING`, share.ID, micros(&share.CreatedAt), share.Token, share.Account); err != nil {
			return err
		}
		var created *time.Time
		if err := tx.QueryRow(`SELECT id, created_at FROM shares WHERE token = ? AND account = ?`, []any{share.Token, share.Account}, &share.ID, instant{&created}); err != nil {
			return notFound(err, submission.ErrNotFound)
		}
		share.CreatedAt = *created
		return nil
	})
	if err != nil {
		return submission.Share{}, err
	}
	return share, nil
}

// Share gives a share by id.
func (s *Store) Share(ctx context.Context, id string) (submission.Share, error) {
	share := submission.Share{ID: id}
	var created *time.Time
	if err := s.db.QueryRow(ctx, `SELECT account, token, created_at FROM shares WHERE id = ?`, []any{id}, &share.Account, &share.Token, instant{&created}); err != nil {
		return submission.Share{}, notFound(err, submission.ErrNotFound)
	}
	share.CreatedAt = *created
	return share, nil
}

// RemoveShare takes the share of a submission back.
func (s *Store) RemoveShare(ctx context.Context, account, token string) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		there, err := tx.ExecOne(`DELETE FROM shares WHERE token = ? AND account = ?`, token, account)
		if err == nil && !there {
			err = submission.ErrNotFound
		}
		return err
	})
}

// keepKeys is how long the store keeps idempotency keys, and gateways that were not heard of.
const keepKeys = 24 * time.Hour

// Expire removes submissions that ended longer ago than their accounts keep them, and those of accounts
// that were deleted before they ended.
func (s *Store) Expire(ctx context.Context, now time.Time, fallback time.Duration, limit int) (removed int, err error) {
	err = s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		old := now.Add(-keepKeys).UnixMicro()
		if _, err := tx.Exec(`DELETE FROM once WHERE (account, key) IN (SELECT account, key FROM once WHERE created_at < ? LIMIT ?)`, old, limit); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM gateways WHERE alive_until < ?`, old); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM leaving WHERE NOT EXISTS (SELECT 1 FROM submissions WHERE submissions.account = leaving.account AND submissions.seq <= leaving.seq)`); err != nil {
			return err
		}
		tokens, err := texts(tx, `SELECT token FROM leaving CROSS JOIN submissions INDEXED BY submissions_of_account ON submissions.account = leaving.account
			WHERE submissions.seq <= leaving.seq AND state = 3 LIMIT ?`, limit)
		if err != nil {
			return err
		}
		// What ended before a time was created before it, too: by that the index finds it.
		own, err := texts(tx, `SELECT token FROM accounts CROSS JOIN submissions INDEXED BY submissions_of_account ON account = id
			WHERE retention > 0 AND submissions.created_at < ?1 - retention AND finished_at < ?1 - retention AND state = 3 LIMIT ?2`, now.UnixMicro(), limit-len(tokens))
		if err != nil {
			return err
		}
		tokens = append(tokens, own...)
		if fallback > 0 && len(tokens) < limit {
			more, err := texts(tx, `SELECT token FROM submissions WHERE state = 3 AND finished_at < ? AND account NOT IN (SELECT id FROM accounts WHERE retention > 0)
				ORDER BY finished_at LIMIT ?`, now.Add(-fallback).UnixMicro(), limit-len(tokens))
			if err != nil {
				return err
			}
			tokens = append(tokens, more...)
		}
		removed, err = remove(tx, tokens)
		return err
	})
	if removed > 0 {
		s.ended.forget()
	}
	if err != nil {
		return 0, err
	}
	return removed, nil
}

var _ submission.Records = (*Store)(nil)
