package redis

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/queue/memory"
)

// Store is where the results are that a Hub hears of.
type Store interface {
	Get(ctx context.Context, tokens []string, program bool) (map[string]*api.Submission, error)
}

// HubOptions are the parts of a Hub. Check is how often the store is asked, in case an announcement
// got lost; 0: 2 s.
type HubOptions struct {
	Limit  int // subscriptions at a time
	Store  Store
	Check  time.Duration
	Failed func(err error)
	Logger *slog.Logger
}

// Hub tells those who wait on this process of results that any worker recorded. It has one
// subscription for all of them. An announcement carries the token alone; the result is read from the
// store, and only where somebody waits.
type Hub struct {
	*memory.Hub
	o       HubOptions
	client  *redis.Client
	heard   chan string
	recheck chan struct{}
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

// NewHub makes a hub that hears nothing until Start.
func NewHub(client *redis.Client, o HubOptions) *Hub {
	if o.Check <= 0 {
		o.Check = 2 * time.Second
	}
	h := &Hub{Hub: memory.NewHub(o.Limit), o: o, client: client, heard: make(chan string, 1024), recheck: make(chan struct{}, 1)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Start begins to listen.
func (h *Hub) Start() {
	h.running.Go(h.listen)
	h.running.Go(h.tell)
}

// Close ends listening.
func (h *Hub) Close() {
	h.stop()
	h.running.Wait()
}

// Announce tells all servers that s has ended. Those who wait hear of it a little later if Redis does
// not take it.
func (h *Hub) Announce(s *api.Submission) {
	ctx, cancel := bound()
	defer cancel()
	if err := h.client.Publish(ctx, channel, s.Token).Err(); err != nil {
		if h.o.Failed != nil {
			h.o.Failed(err)
		}
		h.o.Logger.Warn("announce a result", "token", s.Token, "error", err)
	}
}

func (h *Hub) listen() {
	subscription := h.client.Subscribe(h.ctx, channel)
	defer func() { _ = subscription.Close() }()
	for h.ctx.Err() == nil {
		message, err := subscription.ReceiveTimeout(h.ctx, time.Second)
		switch m := message.(type) {
		case *redis.Message:
			if !h.Has(m.Payload) {
				continue
			}
			select {
			case h.heard <- m.Payload:
			default:
				signal(h.recheck) // too many at once: look for them all
			}
		case *redis.Subscription:
			// Connected, perhaps again: what was announced in between was not heard.
			signal(h.recheck)
		default:
			if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
				continue
			}
			if h.o.Failed != nil && h.ctx.Err() == nil {
				h.o.Failed(err)
			}
			timer := time.NewTimer(100 * time.Millisecond)
			select {
			case <-timer.C:
			case <-h.ctx.Done():
			}
			timer.Stop()
		}
	}
}

// tell reads results and passes them on, many at a time if many come.
func (h *Hub) tell() {
	ticker := time.NewTicker(h.o.Check)
	defer ticker.Stop()
	for {
		var tokens []string
		select {
		case token := <-h.heard:
			tokens = append(tokens, token)
		more:
			for len(tokens) < 100 {
				select {
				case token := <-h.heard:
					tokens = append(tokens, token)
				default:
					break more
				}
			}
			h.look(tokens)
		case <-h.recheck:
			h.lookForAll()
		case <-ticker.C:
			h.lookForAll()
		case <-h.ctx.Done():
			return
		}
	}
}

// lookForAll asks the store for all that is waited for; only what has ended is read whole.
func (h *Hub) lookForAll() {
	tokens := h.Waiting()
	for len(tokens) > 0 {
		some := tokens[:min(500, len(tokens))]
		tokens = tokens[len(some):]
		found, err := h.o.Store.Get(h.ctx, some, false)
		if err != nil {
			return
		}
		var ended []string
		for token, s := range found {
			if api.Finished(s.Status) {
				ended = append(ended, token)
			}
		}
		if len(ended) > 0 {
			h.look(ended)
		}
	}
}

func (h *Hub) look(tokens []string) {
	found, err := h.o.Store.Get(h.ctx, tokens, true)
	if err != nil {
		if h.ctx.Err() == nil {
			h.o.Logger.Warn("read announced results; they are read later", "error", err)
		}
		return
	}
	for _, s := range found {
		if api.Finished(s.Status) {
			h.Hub.Announce(s)
		}
	}
}
