// Package storetest is the suite of tests that every store of the engine must pass.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/store"
)

// Store is all that the engine asks of a store.
type Store interface {
	Create(ctx context.Context, list []store.New) ([]string, error)
	Tokens(ctx context.Context, keys []string) (map[string]string, error)
	Get(ctx context.Context, tokens []string, program bool) (map[string]*api.Submission, error)
	List(ctx context.Context, page, perPage int, program bool) (store.Page, error)
	Delete(ctx context.Context, token string) (*api.Submission, error)
	Start(ctx context.Context, token string, lease store.Lease, at time.Time) (bool, error)
	Finish(ctx context.Context, token, lease string, r api.Result, at time.Time) (bool, error)
	Release(ctx context.Context, token, lease string) error
	Lose(ctx context.Context, token string, at time.Time) (ended bool, err error)
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
	Exclusive(ctx context.Context, what string, f func(context.Context) error) (ran bool, err error)
	Statistics(ctx context.Context, now time.Time) (store.Statistics, error)
	Ping(ctx context.Context) error
}

// Embedded is a store of which one process at a time is the only user.
type Embedded interface {
	Store
	Recover(ctx context.Context, at time.Time) ([]string, error)
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 891_000_000, time.UTC)

func ref[T any](v T) *T { return &v }

// Submission makes a stored submission that has every attribute.
func Submission(token string) *api.Submission {
	return &api.Submission{
		Token: token, SourceCode: ref("a\x00\xffé"), LanguageID: 71, CompilerOptions: ref("-O2"), CommandLineArguments: ref(""), Stdin: ref(""), ExpectedOutput: nil,
		AdditionalFiles: ref("PK\x03\x04"), CallbackURL: ref("http://example.test/x?y=1"),
		CPUTimeLimit: 1.5, CPUExtraTime: 0.5, WallTimeLimit: 10, MemoryLimit: 128000, StackLimit: 64000, MaxProcesses: 60, MaxFileSize: 1024, NumberOfRuns: 2,
		PerProcessTime: true, PerProcessMemory: false, RedirectStderr: true, EnableNetwork: false,
		Result: api.Result{Status: api.InQueue}, CreatedAt: now, QueuedAt: ref(now), UpdatedAt: ref(now), QueueHost: ref("server-1"),
	}
}

var ctx = context.Background()

