package sandbox

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// record is an observer that keeps what it was told.
type record struct {
	mu      sync.Mutex
	tested  map[string]bool
	took    time.Duration
	built   int
	failed  int
	waiting int
}

func (r *record) Built(_ time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed++
	} else {
		r.built++
	}
}

func (r *record) Waited(time.Duration) { r.mu.Lock(); defer r.mu.Unlock(); r.waiting++ }

func (r *record) Tested(limit string, passed bool, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tested[limit] = passed
	r.took += took
}

func TestObserver(t *testing.T) {
	t.Parallel()
	told := &record{tested: map[string]bool{}}
	s, err := New(Options{Init: initPath, Ready: 1, Observer: told, withoutCgroup: true})
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			s.Close()
		}
	}()
	want := map[string]bool{}
	for _, p := range probes {
		want[p.limit] = !p.groups // there is no control group here
	}
	if !maps.Equal(told.tested, want) || told.took <= 0 {
		t.Errorf("the self-test told %v in %v", told.tested, told.took)
	}
	var boxes []*Box
	for range 3 {
		box, err := s.Box(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		boxes = append(boxes, box)
	}
	if _, _, inUse := s.Pool(); inUse != 3 {
		t.Errorf("%d boxes are in use", inUse)
	}
	for _, box := range boxes {
		box.Close()
	}
	if _, _, inUse := s.Pool(); inUse != 0 {
		t.Errorf("%d boxes are in use after all were closed", inUse)
	}
	s.Close()
	closed = true
	if ready, building, _ := s.Pool(); ready != 0 || building != 0 || told.built < 3 || told.failed != 0 || told.waiting != 3 {
		t.Errorf("%d ready and %d being built in a closed sandbox; told of %d built, %d failed, %d waits", ready, building, told.built, told.failed, told.waiting)
	}
}

func TestObserverIsToldOfEveryLimit(t *testing.T) {
	t.Parallel()
	told := &record{tested: map[string]bool{}}
	s, err := New(Options{Init: initPath, Ready: 1, Observer: told})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Isolation().Cgroup == "" {
		t.Skip("no control groups here: " + s.Isolation().Reason)
	}
	for limit, passed := range told.tested {
		if !passed {
			t.Errorf("%s was not tested", limit)
		}
	}
	if len(told.tested) != len(probes) {
		t.Errorf("told of %v", slices.Collect(maps.Keys(told.tested)))
	}
}
