package limit

import (
	"context"
	"sync"
	"time"
)

// Bounds are what an account may use. Zero values are no bounds.
type Bounds struct {
	Rate             Rate // of requests
	DailySubmissions int64
	DailyCPU         time.Duration
}

// Over gives the bounds of an account whose own are b, where general ones hold for what it says
// nothing of. Negative values of its own stand for no bound.
func (b Bounds) Over(general Bounds) Bounds {
	if b.Rate.PerSecond == 0 {
		b.Rate.PerSecond = general.Rate.PerSecond
		if b.Rate.Burst == 0 {
			b.Rate.Burst = general.Rate.Burst
		}
	}
	if b.DailySubmissions == 0 {
		b.DailySubmissions = general.DailySubmissions
	}
	if b.DailyCPU == 0 {
		b.DailyCPU = general.DailyCPU
	}
	return Bounds{Rate{max(b.Rate.PerSecond, 0), max(b.Rate.Burst, 0)}, max(b.DailySubmissions, 0), max(b.DailyCPU, 0)}
}

// How long, and of how many accounts, the own bounds are remembered.
const (
	boundsFor  = 10 * time.Second
	boundsMost = 10_000
)

// Accounts knows the bounds of accounts. Its methods may be called from any goroutine.
type Accounts struct {
	general func(account string) Bounds
	own     func(ctx context.Context, account string) (Bounds, error)
	now     func() time.Time

	mu    sync.Mutex
	known map[string]knownBounds
}

type knownBounds struct {
	bounds Bounds
	until  time.Time
}

// NewAccounts makes Accounts of what holds in general, and of what is read of an account's own.
func NewAccounts(general func(account string) Bounds, own func(ctx context.Context, account string) (Bounds, error), now func() time.Time) *Accounts {
	return &Accounts{general: general, own: own, now: now, known: map[string]knownBounds{}}
}

// Bounds gives the bounds of an account. Where its own can't be read, those that were known of it
// hold, or the general ones.
func (a *Accounts) Bounds(ctx context.Context, account string) Bounds {
	now := a.now()
	a.mu.Lock()
	known, ok := a.known[account]
	a.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.bounds
	}
	own, err := a.own(ctx, account)
	switch {
	case err == nil:
		known.bounds = own.Over(a.general(account))
	case !ok:
		known.bounds = a.general(account)
	}
	known.until = now.Add(boundsFor)
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= boundsMost {
		clear(a.known)
	}
	a.known[account] = known
	return known.bounds
}
