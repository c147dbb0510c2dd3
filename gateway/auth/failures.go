package auth

import (
	"net/netip"
	"sync"
	"time"
)

// failures counts failed attempts by address. It looks at minutes one by one, and forgets them
// early rather than grow: who has that many addresses is not held up by their count anyway.
type failures struct {
	mu    sync.Mutex
	began time.Time
	of    map[netip.Prefix]int
}

const (
	failureWindow   = time.Minute
	failuresTracked = 50_000
)

// add counts a failure. Beyond most in the present minute it tells how long that still lasts.
func (f *failures) add(from netip.Prefix, most int, now time.Time) (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, tracked := f.of[from]; now.Sub(f.began) >= failureWindow || !tracked && len(f.of) >= failuresTracked {
		f.began, f.of = now, map[netip.Prefix]int{}
	}
	f.of[from]++
	if f.of[from] <= most {
		return 0
	}
	return f.began.Add(failureWindow).Sub(now)
}
