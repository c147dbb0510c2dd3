package limit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

const (
	flushEvery = time.Second
	// freshness is how long the stored figures of an account are taken for granted: other gateways add
	// to them. It bounds how far an account can get over its quota with several gateways.
	freshness = 2 * time.Second
	// idle is how long an account of which nothing is left to store is remembered.
	idle      = time.Minute
	flushTime = 10 * time.Second
)

// QuotaOptions are the parts of Quotas; all are needed.
type QuotaOptions struct {
	Store   Store
	Bounds  func(ctx context.Context, account string) Bounds
	Refused func(kind string) // submissions or cpu
	Now     func() time.Time
	Log     *slog.Logger
}

// Quotas count what accounts use by day, and refuse what exceeds their daily bounds. Figures are
// stored each second. Gateways that share a store see each other's after some seconds, so an account
// may get over its bound by what it is worth in that time. Its methods may be called from any
// goroutine.
type Quotas struct {
	QuotaOptions

	// storing is held to write what was counted, and shared to read: what is being written must be seen
	// either in memory or in the store.
	storing sync.RWMutex

	mu      sync.Mutex
	tallies map[tallyKey]*tally
	failing bool

	stop  context.CancelFunc
	owned sync.WaitGroup
}

type tallyKey struct {
	account string
	day     int64 // since 1970
}

// tally is what is known of an account on a day.
type tally struct {
	reading sync.Mutex // one reads it at a time

	// Under Quotas.mu:
	stored Usage // as the store had it
	read   time.Time
	fresh  Usage // not stored yet
	used   time.Time
}

// NewQuotas makes Quotas; they count at once, and store between Start and Stop.
func NewQuotas(o QuotaOptions) *Quotas {
	return &Quotas{QuotaOptions: o, tallies: map[tallyKey]*tally{}}
}

