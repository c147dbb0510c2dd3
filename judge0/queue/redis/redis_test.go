package redis

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/internal/testservers"
	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/queue/queuetest"
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

const testLease = 600 * time.Millisecond

// place gives the URL of an empty database.
func place(t *testing.T) string {
	t.Helper()
	if errors.Is(serverErr, testservers.ErrMissing) {
		t.Skip(serverErr)
	}
	if serverErr != nil {
		t.Fatal(serverErr)
	}
	return server.Database()
}

func connect(t *testing.T, url string) *redis.Client {
	t.Helper()
	client, err := Connect(url, 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func open(t *testing.T, url string, o Options) *Queue {
	t.Helper()
	if o.Lease == 0 {
		o.Lease = testLease
	}
	if o.Consumer == "" {
		o.Consumer = "a"
	}
	o.Logger = slog.New(slog.DiscardHandler)
	q := NewQueue(connect(t, url), o)
	t.Cleanup(q.Close)
	return q
}

func pop(t *testing.T, q *Queue) queue.Item {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	item, err := q.Pop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func TestQueue(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t *testing.T, limit int) queuetest.Queue {
		// What a test takes and does not end must not come again while it looks on.
		return open(t, place(t), Options{Limit: limit, Lease: time.Minute})
	})
}

func TestALapsedLeaseIsTakenOver(t *testing.T) {
	t.Parallel()
	url := place(t)
	var reclaimed atomic.Int32
	lost := open(t, url, Options{Consumer: "lost"})
	other := open(t, url, Options{Consumer: "other", Counts: Counts{Reclaimed: func() { reclaimed.Add(1) }}})
	lost.Push(0, queue.Item{Token: "x"})
	first := pop(t, lost)
	lost.Close()
	begun := time.Now()
	second := pop(t, other)
	if second.Token != "x" || !second.Again || reclaimed.Load() != 1 {
		t.Errorf("got %+v, %d counted", second, reclaimed.Load())
	}
	if took := time.Since(begun); took > testLease+300*time.Millisecond {
		t.Errorf("taken over after %v", took)
	}
	if first.Again {
		t.Errorf("got %+v", first)
	}
}

func TestALeaseIsKeptAsLongAsItsWorkerLives(t *testing.T) {
	t.Parallel()
	url := place(t)
	alive, other := open(t, url, Options{Consumer: "alive"}), open(t, url, Options{Consumer: "other"})
	alive.Push(0, queue.Item{Token: "x"})
	item := pop(t, alive)
	ctx, cancel := context.WithTimeout(context.Background(), 3*testLease)
	defer cancel()
	if taken, err := other.Pop(ctx); err == nil {
		t.Errorf("got %+v", taken)
	}
	select {
	case <-item.Revoked:
		t.Error("it was revoked")
	default:
	}
	alive.Done(item)
	if n := alive.client.XLen(context.Background(), streamKey).Val(); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// One who was silent for too long learns that another has its work, and does not take it back.
func TestALeaseThatAnotherHasIsRevoked(t *testing.T) {
	t.Parallel()
	url := place(t)
	silent := open(t, url, Options{Consumer: "silent", Lease: time.Hour})
	other := open(t, url, Options{Consumer: "other"})
	silent.Push(0, queue.Item{Token: "x"})
	item := pop(t, silent)
	taken := pop(t, other)
	silent.renew()
	<-item.Revoked
	silent.renew()
	other.renew()
	select {
	case <-taken.Revoked:
		t.Error("it was taken back")
	default:
	}
}

func TestWhatRedisForgot(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := place(t)
	q := open(t, url, Options{Lease: 10 * time.Second})
	q.Push(0, queue.Item{Token: "running"}, queue.Item{Token: "waiting"})
	running := pop(t, q)
	if tokens, err := q.Tokens(ctx); err != nil || len(tokens) != 2 {
		t.Errorf("got %v, %v", tokens, err)
	}
	q.client.FlushDB(ctx)
	q.renew()
	if tokens, err := q.Tokens(ctx); err != nil || len(tokens) != 1 || !tokens["running"] {
		t.Errorf("got %v, %v", tokens, err)
	}
	q.Done(running)
	if tokens, err := q.Tokens(ctx); err != nil || len(tokens) != 0 {
		t.Errorf("got %v, %v", tokens, err)
	}
	q.Push(0, queue.Item{Token: "new"})
	if item := pop(t, q); item.Token != "new" {
		t.Errorf("got %+v", item)
	}
}

type results chan map[string]*api.Submission

func (r results) Get(_ context.Context, tokens []string, _ bool) (map[string]*api.Submission, error) {
	found := map[string]*api.Submission{}
	all := <-r
	r <- all
	for _, token := range tokens {
		if all[token] != nil {
			found[token] = all[token]
		}
	}
	return found, nil
}

func TestHub(t *testing.T) {
	t.Parallel()
	_ = place(t)
	own, err := testservers.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Remove)
	url := own.Database()
	store := make(results, 1)
	store <- map[string]*api.Submission{}
	finish := func(token string) *api.Submission {
		all := <-store
		s := &api.Submission{Token: token, Result: api.Result{Status: api.Accepted}}
		next := map[string]*api.Submission{token: s}
		for other, s := range all {
			next[other] = s
		}
		store <- next
		return s
	}
	newHub := func(check time.Duration) *Hub {
		h := NewHub(connect(t, url), HubOptions{Limit: 10, Store: store, Check: check, Logger: slog.New(slog.DiscardHandler)})
		h.Start()
		t.Cleanup(h.Close)
		return h
	}
	listening, working := newHub(time.Hour), newHub(time.Hour)
	hears := func(h *Hub, token string, then func()) {
		t.Helper()
		finished, leave, err := h.Subscribe(token)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		then()
		select {
		case s := <-finished:
			if s.Token != token || s.Status != api.Accepted {
				t.Errorf("got %+v", s)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("nothing was heard of %s", token)
		}
	}
	hears(listening, "announced", func() { working.Announce(finish("announced")) })
	hears(listening, "while it was away", func() {
		own.Kill()
		working.Announce(finish("while it was away"))
		if err := own.Start(); err != nil {
			t.Fatal(err)
		}
	})
	hears(listening, "again", func() { working.Announce(finish("again")) })
	hears(newHub(20*time.Millisecond), "never announced", func() { finish("never announced") })
}
