package limit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/internal/testservers"
)

var (
	server    *testservers.Redis
	serverErr error
)

func TestMain(m *testing.M) {
	server, serverErr = testservers.StartRedis()
	code := m.Run()
	if serverErr == nil {
		server.Remove()
	}
	os.Exit(code)
}

// slow is a bucket that gets nothing back while a test runs.
func slow(burst int) Rate { return Rate{PerSecond: LeastRate, Burst: burst} }

func connect(t *testing.T, url string, change func(*RedisOptions)) *Redis {
	t.Helper()
	o := RedisOptions{URL: url, Timeout: 10 * time.Second, Fallback: NewMemory(time.Now), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	r, err := NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func database(t *testing.T) string {
	t.Helper()
	if errors.Is(serverErr, testservers.ErrMissing) {
		t.Skip(serverErr)
	}
	if serverErr != nil {
		t.Fatal(serverErr)
	}
	return server.Database()
}

// everywhere runs a test for buckets in memory and in Redis; make gives another view of the same buckets.
func everywhere(t *testing.T, test func(t *testing.T, view func() Buckets)) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		m := NewMemory(time.Now)
		test(t, func() Buckets { return m })
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		url := database(t)
		test(t, func() Buckets {
			return connect(t, url, func(o *RedisOptions) { o.FellBack = func() { t.Error("Redis was not asked") } })
		})
	})
}

func TestABucketHoldsItsBurst(t *testing.T) {
	everywhere(t, func(t *testing.T, view func() Buckets) {
		b, bucket := view(), Bucket{"a", slow(3)}
		for want := 2; want >= 0; want-- {
			s := b.Take(t.Context(), bucket)[0]
			if s.Retry != 0 || s.Remaining != want || s.Reset <= time.Duration(2-want)*1000*time.Second || s.Reset > time.Duration(3-want)*1000*time.Second {
				t.Fatalf("got %+v, want %d left", s, want)
			}
		}
		s := b.Take(t.Context(), bucket)[0]
		if s.Remaining != 0 || s.Retry <= 990*time.Second || s.Retry > 1000*time.Second {
			t.Errorf("the empty bucket is %+v", s)
		}
		if s := b.Take(t.Context(), Bucket{"b", slow(3)})[0]; s.Remaining != 2 {
			t.Errorf("another bucket is %+v", s)
		}
	})
}

