package limit

import (
	"container/list"
	"context"
	"math"
	"sync"
	"time"
)

// Rate is how fast a bucket fills, in tokens a second, and how many it holds. A Rate of no tokens a
// second is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// The bounds of a Rate: within them, Redis can count in whole microseconds.
const (
	LeastRate = 0.001
	MostRate  = 1e6
	MostBurst = 1_000_000
)

// Limited tells whether r is a limit.
func (r Rate) Limited() bool { return r.PerSecond > 0 }

// interval is how long a token takes to come back.
func (r Rate) interval() int64 {
	return int64(math.Round(1e6 / min(max(r.PerSecond, LeastRate), MostRate)))
}

// capacity is how long an empty bucket takes to fill. A burst that nobody set is two seconds' worth.
func (r Rate) capacity() int64 { return r.interval() * int64(r.Size()) }

// Size is how many tokens a full bucket holds.
func (r Rate) Size() int {
	size := r.Burst
	if size <= 0 {
		size = int(math.Ceil(min(2*r.PerSecond, MostBurst)))
	}
	return min(max(size, 1), MostBurst)
}

// Window is how long an empty bucket takes to fill.
func (r Rate) Window() time.Duration { return time.Duration(r.capacity()) * time.Microsecond }

// Bucket is a bucket of tokens by name. Its rate may change between requests.
type Bucket struct {
	Name string
	Rate Rate
}

// State is a bucket after a Take.
type State struct {
	Remaining int
	Reset     time.Duration // until the bucket is full
	Retry     time.Duration // 0: it had a token; otherwise until it has one
}

// Buckets hold tokens.
type Buckets interface {
	// Take takes a token from each bucket, or from none of them if one is empty, which its Retry
	// tells. It does not fail: what can't be counted is let through.
	Take(ctx context.Context, buckets ...Bucket) []State
}

// A bucket is kept as the one moment, in microseconds, at which it will be full: what has passed
// stands for a full bucket and need not be kept.

// outcome gives the state of a bucket that will be full at a moment, and that moment after a token
// was taken.
func outcome(rate Rate, full, now int64) (s State, after int64) {
	full = max(full, now)
	after = full + rate.interval()
	if wait := after - now - rate.capacity(); wait > 0 {
		return State{Reset: micros(full - now), Retry: micros(wait)}, full
	}
	return State{Remaining: int((rate.capacity() - (after - now)) / rate.interval()), Reset: micros(after - now)}, after
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// MemoryBuckets is how many buckets a Memory keeps.
const MemoryBuckets = 100_000

// Memory keeps buckets of one process. Beyond MemoryBuckets, the bucket that was not used for
// longest is forgotten, which fills it. Its methods may be called from any goroutine.
type Memory struct {
	now  func() time.Time
	most int

	mu    sync.Mutex
	named map[string]*list.Element
	used  list.List // of *kept, the latest at the front
}

type kept struct {
	name string
	full int64
}

// NewMemory makes a Memory without buckets.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, most: MemoryBuckets, named: map[string]*list.Element{}}
}

// Take implements Buckets.
func (m *Memory) Take(_ context.Context, buckets ...Bucket) []State {
	states, after := make([]State, len(buckets)), make([]int64, len(buckets))
	now := m.now().UnixMicro()
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := true
	for i, bucket := range buckets {
		var full int64
		if element := m.named[bucket.Name]; element != nil {
			full = element.Value.(*kept).full
		}
		states[i], after[i] = outcome(bucket.Rate, full, now)
		taken = taken && states[i].Retry == 0
	}
	if !taken {
		putBack(states, buckets)
		return states
	}
	for i, bucket := range buckets {
		m.keep(bucket.Name, after[i])
	}
	return states
}

// putBack corrects the states of buckets whose tokens stay because another one was empty.
func putBack(states []State, buckets []Bucket) {
	for i := range states {
		if states[i].Retry == 0 {
			states[i].Remaining++
			states[i].Reset -= micros(buckets[i].Rate.interval())
		}
	}
}

func (m *Memory) keep(name string, full int64) {
	if element := m.named[name]; element != nil {
		element.Value.(*kept).full = full
		m.used.MoveToFront(element)
		return
	}
	if m.used.Len() >= m.most {
		oldest := m.used.Back()
		delete(m.named, m.used.Remove(oldest).(*kept).name)
	}
	m.named[name] = m.used.PushFront(&kept{name, full})
}
