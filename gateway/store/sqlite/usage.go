package sqlite

import (
	"context"
	"time"

	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/internal/sqlitedb"
)

const secondsOfDay = 24 * 60 * 60

// AddUsage adds to what accounts used on a day.
func (s *Store) AddUsage(ctx context.Context, used []limit.Usage) error {
	return s.db.Write(ctx, func(tx *sqlitedb.Tx) error {
		for _, u := range used {
			if _, err := tx.Exec(`INSERT INTO usage (account, day, submissions, finished, cpu) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET submissions = submissions + excluded.submissions, finished = finished + excluded.finished, cpu = cpu + excluded.cpu`,
				u.Account, u.Day.Unix()/secondsOfDay, u.Submissions, u.Finished, u.CPU.Microseconds()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Usage lists what an account used, by day.
func (s *Store) Usage(ctx context.Context, account string, first, last time.Time) ([]limit.Usage, error) {
	rows, err := s.db.Query(ctx, `SELECT day, submissions, finished, cpu FROM usage WHERE account = ? AND day BETWEEN ? AND ? ORDER BY day`,
		account, first.Unix()/secondsOfDay, last.Unix()/secondsOfDay)
	return collect(rows, err, func(scan func(...any) error) (limit.Usage, error) {
		u := limit.Usage{Account: account}
		var day, cpu int64
		err := scan(&day, &u.Submissions, &u.Finished, &cpu)
		u.Day, u.CPU = time.Unix(day*secondsOfDay, 0).UTC(), time.Duration(cpu)*time.Microsecond
		return u, err
	})
}

var _ limit.Store = (*Store)(nil)
