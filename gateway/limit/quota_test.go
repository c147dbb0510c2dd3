package limit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// ledger is a Store in memory.
type ledger struct {
	mu    sync.Mutex
	used  map[tallyKey]Usage
	reads atomic.Int64
	away  atomic.Bool
}

var errAway = errors.New("the store is away")

func (l *ledger) AddUsage(_ context.Context, used []Usage) error {
	if l.away.Load() {
		return errAway
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used == nil {
		l.used = map[tallyKey]Usage{}
	}
	for _, usage := range used {
		key := tallyKey{usage.Account, dayOf(usage.Day)}
		l.used[key] = usage.plus(l.used[key])
	}
	return nil
}

func (l *ledger) Usage(_ context.Context, account string, first, last time.Time) ([]Usage, error) {
	l.reads.Add(1)
	if l.away.Load() {
		return nil, errAway
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var days []Usage
	for key, usage := range l.used {
		if key.account == account && key.day >= dayOf(first) && key.day <= dayOf(last) {
			days = append(days, usage)
		}
	}
	slices.SortFunc(days, func(a, b Usage) int { return cmp.Compare(a.Day.Unix(), b.Day.Unix()) })
	return days, nil
}

// clock is a time that tests move.
type clock struct{ nanos atomic.Int64 }

func newClock(text string) *clock {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	c := &clock{}
	c.nanos.Store(at.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) pass(span time.Duration) { c.nanos.Add(int64(span)) }

func quotas(store Store, c *clock, bounds Bounds) (*Quotas, map[string]int) {
	refused := map[string]int{}
	return NewQuotas(QuotaOptions{
		Store: store, Now: c.now, Log: slog.New(slog.DiscardHandler), Refused: func(kind string) { refused[kind]++ },
		Bounds: func(context.Context, string) Bounds { return bounds },
	}), refused
}

func ended(account string, seconds float64, runs int) *submission.Submission {
	sub := &submission.Submission{Account: account}
	sub.Result, sub.NumberOfRuns = api.Result{Time: &seconds}, runs
	return sub
}

func TestQuotaOfSubmissions(t *testing.T) {
	t.Parallel()
	c := newClock("2026-03-01T23:00:00Z")
	q, refused := quotas(&ledger{}, c, Bounds{DailySubmissions: 10})
	admit := func(account string, n int, want string) func() {
		t.Helper()
		giveBack, err := q.Admit(t.Context(), account, n)
		var fault *submission.Error
		switch {
		case want == "" && err != nil:
			t.Fatal(err)
		case want != "" && (!errors.As(err, &fault) || fault.Code != submission.QuotaReached || fault.Message != want):
			t.Fatalf("got %v, want %s", err, want)
		case want != "" && fault.RetryAfter != time.Hour:
			t.Errorf("it says to come back in %v", fault.RetryAfter)
		}
		return giveBack
	}
	admit("a", 8, "")
	admit("a", 3, "these are 3 submissions, and of the 10 that this account may make in a day 2 are left; the next day begins at midnight UTC")
	giveBack := admit("a", 2, "")
	const upTo = "the 10 submissions that this account may make in a day are used up; the next day begins at midnight UTC"
	admit("a", 1, upTo)
	giveBack()
	admit("a", 2, "")
	admit("a", 1, upTo)
	admit("b", 10, "")
	c.pass(time.Hour)
	admit("a", 10, "")
	if refused["submissions"] != 3 || len(refused) != 1 {
		t.Errorf("refused %v", refused)
	}
}

func TestQuotaOfCPUTime(t *testing.T) {
	t.Parallel()
	c := newClock("2026-03-01T12:00:00Z")
	q, refused := quotas(&ledger{}, c, Bounds{DailyCPU: 10 * time.Second})
	q.Ended(ended("a", 2.5, 3))
	q.Ended(&submission.Submission{Account: "a"}) // it never ran
	if _, err := q.Admit(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	q.Ended(ended("a", 2.5, 1))
	if _, err := q.Admit(t.Context(), "a", 1); err == nil || err.Error() != "the 10 seconds of CPU time that this account may use in a day are used up; the next day begins at midnight UTC" {
		t.Errorf("got %v", err)
	}
	if refused["cpu"] != 1 {
		t.Errorf("refused %v", refused)
	}
	days, err := q.Usage(t.Context(), "a", c.now(), c.now())
	if want := (Usage{"a", midnight(dayOf(c.now())), 1, 3, 10 * time.Second}); err != nil || len(days) != 1 || days[0] != want {
		t.Errorf("got %v %v, want %v", days, err, want)
	}
}

func TestQuotaIsExactForManyAtOnce(t *testing.T) {
	t.Parallel()
	c, store := newClock("2026-03-01T12:00:00Z"), &ledger{}
	q := NewQuotas(QuotaOptions{Store: store, Now: c.now, Log: slog.New(slog.DiscardHandler), Refused: func(string) {},
		Bounds: func(context.Context, string) Bounds { return Bounds{DailySubmissions: 500} }})
	var taken atomic.Int64
	var wg, flusher sync.WaitGroup
	done := make(chan struct{})
	flusher.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				// What is being stored and what is read meanwhile must not count twice, nor not at all.
				if c.now().UTC().Hour() < 23 {
					c.pass(freshness / 2)
				}
				if err := q.Flush(context.Background()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 16 {
		wg.Go(func() {
			for range 100 {
				if _, err := q.Admit(context.Background(), "a", 1); err == nil {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	close(done)
	flusher.Wait()
	if n := taken.Load(); n != 500 {
		t.Errorf("%d were taken of 500", n)
	}
	if err := q.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var stored int64
	for _, usage := range store.used {
		stored += usage.Submissions
	}
	if stored != 500 {
		t.Errorf("%d are stored", stored)
	}
}

func TestGatewaysShareAQuotaThroughTheStore(t *testing.T) {
	t.Parallel()
	c, store := newClock("2026-03-01T12:00:00Z"), &ledger{}
	one, _ := quotas(store, c, Bounds{DailySubmissions: 10})
	two, _ := quotas(store, c, Bounds{DailySubmissions: 10})
	for _, q := range []*Quotas{one, two} {
		if _, err := q.Admit(t.Context(), "a", 5); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []*Quotas{one, two} {
		if err := q.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.pass(freshness)
	for _, q := range []*Quotas{one, two} {
		if _, err := q.Admit(t.Context(), "a", 1); err == nil {
			t.Error("the other's submissions don't count")
		}
	}
	reads := store.reads.Load()
	for range 100 {
		_, _ = one.Admit(t.Context(), "a", 1)
	}
	if n := store.reads.Load() - reads; n != 0 {
		t.Errorf("the store was read %d times for figures that are fresh", n)
	}
}

func TestUsageOutlivesAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	c, store := newClock("2026-03-01T23:59:59Z"), &ledger{}
	q, _ := quotas(store, c, Bounds{DailySubmissions: 10})
	if _, err := q.Admit(t.Context(), "a", 4); err != nil {
		t.Fatal(err)
	}
	store.away.Store(true)
	c.pass(freshness) // the next day
	if err := q.Flush(t.Context()); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	if _, err := q.Admit(t.Context(), "a", 10); err != nil {
		t.Errorf("what can't be known holds submissions up: %v", err)
	}
	store.away.Store(false)
	for range 2 {
		if err := q.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	days, err := q.Usage(t.Context(), "a", c.now().Add(-48*time.Hour), c.now())
	if err != nil || len(days) != 2 || days[0].Submissions != 4 || days[1].Submissions != 10 || !days[0].Day.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got %v %v", days, err)
	}
	c.pass(idle + time.Second)
	if err := q.Flush(t.Context()); err != nil || len(q.tallies) != 0 {
		t.Errorf("%d accounts are remembered: %v", len(q.tallies), err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	general := Bounds{Rate{10, 20}, 100, time.Minute}
	for _, tc := range []struct{ own, want Bounds }{
		{Bounds{}, general},
		{Bounds{Rate: Rate{PerSecond: 5}}, Bounds{Rate{5, 0}, 100, time.Minute}},
		{Bounds{Rate: Rate{Burst: 5}}, Bounds{Rate{10, 5}, 100, time.Minute}},
		{Bounds{Rate: Rate{PerSecond: -1}, DailySubmissions: -1, DailyCPU: -1}, Bounds{}},
		{Bounds{DailySubmissions: 7, DailyCPU: time.Hour}, Bounds{Rate{10, 20}, 7, time.Hour}},
	} {
		if got := tc.own.Over(general); got != tc.want {
			t.Errorf("%+v: got %+v, want %+v", tc.own, got, tc.want)
		}
	}
}
