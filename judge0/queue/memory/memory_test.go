package memory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/queue"
)

func TestQueueKeepsOrderAndLosesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	q := NewQueue(10)
	at := time.Unix(1, 0)
	q.Push(0, queue.Item{Token: "0", Since: at})
	for i := 1; i < 1000; i++ {
		q.Push(0, queue.Item{Token: fmt.Sprint(i), Since: at.Add(time.Second)})
	}
	if since, ok := q.Oldest(); !ok || !since.Equal(at) || q.Len() != 1000 {
		t.Errorf("%d items, oldest %v %v", q.Len(), since, ok)
	}
	for i := range 1000 {
		if item, err := q.Pop(ctx); err != nil || item.Token != fmt.Sprint(i) {
			t.Fatalf("item %d is %q, %v", i, item.Token, err)
		}
	}
	if _, ok := q.Oldest(); ok || q.Len() != 0 {
		t.Error("an empty queue has an oldest item")
	}
}

func TestQueueManyWorkers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	q := NewQueue(1)
	const n = 5000
	got := make(chan string, n)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				item, err := q.Pop(ctx)
				if err != nil {
					return
				}
				got <- item.Token
			}
		})
	}
	for i := range n / 10 {
		go func() {
			for j := range 10 {
				q.Push(0, queue.Item{Token: fmt.Sprint(i*10 + j)})
			}
		}()
	}
	seen := map[string]bool{}
	for range n {
		seen[<-got] = true
	}
	if len(seen) != n {
		t.Errorf("%d different items of %d", len(seen), n)
	}
	cancel()
	workers.Wait()
}

func TestReserve(t *testing.T) {
	t.Parallel()
	q := NewQueue(2)
	if err := q.Reserve(1); err != nil {
		t.Fatal(err)
	}
	if err := q.Reserve(3); err != nil { // a batch gets in whole
		t.Fatal(err)
	}
	if err := q.Reserve(1); !errors.Is(err, queue.ErrFull) {
		t.Errorf("got %v", err)
	}
	q.Push(4, queue.Item{}, queue.Item{})
	if err := q.Reserve(1); !errors.Is(err, queue.ErrFull) {
		t.Errorf("got %v", err)
	}
	if _, err := q.Pop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := q.Reserve(1); err != nil {
		t.Error(err)
	}
}

func TestPopEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	q := NewQueue(1)
	ended := make(chan error)
	go func() { _, err := q.Pop(ctx); ended <- err }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	q.Push(0, queue.Item{Token: "x"})
	if _, err := q.Pop(ctx); !errors.Is(err, context.Canceled) || q.Len() != 1 {
		t.Errorf("an item was taken by one who is leaving: %v", err)
	}
}

func TestItemOfLeavesLargeOnesInTheStore(t *testing.T) {
	t.Parallel()
	small, large := "x", strings.Repeat("x", carryLimit+1)
	if queue.ItemOf(&api.Submission{SourceCode: &small}, time.Time{}).Submission == nil {
		t.Error("a small submission is read again")
	}
	if queue.ItemOf(&api.Submission{Stdin: &large}, time.Time{}).Submission != nil {
		t.Error("a large submission is held in memory")
	}
}

const carryLimit = 256 << 10

func TestHub(t *testing.T) {
	t.Parallel()
	h := NewHub(3)
	a1, leaveA1, err := h.Subscribe("a")
	if err != nil {
		t.Fatal(err)
	}
	a2, leaveA2, _ := h.Subscribe("a")
	b, leaveB, _ := h.Subscribe("b")
	if _, _, err := h.Subscribe("c"); !errors.Is(err, queue.ErrTooManySubscribers) {
		t.Errorf("got %v", err)
	}
	leaveA2()
	leaveA2()
	h.Announce(&api.Submission{Token: "a"})
	h.Announce(&api.Submission{Token: "a"})
	if s := <-a1; s.Token != "a" {
		t.Errorf("got %v", s)
	}
	select {
	case <-a2:
		t.Error("one who left was told")
	case <-b:
		t.Error("one was told of another's submission")
	default:
	}
	leaveA1()
	leaveB()
	if h.Len() != 0 {
		t.Errorf("%d subscriptions are left", h.Len())
	}
}
