package worker

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/queue/memory"
	"github.com/sandgate/sandgate/judge0/store"
	"github.com/sandgate/sandgate/judge0/store/sqlite"
	"github.com/sandgate/sandgate/judge0/store/storetest"
)

// failing is a store of which every other call fails.
type failing struct {
	*sqlite.Store
	calls atomic.Int32
}

var errDisk = errors.New("the disk is on fire")

func (f *failing) fails() bool { return f.calls.Add(1)%2 == 1 }

func (f *failing) Start(ctx context.Context, token string, lease store.Lease, at time.Time) (bool, error) {
	if f.fails() {
		return false, errDisk
	}
	return f.Store.Start(ctx, token, lease, at)
}

func (f *failing) Finish(ctx context.Context, token, lease string, r api.Result, at time.Time) (bool, error) {
	if f.fails() {
		return false, errDisk
	}
	return f.Store.Finish(ctx, token, lease, r, at)
}

func (f *failing) Get(ctx context.Context, tokens []string, program bool) (map[string]*api.Submission, error) {
	if f.fails() {
		return nil, errDisk
	}
	return f.Store.Get(ctx, tokens, program)
}

type counting struct{ runs atomic.Int32 }

func (c *counting) Run(_ context.Context, s *api.Submission) (api.Result, error) {
	c.runs.Add(1)
	return api.Result{Status: api.Accepted, Stdout: s.SourceCode}, nil
}

type silent struct{}

func (silent) Started(*api.Submission) func(*api.Submission) { return func(*api.Submission) {} }

func openStore(t *testing.T) *sqlite.Store {
	kept, err := sqlite.Open(filepath.Join(t.TempDir(), "judge0.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	return kept
}

// stored stores a submission, and gives it and where its result will come.
func stored(t *testing.T, kept *sqlite.Store, hub *memory.Hub, token string) (*api.Submission, <-chan *api.Submission) {
	submission := storetest.Submission(token)
	if _, err := kept.Create(t.Context(), []store.New{{Submission: submission}}); err != nil {
		t.Fatal(err)
	}
	finished, leave, err := hub.Subscribe(token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(leave)
	return submission, finished
}

func TestAFailingStoreIsTriedAgainAndNothingRunsTwice(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	kept := openStore(t)
	q, hub, runner := memory.NewQueue(10), memory.NewHub(10), &counting{}
	pool := New(Options{Slots: 1, Host: "h", Queue: q, Store: &failing{Store: kept}, Runner: runner, Results: hub, Callbacks: silent{},
		Logger: slog.New(slog.DiscardHandler), Backoff: func(int) time.Duration { return 0 }})
	var results []<-chan *api.Submission
	for _, token := range []string{"carried", "read"} {
		submission, finished := stored(t, kept, hub, token)
		results = append(results, finished)
		item := queue.Item{Token: token}
		if token == "carried" {
			item.Submission = submission
		}
		q.Push(0, item, item, queue.Item{Token: "gone"})
	}
	pool.Start()
	for _, finished := range results {
		if s := <-finished; s.Status != api.Accepted || *s.Stdout != "a\x00\xffé" || *s.ExecutionHost != "h" {
			t.Errorf("got %+v", s)
		}
	}
	q.Push(0, queue.Item{Token: "gone"})
	for q.Len() > 0 {
		runtime.Gosched()
	}
	if err := pool.Stop(ctx); err != nil || runner.runs.Load() != 2 {
		t.Errorf("%v, %d runs, want 2", err, runner.runs.Load())
	}
	if slots, working, failed := pool.State(); slots != 1 || working != 0 || failed != 0 {
		t.Errorf("got %d, %d, %d", slots, working, failed)
	}
}

// slow is a store that records nothing until it is let.
type slow struct {
	*sqlite.Store
	let chan struct{}
}

func (s *slow) Finish(ctx context.Context, token, lease string, r api.Result, at time.Time) (bool, error) {
	<-s.let
	return s.Store.Finish(ctx, token, lease, r, at)
}

// TestTheNextRunsWhileOneIsRecorded: a slow store holds no slot up, and where nothing gets recorded, no more is taken.
func TestTheNextRunsWhileOneIsRecorded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	kept := openStore(t)
	q, hub, runner, patient := memory.NewQueue(10), memory.NewHub(10), &counting{}, &slow{kept, make(chan struct{})}
	pool := New(Options{Slots: 2, Host: "h", Queue: q, Store: patient, Runner: runner, Results: hub, Callbacks: silent{}, Logger: slog.New(slog.DiscardHandler)})
	var results []<-chan *api.Submission
	for _, token := range []string{"1", "2", "3", "4", "5", "6"} {
		submission, finished := stored(t, kept, hub, token)
		results = append(results, finished)
		q.Push(0, queue.Item{Token: token, Submission: submission})
	}
	pool.Start()
	for runner.runs.Load() < 4 {
		runtime.Gosched()
	}
	time.Sleep(50 * time.Millisecond)
	if _, working, _ := pool.State(); working != 0 || runner.runs.Load() != 4 {
		t.Errorf("%d work, and %d have run: want 4", working, runner.runs.Load())
	}
	close(patient.let)
	for _, finished := range results {
		if s := <-finished; s.Status != api.Accepted {
			t.Errorf("got %+v", s)
		}
	}
	if err := pool.Stop(ctx); err != nil {
		t.Error(err)
	}
}
