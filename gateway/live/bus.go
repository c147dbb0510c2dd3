// Package live pushes new states of submissions to clients: over Server-Sent Events, over Socket.IO,
// and to requests that wait for a result; within one gateway, and between several through Redis.
//
// It promises never to hold up who publishes, and to bound what a client can take: connections in all
// and by account, jobs of a socket, what waits to be written. A client that does not keep up loses its
// connection; it comes back and is told the present state, or, on the stream of an account, what it
// missed. A connection ends soon after its key is revoked.
//
// What is said may be said again: clients tell events by the job and its status.
package live

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// buffer is how many events may wait for a Subscription. A submission has few in its life, so that a
// full one means that nobody reads.
const buffer = 8

const shards = 64

// Bus carries events within a process. The zero value is not ready: use NewBus.
type Bus struct {
	seed      maphash.Seed
	shards    [shards]shard
	journals  journals
	listeners atomic.Int64
	dropped   atomic.Int64
}

type shard struct {
	mu        sync.Mutex
	listeners map[string][]*listener
}

// listener hears the events of a token until it is closed.
type listener struct {
	bus    *Bus
	token  string
	hear   hearer
	closed bool // guarded by the shard
}

// hearer takes events. It must neither block nor use the bus.
type hearer interface {
	hear(submission.Event)
}

// NewBus makes an empty bus.
func NewBus() *Bus {
	b := &Bus{seed: maphash.MakeSeed(), journals: journals{of: map[string]*journal{}}}
	for i := range b.shards {
		b.shards[i].listeners = map[string][]*listener{}
	}
	return b
}

func (b *Bus) shard(token string) *shard {
	return &b.shards[maphash.String(b.seed, token)%shards]
}

// Publish hands event to all who listen for its token or its account now.
func (b *Bus) Publish(event submission.Event) {
	s := b.shard(event.Token)
	s.mu.Lock()
	for _, l := range s.listeners[event.Token] {
		l.hear.hear(event)
	}
	s.mu.Unlock()
	b.journals.publish(event, time.Now())
}

// listen has a hearer told the events of one token.
func (b *Bus) listen(token string, hear hearer) *listener {
	l := &listener{bus: b, token: token, hear: hear}
	s := b.shard(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[token] = append(s.listeners[token], l)
	b.listeners.Add(1)
	return l
}

func (l *listener) close() {
	s := l.bus.shard(l.token)
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	l.bus.listeners.Add(-1)
	rest := s.listeners[l.token]
	for i, other := range rest {
		if other == l {
			// In place: Publish holds the lock while it reads.
			copy(rest[i:], rest[i+1:])
			rest[len(rest)-1] = nil
			rest = rest[:len(rest)-1]
			break
		}
	}
	if len(rest) == 0 {
		delete(s.listeners, l.token)
		return
	}
	s.listeners[l.token] = rest
}

// lookAgain tells who listens for a token of shard number i that something may have been missed.
func (b *Bus) lookAgain(i int) {
	s := &b.shards[i%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, listeners := range s.listeners {
		for _, l := range listeners {
			l.hear.hear(submission.Event{Token: token, State: submission.Unknown})
		}
	}
}

// missed tells everybody that events may have been missed.
func (b *Bus) missed() {
	for i := range shards {
		b.lookAgain(i)
	}
	b.journals.missed(time.Now())
}

// Listeners tells how many listen for a token now.
func (b *Bus) Listeners() int64 { return b.listeners.Load() }

// Dropped tells how many subscriptions the bus ended because they did not keep up.
func (b *Bus) Dropped() int64 { return b.dropped.Load() }

// Subscribe listens for the events of one token until the subscription is closed.
func (b *Bus) Subscribe(token string) submission.Subscription {
	s := &subscription{events: make(chan submission.Event, buffer)}
	s.listener = b.listen(token, s)
	return s
}

// subscription is a listener with a channel.
type subscription struct {
	listener *listener
	events   chan submission.Event
	mu       sync.Mutex
	closed   bool
}

func (s *subscription) hear(event submission.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	select {
	case s.events <- event:
	default:
		s.closed = true
		close(s.events)
		s.listener.bus.dropped.Add(1)
	}
}

func (s *subscription) Events() <-chan submission.Event { return s.events }

func (s *subscription) Close() {
	s.listener.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.events)
	}
}
