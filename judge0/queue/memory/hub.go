package memory

import (
	"maps"
	"slices"
	"sync"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/queue"
)

// Hub tells those who wait for a result the moment it is recorded. Its methods may be called from
// any goroutine; none of them waits.
type Hub struct {
	mu          sync.Mutex
	limit       int
	count       int
	subscribers map[string][]chan *api.Submission
}

// NewHub makes a hub for at most limit subscriptions at a time.
func NewHub(limit int) *Hub {
	return &Hub{limit: limit, subscribers: map[string][]chan *api.Submission{}}
}

// Subscribe gives a channel that gets the finished submission, once, if it finishes from now on.
// leave ends the subscription; it must be called.
func (h *Hub) Subscribe(token string) (finished <-chan *api.Submission, leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count >= h.limit {
		return nil, nil, queue.ErrTooManySubscribers
	}
	// Room for the one message: Announce never waits.
	c := make(chan *api.Submission, 1)
	h.subscribers[token] = append(h.subscribers[token], c)
	h.count++
	return c, sync.OnceFunc(func() { h.leave(token, c) }), nil
}

func (h *Hub) leave(token string, c chan *api.Submission) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.subscribers[token]
	for i, other := range list {
		if other == c {
			h.count--
			if len(list) == 1 {
				delete(h.subscribers, token)
				return
			}
			list[i] = list[len(list)-1]
			h.subscribers[token] = list[:len(list)-1]
			return
		}
	}
}

// Announce tells all who wait for s. Neither side may change it.
func (h *Hub) Announce(s *api.Submission) {
	h.mu.Lock()
	list := h.subscribers[s.Token]
	delete(h.subscribers, s.Token)
	h.count -= len(list)
	h.mu.Unlock()
	for _, c := range list {
		c <- s
	}
}

// Waiting lists the tokens that are waited for.
func (h *Hub) Waiting() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.subscribers))
}

// Has tells whether anybody waits for a token.
func (h *Hub) Has(token string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subscribers[token]) > 0
}

// Len tells how many subscriptions there are.
func (h *Hub) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}