func TestNothingIsTakenUnlessAllHaveSome(t *testing.T) {
	everywhere(t, func(t *testing.T, view func() Buckets) {
		b, wide, narrow := view(), Bucket{"wide", slow(10)}, Bucket{"narrow", slow(1)}
		if s := b.Take(t.Context(), wide, narrow); s[0].Remaining != 9 || s[1].Remaining != 0 || s[1].Retry != 0 {
			t.Fatalf("got %+v", s)
		}
		for range 20 {
			if s := b.Take(t.Context(), wide, narrow); s[0].Retry != 0 || s[0].Remaining != 9 || s[1].Retry == 0 {
				t.Fatalf("got %+v", s)
			}
		}
		if s := b.Take(t.Context(), wide); s[0].Remaining != 8 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestTwoLimitersShareABucketExactly(t *testing.T) {
	everywhere(t, func(t *testing.T, view func() Buckets) {
		const burst, attempts, each = 157, 16, 25
		bucket := Bucket{"shared", slow(burst)}
		var taken atomic.Int64
		var wg sync.WaitGroup
		for _, b := range []Buckets{view(), view()} {
			for range attempts {
				wg.Go(func() {
					for range each {
						if b.Take(context.Background(), bucket)[0].Retry == 0 {
							taken.Add(1)
						}
					}
				})
			}
		}
		wg.Wait()
		if n := taken.Load(); n != burst {
			t.Errorf("%d tokens were taken of %d, by %d attempts", n, burst, 2*attempts*each)
		}
	})
}

func TestTokensComeBackOneByOne(t *testing.T) {
	t.Parallel()
	clock := time.Unix(1_800_000_000, 0)
	m := NewMemory(func() time.Time { return clock })
	bucket := Bucket{"a", Rate{PerSecond: 4, Burst: 2}}
	for _, step := range []struct {
		pass         time.Duration
		remaining    int
		reset, retry time.Duration
	}{
		{0, 1, 250 * time.Millisecond, 0},
		{0, 0, 500 * time.Millisecond, 0},
		{0, 0, 500 * time.Millisecond, 250 * time.Millisecond},
		{100 * time.Millisecond, 0, 400 * time.Millisecond, 150 * time.Millisecond},
		{150 * time.Millisecond, 0, 500 * time.Millisecond, 0},
		{time.Hour, 1, 250 * time.Millisecond, 0},
	} {
		clock = clock.Add(step.pass)
		if s := m.Take(t.Context(), bucket)[0]; s != (State{step.remaining, step.reset, step.retry}) {
			t.Errorf("after %v: got %+v, want %+v", step.pass, s, step)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rate   Rate
		size   int
		window time.Duration
	}{
		{Rate{PerSecond: 10, Burst: 50}, 50, 5 * time.Second},
		{Rate{PerSecond: 10}, 20, 2 * time.Second},
		{Rate{PerSecond: 0.1}, 1, 10 * time.Second},
		{Rate{PerSecond: 1e9, Burst: 1e9}, MostBurst, time.Second},
		{Rate{PerSecond: 1e-9, Burst: MostBurst}, MostBurst, 1e9 * time.Second},
	} {
		if tc.rate.Size() != tc.size || tc.rate.Window() != tc.window {
			t.Errorf("%+v: got %d in %v", tc.rate, tc.rate.Size(), tc.rate.Window())
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := NewMemory(time.Now)
	m.most = 10
	m.Take(t.Context(), Bucket{"first", slow(5)})
	for i := range 100 {
		m.Take(t.Context(), Bucket{fmt.Sprint(i), slow(5)})
		if i < 5 {
			m.Take(t.Context(), Bucket{"first", slow(50)})
		}
	}
	if len(m.named) != 10 || m.used.Len() != 10 {
		t.Errorf("%d buckets are kept", len(m.named))
	}
	if s := m.Take(t.Context(), Bucket{"99", slow(5)})[0]; s.Remaining != 3 {
		t.Errorf("the latest was forgotten: %+v", s)
	}
}

func TestWithoutRedisEachLimitsForItself(t *testing.T) {
	t.Parallel()
	if serverErr != nil {
		database(t)
	}
	own, err := testservers.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Remove)
	var fallbacks atomic.Int64
	r := connect(t, own.Database(), func(o *RedisOptions) {
		o.Probe = 5 * time.Millisecond
		o.FellBack = func() { fallbacks.Add(1) }
	})
	bucket := Bucket{"a", slow(2)}
	for range 3 {
		r.Take(t.Context(), bucket)
	}
	if n := fallbacks.Load(); n != 0 {
		t.Fatalf("%d fallbacks while Redis is there", n)
	}
	own.Kill()
	// The local bucket is full, and it is one.
	for i := range 3 {
		if s := r.Take(t.Context(), bucket)[0]; (s.Retry == 0) != (i < 2) {
			t.Errorf("without Redis, request %d: %+v", i, s)
		}
	}
	if n := fallbacks.Load(); n != 3 || !r.Away() {
		t.Errorf("%d fallbacks", n)
	}
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	for r.Away() {
		time.Sleep(time.Millisecond) // the probe tells nobody but this
	}
	if s := r.Take(t.Context(), Bucket{"b", slow(2)})[0]; s.Remaining != 1 || fallbacks.Load() != 3 {
		t.Errorf("after it is back: %+v, %d fallbacks", s, fallbacks.Load())
	}
}

func TestASilentRedisIsNotWaitedForAgain(t *testing.T) {
	t.Parallel()
	if serverErr != nil {
		database(t)
	}
	own, err := testservers.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Remove)
	var fallbacks atomic.Int64
	r := connect(t, own.Database(), func(o *RedisOptions) {
		o.Timeout, o.Probe, o.FellBack = 50*time.Millisecond, time.Hour, func() { fallbacks.Add(1) }
	})
	own.Pause()
	defer own.Resume()
	for i := range 1000 {
		// Only the first is asked and waited for: the rest would take a minute.
		if s := r.Take(t.Context(), Bucket{fmt.Sprint(i), slow(2)})[0]; s.Remaining != 1 || !r.Away() {
			t.Fatalf("request %d: %+v", i, s)
		}
	}
	if n := fallbacks.Load(); n != 1000 {
		t.Errorf("%d fallbacks", n)
	}
}

func TestTheAddressOfRedisStaysSecret(t *testing.T) {
	t.Parallel()
	if _, err := NewRedis(RedisOptions{URL: "redis://:hush@[/"}); err == nil || err.Error() != "the address of Redis is not one" {
		t.Errorf("got %v", err)
	}
}

func BenchmarkTake(b *testing.B) {
	three := []Bucket{{"address:1", Rate{PerSecond: 1e6, Burst: 1e6}}, {"account:1", Rate{PerSecond: 1e6, Burst: 1e6}}, {"key:1", Rate{PerSecond: 1e6, Burst: 1e6}}}
	b.Run("memory", func(b *testing.B) {
		m := NewMemory(time.Now)
		for b.Loop() {
			m.Take(b.Context(), three...)
		}
	})
	b.Run("Redis", func(b *testing.B) {
		if serverErr != nil {
			b.Skip(serverErr)
		}
		r, err := NewRedis(RedisOptions{URL: server.Database(), Fallback: NewMemory(time.Now), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		for b.Loop() {
			r.Take(b.Context(), three...)
		}
	})
}
