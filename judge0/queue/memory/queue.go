// Package memory is the queue and the result hub of an engine whose servers and workers share a
// process. Nothing outlives it: at start the queue is filled from the store.
package memory

import (
	"context"
	"sync"
	"time"

	"github.com/sandgate/sandgate/judge0/queue"
)

// Queue hands items out in the order in which they came. Its methods may be called from any
// goroutine.
type Queue struct {
	mu       sync.Mutex
	limit    int
	reserved int
	items    []queue.Item // from head on
	head     int
	ready    chan struct{} // holds a token while there may be items
}

// NewQueue makes an empty queue that takes reservations while fewer than limit items wait.
func NewQueue(limit int) *Queue {
	return &Queue{limit: limit, ready: make(chan struct{}, 1)}
}

// Reserve takes room for n items, or gives queue.ErrFull. As in Judge0, a batch gets in whole while
// there is any room, so the queue may exceed its limit by one batch less one.
func (q *Queue) Reserve(n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items)-q.head+q.reserved >= q.limit {
		return queue.ErrFull
	}
	q.reserved += n
	return nil
}

// Push adds items and gives back the room that was reserved for them and for those that turned out
// not to be needed. It never refuses: what is stored must be queued.
func (q *Queue) Push(reserved int, items ...queue.Item) {
	q.mu.Lock()
	q.reserved -= reserved
	q.items = append(q.items, items...)
	q.mu.Unlock()
	if len(items) > 0 {
		q.signal()
	}
}

func (q *Queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// Pop takes the oldest item, and waits for one while there is none. Its only error is that of ctx.
func (q *Queue) Pop(ctx context.Context) (queue.Item, error) {
	for {
		if err := ctx.Err(); err != nil {
			return queue.Item{}, err
		}
		if item, more, ok := q.take(); ok {
			if more {
				q.signal() // one token may stand for many items: pass it on
			}
			return item, nil
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return queue.Item{}, ctx.Err()
		}
	}
}

func (q *Queue) take() (item queue.Item, more, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.items) {
		return queue.Item{}, false, false
	}
	item = q.items[q.head]
	q.items[q.head] = queue.Item{}
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if q.head > 64 && q.head*2 > len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return item, q.head < len(q.items), true
}

// Done ends the delivery of an item: there is nothing to note.
func (q *Queue) Done(queue.Item) {}

// Return gives an item back that was not run to its end, for others to take.
func (q *Queue) Return(item queue.Item) { q.Push(0, item) }

// Close does nothing: nothing runs.
func (q *Queue) Close() {}

// Len tells how many items wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) - q.head
}

// Oldest tells since when the item waits that is next; false if there is none.
func (q *Queue) Oldest() (time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.items) {
		return time.Time{}, false
	}
	return q.items[q.head].Since, true
}
