package sqlite

import (
	"context"
	"time"

	"github.com/sandgate/sandgate/gateway/store"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
	"github.com/sandgate/sandgate/internal/sqlitedb"
)

const deliveryColumns = `seq, token, account, url, state, attempts, due_at, last_status, last_error, updated_at`

// delivery is a webhook.Delivery with the number of its submission.
type delivery struct {
	webhook.Delivery
	seq int64
}

func readDelivery(scan func(...any) error) (delivery, error) {
	var d delivery
	var due, updated *time.Time
	if err := scan(&d.seq, &d.Token, &d.Account, &d.URL, &d.State, &d.Attempts, instant{&due}, &d.LastStatus, &d.LastError, instant{&updated}); err != nil {
		return d, err
	}
	d.DueAt, d.UpdatedAt = *due, *updated
	return d, nil
}

// TakeDue gives deliveries that are due, and moves them to until.
func (s *Store) TakeDue(ctx context.Context, now, until time.Time, limit int) ([]webhook.Due, error) {
	var taken []delivery
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		rows, err := tx.Query(`SELECT `+deliveryColumns+` FROM deliveries WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, seq LIMIT ?`, micros(&now), limit)
		if taken, err = collect(rows, err, readDelivery); err != nil {
			return err
		}
		for i := range taken {
			if _, err := tx.Exec(`UPDATE deliveries SET due_at = ? WHERE seq = ?`, micros(&until), taken[i].seq); err != nil {
				return err
			}
			taken[i].DueAt = time.UnixMicro(until.UnixMicro()).UTC()
		}
		return nil
	})
	if err != nil || len(taken) == 0 {
		return nil, err
	}
	tokens := make([]string, len(taken))
	for i, d := range taken {
		tokens[i] = d.Token
	}
	rows, err := s.query(ctx, `SELECT `+outline+` FROM submissions WHERE token IN (SELECT value FROM json_each(?))`, list(tokens))
	if err != nil {
		return nil, err
	}
	subs := byToken(rows)
	due := make([]webhook.Due, 0, len(taken))
	for _, d := range taken {
		if sub := subs[d.Token]; sub != nil { // it was deleted just now
			due = append(due, webhook.Due{Delivery: d.Delivery, Submission: sub})
		}
	}
	return due, nil
}

// Note stores how an attempt went.
func (s *Store) Note(ctx context.Context, d webhook.Delivery) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`UPDATE deliveries SET state = ?, attempts = ?, due_at = ?, last_status = ?, last_error = ?, updated_at = ? WHERE token = ?`,
			string(d.State), d.Attempts, micros(&d.DueAt), d.LastStatus, d.LastError, micros(&d.UpdatedAt), d.Token)
		return err
	})
}

// Redeliver makes a delivery that has ended pending again.
func (s *Store) Redeliver(ctx context.Context, account, token string, now time.Time) (webhook.Delivery, error) {
	var found delivery
	err := s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		if _, err := tx.Exec(`UPDATE deliveries SET state = 'pending', attempts = 0, due_at = ?1, updated_at = ?1 WHERE token = ?2 AND account = ?3 AND state <> 'pending'`,
			micros(&now), token, account); err != nil {
			return err
		}
		var err error
		found, err = readDelivery(func(dest ...any) error {
			return tx.QueryRow(`SELECT `+deliveryColumns+` FROM deliveries WHERE token = ? AND account = ?`, []any{token, account}, dest...)
		})
		return notFound(err, submission.ErrNotFound)
	})
	if err != nil {
		return webhook.Delivery{}, err
	}
	return found.Delivery, nil
}

// Deliveries lists those of an account, newest submission first.
func (s *Store) Deliveries(ctx context.Context, account string, state webhook.DeliveryState, cursor string, limit int) ([]webhook.Delivery, string, error) {
	after, err := store.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.db.Query(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE account = ?1 AND seq < ?2 AND (?3 = '' OR state = ?3) ORDER BY seq DESC LIMIT ?4`,
		account, after.Seq, string(state), limit+1)
	found, err := collect(rows, err, readDelivery)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		next = store.Cursor{Seq: last.seq, Token: last.Token}.String()
	}
	page := make([]webhook.Delivery, len(found))
	for i, d := range found {
		page[i] = d.Delivery
	}
	return page, next, nil
}

// Backlog counts pending deliveries.
func (s *Store) Backlog(ctx context.Context, now time.Time) (pending int, oldest time.Time, err error) {
	var due *time.Time
	err = s.db.QueryRow(ctx, `SELECT count(*), min(due_at) FROM deliveries WHERE state = 'pending'`, nil, &pending, instant{&due})
	if err != nil || due == nil || due.After(now) {
		return pending, time.Time{}, err
	}
	return pending, *due, nil
}

var _ webhook.Store = (*Store)(nil)
