package sandbox

import (
	"sync/atomic"
	"time"
)

// Observer is told what there is to measure, from any goroutine.
type Observer interface {
	// Built tells that building a box took so long, or failed.
	Built(took time.Duration, err error)
	// Waited tells how long a caller of Box waited for one.
	Waited(took time.Duration)
	// Tested tells that the self-test of a limit passed, or that there is nothing to tell it by.
	Tested(limit string, passed bool, took time.Duration)
}

type unobserved struct{}

func (unobserved) Built(time.Duration, error)         {}
func (unobserved) Waited(time.Duration)               {}
func (unobserved) Tested(string, bool, time.Duration) {}

// pool counts the boxes that are not ready: those are in a channel.
type pool struct{ building, inUse atomic.Int64 }

// Pool tells how many boxes are ready, being built, and in use.
func (s *Sandbox) Pool() (ready, building, inUse int) {
	return len(s.ready), int(s.pool.building.Load()), int(s.pool.inUse.Load())
}

func (s *Sandbox) buildObserved() (*Box, error) {
	s.pool.building.Add(1)
	defer s.pool.building.Add(-1)
	began := time.Now()
	box, err := s.build()
	s.observe.Built(time.Since(began), err)
	return box, err
}

// taken counts a box as in use, by somebody who has waited for it since began.
func (s *Sandbox) taken(box *Box, began time.Time) *Box {
	s.observe.Waited(time.Since(began))
	s.pool.inUse.Add(1)
	box.inUse = true
	return box
}

// released is its opposite.
func (b *Box) released() {
	if b.inUse {
		b.inUse = false
		b.sandbox.pool.inUse.Add(-1)
	}
}
