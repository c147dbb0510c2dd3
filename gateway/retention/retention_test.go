package retention

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

type store func(now time.Time, fallback time.Duration, limit int) (int, error)

func (s store) Expire(_ context.Context, now time.Time, fallback time.Duration, limit int) (int, error) {
	return s(now, fallback, limit)
}

func (s store) Forget(_ context.Context, audit, usage time.Time, _ int) (int, error) {
	if !audit.IsZero() || usage.After(time.Now().Add(-time.Hour)) {
		return 0, errors.New("it forgets what is to be kept")
	}
	return 0, nil
}

func TestASweepRemovesAllInBatches(t *testing.T) {
	t.Parallel()
	left, removed, failed, calls := 2*batch+7, 0, 0, 0
	var fault error
	s := New(Options{
		Keep: time.Hour, Usage: 2 * time.Hour, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Removed: func(n int) { removed += n }, Failed: func() { failed++ },
		Store: store(func(_ time.Time, fallback time.Duration, limit int) (int, error) {
			calls++
			if fallback != time.Hour || fault != nil {
				return 0, fault
			}
			n := min(left, limit)
			left -= n
			return n, nil
		}),
	})
	if s.sweep(t.Context()); left != 0 || removed != 2*batch+7 || calls != 3 {
		t.Errorf("%d are left, %d were removed by %d calls", left, removed, calls)
	}
	fault = errors.New("the store is away")
	if s.sweep(t.Context()); failed != 1 || calls != 4 {
		t.Errorf("a fault is tried %d times at once, and counted %d times", calls-3, failed)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if s.Run(ended); failed > 1 {
		t.Error("the end is a failure")
	}
}