func create(t *testing.T, s Store, list ...store.New) []string {
	t.Helper()
	tokens, err := s.Create(ctx, list)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func get(t *testing.T, s Store, token string) *api.Submission {
	t.Helper()
	found, err := s.Get(ctx, []string{token}, true)
	if err != nil {
		t.Fatal(err)
	}
	return found[token]
}

// RunEmbedded checks an embedded store. open gives an empty one for each test, and its second result
// opens the same data as a program does that was started after a crash.
func RunEmbedded(t *testing.T, open func(t *testing.T) (s Embedded, again func() Embedded)) {
	Run(t, func(t *testing.T) Store { s, _ := open(t); return s })
	t.Run("what has no result is recovered in order", func(t *testing.T) {
		t.Parallel()
		s, again := open(t)
		for _, token := range []string{"d", "c", "b", "a"} {
			create(t, s, store.New{Submission: Submission(token)})
		}
		for _, token := range []string{"d", "b"} {
			if _, err := s.Start(ctx, token, store.Lease{ID: "h", Host: "h"}, now); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Finish(ctx, "d", "1", api.Result{Status: api.Accepted}, now); err != nil {
			t.Fatal(err)
		}
		s = again()
		tokens, err := s.Recover(ctx, now)
		if err != nil || !reflect.DeepEqual(tokens, []string{"c", "b", "a"}) {
			t.Errorf("got %v, %v", tokens, err)
		}
		if b := get(t, s, "b"); b.Status != api.InQueue || b.StartedAt != nil || b.ExecutionHost != nil {
			t.Errorf("got %+v", b)
		}
		if did, err := s.Start(ctx, "b", store.Lease{ID: "h", Host: "h"}, now); err != nil || !did {
			t.Errorf("a recovered submission does not start: %v", err)
		}
	})

	t.Run("what loses its worker again and again ends", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		create(t, s, store.New{Submission: Submission("deadly")}, store.New{Submission: Submission("waits")}, store.New{Submission: Submission("released")})
		later := now.Add(time.Minute)
		for i := range store.MaxLost {
			for _, token := range []string{"deadly", "released"} {
				if did, err := s.Start(ctx, token, store.Lease{ID: "h", Host: "h"}, now); err != nil || !did {
					t.Fatalf("start %s for the %d. time: %v, %v", token, i+1, did, err)
				}
			}
			if err := s.Release(ctx, "released", "h"); err != nil {
				t.Fatal(err)
			}
			want := []string{"deadly", "waits", "released"}
			if i == store.MaxLost-1 {
				want = want[1:]
			}
			if tokens, err := s.Recover(ctx, later); err != nil || !reflect.DeepEqual(tokens, want) {
				t.Errorf("recovered %v, %v; want %v", tokens, err, want)
			}
		}
		if got := get(t, s, "deadly"); got.Status != api.InternalError || got.Message == nil || *got.Message != store.LostMessage || !got.FinishedAt.Equal(later) {
			t.Errorf("got %+v", got)
		}
		if got := get(t, s, "released"); got.Status != api.InQueue || got.StartedAt != nil || got.ExecutionHost != nil {
			t.Errorf("got %+v", got)
		}
		if err := s.Release(ctx, "deadly", "h"); err != nil {
			t.Error(err)
		}
		if got := get(t, s, "deadly"); got.Status != api.InternalError {
			t.Errorf("a result was taken back: %+v", got)
		}
	})
}

// Run checks a store. open gives an empty one for each test.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Run("every attribute comes back", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		want := Submission("a")
		create(t, s, store.New{Submission: want})
		if got := get(t, s, "a"); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		later := now.Add(time.Second)
		if did, err := s.Start(ctx, "a", store.Lease{ID: "1", Host: "worker-1"}, later); err != nil || !did {
			t.Fatal(did, err)
		}
		result := api.Result{Status: api.RuntimeErrorOther, Stdout: ref("out\xff"), Stderr: ref("err"), CompileOutput: ref("warning"), Message: ref("killed"),
			ExitCode: ref(0), ExitSignal: ref(9), Time: ref(0.0123), WallTime: ref(0.5), Memory: ref(3504)}
		if did, err := s.Finish(ctx, "a", "1", result, later.Add(time.Second)); err != nil || !did {
			t.Fatal(did, err)
		}
		want.Result, want.StartedAt, want.FinishedAt, want.UpdatedAt, want.ExecutionHost = result, ref(later), ref(later.Add(time.Second)), ref(later.Add(time.Second)), ref("worker-1")
		if got := get(t, s, "a"); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		found, err := s.Get(ctx, []string{"none", "a", "a"}, false)
		if err != nil || len(found) != 1 || found["a"].SourceCode != nil || !reflect.DeepEqual(found["a"].Result, result) {
			t.Errorf("got %+v, %v", found, err)
		}
	})

	t.Run("each step is taken once", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		create(t, s, store.New{Submission: Submission("a")})
		var started, finished atomic.Int32
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				if did, err := s.Start(ctx, "a", store.Lease{ID: fmt.Sprint(i), Host: fmt.Sprint(i)}, now); err != nil {
					t.Error(err)
				} else if did {
					started.Add(1)
				}
				if did, err := s.Finish(ctx, "a", fmt.Sprint(i), api.Result{Status: api.Accepted, Message: ref(fmt.Sprint(i))}, now); err != nil {
					t.Error(err)
				} else if did {
					finished.Add(1)
				}
			})
		}
		wg.Wait()
		if started.Load() > 1 || finished.Load() != 1 {
			t.Errorf("started %d times, finished %d times", started.Load(), finished.Load())
		}
		if did, err := s.Start(ctx, "none", store.Lease{ID: "h", Host: "h"}, now); err != nil || did {
			t.Errorf("started what isn't there: %v", err)
		}
		if did, err := s.Finish(ctx, "none", "1", api.Result{Status: 3}, now); err != nil || did {
			t.Errorf("finished what isn't there: %v", err)
		}
	})

	t.Run("an idempotency key stands for one submission", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		tokens := create(t, s, store.New{Submission: Submission("a"), IdempotencyKey: "k"}, store.New{Submission: Submission("b"), IdempotencyKey: "k"}, store.New{Submission: Submission("c")}, store.New{Submission: Submission("d")})
		if !reflect.DeepEqual(tokens, []string{"a", "a", "c", "d"}) {
			t.Errorf("got %v", tokens)
		}
		if tokens := create(t, s, store.New{Submission: Submission("e"), IdempotencyKey: "k"}); tokens[0] != "a" || get(t, s, "e") != nil || get(t, s, "b") != nil {
			t.Errorf("got %v", tokens)
		}
		known, err := s.Tokens(ctx, []string{"none", "k"})
		if err != nil || !reflect.DeepEqual(known, map[string]string{"k": "a"}) {
			t.Errorf("got %v, %v", known, err)
		}
	})

	t.Run("all of a call are stored or none", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		if _, err := s.Create(ctx, []store.New{{Submission: Submission("a")}, {Submission: Submission("a")}}); err == nil {
			t.Error("one token was stored twice")
		}
		if get(t, s, "a") != nil {
			t.Error("half a call was stored")
		}
	})

	t.Run("pages are newest first", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for _, token := range []string{"a", "b", "c", "d", "e"} {
			create(t, s, store.New{Submission: Submission(token)})
		}
		for _, tc := range []struct {
			page, perPage int
			want          []string
		}{{1, 2, []string{"e", "d"}}, {3, 2, []string{"a"}}, {4, 2, nil}, {1, 20, []string{"e", "d", "c", "b", "a"}}, {1 << 40, 1 << 40, nil}, {1, 0, nil}} {
			page, err := s.List(ctx, tc.page, tc.perPage, true)
			var got []string
			for _, submission := range page.Submissions {
				got = append(got, submission.Token)
			}
			if err != nil || page.Total != 5 || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("page %d of %d: got %v of %d, %v", tc.page, tc.perPage, got, page.Total, err)
			}
		}
	})

	t.Run("a page has only what is asked for, and a bound", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		large := ref(strings.Repeat("x", store.MaxPage*2/3))
		for _, token := range []string{"a", "b"} {
			n := Submission(token)
			n.SourceCode = large
			create(t, s, store.New{Submission: n})
		}
		page, err := s.List(ctx, 1, 20, false)
		if err != nil || len(page.Submissions) != 2 || page.Submissions[0].SourceCode != nil || page.Submissions[0].Status != api.InQueue {
			t.Errorf("got %+v, %v", page, err)
		}
		if _, err := s.List(ctx, 1, 20, true); !errors.Is(err, store.ErrPageTooLarge) {
			t.Errorf("got %v", err)
		}
		if page, err := s.List(ctx, 2, 1, true); err != nil || len(page.Submissions) != 1 || len(*page.Submissions[0].SourceCode) != len(*large) {
			t.Errorf("one by itself: %v", err)
		}
	})

	t.Run("only what has finished is deleted", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		create(t, s, store.New{Submission: Submission("a"), IdempotencyKey: "k"})
		if gone, err := s.Delete(ctx, "a"); !errors.Is(err, store.ErrUnfinished) || gone == nil || gone.Status != api.InQueue {
			t.Errorf("got %v, %v", gone, err)
		}
		if _, err := s.Finish(ctx, "a", "1", api.Result{Status: api.Accepted}, now); err != nil {
			t.Fatal(err)
		}
		if gone, err := s.Delete(ctx, "a"); err != nil || gone.Status != api.Accepted || *gone.SourceCode != "a\x00\xffé" {
			t.Errorf("got %v, %v", gone, err)
		}
		if _, err := s.Delete(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		if tokens := create(t, s, store.New{Submission: Submission("b"), IdempotencyKey: "k"}); tokens[0] != "b" {
			t.Errorf("the key of a deleted submission stands for %v", tokens)
		}
	})

	t.Run("a step whose answer got lost is taken again", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		create(t, s, store.New{Submission: Submission("a")})
		for range 2 {
			if did, err := s.Start(ctx, "a", store.Lease{ID: "1", Host: "h"}, now); err != nil || !did {
				t.Errorf("start: %v, %v", did, err)
			}
		}
		if did, err := s.Start(ctx, "a", store.Lease{ID: "2", Host: "h"}, now); err != nil || did {
			t.Errorf("two leases run it: %v", err)
		}
		for range 2 {
			if did, err := s.Finish(ctx, "a", "1", api.Result{Status: api.Accepted}, now); err != nil || !did {
				t.Errorf("finish: %v, %v", did, err)
			}
		}
	})

	t.Run("a lost worker's submission is started again, and the first result stands", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		create(t, s, store.New{Submission: Submission("a")}, store.New{Submission: Submission("deadly")})
		start := func(token, lease string) {
			t.Helper()
			if did, err := s.Start(ctx, token, store.Lease{ID: lease, Host: lease}, now); err != nil || !did {
				t.Fatalf("start: %v, %v", did, err)
			}
		}
		start("a", "1")
		if ended, err := s.Lose(ctx, "a", now); err != nil || ended {
			t.Errorf("%v, %v", ended, err)
		}
		start("a", "2")
		if err := s.Release(ctx, "a", "1"); err != nil {
			t.Error(err)
		}
		if got := get(t, s, "a"); got.Status != api.Processing || *got.ExecutionHost != "2" {
			t.Errorf("one lease released what another runs: %+v", got)
		}
		if did, err := s.Finish(ctx, "a", "1", api.Result{Status: api.Accepted, Stdout: ref("first")}, now); err != nil || !did {
			t.Errorf("finish: %v, %v", did, err)
		}
		if did, err := s.Finish(ctx, "a", "2", api.Result{Status: api.WrongAnswer, Stdout: ref("second")}, now); err != nil || did {
			t.Errorf("finish again: %v, %v", did, err)
		}
		if ended, err := s.Lose(ctx, "a", now); err != nil || ended {
			t.Errorf("%v, %v", ended, err)
		}
		if got := get(t, s, "a"); got.Status != api.Accepted || *got.Stdout != "first" {
			t.Errorf("got %+v", got)
		}
		for i := range store.MaxLost {
			start("deadly", fmt.Sprint(i))
			if ended, err := s.Lose(ctx, "deadly", now); err != nil || ended != (i == store.MaxLost-1) {
				t.Errorf("loss %d: %v, %v", i+1, ended, err)
			}
		}
		if got := get(t, s, "deadly"); got.Status != api.InternalError || got.Message == nil || *got.Message != store.LostMessage || got.FinishedAt == nil {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("old ones are swept, oldest first, unfinished ones never", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for i, token := range []string{"a", "b", "c", "d", "queued"} {
			create(t, s, store.New{Submission: Submission(token)})
			if token != "queued" {
				if _, err := s.Finish(ctx, token, "1", api.Result{Status: api.Accepted}, now.Add(time.Duration(i)*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, want := range []int{2, 1, 0} {
			if n, err := s.Sweep(ctx, now.Add(3*time.Hour), 2); err != nil || n != want {
				t.Errorf("sweep %d: %d, %v; want %d", i, n, err, want)
			}
		}
		if get(t, s, "c") != nil || get(t, s, "d") == nil || get(t, s, "queued") == nil {
			t.Error("the wrong ones were swept")
		}
	})

	t.Run("what is exclusive runs", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		failure := errors.New("no")
		if ran, err := s.Exclusive(ctx, "sweep", func(context.Context) error { return nil }); err != nil || !ran {
			t.Errorf("%v, %v", ran, err)
		}
		if ran, err := s.Exclusive(ctx, "sweep", func(context.Context) error { return failure }); !errors.Is(err, failure) || !ran {
			t.Errorf("%v, %v", ran, err)
		}
	})

	t.Run("statistics", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for i, age := range []int{0, 0, 1, 29, 30} {
			submission := Submission(fmt.Sprint(i))
			submission.CreatedAt = now.AddDate(0, 0, -age)
			submission.LanguageID = 50 + i%2
			create(t, s, store.New{Submission: submission})
		}
		if _, err := s.Finish(ctx, "0", "1", api.Result{Status: api.Accepted}, now); err != nil {
			t.Fatal(err)
		}
		got, err := s.Statistics(ctx, now)
		if err != nil || got.Size <= 0 {
			t.Fatalf("size %d, %v", got.Size, err)
		}
		got.Size = 0
		want := store.Statistics{Total: 5, Today: 2, Last30Days: map[int]int{20260203: 1, 20260303: 1, 20260304: 2}, Languages: map[int]int{50: 3, 51: 2}, Statuses: map[int]int{1: 4, 3: 1}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})

	t.Run("ping", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		if err := s.Ping(ctx); err != nil {
			t.Error(err)
		}
	})
}
