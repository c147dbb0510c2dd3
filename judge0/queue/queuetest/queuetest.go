// Package queuetest is the suite of tests that every queue of the engine must pass.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/queue"
)

// Queue is all that the engine asks of a queue.
type Queue interface {
	Reserve(n int) error
	Push(reserved int, items ...queue.Item)
	Pop(ctx context.Context) (queue.Item, error)
	Done(item queue.Item)
	Return(item queue.Item)
	Len() int
	Oldest() (time.Time, bool)
	Close()
}

// Run checks a queue. open gives an empty one with a limit.
func Run(t *testing.T, open func(t *testing.T, limit int) Queue) {
	ctx := context.Background()

	t.Run("order is kept and nothing is lost", func(t *testing.T) {
		t.Parallel()
		q := open(t, 10)
		at := time.Unix(1, 0)
		q.Push(0, queue.Item{Token: "0", Since: at})
		var rest []queue.Item
		for i := 1; i < 1000; i++ {
			rest = append(rest, queue.Item{Token: fmt.Sprint(i), Since: at.Add(time.Second)})
		}
		q.Push(0, rest...)
		if since, ok := q.Oldest(); !ok || !since.Equal(at) || q.Len() != 1000 {
			t.Errorf("%d items, oldest %v %v", q.Len(), since, ok)
		}
		for i := range 1000 {
			item, err := q.Pop(ctx)
			if err != nil || item.Token != fmt.Sprint(i) || item.Again {
				t.Fatalf("item %d is %+v, %v", i, item, err)
			}
			q.Done(item)
		}
		if _, ok := q.Oldest(); ok || q.Len() != 0 {
			t.Error("an empty queue has an oldest item")
		}
	})

	t.Run("each item goes to one of many workers", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		q := open(t, 1)
		const n = 1000
		got := make(chan string, 2*n)
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				for {
					item, err := q.Pop(ctx)
					if err != nil {
						return
					}
					got <- item.Token
					q.Done(item)
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
		if len(got) > 0 {
			t.Errorf("%d items were handed out twice", len(got))
		}
	})

	t.Run("room is reserved", func(t *testing.T) {
		t.Parallel()
		q := open(t, 2)
		if err := q.Reserve(1); err != nil {
			t.Fatal(err)
		}
		if err := q.Reserve(3); err != nil { // a batch gets in whole
			t.Fatal(err)
		}
		if err := q.Reserve(1); !errors.Is(err, queue.ErrFull) {
			t.Errorf("got %v", err)
		}
		q.Push(4, queue.Item{Token: "a"}, queue.Item{Token: "b"})
		if err := q.Reserve(1); !errors.Is(err, queue.ErrFull) {
			t.Errorf("got %v", err)
		}
		if _, err := q.Pop(ctx); err != nil {
			t.Fatal(err)
		}
		if err := q.Reserve(1); err != nil {
			t.Error(err)
		}
	})

	t.Run("who leaves takes nothing along", func(t *testing.T) {
		t.Parallel()
		leaving, cancel := context.WithCancel(ctx)
		q := open(t, 1)
		ended := make(chan error)
		go func() { _, err := q.Pop(leaving); ended <- err }()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		q.Push(0, queue.Item{Token: "x"})
		if _, err := q.Pop(leaving); !errors.Is(err, context.Canceled) {
			t.Errorf("an item was taken by one who is leaving: %v", err)
		}
		if item, err := q.Pop(ctx); err != nil || item.Token != "x" {
			t.Errorf("got %+v, %v", item, err)
		}
	})

	t.Run("what is given back comes again", func(t *testing.T) {
		t.Parallel()
		q := open(t, 1)
		q.Push(0, queue.Item{Token: "x", Since: time.Unix(1, 0)})
		for _, again := range []bool{false, true} {
			item, err := q.Pop(ctx)
			if err != nil || item.Token != "x" || item.Again != again || !item.Since.Equal(time.Unix(1, 0)) {
				t.Fatalf("got %+v, %v", item, err)
			}
			item.Again = true
			q.Return(item)
		}
		if q.Len() != 1 {
			t.Errorf("%d items wait", q.Len())
		}
	})
}
