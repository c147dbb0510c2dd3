// Package live announces new states of submissions to those who listen, within one process.
//
// It promises never to hold up a publisher: a listener that does not keep up is dropped, its
// channel closed, and it has to ask the store. It keeps no history; who comes late asks the store
// first. Carrying events between gateways is left to another Bus.
package live

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/sandgate/sandgate/gateway/submission"
)

// buffer is how many events may wait for a listener. A submission has two in its life, so that a
// full one means a listener that reads nothing.
const buffer = 8

const shards = 64

// Bus is an in-process submission.Bus. The zero value is not ready: use NewBus.
type Bus struct {
	seed      maphash.Seed
	shards    [shards]shard
	listeners atomic.Int64
	dropped   atomic.Int64
}

type shard struct {
	mu        sync.Mutex
	listeners map[string][]*listener
}

type listener struct {
	bus    *Bus
	token  string
	events chan submission.Event
	closed bool // guarded by the shard
}

// NewBus makes an empty bus.
func NewBus() *Bus {
	b := &Bus{seed: maphash.MakeSeed()}
	for i := range b.shards {
		b.shards[i].listeners = map[string][]*listener{}
	}
	return b
}

func (b *Bus) shard(token string) *shard {
	return &b.shards[maphash.String(b.seed, token)%shards]
}

// Publish hands event to all who listen for its token now.
func (b *Bus) Publish(event submission.Event) {
	s := b.shard(event.Token)
	s.mu.Lock()
	defer s.mu.Unlock()
	var slow []*listener
	for _, l := range s.listeners[event.Token] {
		select {
		case l.events <- event:
		default:
			slow = append(slow, l)
		}
	}
	for _, l := range slow {
		b.dropped.Add(1)
		s.remove(l)
	}
}

// Subscribe listens for the events of one token until the subscription is closed.
func (b *Bus) Subscribe(token string) submission.Subscription {
	l := &listener{bus: b, token: token, events: make(chan submission.Event, buffer)}
	s := b.shard(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[token] = append(s.listeners[token], l)
	b.listeners.Add(1)
	return l
}

// Listeners tells how many subscriptions are open, Dropped how many were ended for being slow.
func (b *Bus) Listeners() int64 { return b.listeners.Load() }

// Dropped tells how many subscriptions the bus ended because they did not keep up.
func (b *Bus) Dropped() int64 { return b.dropped.Load() }

func (l *listener) Events() <-chan submission.Event { return l.events }

func (l *listener) Close() {
	s := l.bus.shard(l.token)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(l)
}

func (s *shard) remove(l *listener) {
	if l.closed {
		return
	}
	l.closed = true
	close(l.events)
	l.bus.listeners.Add(-1)
	rest := s.listeners[l.token]
	for i, other := range rest {
		if other == l {
			rest = append(rest[:i:i], rest[i+1:]...)
			break
		}
	}
	if len(rest) == 0 {
		delete(s.listeners, l.token)
		return
	}
	s.listeners[l.token] = rest
}
