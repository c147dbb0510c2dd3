// Package retention removes submissions that have ended longer ago than their accounts keep them, old
// entries of the audit log and of usage, and the accounts of users of whom nothing is left.
package retention

import (
	"context"
	"log/slog"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
)

const (
	// batch is how many are removed in one write: others that write wait no longer than that takes.
	batch     = 200
	every     = time.Minute
	sweepTime = time.Minute
	// unusedFor is how old an account is at least that is removed because nothing of it is left.
	unusedFor = 24 * time.Hour
)

// Store removes what has expired.
type Store interface {
	Expire(ctx context.Context, now time.Time, fallback time.Duration, limit int) (removed int, err error)
	// Forget removes entries of the audit log, and days of usage, before these times; zero: none.
	Forget(ctx context.Context, audit, usage time.Time, limit int) (removed int, err error)
	// Accounts and RemoveUnused are those of auth.Directory.
	Accounts(ctx context.Context, after string, limit int) ([]auth.Record, error)
	RemoveUnused(ctx context.Context, ids []string) (removed int, err error)
}

// Options are the parts of a Sweeper; all are needed.
type Options struct {
	Store   Store
	Keep    time.Duration // of accounts that say nothing; 0: for ever
	Audit   time.Duration // of the audit log; 0: for ever
	Usage   time.Duration // of usage; 0: for ever
	Now     func() time.Time
	Log     *slog.Logger
	Removed func(n int) // called after each batch
	Failed  func()
}

// Sweeper removes what has expired, time and again. Several on one store don't disturb each other.
type Sweeper struct {
	Options
	failing bool
	after   string // the last account that was looked at
}

// New makes a Sweeper.
func New(o Options) *Sweeper { return &Sweeper{Options: o} }

// Run sweeps at once and then every minute, until ctx ends.
func (s *Sweeper) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.sweep(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Sweeper) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	before := func(keep time.Duration) time.Time {
		if keep == 0 {
			return time.Time{}
		}
		return s.Now().Add(-keep)
	}
	err := s.empty(ctx, func() (int, error) {
		n, err := s.Store.Expire(ctx, s.Now(), s.Keep, batch)
		if n > 0 {
			s.Removed(n)
		}
		return n, err
	})
	if err == nil {
		err = s.empty(ctx, func() (int, error) { return s.Store.Forget(ctx, before(s.Audit), before(s.Usage), batch) })
	}
	if err == nil {
		err = s.accounts(ctx)
	}
	switch {
	case ctx.Err() != nil:
	case err == nil:
		s.failing = false
	default:
		s.Failed()
		if !s.failing {
			s.Log.Error("what has expired can't be removed; it is tried again", "error", err)
		}
		s.failing = true
	}
}

// accounts looks at the next few accounts of all, and removes those that are nobody's any more: a site has an account
// for everybody who ever opened its page.
func (s *Sweeper) accounts(ctx context.Context) error {
	page, err := s.Store.Accounts(ctx, s.after, batch)
	if err != nil {
		return err
	}
	var ids []string
	for _, record := range page {
		if record.Implied() && record.CreatedAt.Before(s.Now().Add(-unusedFor)) {
			ids = append(ids, record.ID)
		}
	}
	if len(ids) > 0 {
		if _, err := s.Store.RemoveUnused(ctx, ids); err != nil {
			return err
		}
	}
	s.after = ""
	if len(page) == batch {
		s.after = page[batch-1].ID
	}
	return nil
}

// empty removes batches until nothing is left that has expired, with a pause as long as each batch
// took after it: at most half of the store's time goes into sweeping.
func (s *Sweeper) empty(ctx context.Context, remove func() (int, error)) error {
	for ctx.Err() == nil {
		begun := time.Now()
		n, err := remove()
		if err != nil || n < batch {
			return err
		}
		pause := time.NewTimer(time.Since(begun))
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
	return ctx.Err()
}
