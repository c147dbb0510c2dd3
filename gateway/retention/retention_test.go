package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
)

type store func(now time.Time, fallback time.Duration, limit int) (int, error)

func (s store) Accounts(context.Context, string, int) ([]auth.Record, error) { return nil, nil }

func (s store) RemoveUnused(context.Context, []string) (int, error) {
	return 0, errors.New("there is no account")
}

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

// directory has accounts beside nothing else.
type directory struct {
	store
	records []auth.Record
	asked   []string
}

func (d *directory) Accounts(_ context.Context, after string, limit int) ([]auth.Record, error) {
	i, there := slices.BinarySearchFunc(d.records, after, func(r auth.Record, id string) int { return strings.Compare(r.ID, id) })
	if there {
		i++
	}
	return d.records[i:min(i+limit, len(d.records))], nil
}

func (d *directory) RemoveUnused(_ context.Context, ids []string) (int, error) {
	d.asked = append(d.asked, ids...)
	return 0, nil
}

func TestEachSweepLooksAtTheNextAccounts(t *testing.T) {
	t.Parallel()
	old := time.Now().Add(-2 * unusedFor)
	d := &directory{store: func(time.Time, time.Duration, int) (int, error) { return 0, nil }}
	for i := range 2*batch + 5 {
		d.records = append(d.records, auth.Record{ID: fmt.Sprintf("web/guest:%04d", i), Name: fmt.Sprintf("guest:%04d", i), CreatedAt: old})
	}
	s := New(Options{Store: d, Usage: 2 * time.Hour, Now: time.Now, Log: slog.New(slog.DiscardHandler), Failed: func() { t.Error("it fails") }})
	for range 4 {
		s.sweep(t.Context())
	}
	if len(d.asked) != 3*batch+5 || d.asked[2*batch+4] != d.records[2*batch+4].ID || d.asked[2*batch+5] != d.records[0].ID {
		t.Errorf("%d accounts were looked at in four sweeps", len(d.asked))
	}

	d.asked, s.after = nil, ""
	d.records = []auth.Record{
		{ID: "a", CreatedAt: old},
		{ID: "a/b", Name: "b", CreatedAt: time.Now()},
		{ID: "a/c", Name: "somebody", CreatedAt: old},
		{ID: "a/d", Name: "d", Disabled: true, CreatedAt: old},
		{ID: "a/e", Name: "e", Retention: time.Hour, CreatedAt: old},
		{ID: "a/f", Name: "f", Policy: "{}", CreatedAt: old},
		{ID: "a/g", Name: "g", Limits: auth.Limits{Burst: 1}, CreatedAt: old},
		{ID: "a/h%2Fi%25", Name: "h/i%", CreatedAt: old},
		{ID: "oidc/x", Name: "x@example.org", Issuer: "https://example.org", CreatedAt: old},
	}
	if s.sweep(t.Context()); !slices.Equal(d.asked, []string{"a/h%2Fi%25"}) {
		t.Errorf("%v were looked at", d.asked)
	}
}