// Start begins to store what is counted.
func (q *Quotas) Start() {
	ctx, stop := context.WithCancel(context.Background())
	q.stop = stop
	q.owned.Go(func() {
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				q.flush(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
}

// Stop stores what is left.
func (q *Quotas) Stop(ctx context.Context) error {
	if q.stop != nil {
		q.stop()
	}
	q.owned.Wait()
	return q.Flush(ctx)
}

const dayLength = 24 * time.Hour

func dayOf(t time.Time) int64      { return t.Unix() / int64(dayLength/time.Second) }
func midnight(day int64) time.Time { return time.Unix(day*int64(dayLength/time.Second), 0).UTC() }
func (k tallyKey) usage() Usage    { return Usage{Account: k.account, Day: midnight(k.day)} }
func (u Usage) plus(v Usage) Usage {
	u.Submissions += v.Submissions
	u.Finished += v.Finished
	u.CPU += v.CPU
	return u
}

// of gives the tally of an account for today. It needs q.mu.
func (q *Quotas) of(account string, now time.Time) (*tally, tallyKey) {
	key := tallyKey{account, dayOf(now)}
	t := q.tallies[key]
	if t == nil {
		t = &tally{stored: key.usage(), fresh: key.usage()}
		q.tallies[key] = t
	}
	t.used = now
	return t, key
}

// Admit counts n submissions of an account, or gives an error with the code QuotaReached. The
// submissions that are not taken in after all are given back.
func (q *Quotas) Admit(ctx context.Context, account string, n int) (giveBack func(), err error) {
	bounds := q.Bounds(ctx, account)
	bounded := bounds.DailySubmissions > 0 || bounds.DailyCPU > 0
	if bounded {
		q.refresh(ctx, account)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.Now()
	t, key := q.of(account, now)
	for bounded && t.read.IsZero() { // midnight has just passed
		q.mu.Unlock()
		q.refresh(ctx, account)
		q.mu.Lock()
		now = q.Now()
		t, key = q.of(account, now)
	}
	used := t.stored.plus(t.fresh)
	switch tomorrow := midnight(key.day + 1).Sub(now); {
	case bounds.DailyCPU > 0 && used.CPU >= bounds.DailyCPU:
		q.Refused("cpu")
		return nil, reached(tomorrow, "the %g seconds of CPU time that this account may use in a day are used up", bounds.DailyCPU.Seconds())
	case bounds.DailySubmissions > 0 && used.Submissions+int64(n) > bounds.DailySubmissions:
		q.Refused("submissions")
		if left := bounds.DailySubmissions - used.Submissions; left > 0 {
			return nil, reached(tomorrow, "these are %d submissions, and of the %d that this account may make in a day %d are left", n, bounds.DailySubmissions, left)
		}
		return nil, reached(tomorrow, "the %d submissions that this account may make in a day are used up", bounds.DailySubmissions)
	}
	t.fresh.Submissions += int64(n)
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		t := q.tallies[key]
		if t == nil {
			t = &tally{stored: key.usage(), fresh: key.usage(), used: now}
			q.tallies[key] = t
		}
		t.fresh.Submissions -= int64(n)
	}, nil
}

func reached(tomorrow time.Duration, text string, args ...any) error {
	return &submission.Error{Code: submission.QuotaReached, Message: fmt.Sprintf(text, args...) + "; the next day begins at midnight UTC", RetryAfter: tomorrow}
}

// refresh reads what the store has of an account's day, unless that was done a moment ago. Where it
// can't, what is known stands.
func (q *Quotas) refresh(ctx context.Context, account string) {
	now := q.Now()
	q.mu.Lock()
	t, key := q.of(account, now)
	stale := now.Sub(t.read) >= freshness
	q.mu.Unlock()
	if !stale {
		return
	}
	t.reading.Lock()
	defer t.reading.Unlock()
	q.mu.Lock()
	stale = now.Sub(t.read) >= freshness
	q.mu.Unlock()
	if !stale {
		return
	}
	q.storing.RLock()
	defer q.storing.RUnlock()
	stored, err := q.Store.Usage(ctx, account, midnight(key.day), midnight(key.day))
	if err != nil {
		q.Log.Warn("the usage of an account can't be read: its quota goes by what is known here", "error", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	t.read = now
	if err == nil {
		t.stored = key.usage()
		for _, usage := range stored {
			t.stored = t.stored.plus(usage)
		}
	}
}

// Ended counts a submission whose result was recorded. The CPU time of several runs is their average.
func (q *Quotas) Ended(sub *submission.Submission) {
	now := q.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	t, _ := q.of(sub.Account, now)
	t.fresh.Finished++
	if sub.Time != nil {
		t.fresh.CPU += time.Duration(*sub.Time*float64(max(sub.NumberOfRuns, 1))*1e6) * time.Microsecond
	}
}

// Usage lists what an account used on the days from first to last that it used any, in order.
func (q *Quotas) Usage(ctx context.Context, account string, first, last time.Time) ([]Usage, error) {
	q.storing.RLock()
	defer q.storing.RUnlock()
	stored, err := q.Store.Usage(ctx, account, midnight(dayOf(first)), midnight(dayOf(last)))
	if err != nil {
		return nil, err
	}
	byDay := map[int64]Usage{}
	for _, usage := range stored {
		byDay[dayOf(usage.Day)] = usage
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var days []Usage
	for day := dayOf(first); day <= dayOf(last); day++ {
		key := tallyKey{account, day}
		usage := key.usage().plus(byDay[day])
		if t := q.tallies[key]; t != nil {
			usage = usage.plus(t.fresh)
		}
		if usage != key.usage() {
			days = append(days, usage)
		}
	}
	return days, nil
}

func (q *Quotas) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	err := q.Flush(ctx)
	if ctx.Err() == nil && err != nil && !q.failing {
		q.Log.Error("what accounts used can't be stored; it is tried again", "error", err)
	}
	q.failing = err != nil
}

// Flush stores what was counted.
func (q *Quotas) Flush(ctx context.Context) error {
	q.storing.Lock()
	defer q.storing.Unlock()
	now := q.Now()
	var used []Usage
	q.mu.Lock()
	for key, t := range q.tallies {
		switch {
		case t.fresh != key.usage():
			used = append(used, t.fresh)
		case now.Sub(t.used) > idle:
			delete(q.tallies, key)
		}
	}
	q.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	if err := q.Store.AddUsage(ctx, used); err != nil {
		return fmt.Errorf("store what accounts used: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, usage := range used {
		t := q.tallies[tallyKey{usage.Account, dayOf(usage.Day)}]
		t.stored = t.stored.plus(usage)
		t.fresh = t.fresh.plus(Usage{Submissions: -usage.Submissions, Finished: -usage.Finished, CPU: -usage.CPU})
	}
	return nil
}
